/* SPDX-License-Identifier: Apache-2.0 */
/* Demand that is asked for by hand, and windows that change: what adds up, what
 * is full, and what a successor inherits: nothing. */
#include "engine/graph/subscriptions_priv.h"

#include "clerk.h"

#define MANUAL .flags = SLUICE_SUBSCRIBE_MANUAL

static struct subscription *inside(struct sluice_sub id)
{
	return subscription_at(pipeline, id.index);
}

static void manual_open(const char *dispatcher, uint64_t end,
			struct sluice_sub *sub)
{
	pipeline = flow_open(2);
	add_source(dispatcher, 0, end);
	add_clerk(0);
	*sub = SUBSCRIBE(0, .max_demand = 16, MANUAL,
			 .on_end = SLUICE_PERMANENT);
}

/* More often than 47 bits of them can be counted. */
static void ask_for_all(struct sluice_sub sub)
{
	for (uint32_t i = 0; i < 70000; i++)
		assert_int_equal(sluice_ask(sub, UINT32_MAX), 0);
	assert_int_equal(sluice_ask(sub, 32768 + 100), 0);
	assert_int_equal(sluice_ask(sub, 1), 0);
	assert_int_equal(sluice_ask(sub, 0), 0);
}

static struct endless_row {
	const char *name;
	const char *dispatcher;
	uint32_t before; /* the start */
	uint32_t after;
} endless_rows[] = {
	{"asks_are_full_before_the_start", "demand", 1, 0},
	{"asks_are_full_while_it_runs", "demand", 0, 1},
	{"asks_are_full_both_times", "demand", 1, 1},
	{"asks_are_full_for_a_broadcast", "broadcast", 1, 1},
};

/* "As many as there are", however often it is said: all come, no more at a time
 * than the ring has slots, and it is still manual. */
static void asks_are_full(void **state)
{
	const struct endless_row *row = *state;
	struct sluice_sub sub;

	manual_open(row->dispatcher, 2000, &sub);
	if (row->before)
		ask_for_all(sub);
	flow_start(pipeline);
	for (uint32_t i = 0; i < 70000 && row->after; i++) {
		struct sluice_subscription_stats stat = {0};

		/* It may have ended with its last event. */
		if (sluice_ask(sub, UINT32_MAX) < 0)
			break;
		if (sluice_subscription_stat(sub, &stat) == 0)
			assert_true(stat.granted - stat.acked <=
				    inside(sub)->capacity);
	}
	assert_int_equal(join(), 0);
	assert_int_equal(clerks[0].events, 2000);
	assert_int_equal(clerks[0].gaps, 0);
	/* The consumer's own sum is full at the same mark. */
	assert_true(inside(sub)->ask_seen - 2000 <= ASKED_MOST);
	assert_int_equal(sluice_ask(sub, 1), -ENOENT);
}

/* The word itself: neither the bit above the sum nor the generation is touched;
 * and what does not fit the ring is granted later. */
static void a_full_sum_stays_below_its_bits(void **state)
{
	struct sluice_sub sub;
	uint64_t kept;

	(void)state;
	manual_open("demand", UINT64_MAX, &sub);
	kept = sluice_load_acquire(&inside(sub)->by_control.asked);
	assert_int_equal(kept & (ASKED_MOST | ASKED_AUTOMATIC), 0);
	sluice_store_release(&inside(sub)->by_control.asked,
			     kept | (ASKED_MOST - 3));
	assert_int_equal(sluice_ask(sub, 2), 0);
	assert_int_equal(subscription_asked(inside(sub)), ASKED_MOST - 1);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(sluice_ask(sub, 5), 0);
		assert_int_equal(
			sluice_load_acquire(&inside(sub)->by_control.asked),
			kept | ASKED_MOST);
	}
	flow_start(pipeline);
	assert_int_equal(sluice_ask(sub, 5), 0);
	wait_handled("c0", 1000);
	assert_int_equal(sluice_load_acquire(&inside(sub)->by_control.asked) &
				 ~ASKED_MOST,
			 kept);
}

/* Between the look at an id and the ask its place may have been used again: then
 * the word says so, and the successor is not asked anything of. */
static void an_ask_on_its_way_does_not_reach_the_successor(void **state)
{
	struct sluice_sub sub;
	uint64_t next;

	(void)state;
	manual_open("demand", UINT64_MAX, &sub);
	next = (uint64_t)((sub.generation + 1) & 0xffff) << (ASKED_BITS + 1);
	sluice_store_release(&inside(sub)->by_control.asked, next);
	assert_int_equal(sluice_ask(sub, 5), -ENOENT);
	assert_int_equal(sluice_load_acquire(&inside(sub)->by_control.asked),
			 next);
	/* Nor is it called automatic because the successor is. */
	sluice_store_release(&inside(sub)->by_control.asked,
			     next | ASKED_AUTOMATIC);
	assert_int_equal(sluice_ask(sub, 5), -ENOENT);
}

static int wants_even(const void *event, void *ctx)
{
	uint64_t number;

	(void)ctx;
	memcpy(&number, event, sizeof(number));
	return number % 2 == 0;
}

static void wait_inlet_free(void)
{
	const struct sluice_stage *c0 = sluice_stage_find(pipeline, "c0");

	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS; ms++) {
		if (place_sub(&c0->in.places[0]) == NULL)
			return;
		flow_sleep_ms(1);
	}
	fail_msg("the subscription is not left");
}

/* Demand comes back for what the selector refused; but to nobody who has the
 * inlet after. */
static void refused_events_are_no_demand_of_the_next(void **state)
{
	struct sluice_sub sub;

	(void)state;
	pipeline = flow_open(2);
	add_source("broadcast", 7, UINT64_MAX);
	add_clerk(0);
	flow_start(pipeline);
	for (uint32_t i = 0; i < 5; i++) {
		uint64_t before = handled(0);

		sub = SUBSCRIBE(0, .max_demand = 16, MANUAL,
				.selector = wants_even,
				.on_end = SLUICE_TEMPORARY);
		assert_int_equal(sluice_ask(sub, 20), 0);
		wait_handled("c0", before + 20);
		assert_int_equal(sluice_cancel(sub, SLUICE_REASON_NORMAL, 0),
				 0);
		wait_inlet_free();
		sub = SUBSCRIBE(0, .max_demand = 16, MANUAL,
				.on_end = SLUICE_TEMPORARY);
		assert_int_equal(inside(sub)->inlet, 0); /* the same */
		assert_int_equal(sluice_ask(sub, 3), 0);
		wait_handled("c0", before + 23);
		flow_sleep_ms(5); /* for what must not come */
		assert_int_equal(stat_of(sub).depth, 0);
		assert_int_equal(stat_of(sub).credit, 0);
		assert_int_equal(handled(0), before + 23);
		assert_int_equal(sluice_cancel(sub, SLUICE_REASON_NORMAL, 0),
				 0);
		wait_inlet_free();
	}
}

/* ---- another window ------------------------------------------------------ */

static void wait_granted(struct sluice_sub sub, uint64_t granted)
{
	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS; ms++) {
		if (stat_of(sub).granted == granted)
			return;
		flow_sleep_ms(1);
	}
	fail_msg("granted %llu, not %llu",
		 (unsigned long long)stat_of(sub).granted,
		 (unsigned long long)granted);
}

/* With an explicit min_demand nothing but the handling of events returns credit;
 * a window that grew does not wait for it. */
static void a_larger_window_is_granted_at_once(void **state)
{
	struct sluice_sub sub;

	(void)state;
	pipeline = flow_open(2);
	source = (struct flow_source){.end = UINT64_MAX};
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .handle_demand = flow_count,
			      .demand = SLUICE_DEMAND_ACCUMULATE,
			      .on_idle = SLUICE_IDLE_STAY, .state = &source));
	add_clerk(0);
	sub = SUBSCRIBE(0, .max_demand = 10, .min_demand = 5);
	flow_start(pipeline);
	wait_granted(sub, 10);
	assert_int_equal(
		sluice_resubscribe(sub, SLUICE_SUBSCRIPTION(.max_demand = 16,
							    .min_demand = 12)),
		0);
	wait_granted(sub, 16);
	assert_int_equal(handled(0), 0);
}

static struct window_row {
	const char *name;
	struct sluice_credit credit;
} window_rows[] = {
	{"window_of_one", {1, 0, 1, 0}},
	{"window_default", {1000, 938, 500, 0}},
	{"window_exact", {1000, 500, 500, 1}},
	{"window_manual", {0, 0, 1024, 1}},
	{"window_largest",
	 {SLUICE_DEMAND_MAX, SLUICE_DEMAND_MAX - 1, SLUICE_DEMAND_MAX, 1}},
};

/* It is handed over in one word, which is never 0. */
static void window_fits_a_word(void **state)
{
	const struct window_row *row = *state;
	uint64_t word = window_pack(&row->credit);
	struct sluice_credit credit = window_unpack(word);

	assert_true(word != 0);
	assert_memory_equal(&credit, &row->credit, sizeof(credit));
}

/* Changed from many sides at once, the last one counts. */
static void windows_change_under_traffic(void **state)
{
	struct sluice_sub sub;

	(void)state;
	pipeline = flow_open(2);
	add_source("demand", 0, UINT64_MAX);
	add_clerk(0);
	flow_start(pipeline);
	sub = SUBSCRIBE(0, .max_demand = 64);
	for (uint32_t i = 0; i < 2000; i++)
		assert_int_equal(
			sluice_resubscribe(
				sub,
				SLUICE_SUBSCRIPTION(.max_demand = 1 + i % 64)),
			0);
	assert_int_equal(
		sluice_resubscribe(sub, SLUICE_SUBSCRIPTION(.max_demand = 2)),
		0);
	wait_handled("c0", handled(0) + 1000);
	for (uint32_t i = 0; i < 100; i++) {
		struct sluice_subscription_stats stat = stat_of(sub);

		assert_true(stat.granted - stat.acked <= 2);
	}
}

static struct CMUnitTest tests[40] = {
	cmocka_unit_test(a_full_sum_stays_below_its_bits),
	cmocka_unit_test(an_ask_on_its_way_does_not_reach_the_successor),
	cmocka_unit_test(refused_events_are_no_demand_of_the_next),
	cmocka_unit_test(a_larger_window_is_granted_at_once),
	cmocka_unit_test(windows_change_under_traffic),
};

int main(void)
{
	size_t count = 0;

	while (tests[count].name != NULL)
		count++;
	count = UNIT_ADD_ROWS(tests, count, asks_are_full, endless_rows);
	count = UNIT_ADD_ROWS(tests, count, window_fits_a_word, window_rows);
	clerk_watch(tests, count);
	return _cmocka_run_group_tests("ask", tests, count, NULL, NULL);
}
