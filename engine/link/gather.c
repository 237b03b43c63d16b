/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/link/gather_priv.h"
#include "engine/link/inlet_priv.h"
#include "engine/link/rings_priv.h"
#include "ring/probe_priv.h"

#define NS_PER_US UINT64_C(1000)

static int gather_fetch(struct inlet *in, struct inlet_link *link,
			uint32_t limit);

static uint32_t gather_ended(struct inlet_link *link)
{
	return link->sub->gather.rings->ended(link);
}

static const struct rings_ops rings_gathered = {
	.own = 1,
	.fetch = gather_fetch,
	.ended = gather_ended,
};

/* ---- a link begins and ends ----------------------------------------------- */

static void gather_attach(struct inlet *in, struct inlet_link *link)
{
	struct gather *g = &link->sub->gather;

	*g = (struct gather){.rings = link->rings};
	g->wait_ns = NS_PER_US * link->sub->opts.batch_wait_us;
	if (g->wait_ns == 0)
		g->wait_ns = NS_PER_US * SLUICE_BATCH_WAIT_US_DEFAULT;
	link->rings = &rings_gathered;
	in->gathers++;
}

/* A batch is put together where it does not lie in a row, and may fill the output's
 * buffer, as one that an explicit min_demand sizes: so such a link is exact, and what
 * credit goes back while it waits is decided here. */
void gather_begin(struct inlet *in, struct inlet_link *link)
{
	struct sluice_credit *credit = &link->reader.credit;
	struct gather *g = &link->sub->gather;
	uint32_t events = link->sub->opts.batch_min;

	if (link->rings != &rings_gathered)
		gather_attach(in, link);
	if (credit->batch_events < events)
		credit->batch_events = events;
	g->events = events > 0 ? events : credit->batch_events;
	g->greedy = credit->exact == 0;
	credit->exact = 1;
}

void gather_end(struct inlet *in, struct inlet_link *link)
{
	if (link->rings != &rings_gathered)
		return;
	link->rings = NULL;
	in->gathers--;
}

/* ---- a look --------------------------------------------------------------- */

/* Is there a reason to wait no longer, whatever is there? */
static int gather_hurries(const struct inlet *in, struct inlet_link *link)
{
	const struct subscription *sub = link->sub;
	uint64_t alike = UINT64_MAX;

	if (sluice_load_acquire(in->command) != 0 ||
	    sluice_load_acquire(&sub->by_control.cancel) != 0 ||
	    sluice_load_acquire(&sub->by_producer.ending) != 0 ||
	    sluice_load_acquire(&sub->by_producer.closed) != SLUICE_REASON_OPEN)
		return 1;
	/* One that is away may have others' words; see far.c. */
	if (!subscription_away(sub) &&
	    sluice_load_acquire(&link->reader.tx->closed) != SLUICE_REASON_OPEN)
		return 1;
	return sluice_spsc_broken(&link->reader) ||
	       handed_at(&link->handed, link->reader.acked, &alike) > 0;
}

/* Ask for what is missing, so that it can come: all, where an idle consumer returns its
 * credit; else as soon as fewer are in flight than are enough. */
static void gather_ask(struct inlet *in, struct inlet_link *link)
{
	const struct gather *g = &link->sub->gather;
	struct sluice_spsc_reader *r = &link->reader;
	uint64_t pending = r->granted - r->acked;

	if (link->manual ||
	    pending >= (g->greedy ? r->credit.max_events : g->events))
		return;
	if (sluice_spsc_grant(r, r->acked + r->credit.max_events)) {
		PROBE3(grant, r->rx, r->granted, r->acked);
		inlet_ring(in, link);
	}
}

/* All that was asked for is there, or the ring is full. From a pool is taken what was
 * not asked for. */
static int gather_is_full(const struct inlet_link *link)
{
	const struct sluice_spsc_reader *r = &link->reader;
	uint64_t there = sluice_spsc_depth(r);

	return link->pool == NULL &&
	       (there >= r->granted - r->acked || there >= r->capacity);
}

/* @there lie there, at @now_ns: since when does the oldest of them? */
static void gather_date(struct gather *g, uint64_t acked, uint64_t there,
			uint64_t now_ns)
{
	if (g->due_ns != 0 && position_reached(acked, g->seen)) {
		/* Those that were seen first have gone; what is left of the last
		 * look came with that. */
		g->due_ns = position_reached(acked, g->looked)
				    ? 0
				    : g->looked_ns + g->wait_ns;
		g->seen = g->looked;
	}
	if (g->due_ns == 0) {
		g->due_ns = now_ns + g->wait_ns;
		g->seen = acked + there;
	}
	g->looked = acked + there;
	g->looked_ns = now_ns;
}

static int gather_nothing(struct inlet *in, struct inlet_link *link)
{
	link->sub->gather.due_ns = 0;
	link->sub->gather.waits = 0;
	gather_ask(in, link);
	return 0;
}

/* As rings_ops.fetch: there is nothing until a batch is to be handed out. */
static int gather_fetch(struct inlet *in, struct inlet_link *link,
			uint32_t limit)
{
	struct gather *g = &link->sub->gather;
	struct sluice_spsc_reader *r = &link->reader;
	uint32_t enough = limit < g->events ? limit : g->events;
	uint64_t there;
	uint64_t now_ns;
	int hurries;

	/* Before the look: all is there then. */
	hurries = gather_hurries(in, link);
	there = g->rings->gather(in, link, limit, enough);
	if (there == 0)
		return gather_nothing(in, link);
	now_ns = in->ops->now_ns(in->ops->ctx);
	gather_date(g, r->acked, there, now_ns);
	if (sluice_spsc_depth(r) < enough && !hurries && now_ns < g->due_ns) {
		gather_ask(in, link);
		if (!gather_is_full(link)) {
			/* Whoever sleeps must have been told until when. */
			in->stirred |= !g->waits;
			g->waits = 1;
			return 0;
		}
	}
	g->waits = 0;
	if (sluice_spsc_depth(r) < enough)
		(void)g->rings->gather(in, link, limit, 1);
	return sluice_spsc_depth(r) > 0;
}

/* ---- what its stage asks --------------------------------------------------- */

void gather_rest(const struct inlet *in, const struct inlet_link *link)
{
	if (SLUICE_UNLIKELY(in->gathers > 0) && link->rings == &rings_gathered)
		link->sub->gather.waits = 0;
}

uint32_t gather_turn(const struct inlet_link *link, uint32_t left,
		     uint32_t limit)
{
	if (link->rings == &rings_gathered && left < link->sub->gather.events)
		left = link->sub->gather.events;
	return limit < left ? limit : left;
}

uint64_t gather_due(const struct inlet *in)
{
	uint64_t due_ns = UINT64_MAX;

	for (uint32_t i = 0; i < in->count; i++) {
		const struct inlet_link *link = &in->links[i];

		if (link->open && link->rings == &rings_gathered &&
		    link->sub->gather.waits &&
		    link->sub->gather.due_ns < due_ns)
			due_ns = link->sub->gather.due_ns;
	}
	return due_ns;
}
