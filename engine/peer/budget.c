/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/peer/budget_priv.h"
#include "engine/listen.h"
#include "ring/base_priv.h"

#include <errno.h>
#include <stdlib.h>

/* In `used`, beside the bytes: whoever made it has not let go of it. */
#define BUDGET_HELD (UINT64_C(1) << 63)

struct budget *budget_new(void)
{
	struct budget *budget = calloc(1, sizeof(*budget));

	if (budget == NULL)
		return NULL;
	budget_limit(budget, 0, 0);
	sluice_store_release(&budget->used, BUDGET_HELD);
	return budget;
}

void budget_limit(struct budget *budget, uint64_t bytes_max,
		  uint64_t bytes_per_peer)
{
	budget->bytes_max =
		bytes_max != 0 ? bytes_max : SLUICE_PEERS_BYTES_DEFAULT;
	budget->bytes_per_peer =
		bytes_per_peer != 0 ? bytes_per_peer : budget->bytes_max;
}

static int budget_over(const char *what, uint64_t bytes, const char *limit,
		       uint64_t most, uint64_t used)
{
	return sluice_fail(-ENOSPC,
			   "%s takes %llu bytes of memory, and of %s, %llu, "
			   "%llu are left",
			   what, (unsigned long long)bytes, limit,
			   (unsigned long long)most,
			   (unsigned long long)(used < most ? most - used : 0));
}

static int budget_has(uint64_t most, uint64_t used, uint64_t bytes)
{
	return used <= most && bytes <= most - used &&
	       used + bytes < BUDGET_HELD;
}

int budget_take(struct budget *budget, uint64_t bytes, uint64_t had,
		const char *what)
{
	uint64_t used;

	if (budget == NULL)
		return 0;
	if (!budget_has(budget->bytes_per_peer, had, bytes))
		return budget_over(what, bytes, "bytes_per_peer",
				   budget->bytes_per_peer, had);
	/* Others can but give back. */
	used = sluice_load_acquire(&budget->used) & ~BUDGET_HELD;
	if (!budget_has(budget->bytes_max, used, bytes))
		return budget_over(what, bytes, "bytes_max", budget->bytes_max,
				   used);
	(void)sluice_fetch_add(&budget->used, bytes);
	return 0;
}

void budget_give(struct budget *budget, uint64_t bytes)
{
	if (budget != NULL &&
	    sluice_fetch_add(&budget->used, UINT64_C(0) - bytes) == bytes)
		free(budget);
}

void budget_drop(struct budget *budget)
{
	budget_give(budget, BUDGET_HELD);
}
