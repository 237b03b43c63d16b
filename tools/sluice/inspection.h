/* SPDX-License-Identifier: Apache-2.0 */
/* What all checks of invariant.c and invariant_sub.c are made of. Of inspection.c, which
 * knows sentences; not what must be true. */
#ifndef SLUICE_TOOLS_SLUICE_INSPECTION_H
#define SLUICE_TOOLS_SLUICE_INSPECTION_H

#include "tools/sluice/invariant.h"

/* Whatever is not @true_ is told as @fmt. */
void check(struct inspection *inspection, const struct text *of, int true_,
	   const char *fmt, ...) SLUICE_PRINTF(4, 5);
/* @count went from @before up to @now. */
void check_grows(struct inspection *inspection, const struct text *of,
		 const char *count, uint64_t before, uint64_t now);
/* @a, which is called @low, is at most @b, which is called @high. */
void check_below(struct inspection *inspection, const struct text *of,
		 const char *low, uint64_t a, const char *high, uint64_t b);

static inline int stage_consumes(const struct sluice_stage_snapshot *row)
{
	return row->kind != SLUICE_PRODUCER;
}

static inline int stage_produces(const struct sluice_stage_snapshot *row)
{
	return row->kind != SLUICE_CONSUMER;
}

/* All of one subscription: of invariant_sub.c. */
void sub_check(struct inspection *inspection,
	       const struct sluice_snapshot *before,
	       const struct sluice_snapshot *now,
	       const struct sluice_subscription_snapshot *row);

#endif
