/* SPDX-License-Identifier: Apache-2.0 */
/* How often events have been handed out: a few rows, against a count per
 * event. */
#include "engine/link/handed_priv.h"
#include "tests/support/rng.h"
#include "tests/support/unit.h"

#define EVENTS 64u

/* What lies behind the rows is not written to. */
struct guarded {
	struct handed handed;
	uint64_t behind[4];
};

static void check_guard(const struct guarded *g)
{
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(g->behind[i], 0x5a5a5a5a5a5a5a5a);
	assert_in_range(g->handed.count, 0, HANDED_ROWS);
}

static struct guarded guarded(void)
{
	struct guarded g;

	memset(&g, 0, sizeof(g));
	memset(g.behind, 0x5a, sizeof(g.behind));
	return g;
}

static uint32_t at(struct guarded *g, uint64_t position)
{
	uint64_t limit = UINT64_MAX;

	return handed_at(&g->handed, position, &limit);
}

/* Each inside the one before, more often: one row each, until there is none
 * left; then the nearest two are taken together. */
static void rows_run_out(void **state)
{
	struct guarded g = guarded();

	(void)state;
	for (uint32_t i = 0; i < 2 * HANDED_ROWS; i++) {
		handed_note(&g.handed, 0, EVENTS - i, i + 1);
		check_guard(&g);
		assert_int_equal(at(&g, 0), i + 1);
	}
	assert_int_equal(g.handed.count, HANDED_ROWS);
	/* Behind the last that was told apart, all is as it was. */
	for (uint32_t i = 1; i < HANDED_ROWS; i++) {
		struct guarded copy = g;

		assert_int_equal(at(&copy, EVENTS - i), i);
	}
}

static void the_same_events_take_one_row(void **state)
{
	struct guarded g = guarded();

	(void)state;
	for (uint32_t i = 1; i < 100; i++) {
		handed_note(&g.handed, 10, 20, i);
		assert_int_equal(g.handed.count, 1);
		assert_int_equal(at(&g, 10), i);
	}
	assert_int_equal(at(&g, 20), 0);
	assert_int_equal(g.handed.count, 0);
}

/* Any events in hand, given back or finished: never less than the truth, and
 * exactly that while there are rows. */
static void against_a_count_for_each(void **state)
{
	struct rng rng = rng_start("handed against_a_count_for_each");

	(void)state;
	for (uint32_t round = 0; round < 20000; round++) {
		struct guarded g = guarded();
		uint32_t count[EVENTS] = {0};
		uint32_t full = 0;
		uint32_t position = 0;

		while (position < EVENTS) {
			uint64_t limit = 1 + rng_below(&rng, EVENTS - position);
			uint32_t seen = handed_at(&g.handed, position, &limit);
			uint32_t until = position + (uint32_t)limit;

			full |= g.handed.count == HANDED_ROWS;
			for (uint32_t i = position; i < until; i++) {
				if (!full)
					assert_int_equal(count[i], seen);
				assert_true(seen >= count[i]);
			}
			if (rng_below(&rng, 4) == 0) {
				position = until; /* finished */
				continue;
			}
			handed_note(&g.handed, position, until, seen + 1);
			check_guard(&g);
			for (uint32_t i = position; i < until; i++)
				count[i] = seen + 1;
			if (seen > 50)
				break;
		}
	}
}

/* Positions count around: what lies behind the wrap is behind what lies before. */
static void rows_lie_across_the_wrap(void **state)
{
	struct handed handed = {.count = 0};
	uint64_t limit;

	(void)state;
	handed_note(&handed, UNIT_NEAR_WRAP, 5, 1);
	handed_note(&handed, UNIT_NEAR_WRAP, 1, 2);
	for (uint64_t i = 0; i < 8; i++) {
		uint64_t at = UNIT_NEAR_WRAP + i;

		limit = 100;
		assert_int_equal(handed_at(&handed, at, &limit), i < 4 ? 2 : 1);
		assert_int_equal(limit, i < 4 ? 4 - i : 8 - i);
	}
	limit = 100;
	assert_int_equal(handed_at(&handed, 5, &limit), 0);
	assert_int_equal(limit, 100);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_lie_across_the_wrap),
		cmocka_unit_test(rows_run_out),
		cmocka_unit_test(the_same_events_take_one_row),
		cmocka_unit_test(against_a_count_for_each),
	};

	return cmocka_run_group_tests_name("handed", tests, NULL, NULL);
}
