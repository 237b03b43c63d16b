/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a stage begins, and ends: init and fini, when it is over, and what is left of
 * it then. Of life.c. Not installed.
 *
 * Knows      the stage, its host
 * Knows not  verdicts and restarts (fault_priv.h)
 */
#ifndef SLUICE_ENGINE_STAGE_LIFE_PRIV_H
#define SLUICE_ENGINE_STAGE_LIFE_PRIV_H

#include "engine/stage/stage_priv.h"

/* Run init, and on_subscribe for what was declared; remembers that fini is owed.
 * A refusal stops the pipeline. */
int stage_init(struct sluice_stage *stage);
/* With nobody to read from it waits, for somebody may come; with nobody to emit to;
 * with neither. */
static inline int stage_awaits_feeders(const struct sluice_stage *stage)
{
	return stage->opts.on_idle == SLUICE_IDLE_STAY ||
	       sluice_load_stale(&stage->words.feeders_due) > 0;
}
static inline int stage_reader_is_due(const struct sluice_stage *stage)
{
	return sluice_load_stale(&stage->words.readers_due) > 0;
}
static inline int stage_awaits_readers(const struct sluice_stage *stage)
{
	return stage->opts.on_idle == SLUICE_IDLE_STAY ||
	       stage_reader_is_due(stage);
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
/* At once, for @reason. Others are @told that its streams end so, a SLUICE_CLOSED()
 * word, unless they are whole: those in other processes know no more than that. */
void stage_abort(struct sluice_stage *stage, enum sluice_reason reason,
		 uint32_t told);
/* The start has failed: run the fini that is owed. For others nothing of it has
 * begun, so nothing has ended. */
void stage_undo(struct sluice_stage *stage);

#endif
