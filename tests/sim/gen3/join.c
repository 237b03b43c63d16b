/* SPDX-License-Identifier: Apache-2.0 */
/* Where an order is restored: workers of the engine's own, beside those that come, and
 * the stage where all results come together. Which is there without an order, too. */
#include "tests/sim/gen3/visit.h"
#include "tests/sim/sim.h"

#include <stdio.h>
#include <string.h>

static struct own_worker {
	uint32_t index;
	char name[8];
	struct line line;
} own_workers[WORKERS_MAX];

/* ---- working --------------------------------------------------------------------- */

static int on_work(struct sluice_stage *self, const struct sluice_batch *batch)
{
	struct own_worker *w = sluice_stage_state(self);
	const struct event *events = batch->events;
	struct event *out;

	tally_take(&w->line, LEVEL_MIDDLE, HOLDER_WORKER + w->index, batch, 0);
	visitor_lingers();
	for (uint32_t i = 0; i < batch->count; i++) {
		if (!results_due(events[i].seq))
			continue;
		out = sluice_emit(self, 1);
		if (out == NULL)
			wrong("%s has no room for what it was given", w->name);
		else
			*out = events[i];
	}
	tally_done(LEVEL_MIDDLE, HOLDER_WORKER + w->index, batch);
	return SLUICE_OK;
}

/* An outlaw may answer what it was given with anything. */
static int is_outlaws(const struct event *e)
{
	return visit.outlaws && !tally_knows(e);
}

static int on_joined(struct sluice_stage *self,
		     const struct sluice_batch *batch)
{
	const struct event *events = batch->events;
	struct sluice_batch one = *batch;
	struct line line;

	(void)self;
	for (uint32_t i = 0; i < batch->count; i++) {
		one.events = &events[i];
		one.seq = batch->seq + i;
		one.count = 1;
		if (is_outlaws(&events[i]))
			continue;
		/* The order is that of the source. */
		memset(&line, 0, sizeof(line));
		tally_take(&line, LEVEL_LAST, HOLDER_SINK, &one, 0);
		results_take(&one);
		visitor_lingers();
		tally_done(LEVEL_LAST, HOLDER_SINK, &one);
	}
	return SLUICE_OK;
}

/* ---- declaring ------------------------------------------------------------------- */

static int add(struct sluice_pipeline *p, struct sluice_stage_opts *o)
{
	o->in_bytes = sizeof(struct event);
	o->on_idle = SLUICE_IDLE_STAY;
	return sluice_stage_add(p, o);
}

static int declare_worker(struct sluice_pipeline *p, struct own_worker *w)
{
	struct sluice_subscription_opts sub;
	struct sluice_stage_opts o;
	int rc;

	(void)snprintf(w->name, sizeof(w->name), "w%u", w->index % 100);
	sluice_stage_opts_init(&o);
	o.name = w->name;
	o.kind = SLUICE_PRODUCER_CONSUMER;
	o.out_bytes = sizeof(struct event);
	o.handle_events = on_work;
	o.state = w;
	rc = add(p, &o);
	sluice_subscription_opts_init(&sub);
	sub.max_demand = 1 + sim_below(20);
	if (rc == 0)
		rc = sluice_subscribe(p, w->name, "source", &sub);
	return rc < 0 ? rc : sluice_subscribe(p, "sink", w->name, NULL);
}

int join_declare(struct sluice_pipeline *p, uint32_t workers)
{
	struct sluice_stage_opts o;
	int rc;

	sluice_stage_opts_init(&o);
	o.name = "sink";
	o.kind = SLUICE_CONSUMER;
	o.handle_events = on_joined;
	o.order_of = "source";
	rc = add(p, &o);
	for (uint32_t i = 0; rc == 0 && i < workers; i++) {
		own_workers[i] = (struct own_worker){.index = i};
		rc = declare_worker(p, &own_workers[i]);
	}
	return rc;
}
