/* SPDX-License-Identifier: Apache-2.0 */
/* The row of events that a stage has emitted and nobody has asked for, alone.
 * Which end an overflow takes is its stage's choice. */
#include "engine/stage/hold_priv.h"
#include "tests/support/rng.h"
#include "tests/support/unit.h"

static void row_store(struct hold *hold, const char *events)
{
	uint32_t n = (uint32_t)strlen(events);
	void *cells;

	hold_make_room(hold, n);
	cells = hold_stage(hold, n);
	assert_non_null(cells);
	memcpy(cells, events, n);
	hold_commit(hold);
}

/* Take up to @n; what comes is @want. */
static void row_take(struct hold *hold, uint32_t n, const char *want)
{
	if (n > hold_count(hold))
		n = hold_count(hold);
	assert_int_equal(n, strlen(want));
	if (n > 0)
		assert_memory_equal(hold_front(hold), want, n);
	hold_pop(hold, n);
}

static struct hold row_open(uint32_t capacity)
{
	struct hold hold;

	assert_int_equal(hold_open(&hold, capacity, capacity, 1), 0);
	return hold;
}

static void F01_empty(void **state)
{
	struct hold hold = row_open(8);

	(void)state;
	row_take(&hold, 5, "");
	/* A marker stands behind nothing. */
	assert_int_equal(hold_end(&hold) - hold.at, 0);
	hold_close(&hold);
}

static void F02_keep_first_drops_the_newest(void **state)
{
	struct hold hold = row_open(8);

	(void)state;
	row_store(&hold, "abc");
	row_store(&hold, "def");
	hold_drop_newest(&hold, hold_count(&hold) - 3);
	row_take(&hold, 3, "abc");
	row_take(&hold, 3, "");
	hold_close(&hold);
}

static void F03_keep_last_drops_the_oldest(void **state)
{
	struct hold hold = row_open(8);

	(void)state;
	row_store(&hold, "abc");
	row_store(&hold, "def");
	hold_pop(&hold, hold_count(&hold) - 3);
	row_take(&hold, 3, "def");
	row_take(&hold, 3, "");
	hold_close(&hold);
}

static void F04_nothing_is_dropped_within_the_size(void **state)
{
	struct hold hold = row_open(1000);

	(void)state;
	for (uint32_t i = 0; i < 1000; i++)
		row_store(&hold, "x");
	assert_int_equal(hold_count(&hold), 1000);
	assert_null(hold_stage(&hold, 1));
	hold_close(&hold);
}

/* Markers are positions: two of them, and the count is that of the events. */
static void F05_markers_are_not_counted(void **state)
{
	struct hold hold = row_open(10);
	uint64_t marker;

	(void)state;
	row_store(&hold, "ab");
	marker = hold_end(&hold);
	assert_int_equal(hold_count(&hold), 2);
	row_store(&hold, "c");
	assert_int_equal(marker - hold.at, 2);
	row_take(&hold, 2, "ab");
	assert_int_equal(marker - hold.at, 0);
	hold_close(&hold);
}

/* Move along the row for longer than it is, with all that a stage does. */
static void F04_order_holds_at_the_end_of_the_row(void **state)
{
	struct hold hold = row_open(16);
	struct rng rng = rng_start(__func__);
	uint64_t stored = 0;
	uint64_t taken = 0;
	unsigned char *cell;

	(void)state;
	for (uint32_t i = 0; i < 20000; i++) {
		uint32_t n = 1 + (uint32_t)rng_below(&rng, 4);

		if (rng_below(&rng, 2) == 0 && hold_count(&hold) + n <= 8) {
			hold_make_room(&hold, 8);
			cell = hold_stage(&hold, n);
			assert_non_null(cell);
			if (rng_below(&rng, 4) == 0) {
				hold_rollback(&hold);
				continue;
			}
			for (uint32_t k = 0; k < n; k++)
				cell[k] = (unsigned char)stored++;
			hold_commit(&hold);
		} else if (hold_count(&hold) >= n) {
			for (uint32_t k = 0; k < n; k++)
				assert_int_equal(hold_front(&hold)[k],
						 (unsigned char)(taken + k));
			taken += n;
			hold_pop(&hold, n);
		}
		assert_int_equal(hold_count(&hold), stored - taken);
		assert_int_equal(hold.at, taken);
	}
	hold_close(&hold);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(F01_empty),
		cmocka_unit_test(F02_keep_first_drops_the_newest),
		cmocka_unit_test(F03_keep_last_drops_the_oldest),
		cmocka_unit_test(F04_nothing_is_dropped_within_the_size),
		cmocka_unit_test(F04_order_holds_at_the_end_of_the_row),
		cmocka_unit_test(F05_markers_are_not_counted),
	};

	return cmocka_run_group_tests_name("conformance/05 row", tests, NULL,
					   NULL);
}
