/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From what was declared to memory, and back. Of check.c (the graph),
 * affinity.c (which worker has which stages), plan.c, plan_slots.c, plan_link.c and
 * plan_late.c (regions, rings, private memory), undo.c (what a start that failed puts
 * back). Not installed.
 *
 * Knows      every stage and subscription of a pipeline, and their sizes
 * Knows not  threads: when it plans none runs; events, which do not flow yet
 */
#ifndef SLUICE_ENGINE_PLAN_PRIV_H
#define SLUICE_ENGINE_PLAN_PRIV_H

#include "engine/graph/pipeline_priv.h"

/* check.c: everything about the graph that a start must refuse. */
int check_graph(struct sluice_pipeline *pipeline);

/* affinity.c: make the workers and place the stages. */
int affinity_place(struct sluice_pipeline *pipeline);
/* While it runs, under the lock: the worker that @stage is to go to, in *out, which
 * may be fresh: then affinity_room() and a thread are owed. */
int affinity_choose(struct sluice_pipeline *pipeline,
		    const struct sluice_stage *stage, struct worker **out);
int affinity_room(struct worker *worker);

/* plan.c: allocate all that a run needs, or nothing. */
int plan_open(struct sluice_pipeline *pipeline);
/* Every init has returned, and no stage has been stepped yet: subscriptions that
 * have asked by now take part from the first event on. */
void plan_admit(struct sluice_pipeline *pipeline);
/* The memory of a subscription, or of a stage, made while the pipeline runs. */
int plan_late(struct subscription *sub);
int plan_late_stage(struct sluice_stage *stage);
/* What a stage held while it ran. */
void plan_release_stage(struct sluice_stage *stage);
/* Where @sub's batches are put together under @credit: how many bytes that
 * takes and are not there yet. */
uint64_t plan_gathered_bytes(const struct subscription *sub,
			     const struct sluice_credit *credit);

/* undo.c: keep what was declared, before a start; and release what a run holds,
 * with what a start that failed has changed put back. At that time no thread
 * drives a port or makes a subscription. */
void plan_remember(struct sluice_pipeline *pipeline);
void plan_close(struct sluice_pipeline *pipeline);
/* The same in a child of the process that opened it: what is private. */
void plan_close_child(struct sluice_pipeline *pipeline);

/* ---- between plan.c, plan_slots.c, plan_link.c and plan_late.c ------------- */

/* The words of a stage, kept until every subscription has been attached. */
struct plan_words {
	struct sluice_tx_words *tx;
	struct sluice_rx_words *rx;
	struct sluice_latency *latency;
	uint32_t rings; /* attached so far */
};

/* Bytes that plan_slots() takes for them at most, in whole pages. */
uint64_t plan_slots_bytes(const struct sluice_stage *producer,
			  uint32_t capacity);
/* Set a block aside on pages of its own; *out is its address. */
int plan_block(struct sluice_region *region, enum sluice_object_kind kind,
	       const char *name, uint64_t bytes, uint32_t unit, void **out);
/* Both ends of a subscription that was declared; @ring: which of its producer's, if
 * it has one of its own. One that joins later is known to both, and attached to
 * none. */
int plan_link(struct subscription *sub, uint32_t ring,
	      const struct plan_words *words);
/* @sub's memory that no region holds. */
int plan_private(struct subscription *sub);
/* Slots of ring @ring of a stage: where they begin in a page depends on that. */
int plan_slots(struct sluice_region *region, uint32_t ring, uint32_t capacity,
	       uint32_t unit, sluice_slot **slots);

#endif
