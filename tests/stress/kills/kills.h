/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three processes feed a stage of an engine, and three consume from it, all of them
 * attached over the public calls; they are killed, again and again, and come back
 * under the same name. What they do is written down in memory that all share:
 *
 *     feeder 0, 1, 2  ->  "hub", in the engine  ->  reader 0, 1, 2
 *
 * Where each reader gets every event, a stage of the engine does so, too, and its are
 * the effects that are written down; a reader sees that it has missed nothing since it
 * came; or, where places are kept, since anybody of its name did.
 *
 * or, in parts with workers, the readers send on what they have read:
 *
 *     feeder 0, 1, 2  ->  "hub"  ->  worker 0, 1, 2  ->  "sink", in the engine
 *
 * main.c kills, stops, and brings back; books.c holds the books against what was promised;
 * engine.c is the engine; visitor.c those who attach.
 */
#ifndef SLUICE_TESTS_STRESS_KILLS_H
#define SLUICE_TESTS_STRESS_KILLS_H

#include "sluice.h"
#include "ring/atomic.h"
#include "tests/support/deadline.h"
#include "tests/support/rng.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define FEEDERS    3u
#define READERS    3u
#define VISITORS   (FEEDERS + READERS)
#define EVENTS_MAX (1u << 20) /* of each feeder */
#define KEYS       8u         /* of each feeder */
#define CHECKS     6u
#define BURST_MAX  64u /* events that a feeder sends at once */
#define WINDOW     64u /* of a reader */

#define STALL_MS 2500u /* a reader that runs is not as slow as that */

/* A reader ends with that when it has been sent away. */
#define SENT_AWAY 4

#define NS_PER_MS UINT64_C(1000000)

#define PIPELINE "kills"

struct event {
	uint32_t feeder;
	uint32_t number; /* of its events, from 0 */
	uint64_t order;  /* of `ordered` */
	uint64_t check[CHECKS];
};

/* Where a visitor may kill itself. */
enum point {
	POINT_WELCOMED, /* and not ready yet */
	POINT_ATTACHED,
	POINT_RECEIVED, /* before the first effect */
	POINT_HALF,     /* of the effects are done */
	POINT_DONE,     /* before the receipt; a worker: before it sends */
	POINT_ANSWERED, /* a worker has sent half of the results */
	POINT_FINISHED, /* all of them, before the receipt */
	POINT_RESERVED, /* half of a span is written */
	POINT_WRITTEN,  /* and not committed */
	POINT_SENT,
	POINTS,
};

enum over {
	OVER_NOT,     /* 0 */
	OVER_FEEDERS, /* are to leave; nobody kills himself any more */
	OVER_ALL,     /* the engine drains */
};

/*
 * over        main      all      acq_rel  enum over
 * others      whoever does it, once it is done
 */
struct books {
	sluice_a32 over;
	sluice_a32 listens; /* the engine */
	sluice_a32 tell;    /* the engine is to say how it stands */
	sluice_a32 calm;    /* main: nobody goes of his own will for a while */
	sluice_a32 attached[VISITORS];
	sluice_a32 sent[FEEDERS];  /* what it was told is taken */
	sluice_a32 tried[FEEDERS]; /* what it has tried at most */
	sluice_a32 taken[FEEDERS]; /* by the hub */
	sluice_a32 effects;        /* in all */
	sluice_a32 effects_by[READERS];
	sluice_a32 hand[READERS]; /* events of the batch it has in hand */
	sluice_a32 died[POINTS];
	/* Of a reader that gets every event: one above the last that came, of each
	 * feeder; 0: none has, since it came or its place was last kept for it. */
	sluice_a32 beside[READERS][FEEDERS];
	sluice_a32 twice_beside; /* that had come to it before */
	/* What must not be. */
	sluice_a32 gaps;     /* events that the hub did not expect */
	sluice_a32 torn;     /* events that are not as they were sent */
	sluice_a32 unmarked; /* seen twice, and not marked */
	sluice_a32 disorder; /* of a key, where there is a promise */
	sluice_a32 accounts; /* of what a feeder was told is taken */
	sluice_a32 done[FEEDERS * KEYS]; /* events of that key */
	sluice_a32 effect[FEEDERS][EVENTS_MAX];
	sluice_a32 result[FEEDERS][EVENTS_MAX]; /* that have come to the sink */
	sluice_a32 next[FEEDERS];               /* one above the last of them */
};

/* Whom a reader stops that is stopped. */
enum stops {
	STOPS_NOBODY,
	STOPS_KEYS, /* its own; others go on until the spill is full */
	STOPS_ALL,  /* soon: they get what there was room for */
};

struct part {
	const char *name;
	const char *dispatcher;
	uint32_t key;   /* it deals by key */
	uint32_t keyed; /* and promises order for each */
	enum stops stops;
	uint32_t each;    /* every reader gets every event from where it came */
	uint32_t workers; /* readers send on what they read */
	uint32_t ordered; /* and that comes in order, and once */
};

/* What main knows of one part. */
struct run {
	struct rng rng;
	pid_t engine;
	pid_t pid[VISITORS]; /* 0: it has left for good */
	uint32_t kills;      /* deaths of all kinds */
	uint64_t allowed;    /* events that may have been seen twice */
	uint32_t seen;       /* effects, at `seen_ns` */
	uint64_t seen_ns;
	uint32_t told;     /* what the engine does meanwhile */
	uint64_t pause_ns; /* the longest without an effect */
	uint32_t stopped;  /* effects of others while one was stopped */
	uint32_t begun;    /* visitors, ever */
};

extern struct run run;
extern struct books *books;
extern const struct part *part;
extern char folder[64];
/* The places of those that died are kept until they come back. */
extern int holds;
/* Who stands still is sent away. */
extern int stalls;
/* A mistake on purpose: a reader acknowledges before it acts. */
extern int early_ack;

static inline void count(sluice_a32 *word, uint32_t n)
{
	(void)sluice_fetch_add(word, n);
}

static inline uint64_t event_check(uint32_t feeder, uint32_t number, uint32_t i)
{
	return ((uint64_t)feeder << 32 | number) *
		       UINT64_C(0x9e3779b97f4a7c15) +
	       i;
}

static inline void rest_us(uint32_t us)
{
	struct timespec time = {0, (long)us * 1000};

	(void)nanosleep(&time, NULL);
}

static inline int event_is_whole(const struct event *event)
{
	int whole = event->feeder < FEEDERS && event->number < EVENTS_MAX;

	for (uint32_t i = 0; whole && i < CHECKS; i++)
		whole = event->check[i] ==
			event_check(event->feeder, event->number, i);
	return whole;
}

/* Are they as was promised? Returns how much is not. */
uint32_t books_check(void);

/* Both end the process. */
void engine_main(void);
void visitor_main(uint32_t visitor, uint64_t seed);

#endif
