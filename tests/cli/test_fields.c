/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sluice/fields.h"
#include "tools/cli/say.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct event {
	uint64_t id;
	int32_t change;
	uint16_t few;
	int8_t sign;
	uint8_t byte;
	float low;
	uint32_t gap;
	double price;
	char text[8];
} event = {UINT64_MAX, -5,  65535,
	   -128,       255, 0.1f,
	   7,          2.5, {'a', '\t', '\\', 'b', 0, 'x'}};

static struct line_row {
	const char *name;
	const char *fields;
	const char *line; /* or what is wrong */
	int refused;
} line_rows[] = {
	{"all", "u64,i32,u16,i8,u8,f32,skip:4,f64,text:8",
	 "18446744073709551615\t-5\t65535\t-128\t255\t0.100000001\t2.5\t"
	 "a\\x09\\x5cb\n",
	 0},
	{"the first", "hex:3", "ffffff\n", 0},
	{"one byte's sign", "skip:8,i8", "-5\n", 0},
	{"nothing", "skip:40", "\n", 0},
	{"no name", "u64,", "field 2: must be one of u8, ", 1},
	{"an unknown one", "u65", "field 1: must be one of u8, ", 1},
	{"a number too many", "u64:8", "field 1: u64 takes no number", 1},
	{"no bytes", "u8,text", "field 2: text: BYTES are missing", 1},
	{"no byte", "text:0",
	 "field 1: BYTES: must be a whole number in [1, 65536]", 1},
	{"too long", "text:65536,u8",
	 "field 2 ends behind byte 65536, the limit of an event", 1},
};

static void is_that_line(void **state)
{
	const struct line_row *row = *state;
	struct fields fields;
	char line[4096];
	size_t n;

	assert_int_equal(fields_read(&fields, row->fields),
			 row->refused ? -EINVAL : 0);
	if (row->refused) {
		assert_text_has(cli_error(), row->line);
		return;
	}
	assert_true(fields.bytes <= sizeof(event));
	assert_true(fields_line_bytes(&fields) <= sizeof(line));
	n = fields_write(&fields, line, &event);
	assert_true(n <= fields_line_bytes(&fields));
	assert_int_equal(n, strlen(row->line));
	assert_memory_equal(line, row->line, n);
}

/* Of the worst there is, and no more. */
static void as_long_as_it_may_get(void **state)
{
	struct fields fields;
	char event_of[64];
	char line[1024];
	size_t bytes;

	(void)state;
	memset(event_of, 0x80, sizeof(event_of));
	memset(event_of, '\n', 16);
	assert_int_equal(fields_read(&fields, "text:16,f64,f32,i64,i32,hex:8"),
			 0);
	bytes = fields_line_bytes(&fields);
	assert_true(bytes < sizeof(line));
	memset(line, '!', sizeof(line));
	assert_true(fields_write(&fields, line, event_of) <= bytes);
	for (size_t i = bytes; i < sizeof(line); i++)
		assert_int_equal(line[i], '!');
}

static void no_more_than_there_is_room_for(void **state)
{
	char text[3 * (FIELDS_MAX + 1)] = "";
	struct fields fields;

	(void)state;
	for (uint32_t i = 0; i < FIELDS_MAX; i++)
		(void)strcat(text, i > 0 ? ",u8" : "u8");
	assert_int_equal(fields_read(&fields, text), 0);
	assert_int_equal(fields.count, FIELDS_MAX);
	(void)strcat(text, ",u8");
	assert_int_equal(fields_read(&fields, text), -EINVAL);
	assert_text_has(cli_error(), "more than 64 fields");
}

int main(void)
{
	struct CMUnitTest tests[32] = {
		cmocka_unit_test(as_long_as_it_may_get),
		cmocka_unit_test(no_more_than_there_is_room_for),
	};
	size_t count = UNIT_ADD_ROWS(tests, 2, is_that_line, line_rows);

	return _cmocka_run_group_tests("fields", tests, count, NULL, NULL);
}
