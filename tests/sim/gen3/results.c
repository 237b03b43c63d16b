/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What came of the events of the source that workers had. An event that a worker has a
 * receipt for has its result, if one is due. One whose worker has died goes to another,
 * and may have one result of each; where an order is restored, one in all.
 */
#include "tests/sim/gen3/visit.h"

#include <string.h>

static struct {
	uint32_t hands[EVENTS_MAX]; /* that have had it */
	uint32_t come[EVENTS_MAX];  /* results of it */
	uint32_t sent
		[ORIGINS_MAX]; /* of each that feeds: what comes next of it */
	uint32_t next;         /* behind the last, of an order */
} results;

void results_reset(void)
{
	memset(&results, 0, sizeof(results));
}

int results_due(uint32_t seq)
{
	return !visit.filters || seq % 5 != 3;
}

static int is_worker(uint32_t holder)
{
	if (holder < VISITORS_MAX)
		return visit.visitors[holder].role == ROLE_WORKER;
	return holder >= HOLDER_WORKER && holder != HOLDER_NONE;
}

void results_hand(uint32_t seq, uint32_t holder)
{
	results.hands[seq] += (uint32_t)is_worker(holder);
}

/* All come along one ring, one after the other, whoever has its place. */
static void take_sent(const struct event *e)
{
	uint32_t next = results.sent[e->origin];

	if (e->origin != 0 && e->seq != next)
		wrong("%s: %u of origin %u has come, and %u is next",
		      e->seq < next ? "twice" : "lost", e->seq, e->origin,
		      next);
	results.sent[e->origin] = e->seq + 1u;
}

static void take_in_order(uint32_t of)
{
	if (of < results.next)
		wrong("order: the result of %u comes after that of %u", of,
		      results.next - 1);
	results.next = of + 1;
}

void results_take(const struct sluice_batch *batch)
{
	const struct event *events = batch->events;
	int ordered = (int)visit.spring[PLACE_SOURCE].ordered;

	for (uint32_t i = 0; i < batch->count; i++) {
		const struct event *e = &events[i];
		uint32_t of = e->origin == 0 ? e->seq : e->of;

		if (!tally_knows(e) ||
		    (e->origin != 0 &&
		     visit.visitors[e->origin - 1].role != ROLE_WORKER))
			continue; /* made of nothing */
		if (++results.come[of] > results.hands[of])
			wrong("twice: %u results of %u have come, which was "
			      "handed out %u times",
			      results.come[of], of, results.hands[of]);
		if (!results_due(of))
			wrong("a result of %u, which has none", of);
		if (ordered)
			take_in_order(of);
		else
			take_sent(e);
	}
}

/* Or it was finished where none is due, or by somebody who makes none. */
static int is_done(uint32_t seq)
{
	uint32_t holder = tally_finisher(seq);

	return results.come[seq] > 0 || tally_is_dead(seq) ||
	       (holder != HOLDER_NONE &&
		(!results_due(seq) || !is_worker(holder)));
}

uint32_t results_lost(void)
{
	uint32_t lost = 0;

	for (uint32_t s = 0; s < visit.emitted; s++) {
		if (is_done(s)) {
			report.events++;
			continue;
		}
		lost++;
		say("nothing has come of %u", s);
		if (tally_finisher(s) != HOLDER_NONE && !visit.outlaws)
			wrong("lost: there is a receipt for %u, and no result",
			      s);
	}
	return lost;
}
