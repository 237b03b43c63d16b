/* SPDX-License-Identifier: Apache-2.0 */
/* Two snapshots of a sound pipeline, what makes one of them wrong, and that it is found:
 * for test_invariant.c and test_invariant_sub.c. */
#ifndef SLUICE_TESTS_CLI_WRONG_H
#define SLUICE_TESTS_CLI_WRONG_H

#include "tests/cli/pair.h"
#include "tests/support/unit.h"

#include <stdlib.h>

static struct pair before, now;

struct wrong_row {
	const char *name;
	void (*make)(void);
	const char *of; /* NULL: nothing is wrong */
	const char *what;
};

static inline void has_ended(void)
{
	now.sub[1].phase = SLUICE_SUB_ENDED;
	before.sub[1].consumer[0] = 'x';
	now.sub[1].consumer[0] = 'x';
	now.sub[1].counts.depth = 0;
	now.sub[1].counts.credit = 0;
	now.sub[1].counts.granted = now.sub[1].counts.published;
}

static inline void is_found(void **state)
{
	const struct wrong_row *row = *state;
	struct inspection found = {.count = 0};
	int there = 0;

	pair_at(&before, 8);
	pair_at(&now, 10);
	row->make();
	invariants_check(&found, &before.snapshot, &now.snapshot);
	assert_int_equal(found.rc, 0);
	assert_true(found.checks > found.count);
	if (row->of == NULL)
		assert_int_equal(found.count, 0);
	for (uint32_t i = 0; row->of != NULL && i < found.count; i++)
		there |= strcmp(found.wrong[i].of.at, row->of) == 0 &&
			 strstr(found.wrong[i].what.at, row->what) != NULL;
	if (row->of != NULL && !there)
		fail_msg("not found: %s: %s; %u are, the first: %s", row->of,
			 row->what, found.count,
			 found.count > 0 ? found.wrong[0].what.at : "none");
	free(found.wrong);
}

#endif
