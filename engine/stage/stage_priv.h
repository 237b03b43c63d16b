/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stage from the inside: a single-threaded poll function with its state. Not
 * installed.
 *
 * stage_step() is one *round* of a stage. What was signalled comes first, and timers
 * that are due. Then a producer is asked for one emission, or several that are
 * little; any other stage handles at most one batch of each link, or, where links have
 * weights, as many as the turn of the link takes. A resequencer moves all that its links
 * have into its window, and then handles at most one batch from there. A round waits for
 * nothing, except for on_stop before fini (stop.c).
 *
 * Everything in struct sluice_stage belongs to the thread that steps it, except its
 * definition, its berth, and what is everybody's.
 *
 * Of the files of this folder that have no header of their own: stage.c, step.c,
 * produce.c, emit.c, life.c, fault.c, stop.c, attend.c, attend_in.c, mail.c; below,
 * each under its name, with what life.c needs of time.c.
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
	uint32_t stands_in; /* for another process, which is its user */
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
	return sluice_load_acquire(&stage->words.berth) >= BERTH_TAKEN;
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

/* ---- stage.c: how others reach it ---- */

/* Let foreign threads ring the stage's worker; or no more, and wait until those
 * that do are done. A new stage's gate is closed. */
void stage_open_gate(struct sluice_stage *stage);
void stage_close_gate(struct sluice_stage *stage);

/* Tell the stage to look up: SIGNAL bits. Threads: any. */
void stage_signal(struct sluice_stage *stage, uint32_t signals);

/* Forget a run, so that another may start. */
void stage_reset(struct sluice_stage *stage);

/* ---- step.c: a round ---- */

/* One round. Returns non-zero when it did something, or ended. */
int stage_step(struct sluice_stage *stage);

/* When stage_step() must be called again at the latest, ns. */
uint64_t stage_deadline(const struct sluice_stage *stage);

/* A producer may be asked at once, whatever it has answered. */
static inline void stage_ask_anew(struct sluice_stage *stage)
{
	stage->run.starved = 0;
	stage->run.retries = 0;
	stage->run.retry_ns = 0;
}

/* ---- produce.c: a round of a producer ---- */

int stage_produce(struct sluice_stage *stage);
/* Ask it, if there is room, whatever it said before. */
void stage_produce_once(struct sluice_stage *stage);

/* ---- emit.c ---- */

/* Parts of a call (callback_priv.h): room for @limit events at most; then keep or
 * forget what was emitted, and how much in run.emitted. */
void stage_emit_begin(struct sluice_stage *stage, uint64_t limit);
static inline void stage_emit_end(struct sluice_stage *stage, int keep)
{
	stage->run.emit_left = 0;
	stage->run.emitted = keep ? stage->hold.staged : 0;
	if (keep)
		hold_commit(&stage->hold);
	else
		hold_rollback(&stage->hold);
}
/* How much a callback that blocks with the buffer full, and was not asked for events,
 * may emit. */
uint64_t stage_emit_room(struct sluice_stage *stage);

/* What a flush has done, and leaves to do. */
#define FLUSH_MOVED  1
#define FLUSH_MARKER 2 /* a marker is due: the next step handles it */

/* Does a flush look at the consumers' grants first, or is that just done? */
enum stage_look {
	STAGE_LOOKED,
	STAGE_LOOK,
};

/* Place what is held, as far as there is credit, and acknowledge input whose output
 * is out. Only moves, and stage->run.phase stays what it is: of the user's functions
 * those that placing needs are called, and on_discard, and none that answers for
 * the stage. Returns FLUSH bits. */
int stage_flush(struct sluice_stage *stage, enum stage_look look);
/* An event was for a partition that there is not. */
void stage_misrouted(struct sluice_stage *stage);
static inline void stage_count(struct sluice_stage *stage,
			       enum sluice_counter counter, uint64_t n)
{
	sluice_counter_add(stage->counters, counter, n);
}
/* What lies ahead of what a stage does next; outlet_ahead() has the words for events
 * that have left the hold. */
#define AHEAD_HELD    16u  /* events in the hold */
#define AHEAD_UNACKED 32u  /* input whose output waits */
#define AHEAD_MARKERS 64u  /* markers wait for events to leave, or are due */
#define AHEAD_TOLD    128u /* statistics say that events wait */
/* Placed already, as far as the hold knows; they count as buffered. */
#define AHEAD_PLACED (AHEAD_ORPHANS | AHEAD_SPILLED | AHEAD_POOLED)
/* A flush may move these, or has something to tell of them. */
#define AHEAD_FLUSHED (~AHEAD_POOLED)

/* Does any of @which lie ahead? They are constants: nothing else is looked at. */
static inline int stage_ahead(const struct sluice_stage *stage, uint32_t which)
{
	return (which & AHEAD_HELD && hold_count(&stage->hold) > 0) ||
	       outlet_ahead(&stage->out, which) ||
	       (which & AHEAD_UNACKED && stage->hand.unacked > 0) ||
	       (which & AHEAD_MARKERS &&
		(stage->post.markers.first != NULL ||
		 stage->post.spilling.first != NULL)) ||
	       (which & AHEAD_TOLD && stage->run.gauge > 0);
}
/* Events are kept back until demand is set to forward. */
static inline int stage_holds_back(const struct sluice_stage *stage)
{
	return stage->run.accumulate && stage->run.phase != STAGE_ENDING;
}
/* Say how many events wait. */
void stage_tell_gauges(struct sluice_stage *stage);

/* ---- life.c: how it begins, and ends ---- */

/* Run init, and on_subscribe for what was declared; remembers that fini is owed.
 * A refusal stops the pipeline. */
int stage_init(struct sluice_stage *stage);
/* fault.c: the same of a stage that comes while the pipeline runs; what a refusal
 * means its `restart` says. */
void stage_begin(struct sluice_stage *stage);
/* With nobody to read from it waits, for somebody may come; with nobody to emit to;
 * with neither. */
static inline int stage_awaits_feeders(const struct sluice_stage *stage)
{
	return stage->opts.on_idle == SLUICE_IDLE_STAY ||
	       sluice_load_stale(&stage->words.feeders_due) > 0;
}
static inline int stage_awaits_readers(const struct sluice_stage *stage)
{
	return stage->opts.on_idle == SLUICE_IDLE_STAY ||
	       sluice_load_stale(&stage->words.readers_due) > 0;
}
/* Does a process stage wait for it, which is to know at once when it ends? Stale: that
 * was so long before its program was run. */
static inline int stage_is_due(const struct sluice_stage *stage)
{
	return sluice_load_stale(&stage->words.feeders_due) > 0 ||
	       sluice_load_stale(&stage->words.readers_due) > 0;
}
static inline int stage_awaits(const struct sluice_stage *stage)
{
	return stage_awaits_feeders(stage) || stage_awaits_readers(stage);
}
/* The same, of a pipeline that does not drain: once it does, nobody can come. */
int stage_stays_for_feeders(const struct sluice_stage *stage);
int stage_stays_for_readers(const struct sluice_stage *stage);
/* Nobody is there to read from, nor on the way, and nothing is left of what was
 * read; nor does another process that has read it still write. */
int stage_dry(const struct sluice_stage *stage);
/* In a drain: is it a producer, or has it nobody left to read from, or to emit to?
 * Then it ends. Asked once a round; all else that ends a stage happens to it. */
int stage_over(const struct sluice_stage *stage);

/* @n events have nowhere to go: counted, and whoever waits for the pipeline's end
 * is to know. */
void stage_strand(struct sluice_stage *stage, uint64_t n);
/* The same of what its outlet has found to be so. */
void stage_strand_unread(struct sluice_stage *stage);
/* In a drain: strand what waits for partitions that nobody reads. Returns non-zero
 * when there was any. */
int stage_strand_vacant(struct sluice_stage *stage);

/* Begin to end: what is held still goes out. */
void stage_finish(struct sluice_stage *stage, enum sluice_reason reason,
		  uint32_t code);

/* The same, for @by has ended as @closed says; or, of one that is down, as soon as
 * it is up again. */
void stage_conclude(struct sluice_stage *stage, const struct peer_name *by,
		    uint32_t closed);

/* One round of a stage that is ending. Returns non-zero when something moved. */
int stage_step_ending(struct sluice_stage *stage);
/* End now: close the streams, drop what is in hand, run fini. */
void stage_end(struct sluice_stage *stage);
void stage_abort(struct sluice_stage *stage, enum sluice_reason reason);
/* The start has failed: run the fini that is owed. For others nothing of it has
 * begun, so nothing has ended. */
void stage_undo(struct sluice_stage *stage);

/* ---- time.c: how its time is told (time_priv.h) ---- */

/* Before its first callback; behind its init; and when it has ended. */
void stage_time_begin(struct sluice_stage *stage);
void stage_time_begun(struct sluice_stage *stage);
void stage_time_end(struct sluice_stage *stage);

/* ---- fault.c: verdicts, failures, restarts ---- */

void stage_fail(struct sluice_stage *stage, int rc, const char *fmt, ...)
	SLUICE_PRINTF(3, 4);
/* handle_events answered @rc for @taken slots: they come again, or are given up.
 * Returns how many of them are finished with all the same. */
uint32_t stage_events_refused(struct sluice_stage *stage,
			      const struct sluice_batch *batch, uint32_t taken,
			      int rc);
/* Do what the supervisor wants of it, if that is anything (enum stage_restart).
 * Returns non-zero when the stage is no longer down. */
int stage_obey(struct sluice_stage *stage);
/* Show the world what phase this is. */
void stage_show_phase(struct sluice_stage *stage, enum stage_phase phase);
/* A line for the pipeline's log. */
void stage_log(struct sluice_stage *stage, const char *fmt, ...)
	SLUICE_PRINTF(2, 3);

/* ---- stop.c: on_stop ---- */

/* Should @stage leave its callback as soon as it can? Threads: any. */
int stop_wanted(const struct sluice_stage *stage);
/* For the supervisor: move the word on, and wake who waits for it. */
void stop_set(struct sluice_stage *stage, uint32_t state);
/* It may be called from here on: init is about to run. */
void stage_stop_open(struct sluice_stage *stage);
/* Run fini, which on_stop does not run beside or after: waits for the supervisor
 * to have called that, if it is to be called. */
void stage_fini(struct sluice_stage *stage, enum sluice_reason reason);

/* ---- attend.c: what was signalled ---- */

/* What the hooks are told of @sub. */
struct sluice_link_event stage_link_event(const struct subscription *sub,
					  enum sluice_side side, uint32_t kind,
					  uint32_t closed);
/* Look at every signal there is. Returns non-zero: something was done. */
int stage_attend(struct sluice_stage *stage);
/* The stage ends: let go of every subscription. */
void stage_let_go(struct sluice_stage *stage);

/* ---- attend_in.c: the same of its inputs ---- */

/* Look at who comes, and is changed. */
void stage_attend_inlets(struct sluice_stage *stage);
/* What the end of a subscription with @peer means to its consumer. */
void stage_heed_end(struct sluice_stage *stage, const struct peer_name *peer,
		    enum sluice_on_end mode, uint32_t closed);
/* Of links that another process reads: those whose stream is over end. And so does a
 * stage that stands for a worker, when it has closed what it writes behind that. */
void stage_look_far(struct sluice_stage *stage);
/* Link @index has ended, for @closed, after its last event. */
void stage_link_ended(struct sluice_stage *stage, uint32_t index,
		      uint32_t closed);
/* The stage is ending: let go of them, as far as it has nothing of them in hand.
 * Returns non-zero when something changed. */
int stage_give_back(struct sluice_stage *stage);
/* Of one that stands for a worker: the producer of what it has left looks no more at
 * what that process acknowledges. */
int stage_far_parted(const struct sluice_stage *stage);
/* The stage ends, and lets go of @sub. */
void stage_let_go_inlet(struct sluice_stage *stage, struct subscription *sub);

/* ---- mail.c: letters and markers ---- */

/* Handle letters, and markers that are due. Returns non-zero when there was one. */
int stage_read_mail(struct sluice_stage *stage);
/* Markers that came behind what lay in the inlets: move on those it has passed.
 */
int stage_markers_arrive(struct sluice_stage *stage);
/* The subscription at link @index is over: they wait for nothing of it, nor of
 * the next one there. */
void stage_markers_forget(struct sluice_stage *stage, uint32_t index);
/* What they wait for at link @index will not be handled here: refuse them. */
void stage_markers_refuse(struct sluice_stage *stage, uint32_t index);
/* A batch of link @index, of at most @limit events, ends at the next of them. */
uint32_t stage_marker_cut(const struct sluice_stage *stage, uint32_t index,
			  uint32_t limit);
/* How many held events may be placed before the next marker. */
static inline uint64_t stage_marker_limit(const struct sluice_stage *stage)
{
	return stage->post.markers.first
		       ? stage->post.markers.first->position - stage->hold.at
		       : UINT64_MAX;
}
/* Has everything that was before a marker left, so that stage_read_mail() would
 * handle it? */
int stage_markers_due(struct sluice_stage *stage);
/* Part of a flush: those that have passed the hold go behind what waits in the
 * spill. Returns FLUSH bits. */
int stage_markers_pass(struct sluice_stage *stage);
/* A consumer has left: what markers waited for in the spill may wait elsewhere
 * now. */
void stage_markers_wait_again(struct sluice_stage *stage);
/* No more mail: tell everybody who waits. */
void stage_close_mail(struct sluice_stage *stage);

#endif
