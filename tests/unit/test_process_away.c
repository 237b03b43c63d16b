/* SPDX-License-Identifier: Apache-2.0 */
/* A process stage that is away until it is started again, in an hour: nobody waits for
 * that when there is nothing left that it is for. */
#include "program.h"

#include <errno.h>

#define SLOW .backoff_ms = 3600000, .backoff_max_ms = 3600000

static int holds(void)
{
	struct sluice_stage *port = program_attach();
	struct sluice_batch batch;

	PROGRAM_MUST(sluice_recv(port, &batch, TEST_DEADLINE_MS) > 0);
	return program_hangs();
}

static int exits_with_3(void)
{
	return 3;
}

static int fails_before_it_attaches(void)
{
	child_await(&programs->told, 1);
	return 3;
}

static const struct program_part parts[] = {
	{"hangs", program_hangs},
	{"holds", holds},
	{"exits_with_3", exits_with_3},
	{"fails_before_it_attaches", fails_before_it_attaches},
};

static void end_stage(const char *name)
{
	struct sluice_stage *stage = sluice_stage_find(pipeline, name);

	assert_non_null(stage);
	assert_int_equal(sluice_stage_end(stage, SLUICE_REASON_NORMAL, 0), 0);
}

/* It would come back much later. Somebody else's coming does not bring that forward; but
 * when nobody is there to read from any more it is over, and its name free. */
static void one_that_is_away_is_over_when_its_stage_is(void **state)
{
	static struct flow_source other;
	int rc = -EEXIST;

	(void)state;
	other = (struct flow_source){.end = UINT64_MAX};
	program_open_flow(SLUICE_PIPELINE(SLOW, .name = "test"));
	flow_start(pipeline);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "other", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .handle_demand = flow_count,
			      .state = &other));
	program_add(SLUICE_PROCESS(.name = "x", .from = "other",
				   .restart = SLUICE_RESTART_TRANSIENT),
		    "exits_with_3");
	program_await_said("has exited with 3; restarting in");
	program_add(SLUICE_PROCESS(.name = "y", .from = "source", .end_ms = 1),
		    "holds");
	child_await(&programs->attached, 1);
	assert_int_equal(sluice_load_acquire(&programs->starts), 2);
	end_stage("other");
	for (uint32_t ms = 0; rc == -EEXIST; ms++) {
		assert_true(ms < TEST_DEADLINE_MS);
		rc = program_try(SLUICE_PROCESS(.name = "x", .from = "source",
						.end_ms = 1),
				 "hangs");
		flow_sleep_ms(1);
	}
	assert_int_equal(rc, 0);
	child_await(&programs->starts, 3);
	sluice_pipeline_stop(pipeline);
	program_close();
}

static struct flow_sink beside;

static void add_worker(const char *part)
{
	program_add(SLUICE_PROCESS(.name = "worker", .from = "source",
				   .to = "sink", .max_demand = 64,
				   .restart = SLUICE_RESTART_TRANSIENT),
		    part);
}

/* "source" and "sink" are linked by a worker only, which would come back much later. */
static void open_worker(const char *part)
{
	program_open(SLUICE_PIPELINE(SLOW));
	program_source();
	source.end = UINT64_MAX;
	program_sink();
	add_worker(part);
	flow_start(pipeline);
}

/* The other one waits for it no longer than there is something to read. */
static void what_one_that_is_away_feeds_ends(void **state)
{
	(void)state;
	open_worker("exits_with_3");
	program_await_said("restarting in");
	end_stage("source");
	assert_int_equal(sluice_pipeline_join(pipeline, FLOW_DEADLINE_MS), 0);
	program_close();
	assert_int_equal(sluice_load_acquire(&programs->starts), 1);
}

static sluice_a32 may_end;

static int ends_when_it_may(struct sluice_stage *self, uint32_t demand)
{
	(void)self;
	(void)demand;
	child_await(&may_end, 1);
	return SLUICE_END;
}

/* Its source has ended by itself, which nobody has asked for. */
static void what_it_reads_ends(void **state)
{
	(void)state;
	sluice_store_release(&may_end, 0);
	program_open(SLUICE_PIPELINE(SLOW));
	flow_add(pipeline, SLUICE_STAGE(.name = "source", .out_bytes = 8,
					.kind = SLUICE_PRODUCER,
					.handle_demand = ends_when_it_may));
	program_sink();
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "beside", .in_bytes = 8,
			      .kind = SLUICE_CONSUMER,
			      .handle_events = flow_collect, .state = &beside));
	flow_subscribe(pipeline, "beside", "source", NULL);
	add_worker("exits_with_3");
	flow_start(pipeline);
	program_await_said("restarting in");
	sluice_store_release(&may_end, 1);
	assert_int_equal(sluice_pipeline_join(pipeline, FLOW_DEADLINE_MS), 0);
	program_close();
}

/* It has never attached, so nobody has told it. */
static void its_stage_ends_before_it_is_away(void **state)
{
	(void)state;
	open_worker("fails_before_it_attaches");
	child_await(&programs->starts, 1);
	end_stage("source");
	for (uint32_t ms = 0;
	     sluice_stage_find(pipeline, "source") != NULL &&
	     sluice_stage_remove(sluice_stage_find(pipeline, "source"), 0) != 0;
	     ms++) {
		assert_true(ms < TEST_DEADLINE_MS);
		flow_sleep_ms(1);
	}
	sluice_store_release(&programs->told, 1);
	assert_int_equal(sluice_pipeline_join(pipeline, FLOW_DEADLINE_MS), 0);
	program_close();
	assert_int_equal(sluice_load_acquire(&programs->starts), 1);
}

static void a_stop_waits_for_nobody_who_is_away(void **state)
{
	(void)state;
	open_worker("exits_with_3");
	program_await_said("restarting in");
	sluice_pipeline_stop(pipeline);
	assert_int_equal(sluice_pipeline_join(pipeline, FLOW_DEADLINE_MS),
			 -ECANCELED);
	program_close();
	assert_int_equal(sluice_load_acquire(&programs->starts), 1);
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, program_setup, program_teardown)

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		TEST(one_that_is_away_is_over_when_its_stage_is),
		TEST(what_one_that_is_away_feeds_ends),
		TEST(what_it_reads_ends),
		TEST(its_stage_ends_before_it_is_away),
		TEST(a_stop_waits_for_nobody_who_is_away),
	};

	if (argc > 2)
		return program_main(argv, parts, UNIT_COUNT(parts));
	program_watch(NULL, 0); /* its path */
	return cmocka_run_group_tests_name("process_away", tests, NULL, NULL);
}
