/* SPDX-License-Identifier: Apache-2.0 */
/* What a stage is told besides its events: markers, the demand mode, to end. */
#include "desk.h"

/* ---- markers ------------------------------------------------------------- */

/* Manual demand keeps the events here: the marker stays behind them. */
static void a_marker_waits_for_what_is_buffered(void **state)
{
	struct flow_sink sink = {.events = 0};
	struct desk desk = {.emitted = 0};
	struct sluice_pipeline *p = open_counter(
		&desk, &sink,
		SLUICE_SUBSCRIPTION(.max_demand = 64,
				    .flags = SLUICE_SUBSCRIBE_MANUAL),
		0);
	const uint32_t first[2] = {DEED_NONE, 1};
	const uint32_t second[2] = {DEED_NONE, 2};

	(void)state;
	assert_int_equal(tell(p, DEED_EMIT, 0), 0);
	assert_int_equal(sluice_info(desk_of(p), first, 8), 0);
	assert_int_equal(tell(p, DEED_EMIT, 0), 0);
	assert_int_equal(sluice_info_sync(desk_of(p), second, 8, 1),
			 -ETIMEDOUT);
	assert_int_equal(sluice_ask(desk.sub, 9), 0);
	flow_wait_handled(p, "sink", 9);
	assert_int_equal(ask(p, DEED_NONE, NULL, 0), 0);
	assert_int_equal(desk.infos, 0);
	assert_int_equal(sluice_ask(desk.sub, 11), 0);
	flow_wait_handled(p, "sink", 20);
	assert_int_equal(
		sluice_info_sync(desk_of(p), NULL, 0, FLOW_DEADLINE_MS), 0);
	assert_int_equal(desk.infos, 3);
	end_desk(p);
	/* Two casts' notes, then the markers', each with what had left. */
	assert_int_equal(desk.count, 5);
	assert_int_equal(desk.order[2], 1);
	assert_int_equal(desk.published[2], 10);
	assert_int_equal(desk.order[3], 2);
	assert_int_equal(desk.published[3], 20);
}

/* The buffer drops the events before it, not the marker. */
static void a_marker_outlives_its_events(void **state)
{
	struct flow_sink sink = {.events = 0};
	struct desk desk = {.emitted = 0};
	struct sluice_pipeline *p = open_counter(
		&desk, &sink,
		SLUICE_SUBSCRIPTION(.max_demand = 64,
				    .flags = SLUICE_SUBSCRIBE_MANUAL),
		10);

	(void)state;
	assert_int_equal(tell(p, DEED_EMIT, 0), 0);
	assert_int_equal(sluice_info(desk_of(p), NULL, 0), 0);
	assert_int_equal(tell(p, DEED_EMIT, 0), 0); /* the first ten go */
	assert_int_equal(ask(p, DEED_NONE, NULL, 0), 0);
	assert_int_equal(desk.infos, 1);
	assert_int_equal(flow_stats(p, "desk").overflowed, 10);
	sluice_pipeline_stop(p);
	assert_int_equal(flow_join(p), -ECANCELED);
	sluice_pipeline_close(p);
}

static void a_marker_answers(void **state)
{
	struct desk desk = {.emitted = 0};
	struct sluice_pipeline *p = open_desk(&desk);
	const uint32_t error[2] = {DEED_ERROR, 0};

	(void)state;
	assert_int_equal(
		sluice_info_sync(desk_of(p), NULL, 0, FLOW_DEADLINE_MS), 0);
	assert_int_equal(
		sluice_info_sync(desk_of(p), error, 8, FLOW_DEADLINE_MS),
		-ENODATA);
	assert_int_equal(flow_join(p), -ENODATA);
	assert_text_has(sluice_last_error(), "handle_info");
	sluice_pipeline_close(p);
}

/* ---- the demand mode ----------------------------------------------------- */

static void the_demand_mode_is_checked(void **state)
{
	struct sluice_pipeline *p = flow_open(1);
	struct flow_source source = {.end = 1};
	struct flow_sink sink = {.events = 0};
	struct sluice_stage *a;
	struct sluice_stage *b;
	struct sluice_stage *c;

	(void)state;
	flow_add_source(p, "a", &source);
	flow_add(p, SLUICE_STAGE(.name = "b", .kind = SLUICE_PRODUCER_CONSUMER,
				 .in_bytes = 8, .out_bytes = 8,
				 .handle_events = flow_collect));
	flow_add_sink(p, "c", &sink);
	a = sluice_stage_find(p, "a");
	b = sluice_stage_find(p, "b");
	c = sluice_stage_find(p, "c");
	assert_int_equal(sluice_demand_set(c, SLUICE_DEMAND_FORWARD), -EINVAL);
	assert_text_has(sluice_last_error(), "'c' is a consumer");
	assert_int_equal(sluice_demand_set(b, SLUICE_DEMAND_ACCUMULATE),
			 -EINVAL);
	assert_text_has(sluice_last_error(), "'b'");
	assert_int_equal(sluice_demand_set(b, SLUICE_DEMAND_FORWARD), 0);
	assert_int_equal(sluice_demand_set(a, (enum sluice_demand_mode)2),
			 -EINVAL);
	assert_text_has(sluice_last_error(), "demand mode 2");
	assert_int_equal(sluice_demand_get(a), SLUICE_DEMAND_FORWARD);
	assert_int_equal(sluice_demand_set(a, SLUICE_DEMAND_ACCUMULATE), 0);
	assert_int_equal(sluice_demand_get(a), SLUICE_DEMAND_ACCUMULATE);
	assert_int_equal(sluice_demand_get(b), SLUICE_DEMAND_FORWARD);
	assert_int_equal(sluice_demand_get(c), SLUICE_DEMAND_FORWARD);
	sluice_pipeline_close(p);
}

static void events_are_held_back_and_given_out(void **state)
{
	struct flow_sink sink = {.events = 0};
	struct desk desk = {.emitted = 0};
	struct sluice_pipeline *p = open_counter(
		&desk, &sink, SLUICE_SUBSCRIPTION(.max_demand = 100), 0);
	uint64_t number;

	(void)state;
	assert_int_equal(
		sluice_demand_set(desk_of(p), SLUICE_DEMAND_ACCUMULATE), 0);
	assert_int_equal(ask(p, DEED_EMIT, NULL, 0), 0);
	assert_int_equal(ask(p, DEED_EMIT, NULL, 0), 0);
	assert_int_equal(ask(p, DEED_PENDING, &number, 8), 8);
	assert_int_equal(number, 0);
	assert_int_equal(published(&desk), 0);
	assert_int_equal(flow_stats(p, "desk").held, 20);
	assert_int_equal(flow_stats(p, "desk").buffered, 0);
	assert_int_equal(sluice_demand_set(desk_of(p), SLUICE_DEMAND_FORWARD),
			 0);
	flow_wait_handled(p, "sink", 20);
	assert_int_equal(ask(p, DEED_NONE, NULL, 0), 0);
	assert_int_equal(flow_stats(p, "desk").held, 0);
	end_desk(p);
	flow_check_all(&sink, 20);
}

/* What is held does not count against the buffer before it is given out. */
static void the_buffer_limits_what_was_held(void **state)
{
	struct flow_sink sink = {.events = 0};
	struct desk desk = {.emitted = 0};
	struct sluice_pipeline *p = open_counter(
		&desk, &sink,
		SLUICE_SUBSCRIPTION(.max_demand = 100,
				    .flags = SLUICE_SUBSCRIBE_MANUAL),
		10);

	(void)state;
	assert_int_equal(
		sluice_demand_set(desk_of(p), SLUICE_DEMAND_ACCUMULATE), 0);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(ask(p, DEED_EMIT, NULL, 0), 0);
	assert_int_equal(flow_stats(p, "desk").held, 30);
	assert_int_equal(flow_stats(p, "desk").overflowed, 0);
	assert_int_equal(sluice_demand_set(desk_of(p), SLUICE_DEMAND_FORWARD),
			 0);
	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS; ms++) {
		if (flow_stats(p, "desk").buffered == 10)
			break;
		flow_sleep_ms(1);
	}
	assert_int_equal(flow_stats(p, "desk").buffered, 10);
	assert_int_equal(flow_stats(p, "desk").overflowed, 20);
	assert_int_equal(sluice_ask(desk.sub, 10), 0);
	flow_wait_handled(p, "sink", 10);
	end_desk(p);
	assert_int_equal(sink.border[0].first, 20); /* the last of them stay */
	assert_int_equal(sink.events, 10);
}

static void demand_that_is_pending(void **state)
{
	struct flow_sink sink = {.events = 0};
	struct desk desk = {.emitted = 0};
	struct sluice_pipeline *p = open_counter(
		&desk, &sink,
		SLUICE_SUBSCRIPTION(.max_demand = 64,
				    .flags = SLUICE_SUBSCRIBE_MANUAL),
		0);
	uint64_t number = 1;

	(void)state;
	assert_int_equal(ask(p, DEED_PENDING, &number, 8), 8);
	assert_int_equal(number, 0);
	assert_int_equal(sluice_ask(desk.sub, 17), 0);
	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS && number != 17; ms++) {
		flow_sleep_ms(1);
		assert_int_equal(ask(p, DEED_PENDING, &number, 8), 8);
	}
	assert_int_equal(number, 17);
	assert_int_equal(ask(p, DEED_EMIT, &number, 8), 8);
	assert_int_equal(ask(p, DEED_PENDING, &number, 8), 8);
	assert_int_equal(number, 7);
	assert_int_equal(ask(p, DEED_EMIT, &number, 8), 8);
	assert_int_equal(ask(p, DEED_PENDING, &number, 8), 8);
	assert_int_equal(number, 0);
	assert_int_equal(sluice_ask(desk.sub, 3), 0);
	end_desk(p);
	flow_check_all(&sink, 20);
	p = open_desk(&desk);
	assert_int_equal(ask(p, DEED_PENDING, &number, 8), 8);
	assert_int_equal(number, 0); /* of a consumer */
	end_desk(p);
}

/* ---- sluice_stage_end ---------------------------------------------------- */

static void an_end_is_checked(void **state)
{
	struct desk desk = {.emitted = 0};
	struct sluice_pipeline *p = open_desk(&desk);
	struct sluice_stage *stage = desk_of(p);

	(void)state;
	assert_int_equal(sluice_stage_end(stage, SLUICE_REASON_OPEN, 0),
			 -EINVAL);
	assert_text_has(sluice_last_error(), "'desk'");
	assert_text_has(sluice_last_error(), "reason 0");
	assert_int_equal(sluice_stage_end(stage, SLUICE_REASON_NO_PRODUCER, 0),
			 -EINVAL);
	assert_int_equal(sluice_stage_end(stage, SLUICE_REASON_NORMAL,
					  SLUICE_CODE_MAX + 1),
			 -EINVAL);
	assert_text_has(sluice_last_error(), "16777215");
	assert_int_equal(ask(p, DEED_NONE, NULL, 0), 0); /* it goes on */
	assert_int_equal(
		sluice_stage_end(stage, SLUICE_REASON_ERROR, SLUICE_CODE_MAX),
		0);
	assert_int_equal(flow_join(p), 0);
	flow_check_ended(&desk.ended, SLUICE_REASON_ERROR);
	sluice_pipeline_close(p);
}

static struct sluice_link_event last_cancel;

static int note_cancel(struct sluice_stage *self,
		       const struct sluice_link_event *event)
{
	(void)self;
	last_cancel = *event;
	return SLUICE_OK;
}

/* What it has emitted still leaves; then its consumer is told why. */
static void a_producer_ends_behind_its_events(void **state)
{
	struct sluice_pipeline *p = flow_open(2);
	struct flow_sink sink = {.events = 0};
	struct desk desk = {.emitted = 0};

	(void)state;
	memset(&last_cancel, 0, sizeof(last_cancel));
	flow_add(p, SLUICE_STAGE(DESK, .name = "desk", .kind = SLUICE_PRODUCER,
				 .out_bytes = 8, .handle_demand = desk_nothing,
				 .state = &desk));
	flow_add(p, SLUICE_STAGE(.name = "sink", .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .handle_events = flow_collect,
				 .on_cancel = note_cancel, .fini = flow_fini,
				 .state = &sink));
	flow_subscribe(p, "sink", "desk",
		       SLUICE_SUBSCRIPTION(.max_demand = 64, .sub = &desk.sub,
					   .flags = SLUICE_SUBSCRIBE_MANUAL));
	flow_start(p);
	assert_int_equal(ask(p, DEED_EMIT, NULL, 0), 0);
	assert_int_equal(
		sluice_stage_end(desk_of(p), SLUICE_REASON_SHUTDOWN, 42), 0);
	assert_int_equal(sluice_ask(desk.sub, 10), 0);
	assert_int_equal(flow_join(p), 0);
	flow_check_all(&sink, 10);
	flow_check_ended(&desk.ended, SLUICE_REASON_SHUTDOWN);
	flow_check_ended(&sink.ended, SLUICE_REASON_SHUTDOWN);
	assert_int_equal(last_cancel.kind, SLUICE_DOWN);
	assert_int_equal(last_cancel.reason, SLUICE_REASON_SHUTDOWN);
	assert_int_equal(last_cancel.code, 42);
	assert_string_equal(last_cancel.peer, "desk");
	assert_int_equal(last_cancel.side, SLUICE_SIDE_CONSUMER);
	sluice_pipeline_close(p);
}

static int collect_at_gate(struct sluice_stage *self,
			   const struct sluice_batch *batch)
{
	gate_pass(&gate);
	return flow_collect(self, batch);
}

/* The batch in hand is finished; what lies behind it goes to another. */
static void a_consumer_gives_back_what_it_has_not_handled(void **state)
{
	struct sluice_pipeline *p = flow_open(2);
	struct flow_sink first = {.events = 0};
	struct flow_sink second = {.events = 0};
	struct desk desk = {.emitted = 0};
	uint64_t handled;

	(void)state;
	gate = GATE_CLOSED;
	flow_add(p, SLUICE_STAGE(DESK, .name = "desk", .kind = SLUICE_PRODUCER,
				 .out_bytes = 8, .handle_demand = desk_nothing,
				 .state = &desk));
	flow_add(p, SLUICE_STAGE(.name = "first", .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .fini = flow_fini,
				 .blocking = 1, .state = &first,
				 .handle_events = collect_at_gate));
	flow_add_sink(p, "second", &second);
	flow_subscribe(p, "first", "desk",
		       SLUICE_SUBSCRIPTION(.max_demand = 10, .min_demand = 6));
	flow_subscribe(p, "second", "desk",
		       SLUICE_SUBSCRIPTION(.max_demand = 10, .sub = &desk.sub,
					   .flags = SLUICE_SUBSCRIBE_MANUAL));
	flow_start(p);
	assert_int_equal(ask(p, DEED_EMIT, NULL, 0), 0);
	assert_int_equal(gate_await(&gate, 1), 0);
	assert_int_equal(sluice_stage_end(sluice_stage_find(p, "first"),
					  SLUICE_REASON_SHUTDOWN, 1),
			 0);
	gate_open(&gate, 10);
	assert_int_equal(sluice_ask(desk.sub, 10), 0);
	flow_wait_handled(p, "second", 6);
	handled = flow_stats(p, "first").events_in;
	assert_int_equal(handled, 4); /* max - min: one batch */
	end_desk(p);
	flow_check_ended(&first.ended, SLUICE_REASON_SHUTDOWN);
	assert_int_equal(second.events, 6);
	assert_int_equal(second.border[0].first, 4);
	assert_int_equal(second.disorder, 0);
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(a_marker_waits_for_what_is_buffered),
		cmocka_unit_test(a_marker_outlives_its_events),
		cmocka_unit_test(a_marker_answers),
		cmocka_unit_test(the_demand_mode_is_checked),
		cmocka_unit_test(events_are_held_back_and_given_out),
		cmocka_unit_test(the_buffer_limits_what_was_held),
		cmocka_unit_test(demand_that_is_pending),
		cmocka_unit_test(an_end_is_checked),
		cmocka_unit_test(a_producer_ends_behind_its_events),
		cmocka_unit_test(a_consumer_gives_back_what_it_has_not_handled),
	};

	flow_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests_name("orders", tests, NULL, NULL);
}
