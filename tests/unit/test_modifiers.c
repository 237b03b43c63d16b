/* SPDX-License-Identifier: Apache-2.0 */
/* The modifiers of a subscription, alone: tee, conflate and weighted lanes, each
 * held against the naive reading of what it promises. */
#include "dispatch/conflate.h"
#include "dispatch/lanes.h"
#include "dispatch/tee.h"
#include "tests/support/rng.h"
#include "tests/support/unit.h"

static void check(const char *broken)
{
	if (broken != NULL)
		fail_msg("%s", broken);
}

/* ---- tee ----------------------------------------------------------------- */

/* However the events come in rows, due are those whose number is a multiple. */
static void tee_is_one_in_so_many(void **state)
{
	struct rng rng = rng_start("tee_is_one_in_so_many");

	(void)state;
	for (uint32_t every = 1; every < 20; every++) {
		struct sluice_tee tee;
		uint64_t number = 0;

		sluice_tee_init(&tee, every);
		for (uint32_t row = 0; row < 300; row++) {
			uint32_t count = (uint32_t)rng_below(&rng, 30);
			uint32_t at = 0;

			for (uint32_t i = 0; i < count; i++) {
				if ((number + i) % every != 0)
					continue;
				assert_true(sluice_tee_next(&tee, &at, count));
				assert_int_equal(at, i);
				at++;
			}
			assert_false(sluice_tee_next(&tee, &at, count));
			number += count;
			check(sluice_tee_verify(&tee));
		}
	}
}

static void verify_sees_a_tee_out_of_step(void **state)
{
	struct sluice_tee tee;

	(void)state;
	sluice_tee_init(&tee, 4);
	check(sluice_tee_verify(&tee));
	tee.left = 3;
	check(sluice_tee_verify(&tee));
	tee.left = 4;
	assert_text_has(sluice_tee_verify(&tee), "further away");
	tee.every = 0;
	assert_text_has(sluice_tee_verify(&tee), "one in none");
}

/* ---- conflate ------------------------------------------------------------ */

#define PLACES 8u

/* What waits, oldest first, as the sentence says it: a row of keys and values. */
struct row {
	uint64_t key[PLACES];
	uint64_t value[PLACES];
	uint32_t count;
};

static void row_pop(struct row *row)
{
	row->count--;
	memmove(row->key, row->key + 1, row->count * sizeof(row->key[0]));
	memmove(row->value, row->value + 1, row->count * sizeof(row->value[0]));
}

/* Returns 1: it took another one's place; 2: the oldest had to go. */
static int row_put(struct row *row, uint64_t key, uint64_t value)
{
	int dropped = 0;

	for (uint32_t i = 0; i < row->count; i++) {
		if (row->key[i] != key)
			continue;
		row->value[i] = value;
		return 1;
	}
	if (row->count == PLACES) {
		row_pop(row);
		dropped = 2;
	}
	row->key[row->count] = key;
	row->value[row->count++] = value;
	return dropped;
}

static void conflate_keeps_the_latest(void **state)
{
	struct rng rng = rng_start("conflate_keeps_the_latest");
	uint64_t events[PLACES];
	uint64_t keys[PLACES];
	uint32_t table[2 * PLACES];
	struct sluice_conflate c;
	struct row row = {.count = 0};
	uint64_t replaced = 0;
	uint64_t dropped = 0;

	(void)state;
	sluice_conflate_init(&c, (unsigned char *)events, keys, table, PLACES,
			     sizeof(events[0]));
	for (uint64_t step = 0; step < 200000; step++) {
		const unsigned char *first;
		uint32_t n;

		if (rng_below(&rng, 3) > 0) {
			/* Keys that meet in the table, and some that do not. */
			uint64_t key = rng_below(&rng, 14)
				       << rng_below(&rng, 2);
			int what = row_put(&row, key, step);

			sluice_conflate_put(&c, key,
					    (const unsigned char *)&step);
			replaced += what == 1;
			dropped += what == 2;
		} else {
			n = sluice_conflate_peek(&c, &first);
			n = (uint32_t)rng_below(&rng, (uint64_t)n + 1);
			for (uint32_t i = 0; i < n; i++) {
				assert_memory_equal(first + i * sizeof(step),
						    &row.value[0],
						    sizeof(step));
				row_pop(&row);
			}
			sluice_conflate_pop(&c, n);
		}
		assert_int_equal(c.count, row.count);
		assert_int_equal(c.replaced, replaced);
		assert_int_equal(c.dropped, dropped);
		check(sluice_conflate_verify(&c));
	}
	assert_true(replaced > 0 && dropped > 0);
}

static void verify_sees_a_table_out_of_step(void **state)
{
	uint64_t events[PLACES];
	uint64_t keys[PLACES];
	uint32_t table[2 * PLACES];
	struct sluice_conflate c;

	(void)state;
	sluice_conflate_init(&c, (unsigned char *)events, keys, table, PLACES,
			     sizeof(events[0]));
	for (uint64_t key = 1; key < 4; key++)
		sluice_conflate_put(&c, key, (const unsigned char *)&key);
	check(sluice_conflate_verify(&c));
	keys[1] = 77;
	assert_text_has(sluice_conflate_verify(&c), "not found by its key");
	keys[1] = 2;
	c.count = 2;
	assert_text_has(sluice_conflate_verify(&c), "other keys");
	c.count = PLACES + 1;
	assert_text_has(sluice_conflate_verify(&c), "more events wait");
	c.count = 3;
	check(sluice_conflate_verify(&c));
}

/* ---- weighted lanes ------------------------------------------------------ */

/* Lanes that always have something are read as their weights are to each other,
 * whatever the batches. */
static void lanes_are_read_by_weight(void **state)
{
	struct rng rng = rng_start("lanes_are_read_by_weight");
	static const uint32_t weights[] = {1, 3, 0, 1024};
	struct sluice_share share[UNIT_COUNT(weights)];
	uint64_t read[UNIT_COUNT(weights)] = {0};

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(weights); i++)
		sluice_share_init(&share[i], weights[i]);
	for (uint32_t round = 0; round < 50; round++) {
		for (size_t i = 0; i < UNIT_COUNT(weights); i++) {
			sluice_share_begin(&share[i], SLUICE_LANES_QUANTUM);
			while (share[i].left > 0) {
				uint32_t n = rng_between(&rng, 1, 90);

				n = n < share[i].left ? n : share[i].left;
				sluice_share_take(&share[i], n);
				read[i] += n;
				check(sluice_share_verify(&share[i]));
			}
		}
	}
	for (size_t i = 0; i < UNIT_COUNT(weights); i++)
		assert_int_equal(read[i],
				 (weights[i] ? weights[i] : 1) * read[0]);
}

/* One that has nothing keeps nothing for later. */
static void an_idle_lane_saves_nothing(void **state)
{
	struct sluice_share share;

	(void)state;
	sluice_share_init(&share, 2);
	sluice_share_begin(&share, SLUICE_LANES_QUANTUM);
	sluice_share_take(&share, 5);
	assert_int_equal(share.left, 2 * SLUICE_LANES_QUANTUM - 5);
	sluice_share_take(&share, 0);
	assert_int_equal(share.left, 0);
	sluice_share_begin(&share, SLUICE_LANES_QUANTUM);
	assert_int_equal(share.left, 2 * SLUICE_LANES_QUANTUM);
}

static void verify_sees_a_share_out_of_step(void **state)
{
	struct sluice_share share;

	(void)state;
	sluice_share_init(&share, 2);
	sluice_share_begin(&share, SLUICE_LANES_QUANTUM);
	check(sluice_share_verify(&share));
	/* More than is left: the turn is over all the same. */
	sluice_share_take(&share, 2 * SLUICE_LANES_QUANTUM + 1);
	assert_int_equal(share.left, 0);
	share.left = 2 * SLUICE_LANES_QUANTUM + 1;
	assert_text_has(sluice_share_verify(&share), "more than its turn");
	share.weight = 0;
	assert_text_has(sluice_share_verify(&share), "weighs nothing");
}

/* A turn that was cut short adds nothing to the next one. */
static void a_turn_is_a_turn(void **state)
{
	struct sluice_share share;

	(void)state;
	sluice_share_init(&share, 3);
	for (uint32_t i = 0; i < 3; i++) {
		sluice_share_begin(&share, SLUICE_LANES_QUANTUM);
		assert_int_equal(share.left, 3 * SLUICE_LANES_QUANTUM);
		sluice_share_take(&share, 5);
		assert_int_equal(share.left, 3 * SLUICE_LANES_QUANTUM - 5);
		check(sluice_share_verify(&share));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_turn_is_a_turn),
		cmocka_unit_test(tee_is_one_in_so_many),
		cmocka_unit_test(verify_sees_a_tee_out_of_step),
		cmocka_unit_test(verify_sees_a_table_out_of_step),
		cmocka_unit_test(verify_sees_a_share_out_of_step),
		cmocka_unit_test(conflate_keeps_the_latest),
		cmocka_unit_test(lanes_are_read_by_weight),
		cmocka_unit_test(an_idle_lane_saves_nothing),
	};

	return cmocka_run_group_tests_name("modifiers", tests, NULL, NULL);
}
