/* SPDX-License-Identifier: Apache-2.0 */
/* A process that was given events of a pool goes, or lies, or is left alone. */
#include "far_pool_end.h"

/* What it has not finished goes to others, marked, and before what is new. */
static void it_dies(void **state)
{
	(void)state;
	open_with(0);
	paced_go(pipeline, 3 * WINDOW);
	await_published(WINDOW);
	take_all(BATCH);
	await_published(WINDOW + BATCH);
	leave(SLUICE_REASON_ERROR);
	wait_for(has_ended);
	add_beside();
	paced_go(pipeline, EVENTS);
	flow_wait_events(pipeline, &sink, EVENTS - BATCH);
	assert_int_equal(flow_stats(pipeline, "beside").redelivered, WINDOW);
	assert_int_equal(sink.sum + got_sum, flow_sum(EVENTS));
	drain_and_close();
}

/* Nothing more for it; what it has it may finish, and who comes later has the rest. */
static void it_is_cancelled(void **state)
{
	(void)state;
	open_with(0);
	paced_go(pipeline, 3 * WINDOW);
	await_published(WINDOW);
	assert_int_equal(sluice_cancel(sub, SLUICE_REASON_SHUTDOWN, 7), 0);
	wait_for(stream_is_closed);
	take_all(WINDOW);
	add_beside();
	paced_go(pipeline, EVENTS);
	flow_wait_events(pipeline, &sink, EVENTS - WINDOW);
	close_after(EVENTS);
}

static int is_held(void)
{
	struct subscription_held_at at;

	return subscription_held_at(sub, &at) == 0;
}

/* What it had is kept for it, and no more is given it. */
static void it_is_away(void **state)
{
	(void)state;
	open_with(0);
	paced_go(pipeline, WINDOW);
	await_published(WINDOW);
	take_all(BATCH);
	assert_int_equal(subscription_hold(sub), 0);
	wait_for(is_held);
	add_beside();
	paced_go(pipeline, EVENTS);
	flow_wait_events(pipeline, &sink, EVENTS - WINDOW);
	leave(SLUICE_REASON_ERROR);
	flow_wait_events(pipeline, &sink, EVENTS - BATCH);
	assert_int_equal(flow_stats(pipeline, "beside").redelivered,
			 WINDOW - BATCH);
	drain_and_close();
}

/* The last of the engine's own goes, with events that it had not handled. */
static void it_is_left_alone(void **state)
{
	(void)state;
	open_beside_one();
	paced_go(pipeline, EVENTS);
	assert_int_equal(sluice_cancel(beside_sub, SLUICE_REASON_SHUTDOWN, 0),
			 0);
	take_all(EVENTS - 1);
	sluice_store_release(&paced_holds, 0);
	close_after(EVENTS);
}

/* Words that no honest consumer writes: it has robbed others of no more than it was
 * given. */
static void it_lies(void **state)
{
	static const uint64_t lies[] = {UINT64_MAX, UINT64_MAX / 2, 1000,
					0,          WINDOW,         5 * WINDOW};

	(void)state;
	open_with(0);
	paced_go(pipeline, EVENTS / 2);
	await_published(WINDOW);
	for (uint32_t i = 0; i < 300; i++) {
		sluice_store_release(&far.rx.acked, lies[i % 6] + i);
		sluice_store_release(&far.rx.granted, lies[(i / 6) % 6] + i);
		sluice_store_release(&far.notes_read, (uint32_t)lies[i % 6]);
		ring("source");
		port_call(stand);
		if (i % 100 == 0)
			flow_sleep_ms(1);
	}
	leave(SLUICE_REASON_ERROR);
	wait_for(has_ended);
	add_beside();
	paced_go(pipeline, EVENTS);
	flow_wait_events(pipeline, &sink, EVENTS - published());
	while (flow_stats(pipeline, "source").events_out < EVENTS)
		flow_sleep_ms(1);
	drain_and_close();
	assert_in_range(sink.events, EVENTS - published(), EVENTS);
}

/* It says that it has finished more than there was: what others have in hand is waited
 * for all the same. */
static void it_lies_at_the_end(void **state)
{
	const struct sluice_stage *stage;

	(void)state;
	start_source(0);
	add_beside();
	sluice_store_release(&paced_holds, 1);
	flow_start(pipeline);
	stage = sluice_stage_find(pipeline, "source");
	paced_go(pipeline, 1);
	wait_for(beside_holds_one);
	come();
	paced_go(pipeline, EVENTS - 1);
	take_all(EVENTS - 2);
	paced_go(pipeline, EVENTS);
	await_published(EVENTS - 1);
	sluice_store_release(&far.rx.acked, EVENTS);
	ring("source");
	flow_sleep_ms(20);
	assert_int_not_equal(sluice_load_acquire(&stage->words.phase_seen),
			     STAGE_ENDED);
	sluice_store_release(&paced_holds, 0);
	sluice_store_release(&far.rx.acked, EVENTS - 1);
	ring("source");
	end_and_close();
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(it_dies),
		cmocka_unit_test(it_is_cancelled),
		cmocka_unit_test(it_is_away),
		cmocka_unit_test(it_is_left_alone),
		cmocka_unit_test(it_lies),
		cmocka_unit_test(it_lies_at_the_end),
	};

	flow_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
