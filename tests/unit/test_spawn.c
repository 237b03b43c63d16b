/* SPDX-License-Identifier: Apache-2.0 */
/* One task per event: each runs, none is forgotten, the bounds hold, and what
 * fails is tried again or given up. */
#include "tests/unit/crew.h"

#define HOUR_MS 3600000u

/* ---- every event, once --------------------------------------------------- */

static struct flow_row {
	const char *name;
	uint32_t workers;
	uint32_t sources;
	struct sluice_spawn_opts opts;
} flow_rows[] = {
	{"runs_one_at_a_time", 1, 1, {.max_demand = 1}},
	{"runs_on_one_thread", 2, 1, {.max_demand = 100, .threads = 1}},
	{"runs_on_more_threads_than_tasks",
	 2,
	 1,
	 {.max_demand = 3, .threads = 8}},
	{"runs_and_asks_after_each",
	 2,
	 1,
	 {.max_demand = 50, .min_demand = SLUICE_MIN_ZERO, .threads = 4}},
	{"runs_and_asks_late",
	 2,
	 1,
	 {.max_demand = 50, .min_demand = 49, .threads = 4}},
	{"runs_for_three_sources", 2, 3, {.max_demand = 16, .threads = 4}},
};

static void every_event_runs_once(void **state)
{
	static const char *const names[] = {"s0", "s1", "s2"};
	const struct flow_row *row = *state;
	struct flow_source sources[3] = {{.next = 0}};
	struct sluice_pipeline *p = flow_open(row->workers);
	struct sluice_spawn_opts o = row->opts;
	struct sluice_spawn *spawn;
	uint32_t each = CREW_EVENTS / row->sources;
	struct sluice_spawn_stats stats;

	crew_reset();
	o.size = sizeof(o);
	o.task = task_count;
	spawn = spawn_make(p, &o);
	for (uint32_t i = 0; i < row->sources; i++) {
		sources[i].next = (uint64_t)i * each;
		sources[i].end = (uint64_t)(i + 1) * each;
		flow_add_source(p, names[i], &sources[i]);
		if (sluice_spawn_subscribe(spawn, names[i],
					   SLUICE_ON_END_DEFAULT, NULL) != 0)
			fail_msg("%s", sluice_last_error());
	}
	flow_start(p);
	spawn_await(spawn, done, (uint64_t)each * row->sources);
	/* The sources have ended, and it stays: make it go. */
	assert_int_equal(sluice_pipeline_drain(p, FLOW_DEADLINE_MS), 0);
	stats = spawn_stats(spawn);
	assert_int_equal(stats.started, (uint64_t)each * row->sources);
	assert_int_equal(stats.failed + stats.dead + stats.retried, 0);
	assert_int_equal(stats.threads, 0);
	for (uint32_t i = 0; i < each * row->sources; i++)
		assert_int_equal(crew.runs[i], 1);
	assert_in_range(crew.most, 1, row->opts.max_demand * row->sources);
	sluice_pipeline_close(p);
}

/* ---- failures ------------------------------------------------------------ */

static struct fail_row {
	const char *name;
	uint32_t fail_first;
	struct sluice_spawn_opts opts;
	uint32_t runs; /* of each event */
	uint32_t dead; /* of ten */
} fail_rows[] = {
	{"temporary_runs_once", 9, {.dead_letter = keep_letter}, 1, 10},
	{"temporary_without_dead_letter", 9, {.threads = 2}, 1, 10},
	{"transient_runs_until_it_works",
	 2,
	 {.restart = SLUICE_TASK_TRANSIENT,
	  .retry_ms = 1,
	  .dead_letter = keep_letter},
	 3,
	 0},
	{"transient_gives_up",
	 9,
	 {.restart = SLUICE_TASK_TRANSIENT,
	  .attempts = 5,
	  .retry_ms = 1,
	  .retry_max_ms = 2,
	  .dead_letter = keep_letter},
	 5,
	 10},
	{"transient_with_one_attempt",
	 9,
	 {.restart = SLUICE_TASK_TRANSIENT,
	  .attempts = 1,
	  .dead_letter = keep_letter},
	 1,
	 10},
};

static void failures_are_counted(void **state)
{
	const struct fail_row *row = *state;
	struct flow_source source = {.end = 10};
	struct sluice_pipeline *p = flow_open(1);
	struct sluice_spawn_opts o = row->opts;
	struct sluice_spawn *spawn;
	struct sluice_spawn_stats stats;
	uint32_t failing;

	crew_reset();
	crew.fail_first = row->fail_first;
	o.size = sizeof(o);
	o.task = task_fail;
	o.max_demand = 4;
	spawn = spawn_make(p, &o);
	flow_add_source(p, "source", &source);
	spawn_join_source(spawn, "source");
	assert_int_equal(flow_run(p), 0);
	stats = spawn_stats(spawn);
	failing = row->runs < row->fail_first ? row->runs : row->fail_first;
	assert_int_equal(stats.done, 10);
	assert_int_equal(stats.failed, 10 * failing);
	assert_int_equal(stats.retried, 10 * (row->runs - 1));
	assert_int_equal(stats.dead, row->dead);
	assert_int_equal(crew.letters, row->opts.dead_letter ? row->dead : 0);
	for (uint32_t i = 0; i < 10; i++)
		assert_int_equal(crew.runs[i], row->runs);
	for (uint32_t i = 0; i < crew.letters; i++) {
		assert_int_equal(crew.letter[i].attempts, row->runs);
		assert_int_equal(crew.letter[i].code, -EREMOTEIO);
	}
	sluice_pipeline_close(p);
}

/* It keeps its place, but no thread: another task runs on the only one. */
static void retry_holds_no_thread(void **state)
{
	struct flow_source source = {.end = 2};
	struct sluice_pipeline *p = flow_open(1);
	struct sluice_spawn *spawn;
	uint64_t first = 0;

	(void)state;
	crew_reset();
	crew.fail_first = 1;
	spawn = spawn_make(
		p, SLUICE_SPAWN(.task = task_fail, .max_demand = 1,
				.threads = 1, .restart = SLUICE_TASK_TRANSIENT,
				.retry_ms = HOUR_MS, .retry_max_ms = HOUR_MS,
				.dead_letter = keep_letter));
	flow_add_source(p, "source", &source);
	spawn_join_source(spawn, "source");
	flow_start(p);
	spawn_await(spawn, waiting, 1);
	assert_int_equal(spawn_stats(spawn).started, 1);
	assert_int_equal(sluice_spawn_start(spawn, &(uint64_t){7}, &first), 0);
	spawn_await(spawn, waiting, 2);
	assert_int_equal(crew.runs[7], 1);
	/* The place of the first is still its own. */
	assert_int_equal(crew.runs[1], 0);
	sluice_spawn_cancel_all(spawn);
	spawn_await(spawn, dead, 2);
	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(crew.letter[i].code, -ECANCELED);
		assert_int_equal(crew.letter[i].attempts, 1);
	}
	/* Now the second event has one. */
	spawn_await(spawn, waiting, 1);
	assert_int_equal(crew.runs[1], 1);
	sluice_spawn_cancel_all(spawn);
	assert_int_equal(flow_join(p), 0);
	sluice_pipeline_close(p);
}

/* A retry that is due is taken up by an idle thread while the one that put it
 * back is busy. */
static int task_fail_or_wait(struct sluice_task *task, const void *event)
{
	return event_of(event) == 0 ? task_fail(task, event)
				    : task_wait(task, event);
}

static void retry_finds_an_idle_thread(void **state)
{
	struct flow_source source = {.end = 3};
	struct sluice_pipeline *p = flow_open(1);
	struct sluice_spawn *spawn;

	(void)state;
	crew_reset();
	crew.fail_first = 3;
	spawn = spawn_make(p, SLUICE_SPAWN(.task = task_fail_or_wait,
					   .max_demand = 3, .threads = 3,
					   .restart = SLUICE_TASK_TRANSIENT,
					   .attempts = 4, .retry_ms = 1));
	flow_add_source(p, "source", &source);
	spawn_join_source(spawn, "source");
	flow_start(p);
	spawn_await(spawn, done, 1);
	assert_int_equal(crew.runs[0], 4);
	gate_open(&crew.gate, 2);
	assert_int_equal(flow_join(p), 0);
	sluice_pipeline_close(p);
}

/* ---- refused ------------------------------------------------------------- */

static struct refused_row {
	const char *name;
	struct sluice_spawn_opts opts;
	const char *says;
} refused_rows[] = {
	{"refuses_no_task", {.max_demand = 1}, "task is missing"},
	{"refuses_no_demand", {.task = task_count}, "max_demand"},
	{"refuses_much_demand",
	 {.task = task_count, .max_demand = SLUICE_DEMAND_MAX + 1},
	 "max_demand"},
	{"refuses_min_over_max",
	 {.task = task_count, .max_demand = 4, .min_demand = 4},
	 "min_demand"},
	{"refuses_many_threads",
	 {.task = task_count, .max_demand = 4, .threads = 1025},
	 "threads 1025 is over"},
	{"refuses_permanent",
	 {.task = task_count,
	  .max_demand = 4,
	  .restart = SLUICE_TASK_PERMANENT},
	 "SLUICE_TASK_PERMANENT"},
	{"refuses_an_unknown_restart",
	 {.task = task_count,
	  .max_demand = 4,
	  .restart = (enum sluice_task_restart)3},
	 "restart 3"},
	{"refuses_attempts_of_a_temporary",
	 {.task = task_count, .max_demand = 4, .attempts = 2},
	 "attempts"},
	{"refuses_a_delay_over_its_limit",
	 {.task = task_count,
	  .max_demand = 4,
	  .restart = SLUICE_TASK_TRANSIENT,
	  .retry_ms = 20,
	  .retry_max_ms = 10},
	 "retry_ms 20 is over retry_max_ms 10"},
	{"refuses_flags",
	 {.task = task_count, .max_demand = 4, .flags = 1},
	 "flags 0x1"},
	{"refuses_resv",
	 {.task = task_count, .max_demand = 4, .resv = {0, 0, 0, 1}},
	 "resv[3]"},
};

static void options_are_refused(void **state)
{
	const struct refused_row *row = *state;
	struct sluice_spawn_opts o = row->opts;
	struct sluice_pipeline *p = flow_open(1);
	struct sluice_spawn *spawn = NULL;

	o.size = sizeof(o);
	assert_int_equal(
		sluice_spawn_add(p, SLUICE_STAGE(.name = "s", .in_bytes = 8),
				 &o, &spawn),
		-EINVAL);
	assert_text_has(sluice_last_error(), row->says);
	assert_null(spawn);
	sluice_pipeline_close(p);
}

static int refused_init(struct sluice_stage *self)
{
	(void)self;
	return 0;
}

static int refused_link(struct sluice_stage *self,
			const struct sluice_link_event *event)
{
	(void)self;
	(void)event;
	return 0;
}

static struct stage_row {
	const char *name;
	struct sluice_stage_opts opts;
	const char *says;
} stage_rows[] = {
	{"refuses_handle_events",
	 {.handle_events = flow_collect},
	 "handle_events is set"},
	{"refuses_init", {.init = refused_init}, "init is set"},
	{"refuses_fini", {.fini = flow_fini}, "fini is set"},
	{"refuses_on_subscribe",
	 {.on_subscribe = refused_link},
	 "on_subscribe is set"},
	{"refuses_on_cancel", {.on_cancel = refused_link}, "on_cancel is set"},
	{"refuses_state", {.state = &crew}, "state is set"},
	{"refuses_many_subscriptions",
	 {.subscriptions_max = 9},
	 "subscriptions_max 9"},
	{"refuses_a_cpu", {.cpu = SLUICE_CPU(0)}, "takes no cpu"},
	{"refuses_a_producer", {.kind = SLUICE_PRODUCER}, "kind 1"},
};

static void stage_options_are_refused(void **state)
{
	const struct stage_row *row = *state;
	struct sluice_stage_opts o = row->opts;
	struct sluice_pipeline *p = flow_open(1);
	struct sluice_spawn *spawn = NULL;

	o.size = sizeof(o);
	o.name = "s";
	o.in_bytes = 8;
	assert_int_equal(sluice_spawn_add(p, &o,
					  SLUICE_SPAWN(.task = task_count,
						       .max_demand = 1),
					  &spawn),
			 -EINVAL);
	assert_text_has(sluice_last_error(), row->says);
	assert_null(spawn);
	sluice_pipeline_close(p);
}

/* One that asks by itself would send more than there are places. It is refused at
 * once, in words that name the right call; and nothing has changed. */
static void automatic_subscription_is_refused(void **state)
{
	struct flow_source source = {.end = 10};
	struct sluice_pipeline *p = flow_open(1);
	struct sluice_spawn *spawn;

	(void)state;
	crew_reset();
	spawn = spawn_make(p,
			   SLUICE_SPAWN(.task = task_count, .max_demand = 1));
	flow_add_source(p, "source", &source);
	assert_int_equal(
		sluice_subscribe(p, "spawn", "source",
				 SLUICE_SUBSCRIPTION(.max_demand = 10)),
		-EINVAL);
	assert_text_has(sluice_last_error(), "sluice_spawn_subscribe()");
	assert_int_equal(sluice_subscribe(p, "spawn", "source", NULL), -EINVAL);
	spawn_join_source(spawn, "source");
	assert_int_equal(flow_run(p), 0);
	assert_int_equal(spawn_stats(spawn).started, 10);
	sluice_pipeline_close(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(retry_holds_no_thread),
		cmocka_unit_test(retry_finds_an_idle_thread),
		cmocka_unit_test(automatic_subscription_is_refused),
	};
	struct CMUnitTest all[UNIT_COUNT(tests) + UNIT_COUNT(flow_rows) +
			      UNIT_COUNT(fail_rows) + UNIT_COUNT(refused_rows) +
			      UNIT_COUNT(stage_rows)];
	size_t at = 0;

	at = UNIT_ADD_ROWS(all, at, every_event_runs_once, flow_rows);
	at = UNIT_ADD_ROWS(all, at, failures_are_counted, fail_rows);
	at = UNIT_ADD_ROWS(all, at, options_are_refused, refused_rows);
	at = UNIT_ADD_ROWS(all, at, stage_options_are_refused, stage_rows);
	memcpy(all + at, tests, sizeof(tests));
	flow_watch(all, UNIT_COUNT(all));
	return cmocka_run_group_tests_name("spawn", all, NULL, NULL);
}
