/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who rings for a stage whose worker sleeps. A *helper* steps it in the worker's stead
 * (run/help_priv.h), and would rather see to the next worker himself than wake it: so he
 * is asked before a bell is rung. Of this header alone. Not installed.
 *
 * Knows      bells
 * Knows not  whose they are, and what a helper does
 */
#ifndef SLUICE_ENGINE_LINK_HELPER_PRIV_H
#define SLUICE_ENGINE_LINK_HELPER_PRIV_H

#include "ring/wait.h"

struct helper {
	/* There is something for who sleeps at @bell. Returns non-zero when the helper
	 * sees to it: then he owes it the ring, or what that is for. */
	int (*takes)(struct helper *helper, struct sluice_bell *bell);
};

/* sluice_bell_ring(), by whoever steps the stage that rings; @helper NULL: its
 * worker. */
static inline void helper_ring(struct helper *helper, struct sluice_bell *bell,
			       const struct sluice_wait_ops *ops)
{
	if (SLUICE_LIKELY(helper == NULL) || !helper->takes(helper, bell))
		sluice_bell_ring(bell, ops);
}

#endif
