/* SPDX-License-Identifier: Apache-2.0 */
/* An event as a line of JSON, whatever bytes are in it. */
#include "tools/sluice/event.h"
#include "tools/sluice/quote.h"
#include "tests/support/unit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static struct quote_row {
	const char *name;
	const char *bytes;
	const char *text;
} quote_rows[] = {
	{"nothing", "", "\"\""},
	{"letters", "a b", "\"a b\""},
	{"what must be escaped", "\"\\/\n\t\x01\x7f",
	 "\"\\\"\\\\/\\u000a\\u0009\\u0001\\u007f\""},
	{"two, three and four bytes", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
	 "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\""},
	{"the first and the last of each",
	 "\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf"
	 "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf",
	 "\"\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf"
	 "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\""},
	{"the middle of one", "a\x80z", "\"a\\ufffdz\""},
	{"one that is cut", "\xe2\x82", "\"\\ufffd\\ufffd\""},
	{"one that is cut by another", "\xe2\x82z", "\"\\ufffd\\ufffdz\""},
	{"longer than it need be", "\xc1\xbf\xe0\x9f\xbf\xf0\x8f\xbf\xbf",
	 "\"\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\""},
	{"half of a pair", "\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\""},
	{"beyond the last", "\xf4\x90\x80\x80\xf5\xff",
	 "\"\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\""},
};

static void is_that_text(void **state)
{
	const struct quote_row *row = *state;
	char text[256];
	char *end = quote_write(text, row->bytes, strlen(row->bytes));

	assert_true((size_t)(end - text) <= quote_bytes(strlen(row->bytes)));
	*end = '\0';
	assert_string_equal(text, row->text);
}

static const struct event {
	uint64_t id;
	int32_t change;
	float low;
	double price;
	double none;
	char text[8];
} event = {UINT64_MAX, -5, 0.5f, INFINITY, NAN, {'a', '"', 0, 'x'}};

static struct event_row {
	const char *name;
	const char *fields; /* NULL: as the format says */
	enum frame_format format;
	const char *line;
} event_rows[] = {
	{"fields", "u64,i32,f32,f64,f64,text:2,hex:2", FRAME_HEX,
	 "{\"seq\":18446744073709551615,\"redelivered\":true,\"fields\":"
	 "[18446744073709551615,-5,0.5,null,null,\"a\\\"\",\"0078\"]}\n"},
	{"some of them", "skip:8,i32,skip:28", FRAME_HEX,
	 "{\"seq\":18446744073709551615,\"redelivered\":true,\"fields\":[-5]}"
	 "\n"},
	{"none of them", "skip:40", FRAME_HEX,
	 "{\"seq\":18446744073709551615,\"redelivered\":true,\"fields\":[]}\n"},
	{"hex", NULL, FRAME_HEX,
	 "{\"seq\":18446744073709551615,\"redelivered\":true,"
	 "\"hex\":\"ffffffffffffffff\"}\n"},
	{"text", NULL, FRAME_TEXT,
	 "{\"seq\":18446744073709551615,\"redelivered\":true,"
	 "\"text\":"
	 "\"\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\"}"
	 "\n"},
};

static void is_that_line(void **state)
{
	const struct event_row *row = *state;
	struct fields fields = {.count = 0};
	struct event_form form = {&fields, row->format, sizeof(event.id)};
	char line[1024];
	size_t n;

	if (row->fields != NULL)
		assert_int_equal(fields_read(&fields, row->fields), 0);
	memset(line, '!', sizeof(line));
	n = event_write(&form, line, &event, UINT64_MAX, 1);
	assert_true(n <= event_bytes(&form));
	assert_int_equal(n, strlen(row->line));
	assert_memory_equal(line, row->line, n);
	assert_int_equal(line[n], '!');
}

static void one_that_has_not_come_before(void **state)
{
	struct fields fields = {.count = 0};
	struct event_form form = {&fields, FRAME_TEXT, 3};
	char line[128];
	size_t n = event_write(&form, line, "a\0b", 7, 0);

	(void)state;
	line[n] = '\0';
	assert_string_equal(
		line, "{\"seq\":7,\"redelivered\":false,\"text\":\"a\"}\n");
}

int main(void)
{
	struct CMUnitTest tests[32] = {
		cmocka_unit_test(one_that_has_not_come_before),
	};
	size_t count = UNIT_ADD_ROWS(tests, 1, is_that_text, quote_rows);

	count = UNIT_ADD_ROWS(tests, count, is_that_line, event_rows);
	return _cmocka_run_group_tests("event", tests, count, NULL, NULL);
}
