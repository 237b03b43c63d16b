/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's own stages: a source, a stage in the middle, a sink, and consumers of
 * the first two. */
#include "tests/sim/gen3/visit.h"
#include "tests/sim/sim.h"

#include <stdio.h>
#include <string.h>

struct consumer {
	uint32_t index; /* of all */
	char name[8];
	enum place place; /* whom it reads */
	struct line line;
	struct heard heard;
};

static struct consumer consumers[2 * WORKERS_MAX];
static uint32_t consumer_count;
static struct line middle_lines[VISITORS_MAX], sink_lines[VISITORS_MAX];

static void linger(void)
{
	for (uint32_t n = sim_below(3) ? 0 : sim_below(10); n > 0; n--)
		sim_yield();
}

/* The events that @out is full of are @place's from now on. */
static void emitted(enum place place, const struct event *out, uint32_t n)
{
	if (visit.spring[place].common)
		common_emitted(place, out, n);
}

static uint64_t key_of(const void *event, uint32_t bytes, void *ctx)
{
	const struct spring *spring = ctx;
	uint32_t key = ((const struct event *)event)->key;

	(void)bytes;
	return spring->partitions ? key % spring->partitions : key;
}

/* ---- emitting ------------------------------------------------------------------ */

void stages_pour(void)
{
	visit.available += 1 + sim_below(8);
	if (visit.available > visit.total / 4 * 3)
		visit.available = visit.total / 4 * 3;
	sluice_wake(visit.source);
}

void stages_pour_all(void)
{
	visit.available = visit.total;
	sluice_wake(visit.source);
}

static void note_stranded(struct spring *spring, const char *name)
{
	struct sluice_stage_stats stat = {0};

	if (sluice_stage_stat(visit.pipeline, name, &stat) < 0)
		wrong("stat: %s", sluice_last_error());
	spring->stranded = stat.stranded;
	if (!spring->common)
		visit.stranded += stat.stranded;
}

void stages_note_stranded(void)
{
	note_stranded(&visit.spring[PLACE_SOURCE], "source");
	if (visit.spring[PLACE_MIDDLE].there)
		note_stranded(&visit.spring[PLACE_MIDDLE], "middle");
}

void stages_close(void)
{
	for (uint32_t i = 0; i < consumer_count; i++)
		if (visit.spring[consumers[i].place].common)
			common_close_stage(consumers[i].place,
					   &consumers[i].heard,
					   consumers[i].name);
}

static int on_demand(struct sluice_stage *self, uint32_t demand)
{
	uint32_t n = visit.available - visit.emitted;
	struct event *out;

	linger();
	if (n > demand)
		n = demand;
	if (n > 1)
		n = 1 + sim_below(n);
	out = n > 0 ? sluice_emit(self, n) : NULL;
	for (uint32_t i = 0; out != NULL && i < n; i++)
		out[i] = tally_event(0, visit.emitted++);
	if (out != NULL)
		emitted(PLACE_SOURCE, out, n);
	return SLUICE_OK;
}

/* ---- handling ------------------------------------------------------------------- */

static int on_events(struct sluice_stage *self,
		     const struct sluice_batch *batch)
{
	struct consumer *c = sluice_stage_state(self);
	uint32_t holder = HOLDER_STAGES + c->index;

	if (visit.spring[c->place].common) {
		common_take(c->place, &c->heard, c->name, batch);
		linger();
		return SLUICE_OK;
	}
	tally_take(&c->line, tally_level(c->place), holder, batch,
		   (int)visit.spring[c->place].keyed);
	linger();
	tally_done(tally_level(c->place), holder, batch);
	return SLUICE_OK;
}

/* What an outlaw sends is nothing to be in books, but it must not change while it is
 * looked at. Returns the visitor if its events count. */
static const struct visitor *fed(struct sluice_stage *self,
				 const struct sluice_batch *batch)
{
	const struct visitor *v =
		visitor_of(sluice_inlet_sub(self, batch->inlet));
	struct event seen[EVENTS_MAX];
	uint32_t n = batch->count < EVENTS_MAX ? batch->count : EVENTS_MAX;

	memcpy(seen, batch->events, n * sizeof(seen[0]));
	linger();
	if (memcmp(seen, batch->events, n * sizeof(seen[0])) != 0)
		wrong("a batch has changed in its handler's hands");
	if (v == NULL)
		wrong("a batch of a subscription that nobody has");
	return v != NULL && !v->outlaw ? v : NULL;
}

static int on_fed(struct sluice_stage *self, const struct sluice_batch *batch)
{
	const struct visitor *v = fed(self, batch);
	struct event *out;

	if (v == NULL)
		return SLUICE_OK;
	tally_take(&middle_lines[v->index], LEVEL_MIDDLE, HOLDER_MIDDLE, batch,
		   0);
	results_take(batch);
	linger();
	out = sluice_emit(self, batch->count);
	if (out == NULL)
		wrong("the middle has no room for what it was given");
	else
		memcpy(out, batch->events, batch->count * sizeof(*out));
	if (out != NULL)
		emitted(PLACE_MIDDLE, out, batch->count);
	tally_done(LEVEL_MIDDLE, HOLDER_MIDDLE, batch);
	return SLUICE_OK;
}

static int on_sunk(struct sluice_stage *self, const struct sluice_batch *batch)
{
	const struct visitor *v = fed(self, batch);

	if (v == NULL)
		return SLUICE_OK;
	tally_take(&sink_lines[v->index], LEVEL_LAST, HOLDER_SINK, batch, 0);
	results_take(batch);
	linger();
	tally_done(LEVEL_LAST, HOLDER_SINK, batch);
	return SLUICE_OK;
}

/* What processes die of. */
static void on_dead(struct sluice_stage *self,
		    const struct sluice_dead_letter *letter)
{
	const struct spring *spring = sluice_stage_state(self);
	enum place place = (enum place)(spring - visit.spring);

	if (spring->common)
		common_dead(place, letter);
	else
		tally_dead(place, letter);
}

/* ---- declaring ------------------------------------------------------------------- */

static void opts_producing(struct sluice_stage_opts *o, struct spring *spring)
{
	o->out_bytes = sizeof(struct event);
	o->copy_method = sim_copy_method();
	o->dispatcher = spring->dispatcher;
	o->batch_events = sim_below(2) ? 0 : 1 + sim_below(8);
	o->state = spring;
	if (visit.deliveries_max != 0)
		o->dead_letter = on_dead;
	if (spring->needs_keys)
		o->key_of = key_of;
	if (strcmp(spring->dispatcher, "partition") == 0)
		o->key_groups = 32;
	o->partitions = spring->partitions;
	if (spring->spills && sim_below(2))
		o->spill_events = 1 + sim_below(12);
	if (spring->common) {
		o->flags |= SLUICE_STAGE_PEERS_CONSUME;
		o->ring_events = 1u << sim_below(6);
	}
	if (spring->ordered) {
		o->order_offset =
			SLUICE_ORDER_OFFSET(offsetof(struct event, number));
		o->order_events = 2u << sim_below(6);
	}
}

static int declare(struct sluice_pipeline *p, struct sluice_stage_opts *o)
{
	o->on_idle = SLUICE_IDLE_STAY;
	return sluice_stage_add(p, o);
}

static int declare_source(struct sluice_pipeline *p)
{
	struct sluice_stage_opts o;
	int rc;

	sluice_stage_opts_init(&o);
	o.name = "source";
	o.kind = SLUICE_PRODUCER;
	o.handle_demand = on_demand;
	opts_producing(&o, &visit.spring[PLACE_SOURCE]);
	rc = declare(p, &o);
	visit.source = sluice_stage_find(p, "source");
	visit.spring[PLACE_SOURCE].stage = visit.source;
	return rc;
}

static int declare_middle(struct sluice_pipeline *p)
{
	struct sluice_stage_opts o;
	int rc;

	sluice_stage_opts_init(&o);
	o.name = "middle";
	o.kind = SLUICE_PRODUCER_CONSUMER;
	o.in_bytes = sizeof(struct event);
	o.handle_events = on_fed;
	opts_producing(&o, &visit.spring[PLACE_MIDDLE]);
	rc = declare(p, &o);
	visit.spring[PLACE_MIDDLE].stage = sluice_stage_find(p, "middle");
	return rc;
}

static int declare_sink(struct sluice_pipeline *p)
{
	struct sluice_stage_opts o;

	sluice_stage_opts_init(&o);
	o.name = "sink";
	o.kind = SLUICE_CONSUMER;
	o.in_bytes = sizeof(struct event);
	o.handle_events = on_sunk;
	return declare(p, &o);
}

static int declare_consumer(struct sluice_pipeline *p, struct consumer *c,
			    uint32_t number)
{
	struct sluice_subscription_opts sub;
	struct sluice_stage_opts o;
	int rc;

	(void)snprintf(c->name, sizeof(c->name), "c%u", c->index % 100);
	sluice_stage_opts_init(&o);
	o.name = c->name;
	o.kind = SLUICE_CONSUMER;
	o.in_bytes = sizeof(struct event);
	o.handle_events = on_events;
	o.state = c;
	rc = declare(p, &o);
	if (rc < 0)
		return rc;
	sluice_subscription_opts_init(&sub);
	sub.max_demand = 1 + sim_below(20);
	if (visit.spring[c->place].partitions)
		sub.partition = SLUICE_PARTITION(number);
	return sluice_subscribe(p, c->name,
				c->place == PLACE_SOURCE ? "source" : "middle",
				&sub);
}

static int declare_consumers(struct sluice_pipeline *p, enum place place,
			     uint32_t *made)
{
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < visit.spring[place].workers; i++) {
		struct consumer *c = &consumers[*made];

		*c = (struct consumer){.index = (*made)++, .place = place};
		rc = declare_consumer(p, c, i);
	}
	return rc;
}

int stages_declare(struct sluice_pipeline *p)
{
	const struct spring *source = &visit.spring[PLACE_SOURCE];
	uint32_t made = 0;
	int rc = declare_source(p);

	memset(middle_lines, 0, sizeof(middle_lines));
	memset(sink_lines, 0, sizeof(sink_lines));
	if (rc == 0 && visit.spring[PLACE_MIDDLE].there)
		rc = declare_middle(p);
	if (rc == 0 && source->ordered)
		rc = join_declare(p, source->workers);
	else if (rc == 0 && visit.sink)
		rc = declare_sink(p);
	if (rc == 0 && !source->ordered)
		rc = declare_consumers(p, PLACE_SOURCE, &made);
	if (rc == 0 && visit.spring[PLACE_MIDDLE].there)
		rc = declare_consumers(p, PLACE_MIDDLE, &made);
	consumer_count = made;
	return rc;
}
