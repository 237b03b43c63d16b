/* SPDX-License-Identifier: Apache-2.0 */
/* The compiled-in strategies: one instance of each. */
#include "dispatch/strategy.h"
#include "dispatch/atomic.h"
#include "dispatch/broadcast.h"
#include "dispatch/demand.h"
#include "dispatch/hash.h"
#include "dispatch/jbsq.h"
#include "dispatch/ordered.h"
#include "dispatch/p2c.h"
#include "dispatch/partition.h"
#include "dispatch/pkg.h"
#include "dispatch/rr.h"
#include "dispatch/shared.h"
#include "dispatch/sticky.h"

#include <stddef.h>
#include <string.h>

#define SLUICE_STRATEGY(name, rings, needs, help)                              \
	extern const struct sluice_strategy sluice_##name##_strategy;          \
	SLUICE_STRATEGY_TABLE(name, rings, needs, help);
#include "strategies.def"
#undef SLUICE_STRATEGY

static const struct sluice_strategy *const strategies[] = {
#define SLUICE_STRATEGY(name, rings, needs, help) &sluice_##name##_strategy,
#include "strategies.def"
#undef SLUICE_STRATEGY
};

static const char names[] =
#define SLUICE_STRATEGY(name, rings, needs, help) " " #name
#include "strategies.def"
#undef SLUICE_STRATEGY
	;

const struct sluice_strategy *sluice_strategy_at(uint32_t index)
{
	return index < sizeof(strategies) / sizeof(strategies[0])
		       ? strategies[index]
		       : NULL;
}

const struct sluice_strategy *sluice_strategy_find(const char *name)
{
	const struct sluice_strategy *strategy;

	if (name == NULL)
		return strategies[0];
	for (uint32_t i = 0; (strategy = sluice_strategy_at(i)) != NULL; i++)
		if (strcmp(strategy->name, name) == 0)
			return strategy;
	return NULL;
}

const char *sluice_strategy_names(void)
{
	return names + 1;
}
