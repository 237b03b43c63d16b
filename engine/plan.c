/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a checked graph to memory: every size is decided here, once, and every
 * pointer set. A stage's region holds all that the stage writes and nothing
 * else:
 *
 *   header, directory | counters | tx words | rx words | slots of ring 0, 1 ...
 *
 * each part on pages of its own.
 */
#include "engine/memory_priv.h"
#include "engine/pipeline_priv.h"
#include "ring/base_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Rings a stage writes: one per subscription, or one for all. */
static uint32_t stage_rings(const struct sluice_stage *stage)
{
	if (!stage_produces(stage))
		return 0;
	return stage->strategy->rings == STRATEGY_ONE ? 1
						      : stage->out.lanes.count;
}

/* A ring is as long as the longest window of those who read it. */
static void plan_capacities(struct sluice_pipeline *p)
{
	for (uint32_t s = 0; s < p->sub_count; s++) {
		struct subscription *sub = &p->subs[s];
		uint32_t most = sub->credit.max_events;

		if (sub->producer->strategy->rings == STRATEGY_ONE)
			for (uint32_t t = 0; t < p->sub_count; t++)
				if (p->subs[t].producer == sub->producer &&
				    p->subs[t].credit.max_events > most)
					most = p->subs[t].credit.max_events;
		sub->capacity = sluice_pow2_at_least(most);
	}
}

static uint64_t plan_region_bytes(const struct sluice_pipeline *p,
				  const struct sluice_stage *stage)
{
	uint64_t page = sluice_region_page_bytes();
	uint32_t rings = stage_rings(stage);
	uint64_t bytes = sluice_region_footprint(3 + rings);

	bytes += SLUICE_ALIGN_UP(sizeof(struct sluice_counters), page);
	bytes += SLUICE_ALIGN_UP(rings * sizeof(struct sluice_tx_words), page);
	bytes += SLUICE_ALIGN_UP(
		stage->in.count * sizeof(struct sluice_rx_words), page);
	for (uint32_t s = 0; s < p->sub_count; s++)
		if (p->subs[s].producer == stage && p->subs[s].lane < rings)
			bytes += SLUICE_ALIGN_UP(
				sluice_spsc_slots_bytes(p->subs[s].capacity,
							stage->opts.out_bytes),
				page);
	return bytes;
}

/* Set a block aside on pages of its own; *out is its address. */
static int plan_block(struct sluice_region *region,
		      enum sluice_object_kind kind, const char *name,
		      uint64_t bytes, uint32_t unit, void **out)
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

/* The words of a stage, kept until every subscription has been attached. */
struct plan_words {
	struct sluice_tx_words *tx;
	struct sluice_rx_words *rx;
};

static int plan_stage(const struct sluice_pipeline *p,
		      struct sluice_stage *stage, struct plan_words *words)
{
	uint32_t rings = stage_rings(stage);
	struct sluice_region *region = &stage->region;
	void *counters = NULL;
	void *tx = NULL;
	void *rx = NULL;
	int rc = sluice_region_open(region, stage->name,
				    plan_region_bytes(p, stage), 3 + rings);

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
				stage->in.count *
					sizeof(struct sluice_rx_words),
				sizeof(struct sluice_rx_words), &rx);
	if (rc < 0)
		return rc;
	stage->counters = counters;
	words->tx = tx;
	words->rx = rx;
	return 0;
}

static int plan_ends(struct sluice_pipeline *p, struct sluice_stage *stage)
{
	const struct sluice_wait_ops *ops = p->platform->wait;
	int rc = 0;

	if (stage_consumes(stage)) {
		rc = inlet_open(&stage->in, stage->in.count);
		stage->in.ops = ops;
		stage->in.counters = stage->counters;
		stage->in.next =
			(uint32_t)(p->platform->random(p->platform->ctx) %
				   stage->in.count);
	}
	if (rc == 0 && stage_produces(stage)) {
		rc = outlet_open(&stage->out, stage->strategy,
				 stage->out.lanes.count, stage->opts.out_bytes,
				 stage->emit_max, stage->opts.spill_events);
		stage->out.ops = ops;
		stage->out.counters = stage->counters;
		stage->staged =
			line_calloc(stage->emit_max, stage->opts.out_bytes);
		if (stage->staged == NULL)
			rc = -ENOMEM;
	}
	return rc < 0 ? sluice_fail(rc, "stage '%s': no memory", stage->name)
		      : 0;
}

static struct sluice_bell *plan_bell(const struct sluice_stage *to,
				     const struct sluice_stage *from)
{
	return to->worker == from->worker ? NULL : to->worker->bell;
}

static int plan_slots(struct sluice_stage *producer, uint32_t ring,
		      uint32_t capacity, sluice_slot **slots)
{
	uint32_t unit = producer->opts.out_bytes;
	char name[SLUICE_NAME_BYTES];
	void *block = NULL;
	int rc;

	(void)snprintf(name, sizeof(name), "slots:%u", ring);
	rc = plan_block(&producer->region, SLUICE_OBJECT_SLOTS, name,
			sluice_spsc_slots_bytes(capacity, unit), unit, &block);
	*slots = block;
	return rc;
}

/* The producer's end of a ring that all its consumers share. Made with the
 * first subscription, for all of them. */
static int plan_writer_shared(struct sluice_pipeline *p,
			      const struct subscription *first,
			      const struct plan_words *words)
{
	struct sluice_stage *producer = first->producer;
	struct outlet *out = &producer->out;
	const struct sluice_rx_words **rx =
		calloc(out->lanes.count, sizeof(const void *));
	sluice_slot *slots;
	int rc;

	if (rx == NULL)
		return sluice_fail(-ENOMEM, "stage '%s': no memory",
				   producer->name);
	for (uint32_t s = 0; s < p->sub_count; s++)
		if (p->subs[s].producer == producer)
			rx[p->subs[s].lane] =
				words[p->subs[s].consumer->index].rx +
				p->subs[s].inlet;
	rc = plan_slots(producer, 0, first->capacity, &slots);
	if (rc == 0)
		sluice_broadcast_writer_attach(
			&out->shared, words[producer->index].tx,
			out->shared.cursors, rx, out->lanes.count, slots,
			first->capacity, producer->opts.out_bytes);
	free(rx);
	return rc;
}

/* Both ends of a subscription. */
static int plan_link(struct sluice_pipeline *p, struct subscription *sub,
		     const struct plan_words *words)
{
	struct sluice_stage *producer = sub->producer;
	struct sluice_stage *consumer = sub->consumer;
	struct inlet_link *link = &consumer->in.links[sub->inlet];
	struct outlet *out = &producer->out;
	struct sluice_rx_words *rx = words[consumer->index].rx + sub->inlet;
	const struct sluice_spsc_writer *writer = &out->shared.base;
	int rc = 0;

	if (producer->strategy->rings == STRATEGY_ONE) {
		if (sub->lane == 0)
			rc = plan_writer_shared(p, sub, words);
	} else {
		struct sluice_spsc_writer *own = &out->writers[sub->lane];
		sluice_slot *slots;

		rc = plan_slots(producer, sub->lane, sub->capacity, &slots);
		sluice_spsc_writer_attach(
			own, words[producer->index].tx + sub->lane, rx, slots,
			sub->capacity, producer->opts.out_bytes);
		writer = own;
	}
	if (rc < 0)
		return rc;
	out->bells[sub->lane] = plan_bell(consumer, producer);
	sluice_spsc_reader_attach(&link->reader, writer->tx, rx, writer->slots,
				  sub->capacity, producer->opts.out_bytes,
				  &sub->credit);
	link->bell = plan_bell(producer, consumer);
	link->selector = sub->opts.selector;
	link->selector_ctx = sub->opts.selector_ctx;
	sub->tx = writer->tx;
	sub->rx = rx;
	return 0;
}

static int plan_finish_stage(struct sluice_stage *stage)
{
	struct sluice_dispatch_opts dispatch = {
		.chunk_events = stage->opts.chunk_events,
		.key_groups = stage->opts.key_groups,
		.key_of =
			stage->opts.key_of ? stage->opts.key_of : key_of_bytes,
		.key_ctx = stage->opts.key_of ? stage->opts.state
					      : (void *)&stage->key_field,
	};

	if (stage_produces(stage))
		outlet_start(&stage->out, &dispatch);
	if (stage_consumes(stage) && inlet_prepare(&stage->in) < 0)
		return sluice_fail(-ENOMEM, "stage '%s': no memory",
				   stage->name);
	return sluice_region_seal(&stage->region);
}

static int plan_bells(struct sluice_pipeline *p)
{
	uint64_t bytes = (p->worker_count + 1) * sizeof(struct sluice_bell);
	struct sluice_bell *bells;
	void *block = NULL;
	int rc = sluice_region_open(
		&p->region, p->name,
		sluice_region_footprint(1) +
			SLUICE_ALIGN_UP(bytes, sluice_region_page_bytes()),
		1);

	if (rc == 0)
		rc = plan_block(&p->region, SLUICE_OBJECT_BELLS, "bells", bytes,
				sizeof(*bells), &block);
	if (rc == 0)
		rc = sluice_region_seal(&p->region);
	if (rc < 0)
		return rc;
	bells = block;
	p->supervisor_bell = &bells[0];
	for (uint32_t i = 0; i < p->worker_count; i++)
		p->workers[i].bell = &bells[i + 1];
	return 0;
}

int plan_open(struct sluice_pipeline *p)
{
	struct plan_words *words = calloc(p->stage_count, sizeof(*words));
	int rc = 0;

	p->planned = 1;
	if (words == NULL)
		rc = sluice_fail(-ENOMEM, "pipeline '%s': no memory", p->name);
	if (rc == 0)
		rc = affinity_place(p);
	if (rc == 0)
		rc = plan_bells(p);
	plan_capacities(p);
	for (uint32_t i = 0; rc == 0 && i < p->stage_count; i++) {
		rc = plan_stage(p, p->stages[i], &words[i]);
		if (rc == 0)
			rc = plan_ends(p, p->stages[i]);
	}
	for (uint32_t s = 0; rc == 0 && s < p->sub_count; s++)
		rc = plan_link(p, &p->subs[s], words);
	for (uint32_t i = 0; rc == 0 && i < p->stage_count; i++)
		rc = plan_finish_stage(p->stages[i]);
	free(words);
	if (rc < 0)
		plan_close(p);
	return rc;
}

void plan_close(struct sluice_pipeline *p)
{
	if (!p->planned)
		return;
	for (uint32_t i = 0; i < p->stage_count; i++) {
		struct sluice_stage *stage = p->stages[i];
		uint32_t inlets = stage->in.count;
		uint32_t lanes = stage->out.lanes.count;

		stage_close_gate(stage);
		stage_reset(stage);
		inlet_close(&stage->in);
		outlet_close(&stage->out);
		/* What was declared stays: a start may be tried again. */
		stage->in.count = inlets;
		stage->out.lanes.count = lanes;
		free(stage->staged);
		stage->staged = NULL;
		stage->counters = NULL;
		stage->worker = NULL;
		sluice_region_close(&stage->region);
	}
	for (uint32_t i = 0; i < p->worker_count; i++)
		free(p->workers[i].stages);
	free(p->workers);
	p->workers = NULL;
	p->worker_count = 0;
	sluice_region_close(&p->region);
	p->planned = 0;
}
