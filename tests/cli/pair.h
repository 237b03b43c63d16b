/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots of a sound pipeline, for wrong.h. */
#ifndef SLUICE_TESTS_CLI_PAIR_H
#define SLUICE_TESTS_CLI_PAIR_H

#include "tools/sluice/invariant.h"

#include <stdio.h>
#include <string.h>

#define STAGES 3u
#define SUBS   3u

/* "a" feeds "m", which feeds "c"; "c" looks on at "a" as well. */
struct pair {
	struct sluice_stage_snapshot stage[STAGES];
	struct sluice_subscription_snapshot sub[SUBS];
	const struct sluice_stage_snapshot *stages[STAGES];
	const struct sluice_subscription_snapshot *subs[SUBS];
	struct sluice_snapshot snapshot;
};

static inline void stage_of(struct sluice_stage_snapshot *row, const char *name,
			    enum sluice_stage_kind kind, uint64_t serial)
{
	*row = (struct sluice_stage_snapshot){.size = sizeof(*row),
					      .kind = kind,
					      .phase = SLUICE_PHASE_RUNNING,
					      .serial = serial};
	(void)snprintf(row->name, sizeof(row->name), "%s", name);
	if (kind != SLUICE_CONSUMER)
		(void)snprintf(row->dispatcher, sizeof(row->dispatcher),
			       "demand");
}

static inline void sub_of(struct sluice_subscription_snapshot *row,
			  uint32_t index, const char *consumer,
			  const char *producer)
{
	*row = (struct sluice_subscription_snapshot){
		.size = sizeof(*row),
		.phase = SLUICE_SUB_OPEN,
		.window = 16,
		.sub.index = index,
	};
	(void)snprintf(row->consumer, sizeof(row->consumer), "%s", consumer);
	(void)snprintf(row->producer, sizeof(row->producer), "%s", producer);
}

/* After @n events. */
static inline void pair_at(struct pair *pair, uint64_t n)
{
	memset(pair, 0, sizeof(*pair));
	stage_of(&pair->stage[0], "a", SLUICE_PRODUCER, 1);
	stage_of(&pair->stage[1], "m", SLUICE_PRODUCER_CONSUMER, 2);
	stage_of(&pair->stage[2], "c", SLUICE_CONSUMER, 3);
	sub_of(&pair->sub[0], 0, "m", "a");
	sub_of(&pair->sub[1], 1, "c", "m");
	sub_of(&pair->sub[2], 2, "c", "a");
	pair->sub[2].kind = SLUICE_SUB_TEE;
	for (uint32_t i = 0; i < SUBS; i++) {
		pair->sub[i].carried = n;
		pair->sub[i].latency =
			(struct sluice_latency_stats){.count = n,
						      .p50_ns = 1,
						      .p90_ns = 2,
						      .p99_ns = 3,
						      .p999_ns = 4,
						      .max_ns = 5};
		pair->sub[i].counts =
			(struct sluice_subscription_stats){.acked = n,
							   .published = n + 2,
							   .granted = n + 5,
							   .depth = 2,
							   .credit = 3,
							   .batches = n / 2,
							   .high = n};
		pair->subs[i] = &pair->sub[i];
	}
	pair->sub[2].inlet = 1;
	pair->sub[2].latency = (struct sluice_latency_stats){0};
	for (uint32_t i = 0; i < STAGES; i++) {
		pair->stage[i].time = (struct sluice_times){.lived_ns = 4 * n,
							    .working_ns = n,
							    .idle_ns = n,
							    .no_credit_ns = n,
							    .blocked_ns = n};
		pair->stages[i] = &pair->stage[i];
	}
	pair->stage[0].counts.events_out = n + 2;
	pair->stage[1].counts.events_in = n;
	pair->stage[1].counts.events_out = n + 2;
	pair->stage[2].counts.events_in = n;
	pair->snapshot =
		(struct sluice_snapshot){.size = sizeof(pair->snapshot),
					 .phase = SLUICE_PHASE_RUNNING,
					 .time_ns = n,
					 .stages = pair->stages,
					 .subscriptions = pair->subs,
					 .stage_count = STAGES,
					 .subscription_count = SUBS,
					 .name = "p"};
}

#endif
