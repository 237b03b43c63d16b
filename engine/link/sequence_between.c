/* SPDX-License-Identifier: Apache-2.0 */
/* A stage between an ordered producer and the resequencer: it has not answered
 * an event before the resequencer can see the answer, or nothing more can come
 * of it. What waits in its spill, or to be dealt again, the resequencer cannot
 * see; and what another consumer has, and leaves unfinished, would come to the
 * resequencer later. */
#include "engine/link/rings_priv.h"
#include "engine/link/sequence_priv.h"

int sequence_answered(struct outlet *out)
{
	if (outlet_ahead(out, AHEAD_ORPHANS | AHEAD_SPILLED))
		return 0;
	return out->rings->answered(out);
}
