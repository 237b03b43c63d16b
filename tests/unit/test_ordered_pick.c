/* SPDX-License-Identifier: Apache-2.0 */
/* The ordered strategy, alone: jbsq within the room of the join. */
#include "dispatch/ordered.h"
#include "tests/unit/jbsq_oracle.h"
#include "tests/unit/pick_row.h"

#define SCRIPTS    150u
#define STEPS      400u
#define WINDOW     4u
#define ORDERED(b) ((struct sluice_ordered *)(void *)(b)->state)

struct numbered {
	uint32_t other;
	unsigned char number[8]; /* not aligned */
};

/* A producer, two lanes with credit for 20 each, and a join for four events. */
static void open_two(struct bench *b, uint32_t in_flight_max)
{
	const struct sluice_dispatch_opts opts = {
		.in_flight_max = in_flight_max,
		.order_events = WINDOW,
		.order_offset = offsetof(struct numbered, number),
	};

	bench_open(b, "ordered", 2, &opts);
	bench_credit(b, 0, 20);
	bench_credit(b, 1, 20);
}

/* Offer events with these numbers. */
static const char *offer(struct bench *b, const uint64_t *numbers, uint32_t n)
{
	struct numbered events[16] = {{0}};

	assert_true(n <= UNIT_COUNT(events));
	for (uint32_t i = 0; i < n; i++)
		memcpy(events[i].number, &numbers[i], sizeof(numbers[i]));
	return bench_pick_from(b, events, n, sizeof(events[0]));
}

#define OFFER(b, ...)                                                          \
	offer((b), (const uint64_t[]){__VA_ARGS__},                            \
	      UNIT_COUNT(((const uint64_t[]){__VA_ARGS__})))

static void no_more_than_the_join_has_room_for(void **state)
{
	struct bench b;

	(void)state;
	open_two(&b, 0);
	assert_int_equal(bench_placeable(&b), 4);
	assert_string_equal(OFFER(&b, 0, 1, 2, 3, 4, 5), "ABAB");
	assert_int_equal(bench_placeable(&b), 0);
	assert_string_equal(OFFER(&b, 4), "");
	b.lanes.restored = 3;
	assert_int_equal(bench_placeable(&b), 3);
	assert_string_equal(OFFER(&b, 4, 5, 6, 7), "ABA");
}

static void no_more_than_the_lanes_take(void **state)
{
	struct bench b;

	(void)state;
	open_two(&b, 1);
	assert_int_equal(bench_placeable(&b), 2);
	assert_string_equal(OFFER(&b, 0, 1, 2), "AB");
	sluice_lane_set(&b.lanes, 1, 19, 1);
	assert_int_equal(bench_placeable(&b), 1);
	assert_string_equal(OFFER(&b, 2, 3), "B");
}

/* An event that is dealt again needs no room of its own. */
static void an_event_taken_back_has_its_room(void **state)
{
	struct bench b;

	(void)state;
	open_two(&b, 0);
	assert_string_equal(OFFER(&b, 0, 1, 2, 3), "ABAB");
	bench_leave(&b, 0);
	assert_int_equal(bench_placeable(&b), 0);
	assert_string_equal(OFFER(&b, 0, 2), "BB");
	/* And none is made free by that. */
	assert_int_equal(bench_placeable(&b), 0);
	b.lanes.restored = 1;
	assert_int_equal(bench_placeable(&b), 1);
}

/* Who had 0 and 2 answered both and went before it said so: they are done with,
 * and what comes behind them does not wait. */
static void what_has_passed_the_join_is_not_dealt_again(void **state)
{
	struct bench b;

	(void)state;
	open_two(&b, 0);
	assert_string_equal(OFFER(&b, 0, 1, 2, 3), "ABAB");
	bench_leave(&b, 0);
	b.lanes.restored = 3;
	assert_int_equal(bench_placeable(&b), 3);
	assert_string_equal(OFFER(&b, 0, 2), "--");
	assert_string_equal(OFFER(&b, 4, 1, 5, 2, 0, 6, 7), "B-B--B");
	assert_int_equal(bench_placeable(&b), 0);
	/* With room nowhere these are placed all the same. */
	assert_string_equal(OFFER(&b, 2, 0), "--");
}

static void verify_sees_a_join_out_of_step(void **state)
{
	struct bench b;

	(void)state;
	open_two(&b, 0);
	assert_string_equal(OFFER(&b, 0, 1), "AB");
	b.lanes.restored = 3;
	assert_text_has(b.strategy->verify(b.state, &b.lanes), "never placed");
	b.lanes.restored = 2;
	assert_null(b.strategy->verify(b.state, &b.lanes));
	ORDERED(&b)->next = 7;
	assert_text_has(b.strategy->verify(b.state, &b.lanes), "room");
}

/* ---- random scripts ------------------------------------------------------ */

static uint64_t next; /* above every number placed so far */

static uint64_t room(const struct script *s)
{
	return s->opts.order_events - (next - s->lanes.restored);
}

static void ordered_draw(struct rng *rng, struct sluice_dispatch_opts *opts)
{
	jbsq_draw(rng, opts);
	opts->order_events = 1u << rng_between(rng, 1, 8);
	opts->order_offset = offsetof(struct script_event, number);
	next = 0;
}

static uint64_t ordered_usable(const struct script *s, uint32_t i)
{
	return room(s) > 0 ? jbsq_usable(s, i) : 0;
}

static void ordered_picked(const struct script *s,
			   const struct sluice_lanes *before,
			   const struct script_event *events, uint32_t n,
			   const uint32_t *to, uint32_t placed)
{
	uint64_t end = s->lanes.restored + s->opts.order_events;
	uint32_t fit = 0;

	while (fit < n && events[fit].number < end)
		fit++;
	assert_true(placed <= fit);
	jbsq_check(s, before, fit, to, placed, 0);
	for (uint32_t i = 0; i < placed; i++)
		if (events[i].number >= next)
			next = events[i].number + 1;
}

static void ordered_stepped(const struct script *s)
{
	uint64_t inner = 0;

	for (uint32_t i = 0; i < s->lanes.count; i++)
		inner += jbsq_usable(s, i);
	assert_int_equal(script_placeable(s),
			 inner < room(s) ? inner : room(s));
}

static void random_scripts(void **state)
{
	struct script_rules rules = {
		.strategy = sluice_strategy_find("ordered"),
		.promises = SCRIPT_LATE,
		.draw = ordered_draw,
		.usable = ordered_usable,
		.picked = ordered_picked,
		.stepped = ordered_stepped,
	};

	(void)state;
	script_run_all(&rules, "ordered random_scripts", SCRIPTS, STEPS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_more_than_the_join_has_room_for),
		cmocka_unit_test(no_more_than_the_lanes_take),
		cmocka_unit_test(an_event_taken_back_has_its_room),
		cmocka_unit_test(what_has_passed_the_join_is_not_dealt_again),
		cmocka_unit_test(verify_sees_a_join_out_of_step),
		cmocka_unit_test(random_scripts),
	};

	return cmocka_run_group_tests_name("ordered_pick", tests, NULL, NULL);
}
