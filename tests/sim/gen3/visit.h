/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Generator 3, from the inside: a pipeline that other processes feed and read, and
 * that die.
 *
 *   scenario.c  what a seed stands for, and one run
 *   stages.c    the engine's own stages
 *   join.c      those of them that have to do with workers: some that work as well,
 *               and the one where all results come together
 *   visitor.c   what the other processes do, who come under a few names, one after
 *               the other, and die anywhere
 *   worker.c    what those do who consume and feed
 *   outlaw.c    what some do besides: they scribble over all that they may write
 *   desk.c      what stands between them and the engine, in place of the sockets:
 *               who comes, leaves, has died
 *   killer.c    events that some die of, and that are given up
 *   tally.c     what was emitted, handed out, finished, by one of many
 *   common.c    the same of what all readers get
 *   results.c   the same of what was made of it
 */
#ifndef SLUICE_TESTS_SIM_GEN3_VISIT_H
#define SLUICE_TESTS_SIM_GEN3_VISIT_H

#include "engine/attach.h"
#include "engine/peer/attach_priv.h"
#include "engine/peer/listen_priv.h"
#include "engine/peer/seats_priv.h"
#include "engine/port.h"
#include "sluice.h"
#include "tests/sim/report.h"

#define VISITORS_MAX 13u
#define NAMES_MAX    3u
#define WORKERS_MAX  3u
#define EVENTS_MAX   96u
#define KEYS         5u
#define PARTITIONS   3u
/* The source, and whoever feeds. */
#define ORIGINS_MAX (VISITORS_MAX + 1u)

struct event {
	uint8_t origin;
	uint8_t seq; /* its position among that one's */
	uint8_t of;  /* a result's: which event of the source it was made of */
	uint8_t key;
	uint32_t check;  /* a torn slot does not match */
	uint64_t number; /* `ordered` writes it, and it is copied */
};

/* ---- tally.c ------------------------------------------------------------------- */

/* An event is handled by the middle stage, if it was fed there; and by whoever comes
 * last. Where there are workers, who make others of them, events of the source are in
 * the middle: see tally_level(). */
enum level { LEVEL_MIDDLE, LEVEL_LAST, LEVELS };

enum place { PLACE_SOURCE, PLACE_MIDDLE, PLACE_SINK };

/* What has come along one subscription. */
struct line {
	uint32_t next[ORIGINS_MAX];
};

/* Somebody who handles events: a visitor, by its index, or a stage of the engine. */
#define HOLDER_STAGES VISITORS_MAX
/* Of the engine: consumers, the middle, the sink, workers. */
#define HOLDER_MIDDLE (HOLDER_STAGES + 2 * WORKERS_MAX)
#define HOLDER_SINK   (HOLDER_MIDDLE + 1)
#define HOLDER_WORKER (HOLDER_SINK + 1)
#define HOLDER_NONE   UINT32_MAX

void tally_reset(void);
struct event tally_event(uint32_t origin, uint32_t seq);
/* Made of event @of of the source. */
struct event tally_result(uint32_t origin, uint32_t seq, uint32_t of);
/* Is it one that somebody has made? */
int tally_knows(const struct event *e);
/* At which level is what the stage at @place has emitted? */
enum level tally_level(enum place place);
/* Who has finished event @seq of the source, where there are workers? HOLDER_NONE:
 * nobody. */
uint32_t tally_finisher(uint32_t seq);
/* @holder has @batch of events at @level. @keyed: its producer keeps the order of each
 * key. */
void tally_take(struct line *line, enum level level, uint32_t holder,
		const struct sluice_batch *batch, int keyed);
/* And has finished it. */
void tally_done(enum level level, uint32_t holder,
		const struct sluice_batch *batch);
/* An event of the stage at @place is given up. */
void tally_dead(enum place place, const struct sluice_dead_letter *letter);
int tally_is_dead(uint32_t seq);
/* Copies that somebody who looks on was given; @conflated: of each key the latest. */
void tally_copy(struct line *line, const struct sluice_batch *batch,
		int conflated);

/* ---- common.c ------------------------------------------------------------------ */

/* A reader of what all get. */
struct heard {
	uint64_t next;   /* the position that comes next; */
	uint32_t begun;  /* if it has had any, or is somebody's successor */
	uint32_t ended;  /* it was told that there is no more */
	uint64_t first;  /* nothing below was sent to it */
	uint64_t acked;  /* it has gone, and had finished those below */
	uint64_t before; /* somebody in its place was handed those below */
	uint64_t known;  /* and only those below may have lain there then */
	/* Those who had the place have died so often with the one at `acked` in their
	 * hands; or in front of them. */
	uint32_t deaths;
	uint32_t perhaps;
};

struct visitor;

void common_reset(void);
/* The stage at @place has emitted @n. */
void common_emitted(enum place place, const struct event *events, uint32_t n);
/* @v is about to be admitted; it is, and its predecessor, if it has one, has gone. */
void common_comes(struct visitor *v);
void common_admitted(struct visitor *v);
void common_take(enum place place, struct heard *heard, const char *name,
		 const struct sluice_batch *batch);
/* A visitor has. */
void common_visitor_takes(struct visitor *v, const struct sluice_batch *batch);
/* What @v was sent begins there, if that is known. */
uint64_t common_floor(const struct visitor *v);
/* It has gone. */
void common_settle(struct visitor *v);
/* It is given up for one who reads it. */
void common_dead(enum place place, const struct sluice_dead_letter *letter);
/* All is over. @heard: of consumers in the engine, who have had everything. */
void common_close_stage(enum place place, const struct heard *heard,
			const char *name);
void common_close(void);

/* ---- killer.c ------------------------------------------------------------------- */

/* One of so many kills. */
#define KILLER_OF 5u

/* Whoever is not to stay to the end dies of @e, if that kills. */
void killer_meets(const struct visitor *v, const struct event *e);
/* @letter: @deaths processes have died with it in front of them, first of all: in their
 * hands, or nearly. */
void killer_check(const struct sluice_dead_letter *letter, uint32_t deaths,
		  const char *consumer);
/* So many have died with it in their hands. It comes again. */
void killer_comes_again(const char *name, uint32_t deaths);

/* ---- results.c ------------------------------------------------------------------ */

void results_reset(void);
/* Is there one of event @seq of the source? */
int results_due(uint32_t seq);
/* @holder has been handed that event. */
void results_hand(uint32_t seq, uint32_t holder);
/* Results have come to where they are fed. */
void results_take(const struct sluice_batch *batch);
/* Events of the source that nothing came of. */
uint32_t results_lost(void);

/* ---- visitors ------------------------------------------------------------------- */

enum role { ROLE_FEEDER, ROLE_READER, ROLE_ONLOOKER, ROLE_WORKER };
struct visitor {
	uint32_t index;
	char name[16];
	enum role role;
	enum place place; /* of the stage that it feeds or reads */
	enum place feeds; /* of a worker: of the one that it feeds */
	struct sluice_attach_opts opts;
	uint32_t lasts;  /* it stays to the end, and lives */
	uint32_t outlaw; /* it writes what it likes */
	uint32_t mortal; /* it may die of an event */
	uint32_t doom;   /* so many accesses before it dies; 0: not */
	uint32_t late;   /* from when it has attached */
	uint32_t process;
	uint32_t attached;
	uint32_t over; /* its first coroutine has returned */

	/* The connection. */
	struct wire_hello hello;
	struct peer_grant grant;
	int socket; /* becomes readable when the engine has said an end */
	uint32_t asked;
	uint32_t answered;
	int rc;
	char refusal[160];
	uint32_t ready; /* it has said so */
	uint32_t ended; /* the engine has said @end */
	struct wire_word end;
	uint32_t left; /* it has said so */
	enum sluice_reason reason;
	int code;
	struct memory_map maps[WIRE_MEMORY_MAX];
	/* The engine's part, as the engine has mapped it. */
	const unsigned char *engines;

	/* The desk's. */
	struct peer peer;
	uint32_t seated;
	uint32_t signalled;
	uint32_t dead; /* and that will be known: */
	uint64_t known_ns;
	struct sluice_sub sub;
	struct sluice_sub fed;
	/* As the engine sees them: of what it feeds, and what is taken there; of what
	 * it is dealt, if nobody else is; and its receipts. */
	const struct sluice_tx_words *tx;
	const struct sluice_rx_words *taker;
	const struct sluice_tx_words *dealt;
	const unsigned char *slots; /* and there */
	const struct sluice_rx_words *rx;
	/* What it is told of a ring that all read. */
	const struct far_stream *stream;
	uint64_t base;  /* others in its place had published so much */
	uint64_t start; /* and had finished so much */

	/* The books'. */
	uint32_t sent;    /* accepted by its port */
	uint32_t settled; /* has gone, and what it had is known; */
	uint32_t drained; /* in a drain */
	uint32_t failed;  /* it could not send what it had made */
	uint32_t taken;   /* of a feeder: what counts */
	/* And what may: it publishes while its stream is ended. */
	uint32_t most;
	uint64_t finished; /* of a reader: positions below it */
	uint64_t asks;     /* by hand */
	uint64_t got;
	struct line line;
	struct heard heard;
	/* Of a worker: results that it had sent when it was done with so many events. */
	uint32_t made[EVENTS_MAX + 1];
};

static inline int visitor_feeds(const struct visitor *v)
{
	return v->role == ROLE_FEEDER || v->role == ROLE_WORKER;
}

/* And what it has finished counts. */
static inline int visitor_reads(const struct visitor *v)
{
	return v->role == ROLE_READER || v->role == ROLE_WORKER;
}

/* Of the stage that it feeds. */
static inline enum place visitor_fed(const struct visitor *v)
{
	return v->role == ROLE_WORKER ? v->feeds : v->place;
}

/* Which visitor feeds by @sub; NULL: none. */
struct visitor *visitor_of(struct sluice_sub sub);
/* Who had the place of @v before; NULL: nobody, or it was not kept. */
struct visitor *visitor_before(const struct visitor *v);
/* For a while, or not. */
void visitor_lingers(void);
/* Has it ended: cleanly, or has the engine gone? */
int visitor_is_over(int rc);
uint32_t visitor_timeout(uint32_t lasts);
/* Who comes next under @name; @feeds: of a worker. */
struct visitor *visitor_add(const char *name, enum role role, enum place place,
			    enum place feeds);
/* It wishes for the same as another of its name. */
void visitor_wishes(struct visitor *v, const struct sluice_attach_opts *opts);
void visitor_start(struct visitor *v);

/* Of one that has died: what it had finished counts, the rest comes again. @end: of one
 * that feeds, up to where the engine reads it. */
void tally_died(struct visitor *v, uint32_t end);
/* Of one that has left. */
void tally_left(struct visitor *v, uint32_t end);
/* Events that were taken of visitors of that name. */
uint64_t tally_taken(const char *name);
/* All is over. */
void tally_close(void);

/* ---- worker.c ---- */

/* Send what it makes of @batch. Returns 0, or the error that ended that. */
int worker_answers(struct visitor *v, struct sluice_stage *port,
		   const struct sluice_batch *batch);
/* Of one that has gone: have the results of all for which there is a receipt been
 * sent? */
void worker_check(const struct visitor *v);

/* ---- outlaw.c ---- */

void outlaw_run(struct visitor *v);

/* ---- desk.c ---- */

int desk_open(struct sluice_pipeline *pipeline);
/* Its producer has joined it, or it is over: then whatever there is finds it. */
int desk_has_joined(const struct visitor *v);
/* One has died: the kernel tells that later. */
void desk_died(struct visitor *v);
/* Descriptors that one who has died has not closed. */
void desk_close_fds(struct visitor *v);

/* ---- stages.c ---- */

int stages_declare(struct sluice_pipeline *pipeline);
/* More of what the source has may be emitted, up to three quarters; all of it. */
void stages_pour(void);
void stages_pour_all(void);
/* Note the events that had no consumer left, and were counted as such. */
void stages_note_stranded(void);
/* Whoever reads what all get has got it. */
void stages_close(void);

/* ---- join.c ---- */

/* So many that work, and make results as the others do; the sink takes those up, and
 * what others send it. */
int join_declare(struct sluice_pipeline *pipeline, uint32_t workers);

/* ---- the world ------------------------------------------------------------------- */

/* A stage of the engine that peers read from. */
struct spring {
	const char *dispatcher;
	uint32_t there;
	uint32_t workers; /* consumers in the engine */
	uint32_t keyed;   /* keeps the order of a key */
	uint32_t needs_keys;
	uint32_t spills;
	uint32_t common;  /* all get everything */
	uint32_t ordered; /* for workers alone: an order is restored */
	uint32_t partitions;
	uint64_t stranded; /* that nobody was left for, as it says */
	const struct sluice_stage *stage;
};

struct visit {
	struct sluice_pipeline *pipeline;
	struct sluice_stage *source;
	struct spring spring[2]; /* by enum place */
	uint32_t sink;           /* there is one */
	uint32_t total;          /* of the source */
	uint32_t available;
	uint32_t emitted;
	struct visitor visitors[VISITORS_MAX];
	uint32_t count;
	uint32_t coming;  /* names under which somebody is still to come */
	uint32_t readers; /* that have gone */
	uint32_t outlaws; /* there are some */
	/* Places of readers that have died are kept so long, ms; 0: they are not. */
	uint32_t hold_ms;
	/* It is drained while some come, and others are there. */
	uint32_t early;
	uint32_t pools;      /* a spring may be "shared" */
	uint32_t broadcasts; /* or broadcast */
	uint32_t works;      /* there are workers */
	uint32_t kills;      /* events kill */
	uint32_t filters;    /* and they drop some */
	/* After so many deaths an event is given up; 0: never, and no event kills. */
	uint32_t deliveries_max;
	uint32_t killer; /* which do */
	uint32_t draining;
	uint64_t robbed; /* events that were dealt to outlaws */
	uint64_t
		stranded; /* that nobody was left for, of those that one gets */
};

extern struct visit visit;

#endif
