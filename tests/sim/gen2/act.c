/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stages do with events. What a call emits counts only when it says OK or
 * END.
 */
#include "tests/sim/gen2/book.h"
#include "sluice.h"

#include <errno.h>

/* ---- emitting ------------------------------------------------------------- */

void act_write(struct node *node, struct event *out, uint32_t seq, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++, seq++) {
		node->call_of[seq] = node->calls;
		node->made_ns[seq] = gather_now();
		out[i] = (struct event){.origin = node->index,
					.seq = seq,
					.call = node->calls,
					.key = seq % KEYS};
		out[i].check = event_checksum(&out[i]);
	}
}

void act_begin(struct node *node)
{
	sim_busy();
	node->calls++;
	node->staged = 0;
	node->staged_made = 0;
}

/* Whoever answers a numbered event hands its number on. */
static void answer(struct node *node, struct event *out,
		   const struct event *from)
{
	out->order = from->order;
	node->number[out->seq] = (uint32_t)from->order + 1;
	if (option_leads_astray(node, out->seq)) {
		verdict_may_end(-EBADMSG);
		out->order += UINT64_C(1) << 40;
	}
}

/* Room for @n, made with room for @more where there is that much. */
static struct event *act_reserve(struct node *node, uint32_t n, uint32_t more)
{
	struct event *out = sluice_emit(node->stage, n + more);

	if (out == NULL)
		return more > 0 ? sluice_emit(node->stage, n) : NULL;
	if (sluice_emit_trim(node->stage, more) < 0)
		wrong("%s: may not trim: %s", node->name, sluice_last_error());
	return out;
}

/* Returns how many it was, none when there was no room. @from: the event that
 * they answer, or NULL. */
uint32_t act_emit(struct node *node, uint32_t n, const struct event *from)
{
	uint32_t at = node->emitted + node->staged;
	struct event *out;

	if (n == 0 || at + n > EVENTS_MAX)
		return 0;
	out = act_reserve(node, n, at % 3 == 0 ? at % 5 : 0);
	if (out == NULL)
		return 0;
	if (sim_below(4) == 0)
		sim_yield(); /* what is not made yet must not be seen */
	act_write(node, out, at, n);
	for (uint32_t i = 0; from != NULL && i < n; i++)
		answer(node, &out[i], from);
	node->staged += n;
	return n;
}

/* Events that nobody asked for; they leave room for those that somebody does. */
uint32_t act_emit_extra(struct node *node, uint32_t n)
{
	uint32_t more = node->total - node->made;

	return node->emitted + node->staged + n + more > EVENTS_MAX
		       ? 0
		       : act_emit(node, n, NULL);
}

int act_finish(struct node *node, int rc)
{
	if (verdict_keeps(rc)) {
		node->emitted += node->staged;
		node->made += node->staged_made;
	}
	node->staged = 0;
	return rc;
}

void act_linger(void)
{
	for (uint32_t i = sim_below(4) ? 0 : sim_below(12); i > 0; i--)
		sim_yield();
}

/* ---- producing ------------------------------------------------------------ */

static int on_demand(struct sluice_stage *self, uint32_t demand)
{
	struct node *node = sluice_stage_state(self);
	uint32_t n = node->available - node->made;

	act_begin(node);
	act_linger();
	if (demand == 0)
		wrong("%s: asked for 0 events", node->name);
	if (n > demand)
		n = demand;
	if (node->dribbles && n > 1)
		n = 1 + sim_below(n);
	if (n > 0) {
		node->staged_made = act_emit(node, n, NULL);
		if (node->staged_made != n)
			wrong("%s: no room for %u events it was asked for",
			      node->name, n);
		/* More than it was asked for. */
		if (chance(FEATURE_BUFFERS, 3))
			(void)act_emit_extra(node, 1 + sim_below(6));
	}
	if (chance(FEATURE_STOPS, 100))
		finale_from_inside(node);
	heed_wait(node);
	return act_finish(node, verdict_demand(node));
}

/* ---- consuming ------------------------------------------------------------ */

/* What the books say about a verdict. */
static enum finish finish_of(const struct node *node, int rc)
{
	if (verdict_keeps(rc))
		return FINISH_OK;
	/* The hook says which. */
	if (rc == SLUICE_SKIP && !node->dead_letter)
		return FINISH_DEAD;
	return FINISH_RETURNED;
}

/* A worker's answer to an event of @edge has that event's number. */
static int is_numbered(const struct node *node, const struct edge *edge)
{
	return node->role == ROLE_WORKER && edge->producer == node->numbers &&
	       !looks_on(edge);
}

/* How many events answer this one. */
static uint32_t answers(const struct node *node, const struct edge *edge,
			const struct event *e)
{
	if (node->role != ROLE_WORKER)
		return e->seq % (node->fan_out + 1);
	if (!is_numbered(node, edge))
		return 0;
	if (e->seq % 5 == 2)
		return 0; /* a filter */
	return node->stutters && e->seq % 3 == 0 ? 2 : 1;
}

static void emit_answers(struct node *node, const struct edge *edge,
			 const struct sluice_batch *batch)
{
	const struct event *e = SLUICE_EVENTS(batch, struct event);

	for (uint32_t i = 0; node->fan_out && i < batch->count; i++) {
		uint32_t n = answers(node, edge, &e[i]);

		if (n > 0 && node->emitted + node->staged + n <= EVENTS_MAX &&
		    act_emit(node, n,
			     node->role == ROLE_WORKER ? &e[i] : NULL) != n)
			wrong("%s: no room for the output of its input",
			      node->name);
	}
}

static int handle(struct node *node, struct edge *edge,
		  const struct sluice_batch *batch)
{
	int rc;

	if (!book_take(node, edge, batch))
		return SLUICE_OK;
	if (sim_below(16) == 0)
		meddle_inside(node, edge);
	act_linger();
	inspect_receipts(node);
	if (edge != NULL)
		inspect_in_hand(node, edge, batch);
	emit_answers(node, edge, batch);
	act_linger();
	heed_wait(node);
	rc = verdict_events(node, batch);
	book_finish(node, edge, batch, finish_of(node, rc));
	rc = act_finish(node, rc);
	/* Dead letters too may emit what their batch is acknowledged after. */
	book_last(node, edge, batch);
	return rc;
}

static int on_events(struct sluice_stage *self,
		     const struct sluice_batch *batch)
{
	struct node *node = sluice_stage_state(self);
	struct edge *edge = book_edge(sluice_inlet_sub(self, batch->inlet));

	act_begin(node);
	if (!node->up)
		wrong("%s: events, and it is not initialised", node->name);
	if (node->kind == SLUICE_CONSUMER && sluice_emit(self, 1) != NULL)
		wrong("%s: a consumer may emit", node->name);
	/* Who puts events in order gets them on no subscription. */
	if ((edge == NULL) != (node->role == ROLE_JOIN) ||
	    (edge != NULL && edge->consumer != node->index)) {
		wrong("%s: batch of inlet %u", node->name, batch->inlet);
		return SLUICE_OK;
	}
	return handle(node, edge, batch);
}

static void on_dead_letter(struct sluice_stage *self,
			   const struct sluice_dead_letter *letter)
{
	struct node *node = sluice_stage_state(self);
	const struct event *e = letter->event;
	struct edge *edge =
		node->role == ROLE_JOIN
			? book_edge_from(node, e->origin)
			: book_edge(sluice_inlet_sub(self, letter->inlet));

	if (letter->code != SLUICE_SKIP &&
	    letter->deliveries < node->max_deliveries)
		wrong("%s: given up after %u of %u deliveries", node->name,
		      letter->deliveries, node->max_deliveries);
	if (edge == NULL)
		wrong("%s: a dead letter of inlet %u", node->name,
		      letter->inlet);
	else
		book_dead(node, edge, e, letter->seq);
	if (node->role == ROLE_WORKER &&
	    (edge == NULL || !is_numbered(node, edge)))
		return;
	if (produces(node) && chance(FEATURE_EMITS, 2)) {
		act_begin(node);
		(void)act_emit(node, 1, node->role == ROLE_WORKER ? e : NULL);
		(void)act_finish(node, SLUICE_OK);
	}
}

int act_selects_odd(const void *event, void *ctx)
{
	(void)ctx;
	return (int)(((const struct event *)event)->seq & 1);
}

void act_fill(struct node *node, struct sluice_stage_opts *o)
{
	if (node->kind == SLUICE_PRODUCER)
		o->handle_demand = on_demand;
	else
		o->handle_events = on_events;
	if (node->dead_letter)
		o->dead_letter = on_dead_letter;
}
