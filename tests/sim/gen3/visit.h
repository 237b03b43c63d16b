/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Generator 3, from the inside: a pipeline that other processes feed and read, and
 * that die.
 *
 *   scenario.c  what a seed stands for, and one run
 *   stages.c    the engine's own stages
 *   visitor.c   what the other processes do, who come under a few names, one after
 *               the other, and die anywhere
 *   outlaw.c    what some do besides: they scribble over all that they may write
 *   desk.c      what stands between them and the engine, in place of the sockets:
 *               who comes, leaves, has died
 *   tally.c     what was emitted, handed out, finished
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
	uint32_t origin;
	uint32_t seq; /* its position among that one's */
	uint32_t key;
	uint32_t check; /* a torn slot does not match */
};

/* ---- tally.c ------------------------------------------------------------------- */

/* An event is handled by the middle stage, if it was fed there, and by whoever comes
 * last. */
enum level { LEVEL_MIDDLE, LEVEL_LAST, LEVELS };

/* What has come along one subscription. */
struct line {
	uint32_t next[ORIGINS_MAX];
};

/* Somebody who handles events: a visitor, by its index, or a stage of the engine. */
#define HOLDER_STAGES VISITORS_MAX

void tally_reset(void);
struct event tally_event(uint32_t origin, uint32_t seq);
/* @holder has @batch of events at @level. @keyed: its producer keeps the order of each
 * key. */
void tally_take(struct line *line, enum level level, uint32_t holder,
		const struct sluice_batch *batch, int keyed);
/* And has finished it. */
void tally_done(enum level level, uint32_t holder,
		const struct sluice_batch *batch);
/* Copies that somebody who looks on was given; @conflated: of each key the latest. */
void tally_copy(struct line *line, const struct sluice_batch *batch,
		int conflated);

/* ---- visitors ------------------------------------------------------------------- */

enum role { ROLE_FEEDER, ROLE_READER, ROLE_ONLOOKER };
enum place { PLACE_SOURCE, PLACE_MIDDLE, PLACE_SINK };

struct visitor {
	uint32_t index;
	char name[16];
	enum role role;
	enum place place; /* of the stage that it feeds or reads */
	struct sluice_attach_opts opts;
	uint32_t lasts;  /* it stays to the end, and lives */
	uint32_t outlaw; /* it writes what it likes */
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
	const struct sluice_tx_words *tx; /* as the engine sees them */
	const struct sluice_rx_words *rx;

	/* The books'. */
	uint32_t sent;    /* accepted by its port */
	uint32_t settled; /* has gone, and what it had is known */
	uint32_t taken;   /* of a feeder: what counts */
	/* And what may: it publishes while its stream is ended. */
	uint32_t most;
	uint64_t finished; /* of a reader: positions below it */
	uint64_t asks;     /* by hand */
	uint64_t got;
	struct line line;
};

/* Which visitor has @sub; NULL: none. */
struct visitor *visitor_of(struct sluice_sub sub);
/* Who comes next under @name, and when he has gone. */
struct visitor *visitor_add(const char *name, enum role role, enum place place);
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
/* Events that had no consumer left, and were counted as such. */
uint64_t stages_stranded(void);

/* ---- the world ------------------------------------------------------------------- */

/* A stage of the engine that peers read from. */
struct spring {
	const char *dispatcher;
	uint32_t there;
	uint32_t workers; /* consumers in the engine */
	uint32_t keyed;   /* keeps the order of a key */
	uint32_t needs_keys;
	uint32_t spills;
	uint32_t partitions;
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
	uint32_t pools; /* a spring may be "shared" */
	uint32_t draining;
	uint64_t robbed;   /* events that were dealt to outlaws */
	uint64_t stranded; /* that nobody was left for, as it says */
};

extern struct visit visit;

#endif
