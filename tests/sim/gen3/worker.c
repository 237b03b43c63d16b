/* SPDX-License-Identifier: Apache-2.0 */
/* What a process does that consumes and feeds: a result for each event, or for some,
 * and before the next batch. */
#include "tests/sim/gen3/visit.h"
#include "tests/sim/sim.h"

#include <errno.h>
#include <string.h>

/* All of them, a few at a time. */
static int send_all(struct visitor *v, struct sluice_stage *out,
		    const struct event *results, uint32_t n)
{
	for (uint32_t sent = 0; sent < n;) {
		int rc = sluice_send(out, results + sent, n - sent,
				     visitor_timeout(1));

		if (rc < 0 && rc != -EAGAIN) {
			if (!visitor_is_over(rc))
				wrong("%s: send: %s", v->name,
				      sluice_last_error());
			return rc;
		}
		if (rc > 0) {
			sent += (uint32_t)rc;
			v->sent += (uint32_t)rc;
		}
	}
	return 0;
}

/* It is done with so many, and there is a receipt for none that it is not done with. */
static void note_done(struct visitor *v, const struct sluice_batch *batch,
		      uint32_t done)
{
	v->finished = batch->seq + done;
	if (v->finished - v->start <= EVENTS_MAX)
		v->made[v->finished - v->start] = v->sent;
	sim_point();
	if (v->rx != NULL && v->rx->acked.value > batch->seq)
		wrong("lost: %s has a receipt for %llu, and %llu is in its "
		      "hands",
		      v->name, (unsigned long long)v->rx->acked.value,
		      (unsigned long long)batch->seq);
}

/* Results of all of @n events, or of some; where numbers say the order, the last first
 * now and then. */
static uint32_t make(const struct visitor *v, const struct event *events,
		     uint32_t n, struct event *results)
{
	int backwards = visit.spring[PLACE_SOURCE].ordered && sim_below(2);
	uint32_t made = 0;

	for (uint32_t i = 0; i < n; i++) {
		const struct event *e = &events[backwards ? n - 1 - i : i];

		if (!results_due(e->seq))
			continue;
		results[made] =
			tally_result(v->index + 1, v->sent + made, e->seq);
		results[made++].number = e->number;
	}
	return made;
}

int worker_answers(struct visitor *v, struct sluice_stage *port,
		   const struct sluice_batch *batch)
{
	struct sluice_stage *out = sluice_port_sender(port);
	const struct event *events = batch->events;
	struct event results[EVENTS_MAX];
	int rc = 0;

	for (uint32_t done = 0; rc == 0 && done < batch->count;) {
		uint32_t n = 1 + sim_below(batch->count - done);
		uint32_t made;

		for (uint32_t i = 0; i < n; i++)
			killer_meets(v, &events[done + i]);
		made = make(v, events + done, n, results);

		rc = send_all(v, out, results, made);
		done += n;
		if (rc == 0)
			note_done(v, batch, done);
		visitor_lingers();
	}
	if (rc == 0)
		return 0;
	/* Others have what it could not answer. */
	v->failed = 1;
	(void)sluice_port_end(out, SLUICE_REASON_ERROR);
	return rc;
}

/* Events up to any in between are done when those behind them are. */
static uint32_t made_of(const struct visitor *v, uint64_t done)
{
	uint32_t made = 0;

	for (uint64_t i = 0; i <= done && i <= EVENTS_MAX; i++)
		if (v->made[i] > made)
			made = v->made[i];
	return made;
}

void worker_check(const struct visitor *v)
{
	uint64_t acked = v->rx->acked.value;
	uint64_t sent = v->tx->published.value - v->base;

	if (acked >= v->start && sent < made_of(v, acked - v->start))
		wrong("lost: %s has a receipt for %llu, and has published %llu "
		      "of %u results",
		      v->name, (unsigned long long)acked,
		      (unsigned long long)sent, made_of(v, acked - v->start));
}
