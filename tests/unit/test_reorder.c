/* SPDX-License-Identifier: Apache-2.0 */
/* The reorder window of a join, against a list of all numbers. */
#include "dispatch/reorder.h"
#include "tests/support/rng.h"
#include "tests/support/unit.h"

#define WINDOW_MAX  64u
#define SCRIPTS     200u
#define STEPS       2000u
#define NUMBERS_MAX (STEPS * WINDOW_MAX)

/* A number in mid-event, and what shows that the event is the right one. */
struct item {
	uint32_t check;
	uint32_t number[2];
	uint32_t fill;
};

#define ITEM_OFFSET offsetof(struct item, number)

static struct desk {
	struct sluice_reorder window;
	struct item slots[WINDOW_MAX];
	unsigned char come[WINDOW_MAX];
} d;

static void desk_open(uint32_t window)
{
	memset(&d, 0, sizeof(d));
	sluice_reorder_init(&d.window, (unsigned char *)d.slots, d.come, window,
			    sizeof(struct item), ITEM_OFFSET);
}

static enum sluice_reorder_verdict desk_put(uint64_t number)
{
	struct item item = {.check = (uint32_t)number * 2654435761u};

	memcpy(item.number, &number, sizeof(number));
	return sluice_reorder_put(&d.window, (const unsigned char *)&item);
}

/* Events that are next, each of them the right one; take @n of them at most. */
static uint64_t desk_take(uint64_t first, uint64_t n)
{
	const unsigned char *at;
	uint64_t there = sluice_reorder_peek(&d.window, &at);

	for (uint64_t i = 0; i < there; i++) {
		struct item item;

		memcpy(&item, at + i * sizeof(item), sizeof(item));
		assert_int_equal(
			sluice_sequence_of(at + i * sizeof(item), ITEM_OFFSET),
			first + i);
		assert_int_equal(item.check,
				 (uint32_t)(first + i) * 2654435761u);
	}
	n = n < there ? n : there;
	sluice_reorder_take(&d.window, n);
	return n;
}

static void order_is_restored(void **state)
{
	(void)state;
	desk_open(4);
	assert_int_equal(desk_put(1), SLUICE_REORDER_KEPT);
	assert_int_equal(desk_put(2), SLUICE_REORDER_KEPT);
	assert_int_equal(desk_take(0, 9), 0);
	assert_true(sluice_reorder_holds(&d.window));
	assert_int_equal(desk_put(0), SLUICE_REORDER_KEPT);
	assert_int_equal(desk_take(0, 9), 3);
	assert_false(sluice_reorder_holds(&d.window));
	/* The span ends where the slots do. */
	assert_int_equal(desk_put(4), SLUICE_REORDER_KEPT);
	assert_int_equal(desk_put(3), SLUICE_REORDER_KEPT);
	assert_int_equal(desk_take(3, 9), 1);
	assert_int_equal(desk_take(4, 9), 1);
}

static void all_slots_are_used(void **state)
{
	(void)state;
	desk_open(4);
	for (uint64_t i = 4; i-- > 0;)
		assert_int_equal(desk_put(i), SLUICE_REORDER_KEPT);
	assert_int_equal(desk_put(4), SLUICE_REORDER_WRONG);
	for (uint64_t i = 0; i < 4; i++)
		assert_int_equal(desk_put(i), SLUICE_REORDER_DUPLICATE);
	assert_int_equal(desk_take(0, 1), 1);
	assert_int_equal(desk_put(4), SLUICE_REORDER_KEPT);
	assert_int_equal(desk_put(5), SLUICE_REORDER_WRONG);
	assert_int_equal(desk_take(1, 9), 3);
	assert_int_equal(desk_take(4, 9), 1);
}

static void a_second_answer_is_known(void **state)
{
	(void)state;
	desk_open(8);
	assert_int_equal(desk_put(2), SLUICE_REORDER_KEPT);
	assert_int_equal(desk_put(2), SLUICE_REORDER_DUPLICATE);
	assert_int_equal(desk_put(0), SLUICE_REORDER_KEPT);
	assert_int_equal(desk_put(0), SLUICE_REORDER_DUPLICATE);
	assert_int_equal(desk_take(0, 1), 1);
	assert_int_equal(desk_put(0), SLUICE_REORDER_DUPLICATE);
}

static void what_is_missing_is_passed_over(void **state)
{
	(void)state;
	desk_open(8);
	assert_int_equal(desk_put(0), SLUICE_REORDER_KEPT);
	assert_int_equal(desk_put(3), SLUICE_REORDER_KEPT);
	/* Not before what is there has been taken. */
	assert_int_equal(sluice_reorder_pass(&d.window, 3), 0);
	assert_int_equal(desk_take(0, 1), 1);
	assert_int_equal(sluice_reorder_pass(&d.window, 1), 0);
	assert_int_equal(sluice_reorder_pass(&d.window, 2), 1);
	assert_int_equal(sluice_reorder_pass(&d.window, 6), 1);
	assert_int_equal(desk_put(1), SLUICE_REORDER_DUPLICATE);
	assert_int_equal(desk_take(3, 9), 1);
	assert_int_equal(sluice_reorder_pass(&d.window, 6), 2);
	assert_int_equal(sluice_reorder_pass(&d.window, 6), 0);
}

/* ---- against a list of all numbers --------------------------------------- */

enum fate { MISSING, COME, TAKEN, PASSED };

static unsigned char list[NUMBERS_MAX + 2 * WINDOW_MAX];

static uint64_t list_first(uint64_t from)
{
	while (list[from] == TAKEN || list[from] == PASSED)
		from++;
	return from;
}

static enum sluice_reorder_verdict list_put(uint64_t first, uint32_t window,
					    uint64_t number)
{
	if (list[number] != MISSING)
		return SLUICE_REORDER_DUPLICATE;
	if (number >= first + window)
		return SLUICE_REORDER_WRONG;
	list[number] = COME;
	return SLUICE_REORDER_KEPT;
}

static uint64_t list_pass(uint64_t first, uint64_t settled)
{
	uint64_t n = 0;

	for (; list[first] == MISSING && first < settled; first++, n++)
		list[first] = PASSED;
	return n;
}

static void random_script(struct rng *rng)
{
	uint32_t window = 1u << rng_below(rng, 7);
	uint64_t first = 0;

	desk_open(window);
	memset(list, 0, sizeof(list));
	for (uint32_t step = 0; step < STEPS; step++) {
		uint64_t number = first + rng_below(rng, window + 4);
		uint64_t come = 0;
		uint64_t n;

		while (list[first + come] == COME)
			come++;
		switch (rng_below(rng, 8)) {
		case 0:
			n = desk_take(first, rng_between(rng, 0, window));
			for (uint64_t i = 0; i < n; i++, come--) {
				assert_int_equal(list[first + i], COME);
				list[first + i] = TAKEN;
			}
			/* All that is in order shows, but for the wrap. */
			if (n == 0 && (first & (window - 1)) + come < window) {
				const unsigned char *at;

				assert_int_equal(
					sluice_reorder_peek(&d.window, &at),
					come);
			}
			break;
		case 1:
			if (number <= first + window)
				assert_int_equal(
					sluice_reorder_pass(&d.window, number),
					list_pass(first, number));
			break;
		case 2:
			if (number >= 2 * window)
				number -= 2 * window;
			/* fall through */
		default:
			assert_int_equal(desk_put(number),
					 list_put(first, window, number));
			break;
		}
		first = list_first(first);
		assert_int_equal(d.window.first, first);
		assert_int_equal(sluice_reorder_holds(&d.window),
				 memchr(list + first, COME, window) != NULL);
	}
}

static void random_scripts(void **state)
{
	struct rng rng = rng_start("reorder random_scripts");

	(void)state;
	for (uint32_t i = 0; i < SCRIPTS; i++)
		random_script(&rng);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_is_restored),
		cmocka_unit_test(all_slots_are_used),
		cmocka_unit_test(a_second_answer_is_known),
		cmocka_unit_test(what_is_missing_is_passed_over),
		cmocka_unit_test(random_scripts),
	};

	return cmocka_run_group_tests_name("reorder", tests, NULL, NULL);
}
