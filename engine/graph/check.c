/* SPDX-License-Identifier: Apache-2.0 */
/* The graph as a whole: what cannot be told while it is being declared. */
#include "dispatch/partition.h"
#include "engine/graph/plan_priv.h"
#include "engine/graph/sequence_check_priv.h"
#include "engine/graph/subscriptions_priv.h"
#include "engine/stage/life_priv.h"
#include "ring/base_priv.h"

#include <errno.h>
#include <stdlib.h>

static int check_connected(const struct sluice_pipeline *p)
{
	if (pipeline_stages(p) == 0)
		return sluice_fail(-EINVAL, "pipeline '%s': it has no stages",
				   p->name);
	for (uint32_t i = 0; i < pipeline_stages(p); i++) {
		const struct sluice_stage *stage = p->stages[i];

		if (stage_consumes(stage) && stage->declared_in == 0 &&
		    !stage_awaits_feeders(stage))
			return sluice_fail(-EINVAL,
					   "stage '%s' is a consumer without a "
					   "producer: subscribe it to one, or "
					   "set on_idle to SLUICE_IDLE_STAY",
					   stage->name);
		if (stage_produces(stage) && stage->declared_out == 0 &&
		    !stage_awaits_readers(stage))
			return sluice_fail(-EINVAL,
					   "stage '%s' is a producer without a "
					   "consumer: subscribe one to it, or "
					   "set on_idle to SLUICE_IDLE_STAY",
					   stage->name);
	}
	return 0;
}

/* Take away, again and again, the stages all of whose producers are gone
 * already. What cannot be taken away is a cycle, or behind one. */
static int check_cycle(const struct sluice_pipeline *p)
{
	uint32_t *waiting = calloc(pipeline_stages(p), sizeof(*waiting));
	uint32_t *gone = calloc(pipeline_stages(p), sizeof(*gone));
	uint32_t count = 0;
	int rc = 0;

	if (!waiting || !gone) {
		rc = sluice_fail(-ENOMEM, "pipeline '%s': no memory", p->name);
		goto out;
	}
	for (uint32_t i = 0; i < pipeline_stages(p); i++) {
		waiting[i] = p->stages[i]->declared_in;
		if (waiting[i] == 0)
			gone[count++] = i;
	}
	for (uint32_t next = 0; next < count; next++)
		for (uint32_t s = 0; s < p->sub_count; s++)
			if (subscription_at(p, s)->producer->index ==
				    gone[next] &&
			    --waiting[subscription_at(p, s)->consumer->index] ==
				    0)
				gone[count++] =
					subscription_at(p, s)->consumer->index;
	for (uint32_t i = 0; i < pipeline_stages(p); i++)
		if (waiting[i] > 0) {
			rc = sluice_fail(-EINVAL,
					 "stage '%s' is part of a cycle, or "
					 "downstream of one: events would wait "
					 "for themselves",
					 p->stages[i]->name);
			break;
		}
out:
	free(waiting);
	free(gone);
	return rc;
}

static int check_partitions(const struct sluice_pipeline *p)
{
	for (uint32_t i = 0; i < pipeline_stages(p); i++) {
		const struct sluice_stage *stage = p->stages[i];
		uint32_t groups = stage->opts.key_groups;

		if (!stage->strategy ||
		    (stage->strategy->needs & SLUICE_NEEDS_SPILL) == 0)
			continue;
		/* Who else has a spill needs no group for each consumer. */
		if (groups == 0 &&
		    stage->strategy == sluice_strategy_find("partition"))
			groups = SLUICE_KEY_GROUPS_DEFAULT;
		if (groups == 0 || stage->opts.partitions > 0)
			continue;
		if (groups < stage->declared_out)
			return sluice_fail(-EINVAL,
					   "stage '%s': key_groups %u are "
					   "fewer than its %u consumers",
					   stage->name, groups,
					   stage->declared_out);
	}
	return 0;
}

static int check_rings(const struct sluice_pipeline *p)
{
	int rc = 0;

	for (uint32_t s = 0; rc == 0 && s < p->sub_count; s++)
		rc = subscription_check_ring(subscription_at(p, s));
	return rc;
}

static int check_places(const struct sluice_pipeline *p)
{
	for (uint32_t i = 0; i < pipeline_stages(p); i++) {
		const struct sluice_stage *stage = p->stages[i];
		uint32_t most = stage->declared_in > stage->declared_out
					? stage->declared_in
					: stage->declared_out;

		if (stage->opts.subscriptions_max != 0 &&
		    stage->opts.subscriptions_max < most)
			return sluice_fail(
				-EINVAL,
				"stage '%s': subscriptions_max %u is "
				"less than the %u it has",
				stage->name, stage->opts.subscriptions_max,
				most);
	}
	return 0;
}

int check_graph(struct sluice_pipeline *pipeline)
{
	int rc = check_connected(pipeline);

	if (rc == 0)
		rc = check_cycle(pipeline);
	if (rc == 0)
		rc = check_places(pipeline);
	if (rc == 0)
		rc = check_partitions(pipeline);
	if (rc == 0)
		rc = check_rings(pipeline);
	if (rc == 0)
		rc = sequence_check_graph(pipeline);
	return rc;
}
