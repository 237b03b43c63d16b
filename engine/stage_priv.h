/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stage from the inside: a single-threaded poll function with its state. Not
 * installed.
 *
 * stage_step() does at most one batch per inlet and one emission, and never
 * blocks. Everything in struct sluice_stage belongs to the thread that steps
 * it, except the few words marked shared.
 */
#ifndef SLUICE_ENGINE_STAGE_PRIV_H
#define SLUICE_ENGINE_STAGE_PRIV_H

#include "../ring/region.h"
#include "inlet_priv.h"
#include "key_priv.h"
#include "outlet_priv.h"
#include "stage.h"

struct sluice_pipeline;
struct worker;

enum stage_phase {
	STAGE_RUNNING,
	STAGE_ENDING, /* nothing new; what is staged or spilled still goes out
		       */
	STAGE_ENDED,
};

struct sluice_stage {
	/* Fixed before the first step. */
	struct sluice_pipeline *pipeline;
	char name[SLUICE_NAME_BYTES];
	struct sluice_stage_opts opts;
	const struct strategy *strategy; /* producing kinds */
	struct key_field key_field;
	uint32_t index;
	uint32_t emit_max; /* events the staging buffer holds */
	struct worker *worker;
	struct sluice_region region;
	struct sluice_counters *counters;

	/* The stage's thread only. */
	enum stage_phase phase;
	enum sluice_reason reason; /* why it is ending */
	uint32_t initialised;
	uint32_t starved; /* the producer said "not now" */
	struct inlet in;
	struct outlet out;
	/* Output of the callback in hand: private, small enough for a cache.
	 * [first, count) has not been placed yet. */
	unsigned char *staged;
	uint32_t staged_first;
	uint32_t staged_count;
	uint32_t staged_limit; /* how much the running callback may emit */
	/* Input to acknowledge once all that is staged is out. */
	uint32_t unacked;
	uint32_t unacked_inlet;

	/* Shared, on a line of its own. woken: set by anybody, cleared by the
	 * stage. gate: 1 while the worker's bell is not to be touched, plus 2
	 * for each thread that is about to ring it. */
	sluice_a32 woken __attribute__((aligned(SLUICE_LINE_BYTES)));
	sluice_a32 gate;
};

static inline int stage_produces(const struct sluice_stage *stage)
{
	return stage->opts.kind != SLUICE_CONSUMER;
}

static inline int stage_consumes(const struct sluice_stage *stage)
{
	return stage->opts.kind != SLUICE_PRODUCER;
}

/* Check @opts against everything that can be told from them alone, and copy.
 * Returns 0, -EINVAL, -E2BIG or -ENOMEM; *out is the new stage. */
int stage_new(struct sluice_stage **out, const struct sluice_stage_opts *opts);
void stage_free(struct sluice_stage *stage);

/* Copy an options struct that may be older (shorter) or newer (longer) than
 * ours: @size is ours, its first word is theirs; what we do not know must be
 * zero. @what names it in the error. Returns 0, -EINVAL or -E2BIG. */
int opts_copy(void *to, const void *from, uint32_t size, const char *what);

/* Let foreign threads ring the stage's worker; or no more, and wait until those
 * that do are done. A new stage's gate is closed. */
void stage_open_gate(struct sluice_stage *stage);
void stage_close_gate(struct sluice_stage *stage);

/* Forget a run, so that another may start. */
void stage_reset(struct sluice_stage *stage);

/* Refuse reserved words in use. */
int opts_check_resv(const uint64_t *resv, uint32_t count, const char *what);

/* ---- step.c: the stage's thread ---- */

/* Run init; remembers that fini is owed. A refusal stops the pipeline. */
int stage_init(struct sluice_stage *stage);

/* One round: place what is staged, handle a batch per inlet, or ask for one
 * emission. Returns non-zero when it did something, or ended. */
int stage_step(struct sluice_stage *stage);

/* End now: close the streams, drop what is in hand, run fini. */
void stage_abort(struct sluice_stage *stage, enum sluice_reason reason);

#endif
