/* SPDX-License-Identifier: Apache-2.0 */
/* Process stages: they consume, they feed, they die and come back, they end. */
#include "program.h"

#include <sys/wait.h>

#define FAST .backoff_ms = 1, .backoff_max_ms = 20

/* ---- parts --------------------------------------------------------------------- */

/* The first one dies when so many are handled. */
static struct sluice_stage *part_read(uint32_t most)
{
	struct sluice_stage *port = program_attach();
	struct sluice_batch batch;
	int rc;

	while ((rc = sluice_recv(port, &batch, TEST_DEADLINE_MS)) > 0) {
		program_count(&batch);
		if (sluice_load_acquire(&programs->count) >= most &&
		    program_is_first())
			(void)raise(SIGKILL);
	}
	PROGRAM_MUST(rc == -EPIPE);
	(void)sluice_fetch_add(&programs->told, 1);
	return port;
}

static int part_detach(struct sluice_stage *port)
{
	return sluice_detach(port, TEST_DEADLINE_MS) == 0 ? 0 : 96;
}

static int reads(void)
{
	return part_detach(part_read(UINT32_MAX));
}

static int reads_and_dies(void)
{
	return part_detach(part_read(500));
}

/* Its stream has ended, and it fails in what it does then. */
static int reads_and_fails(void)
{
	(void)part_read(UINT32_MAX);
	return 7;
}

static int reads_and_hangs(void)
{
	(void)part_read(UINT32_MAX);
	return program_hangs();
}

static int dies_always(void)
{
	(void)program_attach();
	(void)raise(SIGKILL);
	return 0;
}

static int sends(void)
{
	uint64_t accepted = UINT64_MAX;
	struct sluice_stage *port;

	PROGRAM_MUST(sluice_attach(&port,
				   SLUICE_ATTACH(.accepted = &accepted)) == 0);
	for (uint64_t event = accepted; event < PROGRAM_EVENTS; event++) {
		PROGRAM_MUST(sluice_send(port, &event, 1, TEST_DEADLINE_MS) ==
			     1);
		if (event == 700 && sluice_load_acquire(&programs->told) &&
		    program_is_first())
			(void)raise(SIGKILL);
	}
	return part_detach(port);
}

static int exits_with_0(void)
{
	return 0;
}

static int exits_with_3(void)
{
	return 3;
}

static int attaches_and_hangs(void)
{
	(void)program_attach();
	return program_hangs();
}

static const struct program_part parts[] = {
	{"reads", reads},
	{"reads_and_dies", reads_and_dies},
	{"reads_and_fails", reads_and_fails},
	{"reads_and_hangs", reads_and_hangs},
	{"dies_always", dies_always},
	{"sends", sends},
	{"exits_with_0", exits_with_0},
	{"exits_with_3", exits_with_3},
	{"hangs", program_hangs},
	{"attaches_and_hangs", attaches_and_hangs},
};

/* ---- they consume, and feed -------------------------------------------------------- */

static void add_reader(const char *part, enum sluice_restart restart)
{
	program_add(SLUICE_PROCESS(.name = "reader", .from = "source",
				   .max_demand = 64, .restart = restart,
				   .end_ms = SLUICE_PROCESS_MS_MAX),
		    part);
}

static void open_reader(const char *part, enum sluice_restart restart)
{
	program_open(SLUICE_PIPELINE(FAST));
	program_source();
	add_reader(part, restart);
}

/* Nobody listens, and the stage does not say that it is to stay. */
static void one_consumes(void **state)
{
	(void)state;
	open_reader("reads", SLUICE_RESTART_NONE);
	assert_int_equal(flow_run(pipeline), 0);
	program_close();
	program_check_all(1);
	assert_int_equal(sluice_load_acquire(&programs->starts), 1);
	flow_check_ended(&source.ended, SLUICE_REASON_NORMAL);
}

static void one_feeds(void **state)
{
	(void)state;
	program_open(SLUICE_PIPELINE(FAST));
	program_sink();
	program_add(SLUICE_PROCESS(.name = "writer", .to = "sink"), "sends");
	assert_int_equal(flow_run(pipeline), 0);
	program_close();
	flow_check_all(&sink, PROGRAM_EVENTS);
	flow_check_ended(&sink.ended, SLUICE_REASON_NORMAL);
}

/* At both ends of one stage: it ends when what feeds it has. */
static void one_feeds_and_one_consumes(void **state)
{
	(void)state;
	program_open(SLUICE_PIPELINE(FAST));
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "source", .in_bytes = 8,
			      .kind = SLUICE_PRODUCER_CONSUMER, .out_bytes = 8,
			      .handle_events = flow_pass));
	add_reader("reads", SLUICE_RESTART_NONE);
	program_add(SLUICE_PROCESS(.name = "writer", .to = "source"), "sends");
	assert_int_equal(flow_run(pipeline), 0);
	program_close();
	program_check_all(1);
}

static void one_comes_while_it_runs(void **state)
{
	(void)state;
	program_open(SLUICE_PIPELINE(.name = "test"));
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .handle_demand = flow_count,
			      .on_idle = SLUICE_IDLE_STAY, .state = &source));
	source = (struct flow_source){.end = PROGRAM_EVENTS};
	flow_start(pipeline);
	add_reader("reads", SLUICE_RESTART_NONE);
	assert_int_equal(flow_join(pipeline), 0);
	program_close();
	program_check_all(1);
}

/* ---- they die --------------------------------------------------------------------- */

static void what_it_had_comes_again(void **state)
{
	(void)state;
	open_reader("reads_and_dies", SLUICE_RESTART_TRANSIENT);
	assert_int_equal(flow_run(pipeline), 0);
	program_close();
	program_check_all(2);
	assert_int_equal(sluice_load_acquire(&programs->starts), 2);
	assert_true(program_has_said("was killed by signal 9; restarting in"));
}

/* It goes on where it was. */
static void what_it_sent_counts(void **state)
{
	sluice_a32 attached = {7};

	(void)state;
	sluice_store_release(&programs->told, 1);
	program_open(SLUICE_PIPELINE(FAST));
	program_sink();
	program_add(SLUICE_PROCESS(.name = "writer", .to = "sink",
				   .restart = SLUICE_RESTART_PERMANENT,
				   .attached = &attached),
		    "sends");
	flow_start(pipeline);
	flow_wait_events(pipeline, &sink, PROGRAM_EVENTS);
	sluice_pipeline_stop(pipeline);
	program_close();
	assert_int_equal(sink.events, PROGRAM_EVENTS);
	assert_int_equal(sink.sum, flow_sum(PROGRAM_EVENTS));
	assert_int_equal(sluice_load_acquire(&attached), 2);
}

static void without_a_restart_the_pipeline_ends(void **state)
{
	(void)state;
	open_reader("exits_with_3", SLUICE_RESTART_NONE);
	assert_int_equal(flow_run(pipeline), -EOWNERDEAD);
	assert_text_has(sluice_last_error(), "stage 'reader': process ");
	assert_text_has(sluice_last_error(), "has exited with 3");
	program_close();
}

static void too_many_deaths_end_the_pipeline(void **state)
{
	(void)state;
	program_open(SLUICE_PIPELINE(FAST, .max_restarts = 2));
	program_source();
	add_reader("dies_always", SLUICE_RESTART_TRANSIENT);
	assert_int_equal(flow_run(pipeline), -EOWNERDEAD);
	assert_text_has(sluice_last_error(), "killed by signal 9; that is more "
					     "than max_restarts 2 allows");
	program_close();
	assert_int_equal(sluice_load_acquire(&programs->starts), 3);
}

/* Whether it attaches or not. */
static void one_that_exits_is_not_always_over(void **state)
{
	(void)state;
	program_open(SLUICE_PIPELINE(FAST, .max_restarts = 1));
	program_source();
	add_reader("exits_with_0", SLUICE_RESTART_PERMANENT);
	assert_int_equal(flow_run(pipeline), -EPIPE);
	assert_text_has(sluice_last_error(), "has exited with 0; that is more "
					     "than max_restarts 1 allows");
	program_close();
	assert_int_equal(sluice_load_acquire(&programs->starts), 2);
}

/* Its stage ends with it, as one that has nobody left; nothing failed. */
static void one_that_exits_with_0_is_over(void **state)
{
	sluice_a32 attached = {7};

	(void)state;
	program_open(SLUICE_PIPELINE(FAST));
	program_sink();
	program_add(SLUICE_PROCESS(.name = "writer", .to = "sink",
				   .restart = SLUICE_RESTART_TRANSIENT,
				   .attached = &attached),
		    "exits_with_0");
	assert_int_equal(flow_run(pipeline), 0);
	assert_int_equal(sluice_load_acquire(&attached), 0);
	program_close();
	assert_int_equal(sink.events, 0);
	flow_check_ended(&sink.ended, SLUICE_REASON_NORMAL);
}

static void others_go_on(void **state)
{
	(void)state;
	program_open_flow(SLUICE_PIPELINE(FAST));
	add_reader("exits_with_3", SLUICE_RESTART_TEMPORARY);
	flow_start(pipeline);
	program_await_said("has exited with 3");
	program_drain();
	assert_int_equal(sink.events, source.next);
}

/* With nobody else there, it is told how. */
static void the_last_one_ends_its_stage(void **state)
{
	(void)state;
	program_open(SLUICE_PIPELINE(FAST));
	program_sink();
	program_add(SLUICE_PROCESS(.name = "writer", .to = "sink",
				   .restart = SLUICE_RESTART_TEMPORARY),
		    "exits_with_3");
	assert_int_equal(flow_run(pipeline), 0);
	program_close();
	flow_check_ended(&sink.ended, SLUICE_REASON_ERROR);
}

/* ---- they end ----------------------------------------------------------------------- */

static void one_that_fails_at_the_end_is_told_of(void **state)
{
	(void)state;
	open_reader("reads_and_fails", SLUICE_RESTART_TEMPORARY);
	flow_start(pipeline);
	(void)flow_join(pipeline);
	program_close();
	program_check_all(2);
	assert_true(program_has_said("has exited with 7"));
}

static void one_that_hangs_at_the_end_is_killed(void **state)
{
	(void)state;
	program_open(SLUICE_PIPELINE(FAST));
	program_source();
	program_add(
		SLUICE_PROCESS(.name = "reader", .from = "source", .end_ms = 1),
		"reads_and_hangs");
	assert_int_equal(flow_run(pipeline), -EOWNERDEAD);
	assert_text_has(sluice_last_error(),
			"has not ended within end_ms, 1, and was killed");
	program_close();
	program_check_all(1);
}

static void one_that_hangs_in_a_stop_is_killed(void **state)
{
	(void)state;
	program_open(SLUICE_PIPELINE(FAST));
	program_source();
	program_add(
		SLUICE_PROCESS(.name = "reader", .from = "source", .end_ms = 1),
		"attaches_and_hangs");
	flow_start(pipeline);
	child_await(&programs->attached, 1);
	sluice_pipeline_stop(pipeline);
	assert_int_equal(flow_join(pipeline), -ECANCELED);
	program_close();
	assert_true(program_has_said("was killed"));
}

/* One that is on its way is no peer yet, and has nobody to tell it. */
static void one_that_has_not_attached_is_killed_in_a_stop(void **state)
{
	(void)state;
	program_open(SLUICE_PIPELINE(FAST));
	program_source();
	program_add(
		SLUICE_PROCESS(.name = "reader", .from = "source", .end_ms = 1),
		"hangs");
	flow_start(pipeline);
	child_await(&programs->starts, 1);
	sluice_pipeline_stop(pipeline);
	assert_int_equal(flow_join(pipeline), -ECANCELED);
	program_close();
}

static void one_that_does_not_attach_is_killed(void **state)
{
	(void)state;
	program_open(SLUICE_PIPELINE(FAST));
	program_source();
	program_add(SLUICE_PROCESS(.name = "reader", .from = "source",
				   .attach_ms = 1),
		    "hangs");
	assert_int_equal(flow_run(pipeline), -ENOTCONN);
	assert_text_has(sluice_last_error(), "no hello within attach_ms, 1");
	program_close();
}

/* By its stage, which is found by its name. */
static void one_is_ended(void **state)
{
	struct sluice_stage *stage = NULL;

	(void)state;
	open_reader("reads", SLUICE_RESTART_PERMANENT);
	source.end = UINT64_MAX;
	source.most = 1;
	flow_start(pipeline);
	child_await(&programs->attached, 1);
	while (stage == NULL)
		stage = sluice_stage_find(pipeline, "reader");
	assert_int_equal(sluice_stage_end(stage, SLUICE_REASON_NORMAL, 0), 0);
	(void)flow_join(pipeline);
	program_close();
	assert_int_equal(sluice_load_acquire(&programs->starts), 1);
}

/* It would come back much later. */
static void a_drain_waits_for_nobody_who_is_away(void **state)
{
	int rc;

	(void)state;
	program_open(SLUICE_PIPELINE(.backoff_ms = 3600000,
				     .backoff_max_ms = 3600000));
	program_source();
	add_reader("reads_and_dies", SLUICE_RESTART_TRANSIENT);
	flow_start(pipeline);
	program_await_said("restarting in");
	rc = sluice_pipeline_drain(pipeline, FLOW_DEADLINE_MS);
	assert_int_equal(rc, -EPIPE);
	assert_text_has(sluice_last_error(), "no consumer left");
	program_close();
	assert_int_equal(sluice_load_acquire(&programs->starts), 1);
}

static void one_that_was_never_started_goes_with_its_pipeline(void **state)
{
	(void)state;
	open_reader("reads", SLUICE_RESTART_NONE);
	program_close();
	assert_int_equal(sluice_load_acquire(&programs->starts), 0);
}

/* ---- what a host does ---------------------------------------------------------------- */

/* Its children are forgotten as they die: how they did is asked of the kernel, or not
 * known. */
static void a_host_may_ignore_its_children(void **state)
{
	void (*before)(int) = signal(SIGCHLD, SIG_IGN);

	(void)state;
	open_reader("reads_and_dies", SLUICE_RESTART_TRANSIENT);
	assert_int_equal(flow_run(pipeline), 0);
	program_close();
	(void)signal(SIGCHLD, before);
	program_check_all(2);
	assert_int_equal(sluice_load_acquire(&programs->starts), 2);
}

static void *waits_for_all(void *over)
{
	const sluice_a32 *word = over;

	while (!sluice_load_acquire(word))
		if (waitpid(-1, NULL, WNOHANG) <= 0)
			flow_sleep_ms(1);
	return NULL;
}

static void a_host_may_wait_for_all_children(void **state)
{
	sluice_a32 over = {0};
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, waits_for_all, &over),
			 0);
	open_reader("reads_and_dies", SLUICE_RESTART_TRANSIENT);
	assert_int_equal(flow_run(pipeline), 0);
	program_close();
	sluice_store_release(&over, 1);
	assert_int_equal(pthread_join(thread, NULL), 0);
	program_check_all(2);
}

int main(int argc, char **argv)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(one_consumes),
		cmocka_unit_test(one_feeds),
		cmocka_unit_test(one_feeds_and_one_consumes),
		cmocka_unit_test(one_comes_while_it_runs),
		cmocka_unit_test(what_it_had_comes_again),
		cmocka_unit_test(what_it_sent_counts),
		cmocka_unit_test(without_a_restart_the_pipeline_ends),
		cmocka_unit_test(too_many_deaths_end_the_pipeline),
		cmocka_unit_test(one_that_exits_is_not_always_over),
		cmocka_unit_test(one_that_exits_with_0_is_over),
		cmocka_unit_test(others_go_on),
		cmocka_unit_test(the_last_one_ends_its_stage),
		cmocka_unit_test(one_that_fails_at_the_end_is_told_of),
		cmocka_unit_test(one_that_hangs_at_the_end_is_killed),
		cmocka_unit_test(one_that_hangs_in_a_stop_is_killed),
		cmocka_unit_test(one_that_has_not_attached_is_killed_in_a_stop),
		cmocka_unit_test(one_that_does_not_attach_is_killed),
		cmocka_unit_test(one_is_ended),
		cmocka_unit_test(a_drain_waits_for_nobody_who_is_away),
		cmocka_unit_test(
			one_that_was_never_started_goes_with_its_pipeline),
		cmocka_unit_test(a_host_may_ignore_its_children),
		cmocka_unit_test(a_host_may_wait_for_all_children),
	};

	if (argc > 2)
		return program_main(argv, parts, UNIT_COUNT(parts));
	program_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests_name("process", tests, NULL, NULL);
}
