/* SPDX-License-Identifier: Apache-2.0 */
/* The hold: a row of events that a callback adds to and the outlet takes from,
 * against an array that never moves anything. */
#include "engine/stage/hold_priv.h"
#include "tests/support/rng.h"
#include "tests/support/unit.h"

#define BYTES_MAX  40u
#define EVENTS_MAX 20000u

/* An event that says its number in all its bytes. */
static void event_fill(unsigned char *event, uint32_t bytes, uint32_t number)
{
	for (uint32_t i = 0; i < bytes; i++)
		event[i] = (unsigned char)(number * 7 + (number >> 8) + i * 13);
}

static void check_cell(const struct hold *hold, uint32_t cell, uint32_t number)
{
	unsigned char event[BYTES_MAX];

	event_fill(event, hold->event_bytes, number);
	assert_memory_equal(hold_cell(hold, cell), event, hold->event_bytes);
}

/* Stage @n events called @number, @number + 1 ... */
static void stage(struct hold *hold, uint32_t n, uint32_t number)
{
	unsigned char *event = hold_stage(hold, n);

	assert_non_null(event);
	for (uint32_t i = 0; i < n; i++, event += hold->event_bytes)
		event_fill(event, hold->event_bytes, number + i);
}

static struct hold open_hold(uint32_t capacity, uint32_t hot, uint32_t bytes)
{
	struct hold hold;

	memset(&hold, 0xff, sizeof(hold));
	assert_int_equal(hold_open(&hold, capacity, hot, bytes), 0);
	assert_int_equal(hold_count(&hold), 0);
	assert_int_equal(hold_end(&hold), 0);
	return hold;
}

static void what_is_staged_waits_once_committed(void **state)
{
	struct hold hold = open_hold(8, 8, 8);

	(void)state;
	stage(&hold, 3, 0);
	assert_int_equal(hold_count(&hold), 0);
	stage(&hold, 2, 3);
	hold_commit(&hold);
	assert_int_equal(hold_count(&hold), 5);
	assert_int_equal(hold_end(&hold), 5);
	for (uint32_t i = 0; i < 5; i++)
		check_cell(&hold, hold.first + i, i);
	hold_close(&hold);
}

static void what_is_rolled_back_never_was(void **state)
{
	struct hold hold = open_hold(8, 4, 8);

	(void)state;
	stage(&hold, 2, 0);
	hold_commit(&hold);
	stage(&hold, 6, 100);
	hold_rollback(&hold);
	assert_int_equal(hold_count(&hold), 2);
	assert_int_equal(hold_end(&hold), 2);
	stage(&hold, 6, 2); /* the same cells again */
	hold_commit(&hold);
	for (uint32_t i = 0; i < 8; i++)
		check_cell(&hold, hold.first + i, i);
	hold_close(&hold);
}

static void a_full_row_gives_no_cell(void **state)
{
	struct hold hold = open_hold(4, 4, 8);

	(void)state;
	assert_null(hold_stage(&hold, 5));
	stage(&hold, 3, 0);
	assert_null(hold_stage(&hold, 2)); /* and takes nothing for it */
	stage(&hold, 1, 3);
	assert_null(hold_stage(&hold, 1));
	hold_commit(&hold);
	assert_null(hold_stage(&hold, 1));
	assert_null(hold_stage(&hold, UINT32_MAX));
	assert_int_equal(hold_count(&hold), 4);
	hold_close(&hold);
}

/* Empty before each callback, as most of the time: the same cells again. */
static void an_empty_row_begins_at_its_first_cell(void **state)
{
	struct hold hold = open_hold(4, 4, 8);
	const unsigned char *first = hold_front(&hold);

	(void)state;
	for (uint32_t i = 0; i < 10; i++) {
		hold_make_room(&hold, 4);
		stage(&hold, 3, i * 3);
		hold_commit(&hold);
		assert_ptr_equal(hold_front(&hold), first);
		hold_pop(&hold, 1);
		hold_pop(&hold, 2);
	}
	assert_int_equal(hold.at, 30);
	hold_close(&hold);
}

/* What is placed while a callback stages must not move what it has staged. */
static void staged_cells_stay_while_the_row_empties(void **state)
{
	struct hold hold = open_hold(8, 8, 8);

	(void)state;
	stage(&hold, 2, 0);
	hold_commit(&hold);
	stage(&hold, 3, 2);
	hold_pop(&hold, 2);
	stage(&hold, 1, 5);
	hold_commit(&hold);
	assert_int_equal(hold_count(&hold), 4);
	for (uint32_t i = 0; i < 4; i++)
		check_cell(&hold, hold.first + i, 2 + i);
	assert_int_equal(hold_end(&hold), 6);
	hold_close(&hold);
}

static void the_newest_are_dropped(void **state)
{
	struct hold hold = open_hold(8, 8, 8);

	(void)state;
	stage(&hold, 6, 0);
	hold_commit(&hold);
	hold_pop(&hold, 1);
	hold_drop_newest(&hold, 2);
	assert_int_equal(hold_count(&hold), 3);
	assert_int_equal(hold_end(&hold), 4);
	for (uint32_t i = 0; i < 3; i++)
		check_cell(&hold, hold.first + i, 1 + i);
	hold_drop_newest(&hold, 3);
	assert_int_equal(hold_count(&hold), 0);
	assert_int_equal(hold.at, 1); /* none of them went out */
	hold_close(&hold);
}

/* More cells hold what the fewer held, at the same positions. */
static void a_longer_row_is_the_same_row(void **state)
{
	struct hold hold = open_hold(8, 8, 8);

	(void)state;
	stage(&hold, 6, 0);
	hold_commit(&hold);
	hold_pop(&hold, 4);
	assert_int_equal(hold_grow(&hold, 32), 0);
	assert_int_equal(hold.capacity, 32);
	assert_int_equal(hold.at, 4);
	assert_int_equal(hold_end(&hold), 6);
	assert_int_equal(hold_count(&hold), 2);
	stage(&hold, 20, 6);
	hold_commit(&hold);
	for (uint32_t i = 0; i < 22; i++)
		check_cell(&hold, hold.first + i, 4 + i);
	hold_close(&hold);
}

static void reset_and_close_forget_all(void **state)
{
	struct hold hold = open_hold(8, 1, 8);

	(void)state;
	stage(&hold, 5, 0);
	hold_commit(&hold);
	hold_pop(&hold, 2);
	stage(&hold, 1, 9);
	hold_reset(&hold);
	assert_int_equal(hold_count(&hold), 0);
	assert_int_equal(hold_end(&hold), 0);
	assert_int_equal(hold.staged, 0);
	stage(&hold, 8, 0); /* all of it */
	hold_close(&hold);
	assert_null(hold.cells);
	hold_close(&hold);
}

/* ---- against an array ---------------------------------------------------- */

/* Events by position; those dropped as the newest give theirs back. */
struct oracle {
	uint32_t number[EVENTS_MAX];
	uint32_t first; /* position of the oldest that waits */
	uint32_t end;
	uint32_t staged; /* behind end */
	uint32_t moved;  /* those below have been copied */
};

static void check(const struct hold *hold, const struct oracle *o)
{
	assert_int_equal(hold->at, o->first);
	assert_int_equal(hold_count(hold), o->end - o->first);
	assert_int_equal(hold_end(hold), o->end);
	assert_int_equal(hold->staged, o->staged);
	assert_true(hold->tail + hold->staged <= hold->capacity);
	for (uint32_t i = o->first; i < o->end + o->staged; i++)
		check_cell(hold, hold->first + i - o->first, o->number[i]);
}

/* Before a callback: what may be staged fits, and no event moves twice. */
static void make_room(struct hold *hold, struct oracle *o, uint32_t most)
{
	uint32_t before = hold->first;

	hold_make_room(hold, most);
	assert_true(most <= hold->capacity - hold->tail);
	if (hold->first == before || o->first == o->end)
		return;
	assert_true(o->first >= o->moved);
	o->moved = o->end;
}

/* One callback that stages up to @most in a few calls; may be rolled back. */
static void callback(struct rng *rng, struct hold *hold, struct oracle *o,
		     uint32_t most, uint32_t *number)
{
	uint32_t left = (uint32_t)rng_below(rng, most + 1);

	make_room(hold, o, most);
	while (left > 0) {
		uint32_t n = rng_between(rng, 1, left);

		stage(hold, n, *number);
		for (uint32_t i = 0; i < n; i++)
			o->number[o->end + o->staged++] = (*number)++;
		left -= n;
		check(hold, o);
	}
	if (rng_below(rng, 4) == 0) {
		hold_rollback(hold);
	} else {
		hold_commit(hold);
		o->end += o->staged;
	}
	o->staged = 0;
}

/* What the engine does after a callback: place some, drop what is too many. */
static void place(struct rng *rng, struct hold *hold, struct oracle *o,
		  uint32_t waits)
{
	uint32_t count = o->end - o->first;
	uint32_t n = (uint32_t)rng_below(rng, count + 1);

	if (rng_below(rng, 3) == 0)
		n = 0; /* no credit */
	hold_pop(hold, n);
	o->first += n;
	count -= n;
	if (count <= waits)
		return;
	n = count - waits;
	if (rng_below(rng, 2)) {
		hold_drop_newest(hold, n);
		o->end -= n;
		if (o->moved > o->end)
			o->moved = o->end;
	} else {
		hold_pop(hold, n);
		o->first += n;
	}
}

static void random_script(void **state)
{
	static struct oracle o;
	struct rng rng = rng_start("hold random_script");

	(void)state;
	for (uint32_t script = 0; script < 200; script++) {
		uint32_t waits = (uint32_t)rng_below(&rng, 20);
		uint32_t most = rng_between(&rng, 1, 30);
		uint32_t bytes = rng_between(&rng, 1, BYTES_MAX);
		/* As the engine sizes it. */
		struct hold hold = open_hold(2 * waits + most, most, bytes);
		uint32_t number = 0;

		memset(&o, 0, sizeof(o));
		for (uint32_t step = 0; step < 500; step++) {
			callback(&rng, &hold, &o, most, &number);
			check(&hold, &o);
			place(&rng, &hold, &o, waits);
			check(&hold, &o);
		}
		hold_close(&hold);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_staged_waits_once_committed),
		cmocka_unit_test(what_is_rolled_back_never_was),
		cmocka_unit_test(a_full_row_gives_no_cell),
		cmocka_unit_test(an_empty_row_begins_at_its_first_cell),
		cmocka_unit_test(staged_cells_stay_while_the_row_empties),
		cmocka_unit_test(the_newest_are_dropped),
		cmocka_unit_test(a_longer_row_is_the_same_row),
		cmocka_unit_test(reset_and_close_forget_all),
		cmocka_unit_test(random_script),
	};

	return cmocka_run_group_tests_name("hold", tests, NULL, NULL);
}
