/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a start has made is taken back, at the end of a run or when it fails. A
 * start that fails leaves everything as it was: callbacks that ran in it, and
 * whoever called meanwhile, may have changed what was declared (windows, manual
 * demand, demand modes) and made subscriptions.
 */
#include "engine/graph/plan_priv.h"
#include "engine/graph/watches_priv.h"
#include "engine/stage/gate_priv.h"
#include "engine/stage/resequencer_priv.h"
#include "engine/graph/subscriptions_priv.h"

#include <stdlib.h>

/* ---- what was declared: under the pipeline's lock ------------------------ */

void plan_remember(struct sluice_pipeline *p)
{
	pipeline_lock(p);
	p->remembered = 1;
	for (uint32_t i = 0; i < pipeline_stages(p); i++)
		p->stages[i]->demand_before =
			sluice_load_acquire(&p->stages[i]->words.demand);
	for (uint32_t s = 0; s < p->sub_count; s++) {
		struct subscription *sub = subscription_at(p, s);

		sub->before = (struct subscription_before){
			.max_demand = sub->opts.max_demand,
			.min_demand = sub->opts.min_demand,
			.refill_events = sub->opts.refill_events,
			.auto_events = sub->opts.auto_events,
			.auto_wait_us = sub->opts.auto_wait_us,
			.rule = sub->rule,
			.credit = sub->credit,
			.asked = sluice_load_acquire(&sub->by_control.asked),
		};
	}
	pipeline_unlock(p);
}

/* The last one was never made. Others may still look at it: it stays where it is,
 * for the next that is made, and its old id means nothing any more. */
static void subscription_forget(struct sluice_pipeline *p)
{
	struct subscription *sub = subscription_at(p, p->sub_count - 1);

	p->sub_count--;
	sub->made = SUBSCRIPTION_FREE;
	(void)sluice_fetch_add(&sub->by_control.generation, 1);
}

static void pipeline_undo(struct sluice_pipeline *p)
{
	if (!p->remembered)
		return;
	p->remembered = 0;
	for (uint32_t i = 0; i < pipeline_stages(p); i++) {
		struct sluice_stage *stage = p->stages[i];

		(void)sluice_exchange(&stage->words.demand,
				      stage->demand_before);
		stage->run.accumulate =
			stage->demand_before == SLUICE_DEMAND_ACCUMULATE;
	}
	/* Those made by an init come last: nothing that was declared has given
	 * up its place. */
	while (p->sub_count > 0 && subscription_at(p, p->sub_count - 1)->later)
		subscription_forget(p);
	for (uint32_t s = 0; s < p->sub_count; s++) {
		struct subscription *sub = subscription_at(p, s);
		const struct subscription_before *before = &sub->before;

		sub->opts.max_demand = before->max_demand;
		sub->opts.min_demand = before->min_demand;
		sub->opts.refill_events = before->refill_events;
		sub->opts.auto_events = before->auto_events;
		sub->opts.auto_wait_us = before->auto_wait_us;
		sub->rule = before->rule;
		sub->credit = before->credit;
		sluice_store_release(&sub->by_control.asked, before->asked);
		sub->ask_seen = 0;
	}
}

/* ---- what was made -------------------------------------------------------- */

void watches_close(struct watches *w, const struct platform *platform)
{
	if (w == NULL)
		return;
	platform->set_close(platform->ctx, w->set);
	platform->event_close(platform->ctx, w->bell);
	free(w->row);
	free(w);
}

static void worker_release(struct worker *worker,
			   const struct platform *platform)
{
	free(worker->stages);
	watches_close(worker->watches, platform);
}

/* What a run held. */
static void plan_release(struct sluice_pipeline *p)
{
	for (uint32_t i = 0; i < pipeline_stages(p); i++) {
		struct sluice_stage *stage = p->stages[i];

		plan_release_stage(stage);
		stage->worker = NULL;
		stage->bell = NULL;
	}
	/* What was declared stays: a start may be tried again. */
	for (uint32_t s = 0; s < p->sub_count; s++) {
		subscription_unmap(subscription_at(p, s));
		subscription_reset(subscription_at(p, s));
	}
	pipeline_undo(p);
	for (uint32_t i = 0; i < pipeline_workers(p); i++)
		worker_release(&p->workers[i], p->platform);
	free(p->workers);
	p->workers = NULL;
	p->workers_max = 0;
	sluice_store_release(&p->worker_count, 0);
	free(p->placing);
	p->placing = NULL;
	p->wait.fences = p->platform->wait->fences;
	sluice_region_close(&p->region);
	p->planned = 0;
}

void plan_close(struct sluice_pipeline *p)
{
	if (!p->planned)
		return;
	gate_close(&p->gate, p->host.wait);
	pipeline_lock(p); /* somebody may be looking at one */
	for (uint32_t i = 0; i < pipeline_stages(p); i++) {
		stage_close_gate(p->stages[i]);
		stage_reset(p->stages[i]);
	}
	plan_release(p);
	pipeline_unlock(p);
}

void plan_close_child(struct sluice_pipeline *p)
{
	/* Whoever stood in a gate, or held the lock, is not in this process. */
	if (p->planned)
		plan_release(p);
}
