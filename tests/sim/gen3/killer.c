/* SPDX-License-Identifier: Apache-2.0 */
/* Events that every process dies of that has them: they come a few times, and are given
 * up. What others die of by chance counts as well. */
#include "engine/link/handed_priv.h"
#include "tests/sim/gen3/visit.h"
#include "tests/sim/process.h"
#include "tests/sim/sim.h"

#include <errno.h>
#include <string.h>

void killer_meets(const struct visitor *v, const struct event *e)
{
	if (!v->mortal || e->seq % KILLER_OF != visit.killer)
		return;
	process_doom(v->process, 1);
	sim_point();
}

/* Twice it may have been behind another. */
void killer_check(const struct sluice_dead_letter *letter, uint32_t deaths,
		  const char *consumer)
{
	if (visit.deliveries_max == 0 ||
	    letter->deliveries < visit.deliveries_max ||
	    deaths + HANDED_TOGETHER < visit.deliveries_max)
		wrong("lost: %llu is given up, handed out %u times, and %u "
		      "have died of it",
		      (unsigned long long)letter->seq, letter->deliveries,
		      deaths);
	if (letter->consumer == NULL ||
	    strcmp(letter->consumer, consumer) != 0 ||
	    letter->code != -EOWNERDEAD)
		wrong("%llu is given up for %s, code %d, and %s had it",
		      (unsigned long long)letter->seq,
		      letter->consumer != NULL ? letter->consumer : "nobody",
		      letter->code, consumer);
	say("%llu of %s is given up", (unsigned long long)letter->seq,
	    consumer);
}

void killer_comes_again(const char *name, uint32_t deaths)
{
	if (visit.deliveries_max != 0 && deaths >= visit.deliveries_max)
		wrong("again: %s has what %u have died of", name, deaths);
}
