/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A start that fails leaves everything as it was. Callbacks that ran in it, and
 * whoever called meanwhile, may have changed what was declared: windows, manual
 * demand, demand modes; and made subscriptions. Under the pipeline's lock.
 */
#include "engine/pipeline_priv.h"

void pipeline_remember(struct sluice_pipeline *p)
{
	pipeline_lock(p);
	p->remembered = 1;
	for (uint32_t i = 0; i < p->stage_count; i++)
		p->stages[i]->demand_before =
			sluice_load_acquire(&p->stages[i]->demand);
	for (uint32_t s = 0; s < p->sub_count; s++) {
		struct subscription *sub = subscription_at(p, s);

		sub->before = (struct subscription_before){
			.max_demand = sub->opts.max_demand,
			.min_demand = sub->opts.min_demand,
			.refill_events = sub->opts.refill_events,
			.credit = sub->credit,
			.asked = sluice_load_acquire(&sub->asked),
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
	(void)sluice_fetch_add(&sub->generation, 1);
}

void pipeline_undo(struct sluice_pipeline *p)
{
	if (!p->remembered)
		return;
	p->remembered = 0;
	for (uint32_t i = 0; i < p->stage_count; i++) {
		struct sluice_stage *stage = p->stages[i];

		(void)sluice_exchange(&stage->demand, stage->demand_before);
		stage->accumulate =
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
		sub->credit = before->credit;
		sluice_store_release(&sub->asked, before->asked);
		sub->taken = 0;
	}
}
