/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a checked graph to memory: every size is decided here, once, and every
 * pointer set. A stage's region holds all that the stage writes and nothing
 * else:
 *
 *   header, directory | counters | tx words | rx words | latencies | slots of ring
 *   0, 1 ...
 *
 * each part on pages of its own. A common ring that peers may read has a region of
 * its own, which they are given: words and slots of the ring, and nothing else.
 */
#include "engine/graph/declare_priv.h"
#include "engine/link/memory_priv.h"
#include "engine/stage/resequencer_priv.h"
#include "engine/link/rings_priv.h"
#include "engine/link/sequence_priv.h"
#include "engine/graph/subscriptions_priv.h"
#include "engine/graph/plan_priv.h"
#include "engine/stage/life_priv.h"
#include "ring/base_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STAGE_OBJECTS       4u    /* of a region, besides its rings' slots */
#define PLACES_MORE         16u   /* subscriptions that may still come */
#define RING_EVENTS_DEFAULT 1024u /* of a broadcast that waits for consumers */

/* One that all its consumers read. */
static int stage_has_ring(const struct sluice_stage *stage)
{
	return stage_produces(stage) &&
	       !rings_of((enum sluice_rings)stage->strategy->rings)->own;
}

/* And processes may, too: those that attach, or one that the pipeline starts. Later
 * ones do not change it. */
static void plan_shows_ring(struct sluice_stage *stage)
{
	stage->shows_ring =
		stage_has_ring(stage) &&
		((stage->opts.flags & SLUICE_STAGE_PEERS_CONSUME) != 0 ||
		 stage_reader_is_due(stage));
}

/* Rings in the region of a stage: one per subscription, or one for all. */
static uint32_t stage_rings(const struct sluice_stage *stage)
{
	if (!stage_produces(stage) || stage->shows_ring)
		return 0;
	return stage_has_ring(stage) ? 1 : stage->declared_out;
}

/* The ring of a broadcast is as long as the longest window of those who read
 * it, or as it was told. */
static uint32_t plan_common_capacity(const struct sluice_pipeline *p,
				     const struct sluice_stage *stage)
{
	uint32_t most = stage->opts.ring_events;

	if (most > 0)
		return sluice_pow2_at_least(most);
	if (stage_awaits_readers(stage) || stage->shows_ring)
		most = RING_EVENTS_DEFAULT;
	for (uint32_t s = 0; s < p->sub_count; s++) {
		const struct subscription *sub = subscription_at(p, s);

		if (sub->producer == stage && !subscription_aside(sub) &&
		    subscription_most(sub) > most)
			most = subscription_most(sub);
	}
	return sluice_pow2_at_least(most);
}

static void plan_capacities(struct sluice_pipeline *p)
{
	for (uint32_t s = 0; s < p->sub_count; s++) {
		struct subscription *sub = subscription_at(p, s);

		sub->capacity = sluice_pow2_at_least(subscription_most(sub));
		sub->joins = (uint32_t)subscription_silent(sub);
		if (!rings_of(sub->rings)->own)
			sub->capacity = plan_common_capacity(p, sub->producer);
	}
}

/* Slots of the rings that were declared, or of the one that all its consumers
 * read. */
static uint64_t plan_all_slots_bytes(const struct sluice_pipeline *p,
				     const struct sluice_stage *stage,
				     uint32_t common)
{
	uint64_t bytes = 0;

	if (stage_has_ring(stage))
		return stage->shows_ring ? 0 : plan_slots_bytes(stage, common);
	for (uint32_t s = 0; stage->declared_out > 0 && s < p->sub_count; s++)
		if (subscription_at(p, s)->producer == stage &&
		    !subscription_aside(subscription_at(p, s)))
			bytes += plan_slots_bytes(
				stage, subscription_at(p, s)->capacity);
	return bytes;
}

static uint64_t plan_region_bytes(const struct sluice_pipeline *p,
				  const struct sluice_stage *stage,
				  uint32_t common)
{
	uint64_t page = sluice_region_page_bytes();
	uint32_t rings = stage_rings(stage);
	uint64_t bytes = sluice_region_footprint(STAGE_OBJECTS + rings);

	bytes += SLUICE_ALIGN_UP(sizeof(struct sluice_counters), page);
	bytes += SLUICE_ALIGN_UP(rings * sizeof(struct sluice_tx_words), page);
	bytes += SLUICE_ALIGN_UP(
		stage->declared_in * sizeof(struct sluice_rx_words), page);
	bytes += SLUICE_ALIGN_UP(
		stage->declared_in * sizeof(struct sluice_latency), page);
	return bytes + plan_all_slots_bytes(p, stage, common);
}

int plan_block(struct sluice_region *region, enum sluice_object_kind kind,
	       const char *name, uint64_t bytes, uint32_t unit, void **out)
{
	uint64_t offset;
	int rc;

	*out = NULL;
	if (bytes == 0)
		return 0;
	rc = sluice_region_alloc(region, kind, name, bytes, unit,
				 sluice_region_page_bytes(), &offset);
	if (rc == 0)
		*out = sluice_region_at(region, offset);
	return rc;
}

/* @common: slots of the ring that all its consumers read, if it has one. */
static int plan_stage(const struct sluice_pipeline *p,
		      struct sluice_stage *stage, uint32_t common,
		      struct plan_words *words)
{
	uint32_t rings = stage_rings(stage);
	struct sluice_region *region = &stage->region;
	void *counters = NULL;
	void *tx = NULL;
	void *rx = NULL;
	void *latency = NULL;
	int rc = sluice_region_open(region, stage->name,
				    plan_region_bytes(p, stage, common),
				    STAGE_OBJECTS + rings);

	if (rc == 0)
		rc = plan_block(region, SLUICE_OBJECT_COUNTERS, "counters",
				sizeof(struct sluice_counters),
				sizeof(sluice_a64), &counters);
	if (rc == 0)
		rc = plan_block(region, SLUICE_OBJECT_TX_WORDS, "tx",
				rings * sizeof(struct sluice_tx_words),
				sizeof(struct sluice_tx_words), &tx);
	if (rc == 0)
		rc = plan_block(region, SLUICE_OBJECT_RX_WORDS, "rx",
				stage->declared_in *
					sizeof(struct sluice_rx_words),
				sizeof(struct sluice_rx_words), &rx);
	if (rc == 0)
		rc = plan_block(region, SLUICE_OBJECT_LATENCY, "latency",
				stage->declared_in *
					sizeof(struct sluice_latency),
				sizeof(struct sluice_latency), &latency);
	if (rc < 0)
		return rc;
	stage->counters = counters;
	words->tx = tx;
	words->rx = rx;
	words->latency = latency;
	return 0;
}

/* Subscriptions a side of the stage can have at once. */
static uint32_t plan_places(const struct sluice_stage *stage, uint32_t declared)
{
	uint32_t most = stage->opts.subscriptions_max;

	return most ? most : declared + PLACES_MORE;
}

static int plan_inlet(struct sluice_pipeline *p, struct sluice_stage *stage)
{
	struct inlet *in = &stage->in;
	int rc = inlet_open(in, plan_places(stage, stage->declared_in));

	in->ops = p->host.wait;
	in->command = &p->host.command;
	in->counters = stage->counters;
	in->tries_max = stage->opts.max_deliveries;
	in->in_hand_max = stage->opts.in_hand_max;
	in->count = stage->declared_in;
	if (in->count > 0)
		in->next = (uint32_t)(p->platform->random(p->platform->ctx) %
				      in->count);
	return rc;
}

/* Each partition has one, behind which onlookers have theirs. */
static uint32_t plan_out_places(const struct sluice_stage *stage)
{
	return stage->opts.partitions + plan_places(stage, stage->declared_out);
}

static int plan_outlet(struct sluice_pipeline *p, struct sluice_stage *stage)
{
	uint32_t partitions = stage->opts.partitions;
	struct outlet *out = &stage->out;
	int rc = outlet_open(out, stage->strategy, plan_out_places(stage),
			     partitions ? partitions : stage->declared_out,
			     stage->opts.out_bytes, stage->emit_max,
			     stage->opts.spill_events);

	out->ops = p->host.wait;
	out->counters = stage->counters;
	out->emits = !stage_is_port(stage);
	if (rc == 0)
		rc = sluice_copier_init(&out->copier, stage->opts.copy_method);
	if (rc == 0 && out->rings->open != NULL)
		rc = out->rings->open(out, stage->opts.ring_events);
	if (rc == 0 && stage->strategy->needs & SLUICE_NEEDS_ORDER)
		rc = sequence_open(&out->sequence, stage->opts.order_events,
				   SEQUENCE_AT(&stage->opts));
	if (rc < 0)
		return rc;
	/* Twice what may wait: then making room copies each event once. */
	return hold_open(&stage->hold, 2 * stage->buffer_max + stage->emit_max,
			 stage->emit_max, stage->opts.out_bytes);
}

static int plan_ends(struct sluice_pipeline *p, struct sluice_stage *stage)
{
	int rc = 0;

	if (stage_consumes(stage))
		rc = plan_inlet(p, stage);
	if (rc == 0 && stage_produces(stage))
		rc = plan_outlet(p, stage);
	return rc < 0 ? sluice_fail(rc, "stage '%s': no memory", stage->name)
		      : 0;
}

/* A region for the common ring alone. */
static int plan_shown(struct sluice_stage *stage, uint32_t capacity,
		      struct sluice_tx_words **tx)
{
	struct sluice_region *region = &stage->ring_region;
	char name[SLUICE_NAME_BYTES];
	void *block = NULL;
	int rc;

	(void)snprintf(name, sizeof(name), "%.40s.ring", stage->name);
	rc = sluice_region_open_shared(
		region, name,
		sluice_region_footprint(2) +
			SLUICE_ALIGN_UP(sizeof(**tx),
					sluice_region_page_bytes()) +
			plan_slots_bytes(stage, capacity),
		2);
	if (rc == 0)
		rc = plan_block(region, SLUICE_OBJECT_TX_WORDS, "tx",
				sizeof(**tx), sizeof(**tx), &block);
	*tx = block;
	return rc;
}

/* The common ring, of @capacity: all consumers of a broadcast read it. @rx: their
 * words, by lane. */
static int plan_common(struct sluice_stage *stage, uint32_t capacity,
		       struct sluice_tx_words *tx,
		       const struct sluice_rx_words *const *rx)
{
	uint32_t shown = stage->shows_ring;
	struct sluice_region *region =
		shown ? &stage->ring_region : &stage->region;
	struct outlet *out = &stage->out;
	sluice_slot *slots;
	int rc = shown ? plan_shown(stage, capacity, &tx) : 0;

	if (rc == 0 && outlet_common_open(out, capacity) < 0)
		rc = sluice_fail(-ENOMEM, "stage '%s': no memory", stage->name);
	if (rc == 0)
		rc = plan_slots(region, 0, capacity, stage->opts.out_bytes,
				&slots);
	if (rc == 0 && shown)
		rc = sluice_region_seal(region);
	if (rc == 0)
		sluice_broadcast_writer_attach(&out->common, tx,
					       out->common.cursors, rx,
					       out->lanes.count, slots,
					       capacity, stage->opts.out_bytes);
	if (rc == 0)
		out->common.base.copier = &out->copier;
	return rc;
}

static int plan_common_declared(const struct sluice_pipeline *p,
				struct sluice_stage *stage,
				const struct plan_words *words)
{
	const struct sluice_rx_words **rx =
		calloc(stage->out.places_max, sizeof(const void *));
	int rc;

	if (rx == NULL)
		return sluice_fail(-ENOMEM, "stage '%s': no memory",
				   stage->name);
	for (uint32_t s = 0; s < p->sub_count; s++) {
		const struct subscription *sub = subscription_at(p, s);

		if (sub->producer == stage && !subscription_aside(sub) &&
		    !sub->joins)
			rx[sub->lane] =
				words[sub->consumer->index].rx + sub->inlet;
	}
	rc = plan_common(stage, plan_common_capacity(p, stage),
			 words[stage->index].tx, rx);
	free(rx);
	return rc;
}

static int plan_links(struct sluice_pipeline *p, struct plan_words *words)
{
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < pipeline_stages(p); i++)
		if (stage_has_ring(p->stages[i]))
			rc = plan_common_declared(p, p->stages[i], words);
	for (uint32_t s = 0; rc == 0 && s < p->sub_count; s++) {
		struct subscription *sub = subscription_at(p, s);

		subscription_reset(sub);
		rc = plan_link(sub, words[sub->producer->index].rings++, words);
	}
	return rc;
}

static int plan_finish_stage(struct sluice_stage *stage)
{
	struct sluice_dispatch_opts dispatch;

	if (stage_produces(stage)) {
		dispatch_opts(stage, &dispatch);
		outlet_start(&stage->out, &dispatch);
	}
	return sluice_region_seal(&stage->region);
}

int plan_late_stage(struct sluice_stage *stage)
{
	struct sluice_pipeline *p = stage->pipeline;
	struct plan_words words = {0};
	uint32_t common = RING_EVENTS_DEFAULT;
	int rc;

	if (stage->opts.ring_events > 0)
		common = sluice_pow2_at_least(stage->opts.ring_events);
	plan_shows_ring(stage);
	rc = plan_stage(p, stage, common, &words);
	if (rc == 0)
		rc = plan_ends(p, stage);
	if (rc == 0 && stage_has_ring(stage))
		rc = plan_common(stage, common, words.tx, NULL);
	return rc < 0 ? rc : plan_finish_stage(stage);
}

void plan_release_stage(struct sluice_stage *stage)
{
	resequencer_close(stage);
	inlet_close(&stage->in);
	outlet_close(&stage->out);
	hold_close(&stage->hold);
	stage->counters = NULL;
	sluice_region_close(&stage->region);
	sluice_region_close(&stage->ring_region);
}

/* A region of ours. That of a pipeline with a name keeps its descriptor: processes
 * that attach look at the bells. */
static int plan_bells_region(struct sluice_pipeline *p,
			     struct bells_given *bells)
{
	uint64_t bytes = (p->workers_max + 1) * sizeof(struct sluice_bell);
	uint64_t page = sluice_region_page_bytes();
	void *block[2] = {NULL, NULL};
	int rc = (p->peered ? sluice_region_open_shared : sluice_region_open)(
		&p->region, p->name,
		sluice_region_footprint(2) + SLUICE_ALIGN_UP(bytes, page) +
			page,
		2);

	if (rc == 0)
		rc = plan_block(&p->region, SLUICE_OBJECT_BELLS, "bells", bytes,
				sizeof(struct sluice_bell), &block[0]);
	if (rc == 0)
		rc = plan_block(&p->region, SLUICE_OBJECT_FENCES, "fences",
				sizeof(struct sluice_fences),
				sizeof(struct sluice_fences), &block[1]);
	if (rc == 0)
		rc = sluice_region_seal(&p->region);
	bells->bells = block[0];
	bells->fences = block[1];
	return rc;
}

static int plan_bells(struct sluice_pipeline *p)
{
	struct bells_given given = p->given;
	struct sluice_bell *bells;
	int rc = given.bells != NULL ? 0 : plan_bells_region(p, &given);

	if (rc < 0)
		return rc;
	p->wait.fences = given.fences;
	sluice_fences_init(p->wait.fences, p->platform->wait);
	bells = given.bells;
	p->supervisor_bell = &bells[0];
	for (uint32_t i = 0; i < p->workers_max; i++) {
		p->workers[i].bell = &bells[i + 1];
		bells[i + 1].relay = i + 1; /* the supervisor's */
	}
	for (uint32_t i = 0; i < pipeline_stages(p); i++)
		p->stages[i]->bell = p->stages[i]->worker->bell;
	return 0;
}

int plan_open(struct sluice_pipeline *p)
{
	struct plan_words *words = calloc(pipeline_stages(p), sizeof(*words));
	int rc = 0;

	p->planned = 1;
	if (words == NULL)
		rc = sluice_fail(-ENOMEM, "pipeline '%s': no memory", p->name);
	if (rc == 0)
		rc = affinity_place(p);
	if (rc == 0)
		rc = plan_bells(p);
	for (uint32_t i = 0; i < pipeline_stages(p); i++)
		plan_shows_ring(p->stages[i]);
	plan_capacities(p);
	for (uint32_t i = 0; rc == 0 && i < pipeline_stages(p); i++) {
		rc = plan_stage(p, p->stages[i],
				plan_common_capacity(p, p->stages[i]),
				&words[i]);
		if (rc == 0)
			rc = plan_ends(p, p->stages[i]);
	}
	if (rc == 0)
		rc = plan_links(p, words);
	for (uint32_t i = 0; rc == 0 && i < pipeline_stages(p); i++)
		if (p->stages[i]->order_from != NULL)
			rc = resequencer_open(p->stages[i]);
	for (uint32_t i = 0; rc == 0 && i < pipeline_stages(p); i++)
		rc = plan_finish_stage(p->stages[i]);
	free(words);
	if (rc < 0)
		plan_close(p);
	return rc;
}
