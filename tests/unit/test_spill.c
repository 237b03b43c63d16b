/* SPDX-License-Identifier: Apache-2.0 */
/* The spill: a queue per lane, one pool for all. */
#include "engine/link/spill_priv.h"
#include "tests/support/rng.h"
#include "tests/support/unit.h"

#define CAPACITY  64u
#define LANES_MAX 24u
#define BYTES_MAX 100u

/* An event that says where and when it was pushed, in all its bytes. */
static void event_fill(unsigned char *event, uint32_t bytes, uint32_t number)
{
	for (uint32_t i = 0; i < bytes; i++)
		event[i] = (unsigned char)(number * 7 + i * 13);
}

static void check_front(const struct spill *spill, uint32_t lane,
			uint32_t number)
{
	unsigned char event[BYTES_MAX];

	event_fill(event, spill->event_bytes, number);
	assert_memory_equal(spill_front(spill, &spill->queue[lane]), event,
			    spill->event_bytes);
}

static void push(struct spill *spill, uint32_t lane, uint32_t number)
{
	unsigned char event[BYTES_MAX];

	event_fill(event, spill->event_bytes, number);
	spill_push(spill, &spill->queue[lane], event, 0);
	memset(event, 0xff, sizeof(event)); /* it must have been copied */
}

static void one_lane_is_a_queue(void **state)
{
	struct spill spill = {0};

	(void)state;
	assert_int_equal(spill_open(&spill, CAPACITY, 8, 1), 0);
	for (uint32_t round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < CAPACITY; i++)
			push(&spill, 0, i);
		for (uint32_t i = 0; i < CAPACITY; i++) {
			check_front(&spill, 0, i);
			spill_pop(&spill, &spill.queue[0]);
		}
	}
	spill_close(&spill);
}

/* All of the pool may wait for one lane, and then for another. */
static void lanes_share_the_pool(void **state)
{
	struct spill spill = {0};

	(void)state;
	assert_int_equal(spill_open(&spill, CAPACITY, 8, 3), 0);
	for (uint32_t i = 0; i < CAPACITY; i++)
		push(&spill, i % 2 ? 2 : 0, i);
	for (uint32_t i = 1; i < CAPACITY; i += 2) {
		check_front(&spill, 2, i);
		spill_pop(&spill, &spill.queue[2]);
		push(&spill, 1, 1000 + i); /* into the cell just freed */
	}
	for (uint32_t i = 0; i < CAPACITY; i += 2) {
		check_front(&spill, 0, i);
		spill_pop(&spill, &spill.queue[0]);
	}
	for (uint32_t i = 1; i < CAPACITY; i += 2) {
		check_front(&spill, 1, 1000 + i);
		spill_pop(&spill, &spill.queue[1]);
	}
	spill_close(&spill);
}

static void a_pool_of_one(void **state)
{
	struct spill spill = {0};

	(void)state;
	assert_int_equal(spill_open(&spill, 1, 1, 2), 0);
	for (uint32_t i = 0; i < 10; i++) {
		push(&spill, i % 2, i);
		check_front(&spill, i % 2, i);
		spill_pop(&spill, &spill.queue[i % 2]);
	}
	spill_close(&spill);
}

static void close_takes_anything(void **state)
{
	struct spill spill = {0};

	(void)state;
	spill_close(&spill);
	assert_int_equal(spill_open(&spill, CAPACITY, 8, 2), 0);
	push(&spill, 1, 5);
	spill_close(&spill); /* not empty */
	assert_null(spill.cells);
	assert_int_equal(spill.capacity, 0);
	spill_close(&spill);
}

/* What finds no place after all goes back to the front, alone or not, as if it had
 * never left: whoever waits for a position sees none go by. */
static void what_is_put_back_comes_first(void **state)
{
	struct spill spill = {0};

	(void)state;
	assert_int_equal(spill_open(&spill, CAPACITY, 8, 1), 0);
	for (uint32_t n = 1; n <= 3; n++) {
		struct spill_queue *queue = &spill.queue[0];
		uint64_t popped = queue->popped;

		for (uint32_t i = 0; i < n; i++)
			push(&spill, 0, i);
		spill_pop(&spill, queue);
		assert_int_equal(queue->popped, popped + 1);
		spill_unpop(&spill, queue);
		assert_int_equal(queue->popped, popped);
		assert_int_equal(queue->count, n);
		push(&spill, 0, n);
		for (uint32_t i = 0; i <= n; i++) {
			check_front(&spill, 0, i);
			spill_pop(&spill, queue);
		}
		assert_int_equal(queue->count, 0);
	}
	spill_close(&spill);
}

/* One queue behind another: all of it has left the one, and comes behind what
 * waits in the other. */
static void one_queue_goes_behind_another(void **state)
{
	struct spill spill = {0};

	(void)state;
	assert_int_equal(spill_open(&spill, CAPACITY, 8, 2), 0);
	for (uint32_t before = 0; before < 3; before++) {
		uint64_t popped = spill.queue[1].popped;

		for (uint32_t i = 0; i < before; i++)
			push(&spill, 0, i);
		for (uint32_t i = 0; i < 4; i++)
			push(&spill, 1, before + i);
		spill_append(&spill, &spill.queue[0], &spill.queue[1]);
		assert_int_equal(spill.queue[1].count, 0);
		assert_int_equal(spill.queue[1].popped, popped + 4);
		spill_append(&spill, &spill.queue[0], &spill.queue[1]);
		assert_int_equal(spill.queue[0].count, before + 4);
		push(&spill, 0, before + 4);
		for (uint32_t i = 0; i < before + 5; i++) {
			check_front(&spill, 0, i);
			spill_pop(&spill, &spill.queue[0]);
		}
	}
	spill_close(&spill);
}

/* ---- against one array per lane ------------------------------------------ */

struct oracle {
	uint32_t number[LANES_MAX][CAPACITY];
	uint32_t count[LANES_MAX];
	uint32_t total;
};

static void random_script(void **state)
{
	struct rng rng = rng_start("spill random_script");

	(void)state;
	for (uint32_t script = 0; script < 100; script++) {
		uint32_t lanes = rng_between(&rng, 1, LANES_MAX);
		uint32_t bytes = rng_between(&rng, 1, BYTES_MAX);
		uint32_t capacity = rng_between(&rng, 1, CAPACITY);
		uint32_t eager = rng_between(&rng, 1, 9); /* of 10 push */
		struct spill spill = {0};
		struct oracle o;

		memset(&o, 0, sizeof(o));
		assert_int_equal(spill_open(&spill, capacity, bytes, lanes), 0);
		for (uint32_t step = 0; step < 1000; step++) {
			uint32_t lane = (uint32_t)rng_below(&rng, lanes);
			uint32_t *number = o.number[lane];

			if (rng_below(&rng, 10) < eager) {
				if (o.total == capacity)
					continue;
				push(&spill, lane, step);
				number[o.count[lane]++] = step;
				o.total++;
			} else if (o.count[lane] > 0) {
				check_front(&spill, lane, number[0]);
				spill_pop(&spill, &spill.queue[lane]);
				memmove(number, number + 1,
					--o.count[lane] * sizeof(*number));
				o.total--;
			}
		}
		for (uint32_t lane = 0; lane < lanes; lane++)
			for (uint32_t i = 0; i < o.count[lane]; i++) {
				check_front(&spill, lane, o.number[lane][i]);
				spill_pop(&spill, &spill.queue[lane]);
			}
		spill_close(&spill);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_lane_is_a_queue),
		cmocka_unit_test(lanes_share_the_pool),
		cmocka_unit_test(a_pool_of_one),
		cmocka_unit_test(close_takes_anything),
		cmocka_unit_test(what_is_put_back_comes_first),
		cmocka_unit_test(one_queue_goes_behind_another),
		cmocka_unit_test(random_script),
	};

	return cmocka_run_group_tests_name("spill", tests, NULL, NULL);
}
