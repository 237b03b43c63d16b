/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must be true of a pipeline, at one time and from one time to the next, whatever
 * it does. Counts of a snapshot are read one after the other while events flow: so a
 * count is compared with another of the snapshot before, or of the one after, where
 * the order of the two readings would matter.
 *
 * Of invariant.c and invariant_sub.c. Knows snapshots; not where they come from.
 */
#ifndef SLUICE_TOOLS_SLUICE_INVARIANT_H
#define SLUICE_TOOLS_SLUICE_INVARIANT_H

#include "tools/cli/text.h"
#include "sluice.h"

/* What is not as it must be. */
struct violation {
	struct text of; /* "stage a", "subscription c of a", "pipeline p" */
	struct text what;
};

struct inspection {
	uint64_t checks; /* that were made */
	uint32_t count;
	uint32_t room;
	struct violation *wrong; /* its user frees it */
	int rc;                  /* 0, or -ENOMEM: some are not in the list */
};

/* All that must be true of @now; and, if @before is not NULL, since then. */
void invariants_check(struct inspection *inspection,
		      const struct sluice_snapshot *before,
		      const struct sluice_snapshot *now);

#endif
