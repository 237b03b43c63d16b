/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cli/spec.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <math.h>
#include <string.h>

static const struct number_form any_whole = {.kind = NUMBER_U64,
					     .high = 0x1p64};
static const struct number_form any_real = {.kind = NUMBER_REAL, .high = 1e300};
static const struct number_form any_time = {.kind = NUMBER_TIME, .high = 1e300};
static const struct number_form any_ns = {.kind = NUMBER_NS, .high = 1.8e19};

struct number_row {
	const char *text;
	const struct number_form *form;
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
	uint64_t whole = 0;
	double real = 0;
	int is_whole = row->form == &any_whole;
	int rc = number_read(row->form, row->text, strlen(row->text),
			     is_whole ? (void *)&whole : &real);

	assert_int_equal(rc, row->real < 0 ? -EINVAL : 0);
	if (rc < 0)
		assert_text_has(cli_error(), "must be a ");
	else if (is_whole)
		assert_int_equal(whole, (uint64_t)row->real);
	else
		assert_true(fabs(real - row->real) <= 1e-12 * row->real);
}

static int reads(const struct number_form *form, const char *text,
		 size_t length, uint32_t *number)
{
	*number = 0;
	return number_read(form, text, length, number);
}

static void ends_belong_to_a_range(void **state)
{
	const struct number_form form = {NUMBER_POWER, 2, 64, "none", 99};
	uint32_t number;

	(void)state;
	assert_int_equal(reads(&form, "2", 1, &number), 0);
	assert_int_equal(reads(&form, "64", 2, &number), 0);
	assert_int_equal(number, 64);
	assert_int_equal(reads(&form, "1", 1, &number), -EINVAL);
	assert_int_equal(reads(&form, "65", 2, &number), -EINVAL);
	assert_int_equal(reads(&form, "48", 2, &number), -EINVAL);
	assert_string_equal(cli_error(),
			    "must be none, or a power of two in [2, 64]");
	/* Part of a text. */
	assert_int_equal(reads(&form, "4:9", 1, &number), 0);
	assert_int_equal(reads(&form, "4e1", 1, &number), -EINVAL);
	/* A word stands for a number outside. */
	assert_int_equal(reads(&form, "none", 4, &number), 0);
	assert_int_equal(number, 99);
	assert_int_equal(reads(&form, "nonesuch", 8, &number), -EINVAL);
	(void)cli_within("--it=%d: ", 5);
	assert_text_has(cli_error(), "--it=5: must be none, or a");
}

static const char *shown(const struct number_form *form, const void *from)
{
	static char text[NUMBER_TEXT_BYTES];
	FILE *out = fmemopen(text, sizeof(text), "w");

	assert_non_null(out);
	number_show(form, from, out);
	(void)fputc('\0', out);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void numbers_are_shown_as_they_are_written(void **state)
{
	static const struct number_form claim = {NUMBER_REAL, 0, 9, "hop", -1};
	static const struct number_form small = {.kind = NUMBER_U32, .high = 9};
	static const struct number_form text = {.kind = NUMBER_TEXT};
	const uint64_t most = UINT64_MAX;
	const uint64_t ns = 1500;
	const uint32_t five = 5;
	const char *word = "word";

	(void)state;
	assert_string_equal(shown(&any_whole, &most), "18446744073709551615");
	assert_string_equal(shown(&any_ns, &ns), "1.5us");
	assert_string_equal(shown(&small, &five), "5");
	assert_string_equal(shown(&text, &word), "word");
	assert_string_equal(shown(&any_real, &(double){0.1}), "0.1");
	assert_string_equal(shown(&any_time, &(double){2e9}), "2s");
	assert_string_equal(shown(&claim, &(double){-1}), "hop");
	assert_string_equal(shown(&claim, &(double){-2}), "");
}

static uint64_t in_ns(const char *text)
{
	uint64_t ns = 0;

	assert_int_equal(number_read(&any_ns, text, strlen(text), &ns), 0);
	return ns;
}

static void all_64_bits_are_kept(void **state)
{
	static const char most[] = "18446744073709551615";
	uint64_t whole;

	(void)state;
	assert_int_equal(number_read(&any_whole, most, strlen(most), &whole),
			 0);
	assert_true(whole == UINT64_MAX);
	assert_true(in_ns("1700000000.123456789s") ==
		    UINT64_C(1700000000123456789));
	assert_true(in_ns("1700000000.1234567894s") ==
		    UINT64_C(1700000000123456789));
	assert_int_equal(in_ns("0.0006us"), 1);
	assert_int_equal(in_ns("0.0004us"), 0);
	assert_int_equal(in_ns("0.00005us"), 0);
	assert_int_equal(in_ns("1e-99999999999s"), 0);
	assert_int_equal(number_read(&any_ns, "1e99999999999s", 14, &whole),
			 -EINVAL);
	assert_int_equal(number_read(&any_ns, "18000000001s", 12, &whole),
			 -EINVAL);
}

int main(void)
{
	struct CMUnitTest tests[64] = {
		cmocka_unit_test(ends_belong_to_a_range),
		cmocka_unit_test(all_64_bits_are_kept),
		cmocka_unit_test(numbers_are_shown_as_they_are_written),
	};
	size_t count = UNIT_ADD_ROWS(tests, 3, is_that_number, number_rows);

	return _cmocka_run_group_tests("number", tests, count, NULL, NULL);
}
