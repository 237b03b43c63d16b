/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stage from the inside: a single-threaded poll function with its state. Here are the
 * struct, what a look at it tells, and how others reach it. Of stage.c. Not installed.
 * What the other files of this folder do with it stands in headers of their own:
 * step_priv.h (a round), emit_priv.h, life_priv.h, fault_priv.h, stop_priv.h,
 * attend_priv.h, mail_priv.h, time_priv.h.
 *
 * Everything in struct sluice_stage belongs to the thread that steps it, except its
 * definition, its berth, and what is everybody's.
 *
 * Knows      its two ends (link/), its host; of a peer the name, the bell, and how
 *            to signal it
 * Knows not  pipelines, threads, what a peer does
 */
#ifndef SLUICE_ENGINE_STAGE_PRIV_H
#define SLUICE_ENGINE_STAGE_PRIV_H

#include "ring/region.h"
#include "engine/stage/hold_priv.h"
#include "engine/stage/host_priv.h"
#include "engine/link/inlet_priv.h"
#include "engine/link/key_priv.h"
#include "engine/link/outlet_priv.h"
#include "engine/stage/parts_priv.h"

struct sluice_pipeline;
struct worker;

/* What was told of one that stands for another process: the control calls', under the
 * lock, so that it never falls; see control/far_stats.c. */
struct stage_told {
	uint64_t events_in;
	uint64_t batches_in;
	uint64_t events_out;
	uint64_t batches_out;
};

struct sluice_stage {
	/* Its definition: fixed when it is added, but for what start finds. */
	struct sluice_stage_opts opts; /* each round looks at its first line */
	struct sluice_pipeline *pipeline; /* whose it is; opaque here */
	uint32_t index;
	char name[SLUICE_NAME_BYTES];
	const struct sluice_strategy *strategy; /* producing kinds */
	struct key_field key_field;
	char order_of[SLUICE_NAME_BYTES]; /* empty: no resequencer */
	struct sluice_stage *order_from;  /* likewise NULL; set at the start */
	uint32_t emit_max;                /* events one callback may emit */
	uint32_t buffer_max;              /* events that may wait in the hold */
	uint32_t held_max; /* the same under accumulate; not less */
	/* Of a ready-made stage: the call that makes its subscriptions, or NULL;
	 * and whether its fini waits for others, who may have to be told. */
	const char *subscribe_with;
	uint32_t stop_in_fini;
	uint32_t stands_in;     /* for another process, which is its user */
	struct stage_told told; /* likewise */
	/* Of a port that receives, in a worker: the port by which that sends what it
	 * makes of a batch. Else NULL. */
	struct sluice_stage *sender;
	/* Declared subscriptions, each side; and the demand mode, should the start
	 * fail: the control calls'. */
	uint32_t declared_in;
	uint32_t declared_out;
	uint32_t demand_before;
	uint64_t serial; /* of the stages that were ever here it is this one */

	/* Its berth: from the plan of a start to the end of the run. */
	struct sluice_bell *bell;           /* rung to have it stepped */
	struct worker *worker;              /* who steps it; opaque here */
	struct sluice_stage *next_arriving; /* on its way to the worker */
	struct sluice_region region;
	struct sluice_region ring_region; /* a common ring that peers read */
	uint32_t shows_ring;              /* there is one */

	/* What each round looks at lies on as few lines as may be: of the definition
	 * and the berth as well. */
	struct host *host /* its pipeline, as a stage sees it */
		__attribute__((aligned(SLUICE_LINE_BYTES)));
	struct sluice_counters *counters;

	/* The thread's that steps it. */
	struct stage_run run;
	struct inlet in __attribute__((aligned(SLUICE_LINE_BYTES)));
	struct resequencer *resequencer; /* NULL: events come in any order */
	struct stage_post post;
	struct stage_hand hand;
	struct hold hold;
	struct outlet out;
	struct stage_poll poll; /* a port's */
	struct stage_span span; /* likewise */

	/* Everybody's. */
	struct stage_words words;
	struct mailbox mail;
	struct stage_fault fault;
};

/* The byte that SLUICE_ORDER_OFFSET() named in options @o. */
#define SEQUENCE_AT(o) ((o)->order_offset - 1)

/* To be kept before the subscription with @peer is let go: from then on that stage
 * may be removed. */
static inline struct peer_name peer_name_of(const struct sluice_stage *peer)
{
	struct peer_name name;

	memcpy(name.text, peer->name, sizeof(name.text));
	return name;
}

static inline int stage_is_port(const struct sluice_stage *stage)
{
	return (stage->opts.flags & SLUICE_STAGE_PORT) != 0;
}

static inline int stage_produces(const struct sluice_stage *stage)
{
	return stage->opts.kind != SLUICE_CONSUMER;
}

static inline int stage_berthed(const struct sluice_stage *stage)
{
	return sluice_load_acquire(&stage->words.berth) >= BERTH_OWNED;
}

/* A port's user has a batch of it. */
static inline int stage_parked(const struct sluice_stage *stage)
{
	return SLUICE_UNLIKELY(stage->hand.unacked > 0) &&
	       !stage_produces(stage);
}

/* Around what the stage's thread does for it. It is only told; release: with what
 * is told of its time until then. */
static inline void stage_enter(struct sluice_stage *stage)
{
	sluice_store_release(&stage->words.inside, 1);
}

static inline void stage_leave(struct sluice_stage *stage)
{
	sluice_store_relaxed(&stage->words.inside, 0);
}

static inline int stage_consumes(const struct sluice_stage *stage)
{
	return stage->opts.kind != SLUICE_PRODUCER;
}

/* It stands for another process that consumes and produces. */
static inline int stage_is_far_worker(const struct sluice_stage *stage)
{
	return SLUICE_UNLIKELY(stage->stands_in) &&
	       stage->opts.kind == SLUICE_PRODUCER_CONSUMER;
}

/* The bell @from rings to wake @to; NULL where one thread steps both: it is
 * awake. */
static inline struct sluice_bell *bell_between(const struct sluice_stage *to,
					       const struct sluice_stage *from)
{
	return to->bell == from->bell ? NULL : to->bell;
}

static inline struct sluice_sub subscription_id(const struct subscription *sub)
{
	return (struct sluice_sub){
		.pipeline = sub->consumer->pipeline,
		.index = sub->index,
		.generation = sluice_load_acquire(&sub->by_control.generation),
	};
}

/* ---- how others reach it ---- */

/* Let foreign threads ring the stage's worker; or no more, and wait until those
 * that do are done. A new stage's gate is closed. */
void stage_open_gate(struct sluice_stage *stage);
void stage_close_gate(struct sluice_stage *stage);

/* Tell the stage to look up: SIGNAL bits. Threads: any. */
void stage_signal(struct sluice_stage *stage, uint32_t signals);

/* Forget a run, so that another may start. */
void stage_reset(struct sluice_stage *stage);

#endif
