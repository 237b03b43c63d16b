/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The resequencer: a stage that restores the sequence of an `ordered`
 * producer's events behind the workers that handled them in parallel
 * (sequence_priv.h has the words it shares with that producer). Of resequencer.c.
 * Not installed.
 *
 * Knows      its stage, one more link of the stage's inlet, and the sequence
 * Knows not  pipelines; who the workers are
 */
#ifndef SLUICE_ENGINE_RESEQUENCER_PRIV_H
#define SLUICE_ENGINE_RESEQUENCER_PRIV_H

#include "engine/link/sequence_priv.h"
#include "engine/link/subscription_priv.h"

struct sluice_stage;

/* The link at index places_max reads the events in sequence from the slots of
 * the reorder window. */
struct resequencer {
	struct sequence *sequence;
	struct subscription sub; /* to the producer, in nobody's list */
	struct sluice_reorder window;
	uint64_t settled; /* as seen before the rings were looked at */
	/* As sequence->given: by whom, of other processes. */
	uint64_t *answered;
};

int resequencer_open(struct sluice_stage *stage);
void resequencer_close(struct sluice_stage *stage);

/* More may come out of the window. */
int resequencer_reads(const struct sluice_stage *stage);

/* Events of link @index into the window. Returns non-zero: there were some, or
 * the stream has ended. */
int resequencer_take(struct sluice_stage *stage, uint32_t index);
/* The process that feeds link @index is away: take all that it has sent, up to what is
 * returned. What it was given may be answered again, by the next in its place. */
uint64_t resequencer_forget(struct sluice_stage *stage, uint32_t index);
/* Before the links are looked at; when they have been; and when the handler has
 * had what is in sequence: what is missing is passed over, and the stage ends.
 */
void resequencer_look(struct sluice_stage *stage);
void resequencer_show(struct sluice_stage *stage);
int resequencer_step(struct sluice_stage *stage);
/* It is ending, and reads nothing more. */
void resequencer_give_up(struct sluice_stage *stage);
/* It ends. Returns how many events were in the window, which are dropped. */
uint64_t resequencer_leave(struct sluice_stage *stage);

#endif
