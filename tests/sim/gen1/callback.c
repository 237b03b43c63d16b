/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the stages of a scenario do. Each callback may fail by chance, before or
 * after it has emitted; what it emitted counts only when it says OK or END.
 */
#include "sluice.h"
#include "tests/sim/gen1/scenario_priv.h"
#include "tests/sim/sim.h"

#include <errno.h>

/* ---- emitting ------------------------------------------------------------ */

void callback_write(struct node *node, struct event *out, uint32_t seq,
		    uint32_t n)
{
	for (uint32_t i = 0; i < n; i++, seq++) {
		node->call_of[seq] = node->calls;
		out[i] = (struct event){node->index, seq, node->calls, 0};
		out[i].check = event_checksum(&out[i]);
	}
}

static void begin(struct node *node)
{
	sim_busy();
	node->calls++;
	node->staged = 0;
	node->staged_made = 0;
}

/* Returns how many it was, none when there was no room. */
static uint32_t emit(struct node *node, uint32_t n)
{
	uint32_t at = node->emitted + node->staged;
	struct event *out;

	if (n == 0 || at + n > EVENTS_MAX)
		return 0;
	out = sluice_emit(node->stage, n);
	if (out == NULL)
		return 0;
	if (sim_below(4) == 0)
		sim_yield(); /* what is not made yet must not be seen */
	callback_write(node, out, at, n);
	node->staged += n;
	return n;
}

static int finish(struct node *node, int rc)
{
	if (rc == SLUICE_OK || rc == SLUICE_END) {
		node->emitted += node->staged;
		node->made += node->staged_made;
	}
	node->staged = 0;
	return rc;
}

/* ---- failing ------------------------------------------------------------- */

static void linger(void)
{
	for (uint32_t i = sim_below(4) ? 0 : sim_below(12); i > 0; i--)
		sim_yield();
}

/* A verdict that breaks the stage: what join may say of it, or has to. */
static int fail(struct node *node)
{
	int rc = sim_below(2) ? SLUICE_FAIL : -EPROTO;

	say("%s fails with %d", node->name, rc);
	scenario.codes |= rc == SLUICE_FAIL ? CODE_EIO : CODE_EPROTO;
	if (node->restart == SLUICE_RESTART_NONE ||
	    node->restart == SLUICE_RESTART_TEMPORARY) {
		node->willed = 1;
		node->leaving = 1;
		if (host_command(&scenario.pipeline->host) != PIPELINE_STOP)
			scenario.must_fail = 1;
	}
	return rc;
}

static int fault_now(const struct node *node)
{
	if (!node->faulty || scenario.faults_left == 0 ||
	    sim_below(scenario.fault_one_in) != 0)
		return 0;
	scenario.faults_left--;
	return 1;
}

/* A callback that is not about events: fails, or not. */
static int plain(struct node *node)
{
	if (fault_now(node) && sim_below(3) == 0)
		return fail(node);
	return SLUICE_OK;
}

static int end(struct node *node)
{
	say("%s says END", node->name);
	if (node->restart == SLUICE_RESTART_PERMANENT)
		scenario.codes |= CODE_ECANCELED;
	node->willed = 1;
	return SLUICE_END;
}

/* ---- producing ----------------------------------------------------------- */

static int producer_verdict(struct node *node)
{
	uint32_t retries = node->retries;

	node->retries = 0;
	if (fault_now(node)) {
		switch (sim_below(4)) {
		case 0:
			/* Three times in a row, and it fails. */
			if (retries == 2) {
				(void)fail(node);
				scenario.codes |= CODE_ELOOP;
			} else {
				node->retries = retries + 1;
			}
			return SLUICE_RETRY;
		case 1:
			if (sim_below(3) == 0)
				return end(node);
			/* "Not now", with nobody to wake it any more. */
			if (node->staged_made == 0 && node->made == node->total)
				break;
			return SLUICE_OK;
		default:
			return fail(node);
		}
	}
	/* A permanent one would be started again, for nothing. */
	if (node->made + node->staged_made == node->total &&
	    node->restart != SLUICE_RESTART_PERMANENT)
		return SLUICE_END;
	return SLUICE_OK;
}

static int on_demand(struct sluice_stage *self, uint32_t demand)
{
	struct node *node = sluice_stage_state(self);
	uint32_t n = node->available - node->made;

	begin(node);
	linger();
	if (demand == 0)
		wrong("%s: asked for 0 events", node->name);
	if (n > demand)
		n = demand;
	if (node->dribbles && n > 1)
		n = 1 + sim_below(n);
	if (n > 0) {
		node->staged_made = emit(node, n);
		if (node->staged_made != n)
			wrong("%s: no room for %u events it was asked for",
			      node->name, n);
		/* More than it was asked for. */
		if (has(FEATURE_BUFFERS) && sim_below(3) == 0)
			(void)emit(node, 1 + sim_below(6));
	}
	return finish(node, producer_verdict(node));
}

/* ---- consuming ----------------------------------------------------------- */

static int poisonous(const struct node *node, const struct sluice_batch *batch)
{
	const struct event *e = SLUICE_EVENTS(batch, struct event);

	for (uint32_t i = 0; node->poisoned && i < batch->count; i++)
		if (e[i].seq % POISON_EVERY == 7)
			return 1;
	return 0;
}

static int consumer_verdict(struct node *node, const struct sluice_batch *batch)
{
	if (poisonous(node, batch)) {
		if (node->restart == SLUICE_RESTART_NONE ||
		    node->restart == SLUICE_RESTART_TEMPORARY || sim_below(2))
			return SLUICE_RETRY;
		return fail(node);
	}
	if (!fault_now(node))
		return SLUICE_OK;
	switch (sim_below(6)) {
	case 0:
		return SLUICE_SKIP;
	case 1:
		return sim_below(3) ? SLUICE_OK : end(node);
	case 2:
	case 3:
		return SLUICE_RETRY;
	default:
		return fail(node);
	}
}

/* What the books say about a verdict. */
static enum finish finish_of(const struct node *node, int rc)
{
	if (rc == SLUICE_OK || rc == SLUICE_END)
		return FINISH_OK;
	/* The hook says which. */
	if (rc == SLUICE_SKIP && !node->dead_letter)
		return FINISH_DEAD;
	return FINISH_RETURNED;
}

static int on_events(struct sluice_stage *self,
		     const struct sluice_batch *batch)
{
	struct node *node = sluice_stage_state(self);
	struct edge *edge = ledger_edge(sluice_inlet_sub(self, batch->inlet));
	const struct event *e = SLUICE_EVENTS(batch, struct event);
	int rc;

	begin(node);
	if (!node->up)
		wrong("%s: events, and it is not initialised", node->name);
	if (edge == NULL || edge->consumer != node->index) {
		wrong("%s: batch of inlet %u", node->name, batch->inlet);
		return SLUICE_OK;
	}
	if (!ledger_take(node, edge, batch))
		return SLUICE_OK;
	if (sim_below(16) == 0)
		chaos_inside(node, edge);
	linger();
	audit_receipts(node);
	audit_in_hand(node, edge, batch);
	for (uint32_t i = 0; node->fan_out && i < batch->count; i++) {
		uint32_t n = e[i].seq % (node->fan_out + 1);

		if (n > 0 && node->emitted + node->staged + n <= EVENTS_MAX &&
		    emit(node, n) != n)
			wrong("%s: no room for the output of its input",
			      node->name);
	}
	linger();
	rc = consumer_verdict(node, batch);
	if (rc == SLUICE_RETRY && !node->dead_letter &&
	    batch->deliveries >= node->max_deliveries) {
		scenario.codes |= CODE_ELOOP;
		node->willed = 1;
	}
	ledger_finish(node, edge, batch, finish_of(node, rc));
	rc = finish(node, rc);
	if (rc == SLUICE_OK || rc == SLUICE_END)
		ledger_last(node, edge, batch);
	return rc;
}

static void on_dead_letter(struct sluice_stage *self,
			   const struct sluice_dead_letter *letter)
{
	struct node *node = sluice_stage_state(self);
	struct edge *edge = ledger_edge(sluice_inlet_sub(self, letter->inlet));

	if (letter->code != SLUICE_SKIP &&
	    letter->deliveries < node->max_deliveries)
		wrong("%s: given up after %u of %u deliveries", node->name,
		      letter->deliveries, node->max_deliveries);
	if (edge != NULL)
		ledger_dead(node, edge, letter->event, letter->seq);
}

int callback_selects_odd(const void *event, void *ctx)
{
	(void)ctx;
	return (int)(((const struct event *)event)->seq & 1);
}

/* ---- mail ---------------------------------------------------------------- */

/* Events that nobody asked for. */
static int on_extra(struct node *node)
{
	int rc;

	begin(node);
	if (node->kind != SLUICE_CONSUMER)
		(void)emit(node, 1 + sim_below(4));
	linger();
	rc = plain(node);
	return finish(node, rc);
}

static int on_cast(struct sluice_stage *self,
		   const struct sluice_message *message)
{
	(void)message;
	return on_extra(sluice_stage_state(self));
}

static int on_call(struct sluice_stage *self,
		   const struct sluice_message *request,
		   struct sluice_answer *answer)
{
	(void)request;
	(void)answer;
	return on_extra(sluice_stage_state(self));
}

static int on_timer(struct sluice_stage *self, uint32_t timer)
{
	if (timer != 3)
		wrong("timer %u was never set", timer);
	return on_extra(sluice_stage_state(self));
}

static int on_info(struct sluice_stage *self,
		   const struct sluice_message *message)
{
	struct node *node = sluice_stage_state(self);

	audit_marker(node, *(const uint32_t *)message->data);
	begin(node);
	return finish(node, SLUICE_OK);
}

static int on_discard(struct sluice_stage *self, uint64_t count)
{
	struct node *node = sluice_stage_state(self);

	node->discarded += (uint32_t)count;
	return 0;
}

/* ---- life ---------------------------------------------------------------- */

static int on_init(struct sluice_stage *self)
{
	struct node *node = sluice_stage_state(self);

	if (node->up)
		wrong("%s: initialised twice", node->name);
	begin(node);
	if (node->inits > 0 && fault_now(node)) {
		(void)fail(node);
		scenario.codes |= CODE_EPROTO;
		return finish(node, -EPROTO);
	}
	if (has(FEATURE_MAIL) && sim_below(3) == 0 &&
	    sluice_timer_set(self, 3, sim_below(20), 0) < 0)
		wrong("%s: %s", node->name, sluice_last_error());
	node->inits++;
	node->retries = 0;
	node->up = 1;
	return finish(node, SLUICE_OK);
}

static void on_fini(struct sluice_stage *self, enum sluice_reason reason)
{
	struct node *node = sluice_stage_state(self);

	say("%s fini, reason %d%s", node->name, (int)reason,
	    self->run.phase == STAGE_DOWN ? ", to come again" : "");
	if (!node->up)
		wrong("%s: fini without init", node->name);
	node->up = 0;
	if (self->run.phase == STAGE_DOWN) {
		node->downs++;
	} else {
		ledger_undo(node);
		node->leaving = 1;
		node->ended = 1;
	}
}

static int on_subscribe(struct sluice_stage *self,
			const struct sluice_link_event *event)
{
	const struct node *node = sluice_stage_state(self);
	struct edge *edge = ledger_edge(event->sub);
	uint32_t side = event->side == SLUICE_SIDE_PRODUCER;

	if (edge == NULL) {
		wrong("%s: on_subscribe of nothing", node->name);
		return 0;
	}
	say("%s on_subscribe, edge %u side %u", node->name,
	    (uint32_t)(edge - scenario.edges), side);
	if (edge->begun[side]++ > 0)
		wrong("%s: on_subscribe twice", node->name);
	if (scenario.started && has(FEATURE_FAULTS) && sim_below(12) == 0) {
		edge->refused[side] = 1;
		return -EPERM;
	}
	return 0;
}

static void check_cancel(const struct node *node, const struct edge *edge,
			 const struct sluice_link_event *event, uint32_t side)
{
	if (edge->taken && side == 0)
		wrong("%s: on_cancel while its handler runs", node->name);
	if (edge->refused[side])
		wrong("%s: on_cancel of what it refused", node->name);
	if (event->kind != SLUICE_CANCEL)
		return;
	if (!edge->cancelled || edge->reason != (uint32_t)event->reason ||
	    edge->code != event->code)
		wrong("%s: on_cancel with reason %d, code %u, that nobody "
		      "gave",
		      node->name, (int)event->reason, event->code);
}

static int on_cancel(struct sluice_stage *self,
		     const struct sluice_link_event *event)
{
	struct node *node = sluice_stage_state(self);
	struct edge *edge = ledger_edge(event->sub);
	uint32_t side = event->side == SLUICE_SIDE_PRODUCER;

	if (edge == NULL) {
		wrong("%s: on_cancel of nothing", node->name);
		return 0;
	}
	say("%s on_cancel, edge %u side %u kind %u reason %d", node->name,
	    (uint32_t)(edge - scenario.edges), side, event->kind,
	    (int)event->reason);
	if (edge->over[side]++ > 0)
		wrong("%s: on_cancel twice", node->name);
	check_cancel(node, edge, event, side);
	edge->down |= side == 0 && event->kind == SLUICE_DOWN &&
		      event->reason != SLUICE_REASON_NO_PRODUCER;
	if (side == 0 && edge->opts.on_end != SLUICE_ON_END_DEFAULT)
		node->willed = 1; /* it may end with this one */
	return 0;
}

void callback_fill(struct node *node, struct sluice_stage_opts *o)
{
	if (node->kind == SLUICE_PRODUCER)
		o->handle_demand = on_demand;
	else
		o->handle_events = on_events;
	if (node->dead_letter)
		o->dead_letter = on_dead_letter;
	if (node->kind != SLUICE_CONSUMER)
		o->on_discard = on_discard;
	o->init = on_init;
	o->fini = on_fini;
	o->on_subscribe = on_subscribe;
	o->on_cancel = on_cancel;
	o->handle_cast = on_cast;
	o->handle_call = on_call;
	o->handle_info = on_info;
	o->handle_timer = on_timer;
}
