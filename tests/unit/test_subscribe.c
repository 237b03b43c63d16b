/* SPDX-License-Identifier: Apache-2.0 */
/* A subscription is made: whatever happens while its memory is being allocated is
 * answered, and leaves nothing behind. */
#include "engine/graph/subscriptions_priv.h"
#include "engine/run/run_priv.h"
#include "watched.h"

#include <pthread.h>

/* ---- what happens meanwhile ---------------------------------------------- */

static struct sluice_sub made;
static int inner_rc;

static int inner(const char *consumer, const char *producer,
		 const struct sluice_subscription_opts *opts)
{
	return sluice_subscribe(pipeline, consumer, producer, opts);
}

static void while_the_same_is_asked_for(void)
{
	inner_rc = inner("c0", "source", NULL);
}

static void while_another_joins(void)
{
	inner_rc = inner("c1", "source", NULL);
}

static void while_the_cycle_is_closed(void)
{
	inner_rc = inner("m0", "m1", NULL);
}

static void while_the_partition_is_wanted(void)
{
	inner_rc = inner("c1", "parted",
			 SLUICE_SUBSCRIPTION(.max_demand = 10,
					     .partition = SLUICE_PARTITION(1)));
}

static void while_the_last_place_is_wanted(void)
{
	inner_rc = inner("c1", "narrow", NULL);
}

static void wait_ended(const char *name)
{
	const struct sluice_stage *stage = sluice_stage_find(pipeline, name);

	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS; ms++) {
		if (sluice_load_acquire(&stage->words.phase_seen) ==
		    STAGE_ENDED)
			return;
		flow_sleep_ms(1);
	}
	fail_msg("'%s' does not end", name);
}

static void end_stage(const char *name)
{
	inner_rc = sluice_stage_end(sluice_stage_find(pipeline, name),
				    SLUICE_REASON_SHUTDOWN, 0);
	wait_ended(name);
}

static void while_the_consumer_ends(void)
{
	end_stage("c0");
}

static void while_the_producer_ends(void)
{
	end_stage("source");
}

static void while_it_drains(void)
{
	inner_rc = 0;
	pipeline_raise(pipeline, PIPELINE_DRAIN);
	wait_ended("source");
}

static void while_it_stops(void)
{
	inner_rc = 0;
	sluice_pipeline_stop(pipeline);
	wait_ended("c0");
}

/* Nobody has been told of it; an id that was guessed is not there. */
static void while_its_id_is_guessed(void)
{
	struct sluice_subscription_stats stat;
	struct sluice_sub guess = {.pipeline = pipeline, .generation = 1};

	inner_rc = 0;
	for (uint32_t i = 0; i < pipeline->sub_count; i++) {
		guess.index = i;
		if (subscription_at(pipeline, i)->made != SUBSCRIPTION_MAKING)
			continue;
		inner_rc = sluice_subscription_stat(guess, &stat);
		assert_int_equal(sluice_cancel(guess, SLUICE_REASON_NORMAL, 0),
				 inner_rc);
		assert_int_equal(
			sluice_resubscribe(
				guess, SLUICE_SUBSCRIPTION(.max_demand = 1)),
			inner_rc);
	}
}

static void while_memory_runs_out(void)
{
	inner_rc = 0;
	refuse = 1;
}

static struct meanwhile_row {
	const char *name;
	void (*meanwhile)(void);
	const char *consumer;
	const char *producer;
	uint32_t partition;
	int inner_rc;
	int rc;
	const char *says;
	uint32_t again; /* then it works */
} meanwhile_rows[] = {
	{"the_same_is_asked_for_meanwhile", while_the_same_is_asked_for, "c0",
	 "source", 0, -EEXIST, 0, NULL, 0},
	{"another_joins_meanwhile", while_another_joins, "c0", "source", 0, 0,
	 0, NULL, 0},
	{"the_cycle_is_closed_meanwhile", while_the_cycle_is_closed, "m1", "m0",
	 0, -EINVAL, 0, NULL, 0},
	{"the_partition_is_wanted_meanwhile", while_the_partition_is_wanted,
	 "c0", "parted", SLUICE_PARTITION(1), -EBUSY, 0, NULL, 0},
	{"the_last_place_is_wanted_meanwhile", while_the_last_place_is_wanted,
	 "c0", "narrow", 0, -ENOSPC, 0, NULL, 0},
	{"the_consumer_ends_meanwhile", while_the_consumer_ends, "c0", "source",
	 0, 0, -EPIPE, "the consumer has ended", 0},
	{"the_producer_ends_meanwhile", while_the_producer_ends, "c0", "source",
	 0, 0, 0, NULL, 0},
	{"it_drains_meanwhile", while_it_drains, "c0", "source", 0, 0, -EPIPE,
	 "the pipeline is ending", 0},
	{"it_stops_meanwhile", while_it_stops, "c0", "source", 0, 0, -EPIPE,
	 "the pipeline is ending", 0},
	{"its_id_is_guessed_meanwhile", while_its_id_is_guessed, "c0", "source",
	 0, -ENOENT, 0, NULL, 0},
	{"memory_runs_out_meanwhile", while_memory_runs_out, "c0", "source", 0,
	 0, -ENOSPC, "fallocate", 1},
	{"memory_runs_out_for_a_partition", while_memory_runs_out, "c0",
	 "parted", SLUICE_PARTITION(1), 0, -ENOSPC, "fallocate", 1},
};

static void add_middle(const char *name)
{
	flow_add(pipeline,
		 SLUICE_STAGE(.name = name, .kind = SLUICE_PRODUCER_CONSUMER,
			      .in_bytes = 8, .out_bytes = 8,
			      .handle_events = clerk_handle,
			      .on_idle = SLUICE_IDLE_STAY,
			      .state = &clerks[3]));
}

static void add_quiet(const char *name, const char *dispatcher,
		      uint32_t partitions, uint32_t subscriptions_max)
{
	static struct flow_source quiet;

	flow_add(pipeline,
		 SLUICE_STAGE(.name = name, .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .handle_demand = flow_count,
			      .demand = SLUICE_DEMAND_ACCUMULATE,
			      .dispatcher = dispatcher,
			      .partitions = partitions,
			      .subscriptions_max = subscriptions_max,
			      .on_idle = SLUICE_IDLE_STAY, .state = &quiet));
}

static void it_is_answered(void **state)
{
	const struct meanwhile_row *row = *state;
	const struct sluice_subscription_opts *opts =
		SLUICE_SUBSCRIPTION(.max_demand = 10,
				    .partition = row->partition, .sub = &made,
				    .on_end = SLUICE_TEMPORARY);
	uint32_t subs;

	watched_open();
	add_source("broadcast", 0, UINT64_MAX);
	for (uint32_t i = 0; i < SINKS; i++)
		add_clerk(i);
	add_middle("m0");
	add_middle("m1");
	add_quiet("parted", "partition", 2, 0);
	add_quiet("narrow", "demand", 0, 1);
	(void)SUBSCRIBE(2, .max_demand = 10);
	flow_start(pipeline);
	subs = pipeline->sub_count;
	made = (struct sluice_sub){.index = 77, .generation = 77};
	meanwhile = row->meanwhile;
	inner_rc = 1;
	assert_int_equal(
		sluice_subscribe(pipeline, row->consumer, row->producer, opts),
		row->rc);
	assert_int_equal(inner_rc, row->inner_rc);
	if (row->rc < 0) {
		assert_text_has(sluice_last_error(), row->says);
		assert_int_equal(made.index, 77);
		assert_int_equal(made.generation, 77);
		assert_null(made.pipeline);
	}
	if (row->again) {
		assert_int_equal(sluice_subscribe(pipeline, row->consumer,
						  row->producer, opts),
				 0);
		assert_int_equal(pipeline->sub_count, subs + 1);
	}
	if (row->meanwhile == while_the_producer_ends)
		wait_word(&clerks[0].left, 1, "cancels");
	else if (row->rc == 0 && strcmp(row->producer, "source") == 0)
		wait_handled(row->consumer, 100);
	assert_int_equal(sluice_load_acquire(&pipeline->making), 0);
	assert_int_equal(under_the_lock, 0);
}

/* ---- a start that fails meanwhile ---------------------------------------- */

static sluice_a32 allocating;
static sluice_a32 failed;
static sluice_a32 allocated;

static void await(const sluice_a32 *word)
{
	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS; ms++) {
		if (sluice_load_acquire(word))
			return;
		flow_sleep_ms(1);
	}
}

static void while_the_start_fails(void)
{
	sluice_store_release(&allocating, 1);
	await(&failed);
	flow_sleep_ms(50); /* the start has nothing to wait for but us */
	sluice_store_release(&allocated, 1);
}

static int init_fails(struct sluice_stage *self)
{
	(void)self;
	await(&allocating);
	sluice_store_release(&failed, 1);
	return -EDOM;
}

static void *joiner(void *arg)
{
	int *rc = arg;

	/* Once the start has got so far. */
	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS; ms++) {
		if (sluice_load_acquire(&pipeline->host.phase) ==
		    PIPELINE_STARTING)
			break;
		flow_sleep_ms(1);
	}
	meanwhile = while_the_start_fails;
	*rc = sluice_subscribe(pipeline, "c1", "source",
			       SLUICE_SUBSCRIPTION(.max_demand = 1000));
	return NULL;
}

/* What a foreign thread is making is not unmapped under its hands. */
static void a_failed_start_waits_for_it(void **state)
{
	pthread_t thread;
	int rc = 0;

	(void)state;
	watched_open();
	sluice_store_release(&allocating, 0);
	sluice_store_release(&failed, 0);
	sluice_store_release(&allocated, 0);
	add_source("demand", 0, UINT64_MAX);
	add_clerk(1);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "c0", .kind = SLUICE_CONSUMER,
			      .in_bytes = 8, .handle_events = clerk_handle,
			      .init = init_fails, .state = &clerks[0]));
	flow_subscribe(pipeline, "c0", "source", NULL);
	assert_int_equal(pthread_create(&thread, NULL, joiner, &rc), 0);
	assert_int_equal(sluice_pipeline_start(pipeline), -EDOM);
	assert_int_equal(sluice_load_acquire(&allocated), 1);
	(void)pthread_join(thread, NULL);
	/* It may be tried again: nothing has ended. */
	assert_int_equal(rc, -EBUSY);
	assert_int_equal(sluice_load_acquire(&pipeline->making), 0);
}

static struct CMUnitTest tests[40] = {
	cmocka_unit_test(a_failed_start_waits_for_it),
};

int main(void)
{
	size_t count = 0;

	while (tests[count].name != NULL)
		count++;
	count = UNIT_ADD_ROWS(tests, count, it_is_answered, meanwhile_rows);
	clerk_watch(tests, count);
	return _cmocka_run_group_tests("subscribe", tests, count, NULL, NULL);
}
