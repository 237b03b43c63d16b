/* SPDX-License-Identifier: Apache-2.0 */
/* What every unit test includes: cmocka with the headers it forgets, and table
 * rows that are tests of their own, so that a failure names its row. */
#ifndef SLUICE_TESTS_SUPPORT_UNIT_H
#define SLUICE_TESTS_SUPPORT_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define UNIT_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Positions count up for ever; this one wraps after three events. */
#define UNIT_NEAR_WRAP (UINT64_MAX - 2)

/* Make one test of each row. A row is a struct whose first field is the name of
 * the test; the test finds its row in *state. Returns the next free index. */
static inline size_t unit_add_rows(struct CMUnitTest *tests, size_t at,
				   CMUnitTestFunction func, void *rows,
				   size_t row_bytes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct CMUnitTest *test = &tests[at + i];
		char *row = (char *)rows + i * row_bytes;

		memset(test, 0, sizeof(*test));
		memcpy(&test->name, row, sizeof(test->name));
		test->test_func = func;
		test->initial_state = row;
	}
	return at + count;
}

#define UNIT_ADD_ROWS(tests, at, func, rows)                                   \
	unit_add_rows((tests), (at), (func), (rows), sizeof((rows)[0]),        \
		      UNIT_COUNT(rows))

/* strstr() as an assertion that shows both texts. */
#define assert_text_has(text, part)                                            \
	do {                                                                   \
		if (strstr((text), (part)) == NULL)                            \
			fail_msg("\"%s\" does not say \"%s\"", (text),         \
				 (part));                                      \
	} while (0)

#endif
