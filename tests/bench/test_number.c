/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/number.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <math.h>
#include <string.h>

static const struct number_range any_whole = {NUMBER_WHOLE, 0, 0x1p64, 0};
static const struct number_range any_real = {NUMBER_REAL, 0, 1e300, 0};
static const struct number_range any_time = {NUMBER_TIME, 0, 1e300, 0};

struct number_row {
	const char *text;
	const struct number_range *range;
	double real; /* negative: it is none */
};

static struct number_row number_rows[] = {
	{"0", &any_whole, 0},       {"200k", &any_whole, 200000},
	{"1.5k", &any_whole, 1500}, {"1e6", &any_whole, 1000000},
	{"2M", &any_whole, 2e6},    {"1G", &any_whole, 1e9},
	{"1.0", &any_whole, 1},     {"1.5", &any_whole, -1},
	{"1e-1", &any_whole, -1},   {"18446744073709551616", &any_whole, -1},
	{"1e20", &any_whole, -1},   {"0.8", &any_real, 0.8},
	{".5", &any_real, 0.5},     {"80%", &any_real, 0.8},
	{"1e-3", &any_real, 0.001}, {"1E+3", &any_real, 1000},
	{"", &any_real, -1},        {".", &any_real, -1},
	{"%", &any_real, -1},       {"-1", &any_real, -1},
	{"+1", &any_real, -1},      {" 1", &any_real, -1},
	{"1 ", &any_real, -1},      {"1e", &any_real, -1},
	{"1e999", &any_real, -1},   {"0x10", &any_real, -1},
	{"inf", &any_real, -1},     {"nan", &any_real, -1},
	{"1us", &any_real, -1},     {"500ns", &any_time, 500},
	{"2.5us", &any_time, 2500}, {"1ms", &any_time, 1e6},
	{"1e-3s", &any_time, 1e6},  {"5", &any_time, -1},
	{"2h", &any_time, -1},      {"1k", &any_time, -1},
};

static void is_that_number(void **state)
{
	const struct number_row *row = *state;
	struct number number = {0, 0};
	int rc = number_read(row->text, strlen(row->text), row->range, &number);

	assert_int_equal(rc, row->real < 0 ? -EINVAL : 0);
	if (rc < 0)
		return;
	assert_true(fabs(number.real - row->real) <= 1e-12 * row->real);
	if (row->range->kind == NUMBER_WHOLE)
		assert_int_equal(number.whole, (uint64_t)row->real);
}

static void ends_belong_to_a_range(void **state)
{
	const struct number_range range = {NUMBER_WHOLE, 2, 64, 1};
	char text[NUMBER_TEXT_BYTES];
	struct number number;

	(void)state;
	assert_int_equal(number_read("2", 1, &range, &number), 0);
	assert_int_equal(number_read("64", 2, &range, &number), 0);
	assert_int_equal(number_read("1", 1, &range, &number), -EINVAL);
	assert_int_equal(number_read("65", 2, &range, &number), -EINVAL);
	assert_int_equal(number_read("48", 2, &range, &number), -EINVAL);
	assert_string_equal(number_range_text(&range, text),
			    "a power of two in [2, 64]");
	/* Part of a text. */
	assert_int_equal(number_read("4:9", 1, &range, &number), 0);
	assert_int_equal(number_read("4e1", 1, &range, &number), -EINVAL);
}

static void all_64_bits_are_kept(void **state)
{
	static const char most[] = "18446744073709551615";
	struct number number;
	uint64_t whole;

	(void)state;
	assert_int_equal(number_read(most, strlen(most), &any_whole, &number),
			 0);
	assert_true(number.whole == UINT64_MAX);
	assert_int_equal(number_scaled("1700000000.123456789", 9, &whole), 0);
	assert_true(whole == UINT64_C(1700000000123456789));
	assert_int_equal(number_scaled("1700000000.1234567894", 9, &whole), 0);
	assert_true(whole == UINT64_C(1700000000123456789));
	assert_int_equal(number_scaled("0.0005", 3, &whole), 0);
	assert_int_equal(whole, 1);
	assert_int_equal(number_scaled("0.0004", 3, &whole), 0);
	assert_int_equal(whole, 0);
	assert_int_equal(number_scaled("0.00005", 3, &whole), 0);
	assert_int_equal(whole, 0);
	assert_int_equal(number_scaled("1e99999999999", 0, &whole), -ERANGE);
	assert_int_equal(number_scaled("1e-99999999999", 0, &whole), 0);
	assert_int_equal(number_scaled("1x", 0, &whole), -EINVAL);
}

struct list_row {
	const char *text;
	uint32_t count; /* 0: refused */
	double last;
	const char *why;
};

static struct list_row list_rows[] = {
	{"0.5", 1, 0.5, ""},
	{"0.1,0.2", 2, 0.2, ""},
	{"10%,0.5", 2, 0.5, ""},
	{"0.1:0.9:0.2", 5, 0.9, ""},
	{"0.1:0.3:0.1", 3, 0.3, ""},
	{"0.5:0.5:0.1", 1, 0.5, ""},
	{"0.1,", 0, 0, "must be a number, a list"},
	{"0.1:0.9", 0, 0, "FROM:TO:STEP"},
	{"0.1:0.9:0", 0, 0, "goes up, by a STEP above 0"},
	{"0.9:0.1:0.1", 0, 0, "goes up"},
	{"1:2:3:4", 0, 0, "FROM:TO:STEP"},
	{"0.5,0.5", 0, 0, "0.5 is there twice"},
	{"0.01:0.99:0.01", 0, 0, "at most 8 are taken"},
	{"2", 0, 0, "each must be a number in [0, 1]"},
};

static void is_that_list(void **state)
{
	static const struct number_range range = {NUMBER_REAL, 0, 1, 0};
	const struct list_row *row = *state;
	char why[200] = "";
	double out[8];
	int count = number_list(row->text, &range, out, UNIT_COUNT(out), why,
				sizeof(why));

	if (row->count == 0) {
		assert_int_equal(count, -EINVAL);
		assert_text_has(why, row->why);
		return;
	}
	assert_int_equal(count, row->count);
	assert_true(fabs(out[count - 1] - row->last) < 1e-12);
}

static void whole_numbers_go_in_steps_of_1(void **state)
{
	static const struct number_range range = {NUMBER_WHOLE, 1, 64, 0};
	char why[200];
	double out[64];

	(void)state;
	assert_int_equal(number_list("1:32", &range, out, 64, why, sizeof(why)),
			 32);
	assert_true(fabs(out[31] - 32) < 1e-12);
	assert_int_equal(
		number_list("2:8:2", &range, out, 64, why, sizeof(why)), 4);
	assert_int_equal(number_list("0:3", &range, out, 64, why, sizeof(why)),
			 -EINVAL);
	assert_text_has(why, "each must be a whole number in [1, 64]");
}

int main(void)
{
	struct CMUnitTest tests[96] = {
		cmocka_unit_test(ends_belong_to_a_range),
		cmocka_unit_test(all_64_bits_are_kept),
		cmocka_unit_test(whole_numbers_go_in_steps_of_1),
	};
	size_t count = UNIT_ADD_ROWS(tests, 3, is_that_number, number_rows);

	count = UNIT_ADD_ROWS(tests, count, is_that_list, list_rows);
	return _cmocka_run_group_tests("number", tests, count, NULL, NULL);
}
