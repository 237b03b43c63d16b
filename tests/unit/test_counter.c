/* SPDX-License-Identifier: Apache-2.0 */
#include "ring/counter.h"
#include "tests/support/unit.h"

/* The order is part of the region format: a tool reads words by index. */
static const char *const labels[] = {
	"events_in",     "batches_in", "events_out",  "batches_out",
	"discarded",     "refused",    "spilled",     "stalls_empty",
	"stalls_credit", "overflowed", "stranded",    "redelivered",
	"dead_letters",  "restarts",   "passed_over", "buffered",
	"held",          "working_ns", "idle_ns",     "no_credit_ns",
	"blocked_ns",    "began_ns",   "doing",       "helped",
};

static void labels_are_all_there_in_order(void **state)
{
	(void)state;
	assert_int_equal(UNIT_COUNT(labels), SLUICE_COUNTER_COUNT);
	for (size_t i = 0; i < SLUICE_COUNTER_COUNT; i++) {
		const char *label =
			sluice_counter_label((enum sluice_counter)i);

		assert_non_null(label);
		assert_string_equal(label, labels[i]);
	}
}

static void labels_are_unique_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < SLUICE_COUNTER_COUNT; i++) {
		const char *label =
			sluice_counter_label((enum sluice_counter)i);

		assert_non_null(label);
		assert_true(strlen(label) > 0);
		assert_true(strlen(label) < SLUICE_NAME_BYTES);
		assert_int_equal(strspn(label, "abcdefghijklmnopqrstuvwxyz_"),
				 strlen(label));
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(
				label,
				sluice_counter_label((enum sluice_counter)j));
	}
}

static void label_out_of_range_is_null(void **state)
{
	(void)state;
	assert_null(sluice_counter_label(SLUICE_COUNTER_COUNT));
	assert_null(sluice_counter_label((enum sluice_counter)1000));
	assert_null(sluice_counter_label((enum sluice_counter) - 1));
}

static void add_counts_one_word_only(void **state)
{
	struct sluice_counters counters = {0};

	(void)state;
	for (size_t i = 0; i < SLUICE_COUNTER_COUNT; i++) {
		sluice_counter_add(&counters, (enum sluice_counter)i, 100 + i);
		sluice_counter_add(&counters, (enum sluice_counter)i, 0);
		sluice_counter_add(&counters, (enum sluice_counter)i, 1000);
	}
	for (size_t i = 0; i < SLUICE_COUNTER_COUNT; i++)
		assert_int_equal(
			sluice_counter_read(&counters, (enum sluice_counter)i),
			1100 + i);
}

static void add_passes_32_and_64_bits(void **state)
{
	struct sluice_counters counters = {0};

	(void)state;
	sluice_counter_add(&counters, SLUICE_COUNTER_SPILLED, UINT32_MAX);
	sluice_counter_add(&counters, SLUICE_COUNTER_SPILLED, 1);
	assert_int_equal(sluice_counter_read(&counters, SLUICE_COUNTER_SPILLED),
			 UINT64_C(1) << 32);
	sluice_counter_add(&counters, SLUICE_COUNTER_REFUSED, UINT64_MAX);
	sluice_counter_add(&counters, SLUICE_COUNTER_REFUSED, 2);
	assert_int_equal(sluice_counter_read(&counters, SLUICE_COUNTER_REFUSED),
			 1);
}

static void block_is_one_word_each(void **state)
{
	(void)state;
	assert_int_equal(sizeof(struct sluice_counters),
			 8 * (size_t)SLUICE_COUNTER_COUNT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(labels_are_all_there_in_order),
		cmocka_unit_test(labels_are_unique_words),
		cmocka_unit_test(label_out_of_range_is_null),
		cmocka_unit_test(add_counts_one_word_only),
		cmocka_unit_test(add_passes_32_and_64_bits),
		cmocka_unit_test(block_is_one_word_each),
	};

	return cmocka_run_group_tests_name("counter", tests, NULL, NULL);
}
