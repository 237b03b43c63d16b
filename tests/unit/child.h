/* SPDX-License-Identifier: Apache-2.0 */
/* What processes that a test starts have to say, and counts of theirs that lie in memory
 * which it shares with them. */
#ifndef SLUICE_TESTS_UNIT_CHILD_H
#define SLUICE_TESTS_UNIT_CHILD_H

#include "flow.h"
#include "tests/support/child_threads.h"

#include <stdio.h>
#include <unistd.h>

/* In such a process: end with @status if that is not so, and say it by @text. */
#define CHILD_MUST(what, text, status)                                         \
	do {                                                                   \
		if (!(what)) {                                                 \
			fprintf(stderr, "%s:%d: %s is not so (%s)\n",          \
				__FILE__, __LINE__, text,                      \
				sluice_last_error());                          \
			_exit(status);                                         \
		}                                                              \
	} while (0)

/* Wait until a count of theirs has come to @n. */
static inline void child_await(const sluice_a32 *count, uint32_t n)
{
	for (uint32_t ms = 0; sluice_load_acquire(count) < n; ms++) {
		assert_true(ms < TEST_DEADLINE_MS);
		flow_sleep_ms(1);
	}
}

#endif
