/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The consuming end of a stage: its subscriptions, read in rotation. Private to
 * the stage's thread. Not installed.
 */
#ifndef SLUICE_ENGINE_INLET_PRIV_H
#define SLUICE_ENGINE_INLET_PRIV_H

#include "../ring/counter.h"
#include "../ring/spsc.h"
#include "../ring/wait.h"
#include "stage.h"

/* One subscription as its consumer sees it. */
struct inlet_link {
	struct sluice_spsc_reader reader;
	struct sluice_bell *bell; /* the producer's; NULL: same worker */
	int (*selector)(const void *event, void *ctx);
	void *selector_ctx;
	enum sluice_reason ended;
};

struct inlet {
	struct inlet_link *links;
	uint32_t count;
	uint32_t open_count; /* links whose stream has not ended */
	uint32_t next;       /* whose turn it is */
	const struct sluice_wait_ops *ops;
	struct sluice_counters *counters;
	/* Where a batch is put together that does not lie in a row: one that an
	 * explicit min_demand sizes exactly, across the ring's end, or one that
	 * a selector has thinned out. NULL when no link needs it. */
	unsigned char *gathered;
};

/* Allocate for @links subscriptions. Returns 0 or -ENOMEM. */
int inlet_open(struct inlet *in, uint32_t links);
void inlet_close(struct inlet *in);

/* Allocate what inlet_take() needs, once the links are attached, and ask for
 * the first events. Returns 0 or -ENOMEM. */
int inlet_prepare(struct inlet *in);
void inlet_start(struct inlet *in);

/* The next batch of link @index, at most @limit events. Returns the number of
 * slots it takes up (0: nothing there); batch->count may be less where the
 * selector refused some, even 0. Finish them with inlet_ack(). */
uint32_t inlet_take(struct inlet *in, uint32_t index, uint32_t limit,
		    struct sluice_batch *batch);

/* Finish @n slots of link @index; wake its producer. */
void inlet_ack(struct inlet *in, uint32_t index, uint32_t n);

/* Link @index had nothing: return idle credit, notice the end of its stream. */
void inlet_idle(struct inlet *in, uint32_t index);

/* The worst reason any of the links ended for. */
enum sluice_reason inlet_reason(const struct inlet *in);

#endif
