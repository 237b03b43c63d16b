/* SPDX-License-Identifier: Apache-2.0 */
/* What stages do when they are told something that is not an event. */
#include "tests/sim/gen2/book.h"
#include "sluice.h"

#define TIMER 3u

/* Who answers numbered events has no others. */
static void emit_extra(struct node *node)
{
	if (produces(node) && node->role != ROLE_WORKER)
		(void)act_emit_extra(node, 1 + sim_below(4));
}

static void check_up(const struct node *node, const char *what)
{
	if (!node->up)
		wrong("%s: %s, and it is not initialised", node->name, what);
}

static int extra(struct node *node)
{
	check_up(node, "a letter or a timer");
	act_begin(node);
	emit_extra(node);
	act_linger();
	if (chance(FEATURE_STOPS, 20))
		finale_from_inside(node);
	heed_wait(node);
	return act_finish(node, verdict_plain(node));
}

/* ---- mail ----------------------------------------------------------------- */

static int on_cast(struct sluice_stage *self,
		   const struct sluice_message *message)
{
	(void)message;
	return extra(sluice_stage_state(self));
}

static int on_call(struct sluice_stage *self,
		   const struct sluice_message *request,
		   struct sluice_answer *answer)
{
	(void)request;
	if (answer->room > 0 && sim_below(2) == 0 &&
	    sluice_reply(self, "!", 1) < 0)
		wrong("reply: %s", sluice_last_error());
	return extra(sluice_stage_state(self));
}

static int on_timer(struct sluice_stage *self, uint32_t timer)
{
	if (timer != TIMER)
		wrong("timer %u was never set", timer);
	if (sim_below(4) == 0)
		sluice_timer_clear(self, TIMER);
	return extra(sluice_stage_state(self));
}

static int on_info(struct sluice_stage *self,
		   const struct sluice_message *message)
{
	struct node *node = sluice_stage_state(self);

	check_up(node, "a marker");
	inspect_marker(node, *(const uint32_t *)message->data);
	act_begin(node);
	if (with(FEATURE_EMITS))
		emit_extra(node);
	return act_finish(node, verdict_plain(node));
}

static int on_discard(struct sluice_stage *self, uint64_t count)
{
	struct node *node = sluice_stage_state(self);

	if (sluice_emit(self, 1) != NULL)
		wrong("%s: on_discard may emit", node->name);
	node->discarded += (uint32_t)count;
	return (int)sim_below(2);
}

/* ---- life ----------------------------------------------------------------- */

static int on_init(struct sluice_stage *self)
{
	struct node *node = sluice_stage_state(self);
	int rc;

	node->stage = self;
	if (node->up)
		wrong("%s: initialised twice", node->name);
	act_begin(node);
	if (chance(FEATURE_EMITS, 2))
		emit_extra(node);
	act_linger();
	if (chance(FEATURE_MAIL, 3) &&
	    sluice_timer_set(self, TIMER, sim_below(20),
			     sim_below(2) ? 0 : 5 + sim_below(100)) < 0)
		wrong("%s: %s", node->name, sluice_last_error());
	heed_wait(node);
	beacon_begin(node);
	rc = verdict_refusal(node);
	if (rc != SLUICE_OK) {
		beacon_fini(node);
		return act_finish(node, SLUICE_FAIL), rc;
	}
	node->inits++;
	node->retries = 0;
	node->up = 1;
	book_leave_open(node, 0);
	return act_finish(node, SLUICE_OK);
}

static void on_fini(struct sluice_stage *self, enum sluice_reason reason)
{
	struct node *node = sluice_stage_state(self);

	say("%s fini, reason %d%s", node->name, (int)reason,
	    self->run.phase == STAGE_DOWN ? ", to come again" : "");
	if (!node->up)
		wrong("%s: fini without init", node->name);
	heed_fini(node);
	if (sluice_emit(self, 1) != NULL)
		wrong("%s: fini may emit", node->name);
	node->up = 0;
	beacon_fini(node);
	if (self->run.phase == STAGE_DOWN) {
		node->downs++;
		book_leave_open(node, 1);
	} else {
		book_undo(node);
		node->leaving = 1;
		node->ended = 1;
	}
}

/* ---- subscriptions -------------------------------------------------------- */

static int on_subscribe(struct sluice_stage *self,
			const struct sluice_link_event *event)
{
	struct node *node = sluice_stage_state(self);
	struct edge *edge = book_edge(event->sub);
	uint32_t side = event->side == SLUICE_SIDE_PRODUCER;
	int rc;

	if (edge == NULL) {
		wrong("%s: on_subscribe of nothing", node->name);
		return 0;
	}
	say("%s on_subscribe, edge %u side %u", node->name,
	    (uint32_t)(edge - world.edges), side);
	check_up(node, "on_subscribe");
	if (edge->begun[side]++ > 0)
		wrong("%s: on_subscribe twice", node->name);
	act_begin(node);
	/* Before the start its events go with those of init. */
	if (is_running() && chance(FEATURE_EMITS, 2))
		emit_extra(node);
	rc = verdict_refuses_link(node);
	if (rc != SLUICE_OK)
		edge->refused[side] = 1;
	return act_finish(node, rc);
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
		wrong("%s: on_cancel with reason %d, code %u, that nobody gave",
		      node->name, (int)event->reason, event->code);
}

/* The end of @edge is that of its consumer. */
static int ends_with(const struct edge *edge, enum sluice_reason reason)
{
	return edge->opts.on_end == SLUICE_PERMANENT ||
	       (edge->opts.on_end == SLUICE_TRANSIENT &&
		reason != SLUICE_REASON_NORMAL &&
		reason != SLUICE_REASON_SHUTDOWN);
}

static int on_cancel(struct sluice_stage *self,
		     const struct sluice_link_event *event)
{
	struct node *node = sluice_stage_state(self);
	struct edge *edge = book_edge(event->sub);
	uint32_t side = event->side == SLUICE_SIDE_PRODUCER;

	if (edge == NULL) {
		wrong("%s: on_cancel of nothing", node->name);
		return 0;
	}
	say("%s on_cancel, edge %u side %u kind %u reason %d", node->name,
	    (uint32_t)(edge - world.edges), side, event->kind,
	    (int)event->reason);
	check_up(node, "on_cancel");
	if (edge->over[side]++ > 0)
		wrong("%s: on_cancel twice", node->name);
	check_cancel(node, edge, event, side);
	edge->down |= side == 0 && event->kind == SLUICE_DOWN &&
		      event->reason != SLUICE_REASON_NO_PRODUCER;
	if (side == 0 && edge->opts.on_end != SLUICE_ON_END_DEFAULT)
		node->willed = 1; /* it may end with this one */
	if (side == 0 && ends_with(edge, event->reason))
		node->doomed = 1;
	if (!with(FEATURE_EMITS))
		return 0;
	act_begin(node);
	emit_extra(node);
	return act_finish(node, verdict_plain(node));
}

void hook_fill(struct node *node, struct sluice_stage_opts *o)
{
	if (produces(node))
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
