/* SPDX-License-Identifier: Apache-2.0 */
/* What a snapshot tells of how stages spend their time, and of who holds up whom. No
 * test asserts how long anything takes: only what is going on, and that what was
 * told once is not taken back. */
#include "ordered_flow.h"
#include "tests/unit/look.h"

#define MANY (10 * WINDOW)

static uint64_t sum_of(const struct sluice_times *t)
{
	return t->working_ns + t->idle_ns + t->no_credit_ns + t->blocked_ns;
}

static void look_until_doing(const char *name, enum sluice_doing doing)
{
	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS; ms++) {
		look();
		assert_int_equal(sum_of(&stage_row(name)->time),
				 stage_row(name)->time.lived_ns);
		if (stage_row(name)->time.doing == doing)
			return;
		flow_sleep_ms(1);
	}
	fail_msg("stage '%s' does %d, not %d", name,
		 (int)stage_row(name)->time.doing, (int)doing);
}

/* What it was told of a part may turn out to have been another's; of the whole not. */
static void assert_not_less(const struct sluice_times *is,
			    const struct sluice_times *was)
{
	assert_int_equal(is->working_ns + is->idle_ns + is->no_credit_ns +
				 is->blocked_ns,
			 is->lived_ns);
	assert_true(is->lived_ns >= was->lived_ns);
}

/* ---- what it does -------------------------------------------------------- */

static void before_the_start_no_time_passes(void **state)
{
	static const struct sluice_times none;

	(void)state;
	pipeline = flow_open(1);
	add_source(0, NULL);
	look();
	assert_memory_equal(&stage_row("source")->time, &none, sizeof(none));
}

static void a_callback_that_does_not_return_is_blocked(void **state)
{
	struct sluice_sub sub;
	struct sluice_times was;

	(void)state;
	open_gated(&sub);
	look_until_doing("gated", SLUICE_DOING_BLOCKED);
	was = stage_row("gated")->time;
	assert_true(was.blocked_ns > 0);
	look_until_doing("source", SLUICE_DOING_IDLE);
	assert_string_equal(stage_row("source")->held_up_by, "");
	gate_open(&gate, EVENTS);
	look_until_doing("gated", SLUICE_DOING_IDLE);
	assert_not_less(&stage_row("gated")->time, &was);
	assert_int_equal(sluice_pipeline_drain(pipeline, FLOW_DEADLINE_MS), 0);
	look();
	was = stage_row("gated")->time;
	assert_int_equal(was.doing, SLUICE_DOING_NOTHING);
	flow_sleep_ms(2);
	look();
	assert_memory_equal(&stage_row("gated")->time, &was, sizeof(was));
}

/* On one worker: it alone is blocked, whatever was told before. */
static void who_shares_its_worker_is_not(void **state)
{
	struct sluice_times was;

	(void)state;
	pipeline = flow_open(1);
	add_source(EVENTS, NULL);
	add_sink("other", &sinks[1]);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "gated", .kind = SLUICE_CONSUMER,
			      .in_bytes = 8, .on_idle = SLUICE_IDLE_STAY,
			      .handle_events = handle_behind_gate,
			      .state = &sinks[0]));
	flow_subscribe(pipeline, "gated", "source", NULL);
	flow_start(pipeline);
	look_until_doing("gated", SLUICE_DOING_BLOCKED);
	was = stage_row("gated")->time;
	assert_int_equal(stage_row("other")->time.blocked_ns, 0);
	gate_open(&gate, EVENTS);
	look_until_doing("gated", SLUICE_DOING_IDLE);
	assert_not_less(&stage_row("gated")->time, &was);
	assert_int_equal(stage_row("other")->time.blocked_ns, 0);
}

/* ---- who holds it up ----------------------------------------------------- */

static void who_has_no_room_is_named(void **state)
{
	struct sluice_sub sub;

	(void)state;
	pipeline = flow_open(1);
	add_source(MANY, NULL);
	add_gated(&sub);
	flow_start(pipeline);
	look_until_doing("source", SLUICE_DOING_NO_CREDIT);
	assert_string_equal(stage_row("source")->held_up_by, "gated");
	assert_int_equal(stage_row("source")->held_up_at.index, sub.index);
	assert_int_equal(stage_row("source")->held_up_at.generation,
			 sub.generation);
	assert_ptr_equal(stage_row("source")->held_up_at.pipeline, pipeline);
	assert_string_equal(stage_row("gated")->held_up_by, "");
	gate_open(&gate, MANY);
	flow_wait_handled(pipeline, "gated", MANY);
	look_until_doing("source", SLUICE_DOING_IDLE);
	assert_string_equal(stage_row("source")->held_up_by, "");
	assert_true(stage_row("source")->time.no_credit_ns > 0);
}

static void with_nobody_there_nobody_is(void **state)
{
	(void)state;
	pipeline = flow_open(1);
	add_source(MANY, NULL);
	flow_start(pipeline);
	look_until_doing("source", SLUICE_DOING_NO_CREDIT);
	assert_string_equal(stage_row("source")->held_up_by, "");
	assert_null(stage_row("source")->held_up_at.pipeline);
}

/* One of two is slow: all wait for it, or those that are for it alone. */
static struct fan_row {
	const char *name;
	const char *dispatcher;
} fan_rows[] = {
	{"the_slowest_reader_of_a_broadcast_is_named", "broadcast"},
	{"who_has_events_waiting_for_it_is_named", "partition"},
};

static void the_slowest_is_named(void **state)
{
	const struct fan_row *row = *state;
	struct sluice_sub sub;

	pipeline = flow_open(1);
	source.end = UINT64_MAX;
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .handle_demand = a_few,
			      .dispatcher = row->dispatcher,
			      .key_bytes = row->dispatcher[0] == 'p' ? 8 : 0,
			      .state = &source));
	add_sink("quick", &sinks[1]);
	flow_subscribe(pipeline, "quick", "source", NULL);
	add_gated(&sub);
	flow_start(pipeline);
	look_until_doing("source", SLUICE_DOING_NO_CREDIT);
	assert_string_equal(stage_row("source")->held_up_by, "gated");
	assert_int_equal(stage_row("source")->held_up_at.index, sub.index);
	sluice_pipeline_stop(pipeline);
}

/* It takes every event, and none is handled. */
static void an_onlooker_holds_up_nobody(void **state)
{
	struct sluice_sub sub;

	(void)state;
	pipeline = flow_open(1);
	source.end = UINT64_MAX;
	add_source(UINT64_MAX, NULL);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "onlooker", .kind = SLUICE_CONSUMER,
			      .in_bytes = 8, .blocking = 1,
			      .handle_events = handle_behind_gate,
			      .state = &sinks[1]));
	flow_subscribe(pipeline, "onlooker", "source",
		       SLUICE_SUBSCRIPTION(.max_demand = WINDOW, .tee = 1));
	add_gated(&sub);
	flow_start(pipeline);
	look_until_doing("source", SLUICE_DOING_NO_CREDIT);
	assert_string_equal(stage_row("source")->held_up_by, "gated");
	sluice_pipeline_stop(pipeline);
}

static int item_join_gated(struct sluice_stage *self,
			   const struct sluice_batch *batch)
{
	gate_pass(&gate);
	return item_join(self, batch);
}

/* Its workers have credit: it is the window of those on the way that is full. */
static void who_restores_its_order_is_named(void **state)
{
	static struct item_sink join;

	(void)state;
	join = (struct item_sink){0};
	pipeline = flow_open(1);
	source.end = MANY;
	item_add_source(pipeline, "source", &source, 4);
	flow_add(pipeline, SLUICE_STAGE(.name = "worker", ITEM_WORKER,
					.handle_events = item_pass));
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "join", .kind = SLUICE_CONSUMER,
			      .in_bytes = sizeof(struct item), .blocking = 1,
			      .order_of = "source", .state = &join,
			      .handle_events = item_join_gated));
	flow_subscribe(pipeline, "worker", "source", NULL);
	flow_subscribe(pipeline, "join", "worker", NULL);
	flow_start(pipeline);
	look_until_doing("source", SLUICE_DOING_NO_CREDIT);
	assert_string_equal(stage_row("source")->held_up_by, "join");
	assert_null(stage_row("source")->held_up_at.pipeline);
	look_until_doing("join", SLUICE_DOING_BLOCKED);
	gate_open(&gate, MANY);
	assert_int_equal(sluice_pipeline_join(pipeline, FLOW_DEADLINE_MS), 0);
	item_check_all(&join, MANY);
}

/* ---- ports --------------------------------------------------------------- */

static struct sluice_stage *add_port(const char *name,
				     enum sluice_stage_kind kind)
{
	flow_add(pipeline,
		 SLUICE_STAGE(.name = name, .kind = kind,
			      .flags = SLUICE_STAGE_PORT,
			      .in_bytes = kind == SLUICE_CONSUMER ? 8 : 0,
			      .out_bytes = kind == SLUICE_PRODUCER ? 8 : 0));
	return sluice_stage_find(pipeline, name);
}

static void assert_does(const char *name, enum sluice_doing doing)
{
	look();
	assert_int_equal(stage_row(name)->time.doing, doing);
}

static void a_port_does_what_its_user_lets_it(void **state)
{
	struct sluice_stage *in;
	struct sluice_stage *out;
	struct sluice_batch batch;
	uint64_t events[8] = {0};

	(void)state;
	pipeline = flow_open(1);
	in = add_port("in", SLUICE_PRODUCER);
	out = add_port("out", SLUICE_CONSUMER);
	flow_subscribe(pipeline, "out", "in",
		       SLUICE_SUBSCRIPTION(.max_demand = 4));
	flow_start(pipeline);
	assert_does("in", SLUICE_DOING_IDLE);
	assert_does("out", SLUICE_DOING_IDLE);
	assert_int_equal(sluice_recv(out, &batch, 0), -EAGAIN);
	assert_does("out", SLUICE_DOING_IDLE);
	assert_int_equal(sluice_send(in, events, 8, 0), 4);
	assert_does("in", SLUICE_DOING_IDLE);
	assert_int_equal(sluice_send(in, events, 1, 1), -EAGAIN);
	assert_does("in", SLUICE_DOING_NO_CREDIT);
	assert_string_equal(stage_row("in")->held_up_by, "out");
	assert_true(sluice_recv(out, &batch, FLOW_DEADLINE_MS) > 0);
	look();
	assert_true(stage_row("out")->time.doing == SLUICE_DOING_WORK ||
		    stage_row("out")->time.doing == SLUICE_DOING_BLOCKED);
	look_until_doing("out", SLUICE_DOING_BLOCKED);
	while (sluice_recv(out, &batch, 0) > 0)
		;
	assert_does("out", SLUICE_DOING_IDLE);
	assert_int_equal(sluice_send(in, events, 1, 0), 1);
	assert_does("in", SLUICE_DOING_IDLE);
	assert_true(stage_row("in")->time.no_credit_ns > 0);
	assert_int_equal(sluice_port_end(in, SLUICE_REASON_NORMAL), 0);
	while (sluice_recv(out, &batch, FLOW_DEADLINE_MS) > 0)
		;
	/* Somebody has to hear of the last receipt. */
	look_until_doing("out", SLUICE_DOING_NOTHING);
	look_until_doing("in", SLUICE_DOING_NOTHING);
}

/* ---- what was told is not taken back ------------------------------------- */

#define LOOKS 400u

static struct times_row {
	const char *name;
	uint32_t workers;
	uint32_t window;
} times_rows[] = {
	{"no_time_is_taken_back_on_one_worker", 1, 0},
	{"no_time_is_taken_back_on_two", 2, 0},
	{"no_time_is_taken_back_event_by_event", 2, 1},
};

static void no_time_is_taken_back(void **state)
{
	const struct times_row *row = *state;
	struct sluice_times was[3] = {{0}};

	pipeline = flow_open(row->workers);
	add_source(UINT64_MAX, NULL);
	add_sink("left", &sinks[0]);
	add_sink("right", &sinks[1]);
	flow_subscribe(pipeline, "left", "source",
		       SLUICE_SUBSCRIPTION(.max_demand = row->window));
	flow_subscribe(pipeline, "right", "source",
		       SLUICE_SUBSCRIPTION(.max_demand = row->window));
	flow_start(pipeline);
	for (uint32_t i = 0; i < LOOKS; i++) {
		look();
		for (uint32_t s = 0; s < 3; s++) {
			const struct sluice_times *is = &seen->stages[s]->time;

			assert_int_equal(sum_of(is), is->lived_ns);
			assert_not_less(is, &was[s]);
			was[s] = *is;
		}
	}
	sluice_pipeline_stop(pipeline);
}

int main(void)
{
	const struct CMUnitTest alone[] = {
		cmocka_unit_test(before_the_start_no_time_passes),
		cmocka_unit_test(a_callback_that_does_not_return_is_blocked),
		cmocka_unit_test(who_shares_its_worker_is_not),
		cmocka_unit_test(who_has_no_room_is_named),
		cmocka_unit_test(with_nobody_there_nobody_is),
		cmocka_unit_test(an_onlooker_holds_up_nobody),
		cmocka_unit_test(who_restores_its_order_is_named),
		cmocka_unit_test(a_port_does_what_its_user_lets_it),
	};
	struct CMUnitTest tests[UNIT_COUNT(alone) + UNIT_COUNT(fan_rows) +
				UNIT_COUNT(times_rows)];
	size_t n = UNIT_COUNT(alone);

	memcpy(tests, alone, sizeof(alone));
	n = UNIT_ADD_ROWS(tests, n, the_slowest_is_named, fan_rows);
	(void)UNIT_ADD_ROWS(tests, n, no_time_is_taken_back, times_rows);
	look_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests_name("snapshot_time", tests, NULL, NULL);
}
