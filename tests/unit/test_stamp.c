/* SPDX-License-Identifier: Apache-2.0 */
/* Which events are stamped, on a clock that the test sets; and what a consumer makes
 * of a stamp. */
#include "engine/link/stamp_priv.h"
#include "tests/support/unit.h"

#define MS UINT64_C(1000000)

static uint64_t clock_ns;
static uint32_t reads;
static struct stamper stamper;
static struct sluice_tx_words tx;
static struct sluice_spsc_writer writer;

static uint64_t now_ns(void *ctx)
{
	(void)ctx;
	reads++;
	return clock_ns;
}

static const struct sluice_wait_ops ops = {.now_ns = now_ns};

static int open_ring(void **state)
{
	(void)state;
	stamper = (struct stamper){0};
	tx = (struct sluice_tx_words){0};
	writer = (struct sluice_spsc_writer){.tx = &tx};
	clock_ns = MS;
	reads = 0;
	return 0;
}

static void send(uint32_t n)
{
	writer.reserved += n;
	stamp_publish(&stamper, &writer, &ops);
	sluice_spsc_publish(&writer);
}

static struct stamp look(uint64_t first, uint64_t n)
{
	return stamp_read(&tx.stamped, &tx.stamped_ns, first, n);
}

static void each_of_a_few_is_stamped(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 10; i++) {
		struct stamp stamp;

		clock_ns += 10 * MS;
		send(1);
		stamp = look(i, 1);
		assert_int_equal(stamp.at, i);
		assert_int_equal(stamp.ns, clock_ns);
	}
	assert_int_equal(reads, 10);
}

/* In a millisecond; each is the 2^k-th of its ring. */
static void stamps_are_some_thousand_a_second(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 100000; i++) {
		clock_ns += 10;
		send(1);
	}
	assert_in_range(reads, 5, 25);
	assert_int_equal(tx.stamped.value &
				 ((UINT64_C(1) << (stamper.bits - 1)) - 1),
			 0);
}

static void when_it_slows_down_each_is_stamped_again(void **state)
{
	(void)state;
	stamps_are_some_thousand_a_second(NULL);
	for (uint32_t i = 0; i < 2u << STAMP_BITS_MAX; i++) {
		clock_ns += 2 * MS;
		send(1);
	}
	assert_int_equal(stamper.bits, 0);
	reads = 0;
	send(1);
	assert_int_equal(reads, 1);
}

/* What a batch passes over is not made up for. */
static void a_batch_has_one_at_most(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 100; i++) {
		clock_ns += 10 * MS;
		send(1000);
		assert_int_equal(look(i * 1000, 1000).at, i * 1000);
	}
	assert_int_equal(reads, 100);
}

static void only_what_lies_there_is_taken(void **state)
{
	(void)state;
	assert_int_equal(look(0, 100).ns, 0); /* none yet */
	writer.reserved = 50;
	stamper.next = 60;
	send(20);
	assert_int_equal(look(0, 60).ns, 0);
	assert_int_equal(look(61, 9).ns, 0);
	assert_int_equal(look(60, 1).at, 60);
	assert_int_equal(look(50, 20).ns, clock_ns);
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(each_of_a_few_is_stamped),
		cmocka_unit_test(stamps_are_some_thousand_a_second),
		cmocka_unit_test(when_it_slows_down_each_is_stamped_again),
		cmocka_unit_test(a_batch_has_one_at_most),
		cmocka_unit_test(only_what_lies_there_is_taken),
	};

	for (size_t i = 0; i < UNIT_COUNT(tests); i++)
		tests[i].setup_func = open_ring;
	return cmocka_run_group_tests_name("stamp", tests, NULL, NULL);
}
