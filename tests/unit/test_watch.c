/* SPDX-License-Identifier: Apache-2.0 */
/* Other processes watch a pipeline. */
#include "visitor.h"

static void open_and_start(void)
{
	visitor_open(0, 0);
	visitor_listen();
	flow_start(pipeline);
}

static struct sluice_watch *watch_open(void)
{
	struct sluice_watch *watch = NULL;

	VISITOR_MUST(
		sluice_watch_open(&watch,
				  SLUICE_WATCH(.pipeline = "test",
					       .folder = visitor_folder)) == 0);
	return watch;
}

static struct sluice_snapshot *watch_read(struct sluice_watch *watch)
{
	struct sluice_snapshot *now = NULL;

	VISITOR_MUST(sluice_watch_read(watch, &now, TEST_DEADLINE_MS) == 0);
	return now;
}

/* ---- what is seen ------------------------------------------------------------- */

/* Reads on until the stage is there, and says how it ends. */
static void sees_it_end(void)
{
	struct sluice_watch *watch = watch_open();
	struct sluice_snapshot *now = watch_read(watch);
	uint64_t time_ns = 0;
	int rc;

	VISITOR_MUST(strcmp(now->name, "test") == 0);
	VISITOR_MUST(now->stage_count == 2 && now->subscription_count == 0);
	VISITOR_MUST(now->phase == SLUICE_PHASE_DECLARED);
	sluice_store_release(&visited->stage, 1);
	for (;;) {
		struct sluice_snapshot *next;

		rc = sluice_watch_read(watch, &next, TEST_DEADLINE_MS);
		if (rc < 0)
			break;
		VISITOR_MUST(next->time_ns > time_ns);
		time_ns = next->time_ns;
		sluice_snapshot_close(now);
		now = next;
		if (now->phase == SLUICE_PHASE_RUNNING)
			sluice_store_release(&visited->stage, 2);
	}
	/* The last one is of the end. */
	VISITOR_MUST(rc == -EPIPE);
	VISITOR_MUST(strstr(sluice_last_error(), "has ended"));
	VISITOR_MUST(now->phase == SLUICE_PHASE_ENDED);
	VISITOR_MUST(now->subscription_count == 1);
	VISITOR_MUST(now->subscriptions[0]->carried == VISITOR_EVENTS);
	VISITOR_MUST(now->subscriptions[0]->sub.pipeline == NULL);
	VISITOR_MUST(sluice_snapshot_stage(now, "sink")->counts.events_in ==
		     VISITOR_EVENTS);
	sluice_snapshot_close(now);
	VISITOR_MUST(sluice_watch_read(watch, &now, 0) == -EPIPE);
	sluice_watch_close(watch);
}

static void one_sees_it_from_before_the_start_to_the_end(void **state)
{
	struct visitor watcher = visitor_fork(sees_it_end);

	(void)state;
	visitor_open(0, 0);
	visitor_listen();
	visitor_go(&watcher);
	child_await(&visited->stage, 1);
	flow_subscribe(pipeline, "sink", "source", NULL);
	flow_start(pipeline);
	child_await(&visited->stage, 2);
	assert_int_equal(sluice_pipeline_drain(pipeline, FLOW_DEADLINE_MS), 0);
	visitor_wait(&watcher);
	sluice_pipeline_close(pipeline);
	flow_check_all(&sink, VISITOR_EVENTS);
}

/* It has no stage in the pipeline; and what grows is seen whole. */
static void sees_it_grow(void)
{
	struct sluice_watch *watch = watch_open();
	struct sluice_snapshot *now = watch_read(watch);

	VISITOR_MUST(now->stage_count == 2);
	sluice_store_release(&visited->stage, 1);
	while (now->stage_count < 102) {
		sluice_snapshot_close(now);
		now = watch_read(watch);
	}
	VISITOR_MUST(sluice_snapshot_stage(now, "late99"));
	sluice_snapshot_close(now);
	sluice_watch_close(watch);
}

static void a_pipeline_outgrows_its_board(void **state)
{
	struct visitor watcher = visitor_fork(sees_it_grow);
	char name[16];

	(void)state;
	open_and_start();
	visitor_go(&watcher);
	child_await(&visited->stage, 1);
	for (uint32_t i = 0; i < 100; i++) {
		(void)snprintf(name, sizeof(name), "late%u", i);
		flow_add(pipeline,
			 SLUICE_STAGE(.name = name, .kind = SLUICE_CONSUMER,
				      .in_bytes = 8,
				      .flags = SLUICE_STAGE_PORT));
	}
	visitor_wait(&watcher);
	visitor_stop();
}

static void comes_and_goes(void)
{
	for (uint32_t i = 0; i < 5; i++) {
		struct sluice_watch *one = watch_open();
		struct sluice_watch *other = watch_open();

		sluice_snapshot_close(watch_read(one));
		sluice_watch_close(one);
		sluice_snapshot_close(watch_read(other));
		sluice_snapshot_close(watch_read(other));
		sluice_watch_close(other);
	}
	/* Killed with its watch. */
	sluice_snapshot_close(watch_read(watch_open()));
	visitor_stays(1);
}

/* The board goes with the last of them: setup and teardown count descriptors and
 * mappings. */
static void they_come_and_go(void **state)
{
	struct visitor watcher = visitor_fork(comes_and_goes);

	(void)state;
	open_and_start();
	visitor_go(&watcher);
	child_await(&visited->stage, 1);
	visitor_kill(&watcher);
	visitor_stop();
}

/* ---- the engine goes, or stands still --------------------------------------------- */

static void runs_an_engine(void)
{
	open_and_start();
	visitor_stays(1);
}

static void hears_of_its_death(void)
{
	struct sluice_watch *watch = watch_open();
	struct sluice_snapshot *now;
	pid_t child;
	int status;
	int rc;

	sluice_snapshot_close(watch_read(watch));
	/* It is not a child's. */
	child = fork();
	if (child == 0) {
		rc = sluice_watch_read(watch, &now, 0);
		sluice_watch_close(watch);
		_exit(rc == -ECHILD ? 0 : 1);
	}
	VISITOR_MUST(waitpid(child, &status, 0) == child && status == 0);
	sluice_snapshot_close(watch_read(watch));
	sluice_store_release(&visited->stage, 2);
	child_await(&visited->stage, 3);
	while ((rc = sluice_watch_read(watch, &now, 250)) == 0)
		sluice_snapshot_close(now);
	VISITOR_MUST(rc == -EAGAIN);
	sluice_store_release(&visited->stage, 4);
	while ((rc = sluice_watch_read(watch, &now, TEST_DEADLINE_MS)) == 0)
		sluice_snapshot_close(now);
	VISITOR_MUST(rc == -EOWNERDEAD);
	VISITOR_MUST(strstr(sluice_last_error(), "has died"));
	sluice_watch_close(watch);
}

static void the_engine_stands_still_and_dies(void **state)
{
	struct visitor engine = visitor_fork(runs_an_engine);
	struct visitor peer = visitor_fork(hears_of_its_death);

	(void)state;
	visitor_go(&engine);
	child_await(&visited->stage, 1);
	visitor_go(&peer);
	child_await(&visited->stage, 2);
	assert_int_equal(kill(engine.pid, SIGSTOP), 0);
	sluice_store_release(&visited->stage, 3);
	child_await(&visited->stage, 4);
	visitor_kill(&engine);
	visitor_wait(&peer);
	visitor_unlink();
}

/* ---- who may -------------------------------------------------------------------- */

static void is_kept_out(void)
{
	struct sluice_watch *watch;

	VISITOR_MUST(sluice_watch_open(
			     &watch, SLUICE_WATCH(.pipeline = "test",
						  .folder = visitor_folder)) ==
		     -EACCES);
	VISITOR_MUST(strstr(sluice_last_error(), "may not watch it"));
}

/* Other roles; and of a few stages only. */
static void the_allow_list_says_who_may_watch(void **state)
{
	static const char *const stages[] = {"source", NULL};
	const struct sluice_peer_allow rows[] = {
		{.roles = SLUICE_PEER_CONSUMER | SLUICE_PEER_PRODUCER},
		{.stages = stages},
	};
	struct visitor stranger = visitor_fork(is_kept_out);

	(void)state;
	visitor_open(0, 0);
	assert_int_equal(
		sluice_pipeline_listen(pipeline,
				       SLUICE_LISTEN(.folder = visitor_folder,
						     .allow = rows,
						     .allow_count = 2)),
		0);
	flow_start(pipeline);
	visitor_go(&stranger);
	visitor_wait(&stranger);
	visitor_stop();
}

static void what_is_refused(void **state)
{
	static const struct {
		struct sluice_watch_opts opts;
		int rc;
		const char *says;
	} rows[] = {
		{{.pipeline = NULL}, -EINVAL, "pipeline is NULL"},
		{{.pipeline = "test", .flags = 1}, -EINVAL, "flags"},
		{{.pipeline = "test", .resv32 = 1}, -EINVAL, "resv32"},
		{{.pipeline = "test", .resv = {[7] = 1}}, -EINVAL, "resv[7]"},
		{{.pipeline = "a b"}, -EINVAL, "A-Z a-z"},
		{{.pipeline = "01234567890123456789012345678901234567890123456"
			      "789012345678901234"},
		 -EINVAL,
		 "limit of 63"},
		{{.pipeline = "test"}, -ECONNREFUSED, "no pipeline listens"},
	};
	struct sluice_watch *watch = NULL;
	struct sluice_snapshot *now;

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
		struct sluice_watch_opts opts = rows[i].opts;

		opts.size = sizeof(opts);
		opts.folder = visitor_folder;
		assert_int_equal(sluice_watch_open(&watch, &opts), rows[i].rc);
		assert_text_has(sluice_last_error(), rows[i].says);
	}
	assert_int_equal(
		sluice_watch_open(&watch,
				  &(struct sluice_watch_opts){.size = 3}),
		-EINVAL);
	assert_text_has(sluice_last_error(), "watch options");
	/* As the environment says. */
	assert_int_equal(setenv("SLUICE_DIR", visitor_folder, 1), 0);
	assert_int_equal(
		sluice_watch_open(&watch, SLUICE_WATCH(.pipeline = "test")),
		-ECONNREFUSED);
	assert_text_has(sluice_last_error(), visitor_folder);
	assert_int_equal(unsetenv("SLUICE_DIR"), 0);
	assert_int_equal(sluice_watch_open(&watch, NULL), -EINVAL);
	assert_int_equal(
		sluice_watch_open(NULL, SLUICE_WATCH(.pipeline = "test")),
		-EINVAL);
	assert_int_equal(sluice_watch_read(NULL, &now, 0), -EINVAL);
	assert_null(watch);
	sluice_watch_close(NULL);
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(one_sees_it_from_before_the_start_to_the_end),
		cmocka_unit_test(a_pipeline_outgrows_its_board),
		cmocka_unit_test(they_come_and_go),
		cmocka_unit_test(the_engine_stands_still_and_dies),
		cmocka_unit_test(the_allow_list_says_who_may_watch),
		cmocka_unit_test(what_is_refused),
	};

	visitor_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
