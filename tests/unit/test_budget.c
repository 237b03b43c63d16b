/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/listen.h"
#include "engine/peer/budget_priv.h"
#include "ring/base.h"
#include "tests/support/unit.h"

#include <errno.h>

static struct budget *budget;

static int setup(void **state)
{
	(void)state;
	budget = budget_new();
	return budget == NULL ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	budget_drop(budget);
	return 0;
}

static int take(uint64_t bytes)
{
	return budget_take(budget, bytes, 0, "it");
}

static void all_of_it_is_taken_and_no_more(void **state)
{
	(void)state;
	budget_limit(budget, 100, 0);
	assert_int_equal(take(60), 0);
	assert_int_equal(take(41), -ENOSPC);
	assert_string_equal(sluice_last_error(),
			    "it takes 41 bytes of memory, and of bytes_max, "
			    "100, 40 are left");
	assert_int_equal(take(40), 0);
	assert_int_equal(take(1), -ENOSPC);
	budget_give(budget, 60);
	assert_int_equal(take(60), 0);
	budget_give(budget, 60);
	budget_give(budget, 40);
}

static void one_has_its_own_limit(void **state)
{
	(void)state;
	budget_limit(budget, 100, 50);
	assert_int_equal(budget_take(budget, 51, 0, "it"), -ENOSPC);
	assert_int_equal(budget_take(budget, 30, 0, "it"), 0);
	assert_int_equal(budget_take(budget, 21, 30, "it"), -ENOSPC);
	assert_string_equal(sluice_last_error(),
			    "it takes 21 bytes of memory, and of "
			    "bytes_per_peer, 50, 20 are left");
	assert_int_equal(budget_take(budget, 20, 30, "it"), 0);
	/* Another one. */
	assert_int_equal(budget_take(budget, 50, 0, "it"), 0);
	budget_give(budget, 100);
}

/* There is less than was taken. */
static void a_limit_that_is_lowered_takes_nothing_back(void **state)
{
	(void)state;
	assert_int_equal(take(100), 0);
	budget_limit(budget, 10, 0);
	assert_int_equal(take(1), -ENOSPC);
	assert_string_equal(sluice_last_error(),
			    "it takes 1 bytes of memory, and of bytes_max, 10, "
			    "0 are left");
	budget_give(budget, 100);
	assert_int_equal(take(10), 0);
	budget_give(budget, 10);
}

static void no_sum_is_too_large(void **state)
{
	(void)state;
	assert_int_equal(take(SLUICE_PEERS_BYTES_DEFAULT + 1), -ENOSPC);
	budget_limit(budget, UINT64_MAX, 0);
	assert_int_equal(take(UINT64_MAX), -ENOSPC);
	assert_int_equal(take(UINT64_C(1) << 63), -ENOSPC);
	assert_int_equal(take(100), 0);
	assert_int_equal(take(UINT64_MAX - 99), -ENOSPC);
	budget_give(budget, 100);
}

/* What is mapped may outlive who made it. */
static void the_last_one_frees_it(void **state)
{
	struct budget *other = budget_new();

	(void)state;
	assert_non_null(other);
	assert_int_equal(budget_take(other, 7, 0, "it"), 0);
	budget_drop(other);
	assert_int_equal(sluice_load_acquire(&other->used), 7);
	budget_give(other, 7);
}

static void none_has_no_limit(void **state)
{
	(void)state;
	assert_int_equal(budget_take(NULL, UINT64_MAX, 0, "it"), 0);
	budget_give(NULL, UINT64_MAX);
	budget_drop(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(all_of_it_is_taken_and_no_more),
		TEST(one_has_its_own_limit),
		TEST(a_limit_that_is_lowered_takes_nothing_back),
		TEST(no_sum_is_too_large),
		TEST(the_last_one_frees_it),
		TEST(none_has_no_limit),
	};

	return cmocka_run_group_tests_name("budget", tests, NULL, NULL);
}
