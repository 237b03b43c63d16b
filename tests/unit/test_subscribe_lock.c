/* SPDX-License-Identifier: Apache-2.0 */
/* Who has the pipeline's lock: what allocates or maps does so without it, and no
 * stage's step takes it. */
#include "watched.h"

static void look(void)
{
	struct sluice_snapshot *seen = NULL;

	assert_int_equal(sluice_pipeline_stat(pipeline, &seen), 0);
	sluice_snapshot_close(seen);
}

static int wants_all(const void *event, void *ctx)
{
	(void)event;
	(void)ctx;
	return 1;
}

/* Each control call, before the start and after, granted and refused. */
static void control_calls_allocate_without_the_lock(void **state)
{
	struct sluice_subscription_stats stat;
	struct sluice_sub sub = {0};

	(void)state;
	watched_open();
	add_source("broadcast", 0, UINT64_MAX);
	for (uint32_t i = 0; i < SINKS; i++)
		add_clerk(i);
	(void)SUBSCRIBE(0, .max_demand = 10);
	assert_int_equal(sluice_subscribe(pipeline, "c0", "source", NULL),
			 -EEXIST);
	look();
	flow_start(pipeline);
	assert_int_equal(sluice_subscribe(pipeline, "c0", "source", NULL),
			 -EEXIST);
	look();
	sub = SUBSCRIBE(1, .max_demand = 10, .on_end = SLUICE_TEMPORARY);
	(void)SUBSCRIBE(2, .max_demand = 10, .selector = wants_all);
	(void)SUBSCRIBE(3, .tee = 1, .max_demand = 10);
	(void)SUBSCRIBE(3, .conflate_keys = 8, .max_demand = 10);
	wait_handled("c1", 100);
	/* An exact window needs room for a batch. */
	assert_int_equal(
		sluice_resubscribe(sub, SLUICE_SUBSCRIPTION(.max_demand = 9,
							    .min_demand = 3)),
		0);
	assert_int_equal(
		sluice_resubscribe(sub, SLUICE_SUBSCRIPTION(.max_demand = 8,
							    .min_demand = 4)),
		0);
	wait_handled("c1", handled(1) + 100);
	assert_int_equal(sluice_subscription_stat(sub, &stat), 0);
	assert_int_equal(sluice_cancel(sub, SLUICE_REASON_NORMAL, 0), 0);
	wait_word(&clerks[1].left, 1, "cancels");
	(void)SUBSCRIBE(1, .max_demand = 100); /* the same place, unmapped */
	wait_handled("c1", handled(1) + 100);
	assert_int_equal(sluice_pipeline_drain(pipeline, FLOW_DEADLINE_MS), 0);
	assert_int_equal(under_the_lock, 0);
}

/* Emits once it may. */
static sluice_a32 opened;
static struct sluice_sub asking;

static int gate_demand(struct sluice_stage *self, uint32_t demand)
{
	return sluice_load_acquire(&opened) ? flow_count(self, demand)
					    : SLUICE_OK;
}

static int asking_handle(struct sluice_stage *self,
			 const struct sluice_batch *batch)
{
	(void)sluice_ask(asking, batch->count);
	return clerk_handle(self, batch);
}

/* Have all stages ended? The pipeline has not: its end takes the lock. */
static int all_ended(void)
{
	struct sluice_stage *stage;

	PIPELINE_EACH(pipeline, i, stage)
		if (sluice_load_acquire(&stage->words.phase_seen) !=
		    STAGE_ENDED)
			return 0;
	return 1;
}

/* The lock is held from before the first event until all have ended: events,
 * asks and a window that changed pass by it, and stages end without it. */
static void no_stage_takes_the_lock(void **state)
{
	struct sluice_stage *first;
	struct sluice_sub sub;
	int ended;

	(void)state;
	watched_open();
	sluice_store_release(&opened, 0);
	source = (struct flow_source){.end = 20000};
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .handle_demand = gate_demand,
			      .dispatcher = "broadcast", .state = &source));
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "c0", .kind = SLUICE_CONSUMER,
			      .in_bytes = 8, .handle_events = asking_handle,
			      .state = &clerks[0]));
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "c1", .kind = SLUICE_CONSUMER,
			      .in_bytes = 8, .handle_events = clerk_handle,
			      .state = &clerks[1]));
	asking = SUBSCRIBE(0, .max_demand = 64,
			   .flags = SLUICE_SUBSCRIBE_MANUAL);
	sub = SUBSCRIBE(1, .max_demand = 64);
	/* Before the start: who asks later misses what a broadcast sent by then. */
	assert_int_equal(sluice_ask(asking, 64), 0);
	flow_start(pipeline);
	assert_int_equal(
		sluice_resubscribe(sub, SLUICE_SUBSCRIPTION(.max_demand = 5,
							    .min_demand = 2)),
		0);
	first = sluice_stage_find(pipeline, "source");
	pipeline_lock(pipeline);
	sluice_store_release(&opened, 1);
	sluice_wake(first);
	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS && !all_ended(); ms++)
		flow_sleep_ms(1);
	ended = all_ended();
	pipeline_unlock(pipeline);
	assert_true(ended);
	assert_int_equal(flow_join(pipeline), 0);
	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(clerks[i].events, 20000);
		assert_int_equal(clerks[i].disorder, 0);
	}
}

static struct CMUnitTest tests[] = {
	cmocka_unit_test(control_calls_allocate_without_the_lock),
	cmocka_unit_test(no_stage_takes_the_lock),
};

int main(void)
{
	clerk_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests_name("subscribe_lock", tests, NULL, NULL);
}
