/* SPDX-License-Identifier: Apache-2.0 */
/* Cells alone: what any thread may say of which event, round after round, up to where
 * positions wrap; and what an answer that comes late finds. */
#include "engine/link/answers_priv.h"
#include "tests/support/rng.h"
#include "tests/support/unit.h"

#include <errno.h>

#define SLOTS 16u

static struct answers a;
static struct answer_wrong wrong;

static void begin(uint64_t position)
{
	memset(&a, 0, sizeof(a));
	assert_int_equal(answers_open(&a, SLOTS), 0);
	answers_begin(&a, position);
}

/* @n more are out, for the first time. Returns the ticket of the first. */
static uint64_t hand(uint32_t n)
{
	uint64_t at = a.next;

	answers_hand(&a, at, n, 1);
	answers_take(&a, at + n);
	return answers_ticket(&a, at, 1);
}

static void at_any_position(void **state)
{
	static const uint64_t positions[] = {0, 5, UINT64_C(1) << 24,
					     (UINT64_C(1) << 48) - 3,
					     UNIT_NEAR_WRAP};

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(positions); i++) {
		uint64_t acked = positions[i];

		begin(acked);
		for (uint32_t round = 0; round < 100; round++) {
			uint64_t ticket = hand(SLOTS);

			assert_int_equal(answers_settled(&a, acked).all, 0);
			/* One of the same cell, a lap ago. */
			if (round >= 2)
				assert_int_equal(
					answers_give(&a, ticket - 2 * SLOTS, 1,
						     ANSWER_OK, &wrong),
					-EALREADY);
			assert_int_equal(answers_give(&a, ticket + 3, SLOTS - 3,
						      ANSWER_OK, &wrong),
					 0);
			assert_int_equal(answers_settled(&a, acked).all, 0);
			assert_int_equal(answers_give(&a, ticket, SLOTS,
						      ANSWER_OK, &wrong),
					 -EALREADY);
			assert_int_equal(
				answers_give(&a, ticket, 4, ANSWER_OK, &wrong),
				-EALREADY);
			assert_int_equal(wrong.some, 0);
			assert_int_equal(
				answers_give(&a, ticket, 3, ANSWER_OK, &wrong),
				0);
			assert_int_equal(answers_settled(&a, acked).done,
					 SLOTS);
			acked += SLOTS;
			assert_int_equal(
				answers_give(&a, ticket, 1, ANSWER_OK, &wrong),
				-EALREADY);
			assert_int_equal(wrong.from, acked - SLOTS);
			assert_int_equal(answers_give(&a, ticket + SLOTS, 1,
						      ANSWER_OK, &wrong),
					 -EINVAL);
		}
		assert_int_equal(
			answers_give(&a,
				     answers_ticket(&a, positions[i] - 1, 1), 1,
				     ANSWER_OK, &wrong),
			-EINVAL);
		answers_close(&a);
	}
}

/* What is out comes again; what was said holds. */
static void another_turn(void **state)
{
	uint64_t ticket;

	(void)state;
	begin(6);
	ticket = hand(12);
	assert_int_equal(answers_give(&a, ticket + 1, 2, ANSWER_OK, &wrong), 0);
	assert_int_equal(answers_give(&a, ticket + 4, 1, ANSWER_RETRY, &wrong),
			 0);
	assert_int_equal(answers_give(&a, ticket + 5, 1, ANSWER_SKIP, &wrong),
			 0);
	assert_int_equal(answers_give(&a, ticket + 6, 1, ANSWER_FAIL, &wrong),
			 0);
	answers_turn(&a, 6);
	assert_int_equal(a.again, 9);
	for (uint32_t i = 0; i < 12; i++)
		assert_int_equal(answers_at(&a, 6 + i),
				 i == 1 || i == 2 ? ANSWER_OK
				 : i == 5         ? ANSWER_SKIP
						  : ANSWER_AGAIN);
	for (uint32_t i = 0; i < 12; i++)
		assert_int_equal(
			answers_give(&a, ticket + i, 1, ANSWER_OK, &wrong),
			-ESTALE);
	answers_hand(&a, 6, 1, 2);
	assert_int_equal(answers_give(&a, ticket, 1, ANSWER_OK, &wrong),
			 -ESTALE);
	assert_int_equal(answers_give(&a, answers_ticket(&a, 6, 2), 1,
				      ANSWER_OK, &wrong),
			 0);
	answers_close(&a);
}

/* An answer for the delivery before is none for this one. */
static void another_delivery(void **state)
{
	uint64_t ticket;

	(void)state;
	begin(0);
	ticket = hand(2);
	assert_int_equal(answers_give(&a, ticket, 1, ANSWER_RETRY, &wrong), 0);
	answers_hand(&a, 0, 1, 2);
	assert_int_equal(answers_give(&a, ticket, 1, ANSWER_OK, &wrong),
			 -EALREADY);
	assert_int_equal(answers_give(&a, ticket, 2, ANSWER_OK, &wrong),
			 -EALREADY);
	answers_rest(&a, 0, 2, 1, ANSWER_OK);
	assert_int_equal(answers_at(&a, 1), ANSWER_OK);
	assert_int_equal(answers_at(&a, 0), ANSWER_OUT + 2);
	answers_rest(&a, 0, 1, 2, ANSWER_OK);
	assert_int_equal(answers_settled(&a, 0).done, 2);
	answers_close(&a);
}

/* A place that is used again has another turn, and more cells if it needs them. */
static void another_subscription(void **state)
{
	uint64_t ticket;

	(void)state;
	begin(0);
	ticket = hand(4);
	assert_int_equal(answers_open(&a, 4 * SLOTS), 0);
	answers_begin(&a, 0);
	answers_hand(&a, 0, 4 * SLOTS, 1);
	answers_take(&a, 4 * SLOTS);
	assert_int_equal(answers_give(&a, ticket, 4, ANSWER_OK, &wrong),
			 -ESTALE);
	assert_int_equal(answers_give(&a, answers_ticket(&a, 0, 1), 4 * SLOTS,
				      ANSWER_OK, &wrong),
			 0);
	assert_int_equal(answers_settled(&a, 0).all, 4 * SLOTS);
	answers_close(&a);
}

/* Held against a plain array, by chance. */
static void by_chance(void **state)
{
	struct rng rng = rng_start("answers");
	uint8_t is[4 * SLOTS] = {0}; /* 1: out, 2: done */
	uint64_t acked = 0;

	(void)state;
	begin(0);
	for (uint32_t i = 0; i < 100000; i++) {
		uint64_t room = SLOTS - (a.next - acked);
		uint32_t n = 1 + (uint32_t)rng_below(&rng, SLOTS);
		uint64_t at = acked + rng_below(&rng, SLOTS);
		int fits = at + n <= a.next;

		if (rng_below(&rng, 3) == 0 && room > 0) {
			n = 1 + (uint32_t)rng_below(&rng, room);
			for (uint32_t k = 0; k < n; k++)
				is[(a.next + k) % sizeof(is)] = 1;
			(void)hand(n);
			continue;
		}
		for (uint32_t k = 0; fits && k < n; k++)
			fits = is[(at + k) % sizeof(is)] == 1;
		assert_int_equal(answers_give(&a, answers_ticket(&a, at, 1), n,
					      ANSWER_OK, &wrong) == 0,
				 fits);
		for (uint32_t k = 0; fits && k < n; k++)
			is[(at + k) % sizeof(is)] = 2;
		n = answers_settled(&a, acked).all;
		for (uint32_t k = 0; k < n; k++)
			assert_int_equal(is[(acked + k) % sizeof(is)], 2);
		acked += n;
		assert_true(acked == a.next || is[acked % sizeof(is)] == 1);
	}
	answers_close(&a);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(at_any_position),
		cmocka_unit_test(another_turn),
		cmocka_unit_test(another_delivery),
		cmocka_unit_test(another_subscription),
		cmocka_unit_test(by_chance),
	};

	return cmocka_run_group_tests_name("answers", tests, NULL, NULL);
}
