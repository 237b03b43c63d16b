/* SPDX-License-Identifier: Apache-2.0 */
#include "ring/credit.h"
#include "ring/base_priv.h"

#include <errno.h>

/* Give credit back once this fraction of the window is free. */
#define REFILL_DIVISOR 16

static int credit_explicit_min(uint32_t max, int32_t min, uint32_t *out)
{
	if (min == SLUICE_MIN_ZERO) {
		*out = 0;
	} else if (min == SLUICE_MIN_HALF) {
		*out = max / 2;
	} else if (min < 0) {
		return sluice_fail(-EINVAL,
				   "min_demand %d is negative; the lowest is 0 "
				   "(SLUICE_MIN_ZERO)",
				   min);
	} else if ((uint32_t)min >= max) {
		return sluice_fail(
			-EINVAL,
			"min_demand %d must be below max_demand %u: at most %u",
			min, max, max - 1);
	} else {
		*out = (uint32_t)min;
	}
	return 0;
}

int sluice_credit_init(struct sluice_credit *credit, uint32_t max, int32_t min,
		       uint32_t refill)
{
	uint32_t min_events = 0;

	if (max == 0)
		return sluice_fail(-EINVAL,
				   "max_demand is 0; it is in [1, %u], and "
				   "SLUICE_DEMAND_DEFAULT is %u",
				   SLUICE_DEMAND_MAX, SLUICE_DEMAND_DEFAULT);
	if (max > SLUICE_DEMAND_MAX)
		return sluice_fail(-EINVAL,
				   "max_demand %u is over the limit of %u", max,
				   SLUICE_DEMAND_MAX);
	if (min != 0 && refill != 0)
		return sluice_fail(-EINVAL,
				   "min_demand and refill_events both say when "
				   "credit returns; set one");
	if (refill > max)
		return sluice_fail(-EINVAL,
				   "refill_events %u is over max_demand %u",
				   refill, max);

	credit->max_events = max;
	credit->exact = min != 0;
	if (min != 0) {
		int rc = credit_explicit_min(max, min, &min_events);

		if (rc < 0)
			return rc;
		credit->batch_events = max - min_events;
	} else {
		if (refill == 0)
			refill = max / REFILL_DIVISOR;
		if (refill == 0)
			refill = 1;
		min_events = max - refill;
		credit->batch_events = max > 1 ? max / 2 : 1;
	}
	credit->min_events = min_events;
	return 0;
}
