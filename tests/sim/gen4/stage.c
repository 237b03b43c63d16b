/* SPDX-License-Identifier: Apache-2.0 */
/* What the stages of generator 4 do. */
#include "tests/sim/gen4/later.h"

#include <errno.h>
#include <string.h>

static void linger(void)
{
	for (uint32_t n = sim_below(3) ? 0 : sim_below(10); n > 0; n--)
		sim_yield();
}

/* Returns how many it was. */
static uint32_t emit(struct node *node, uint32_t n)
{
	uint32_t at = node->emitted + node->staged;
	struct event *out;

	if (n == 0 || at + n > EVENTS_MAX)
		return 0;
	out = sluice_emit(node->stage, n);
	if (out == NULL)
		return 0;
	for (uint32_t i = 0; i < n; i++) {
		out[i] = (struct event){.origin = node->index,
					.seq = at + i,
					.key = (at + i) % 5};
		out[i].check = event_check(&out[i]);
	}
	node->staged += n;
	return n;
}

static int finish(struct node *node, int rc)
{
	if (rc == SLUICE_OK || rc == SLUICE_END || rc == SLUICE_ASYNC)
		node->emitted += node->staged;
	node->staged = 0;
	return rc;
}

static int on_demand(struct sluice_stage *self, uint32_t demand)
{
	struct node *node = sluice_stage_state(self);
	uint32_t n = 1 + sim_below(demand < 8 ? demand : 8);

	sim_busy();
	if (n > node->total - node->emitted)
		n = node->total - node->emitted;
	(void)emit(node, n);
	return finish(node, node->emitted + node->staged == node->total
				    ? SLUICE_END
				    : SLUICE_OK);
}

static int fault(struct node *node)
{
	if (later.faults_left == 0 || !node->permanent)
		return SLUICE_RETRY;
	later.faults_left--;
	return sim_below(2) ? -EIO : SLUICE_FAIL;
}

static int at_once(struct node *node)
{
	if (node->in_hand_max == 0 && sim_below(6))
		return SLUICE_OK;
	switch (sim_below(10)) {
	case 0:
		return SLUICE_RETRY;
	case 1:
		return SLUICE_SKIP;
	case 2:
		return fault(node);
	default:
		return SLUICE_OK;
	}
}

static int on_events(struct sluice_stage *self,
		     const struct sluice_batch *batch)
{
	struct node *node = sluice_stage_state(self);
	struct item *item;
	int rc;

	sim_busy();
	if (!node->up)
		wrong("%s: events, and it is not initialised", node->name);
	item = fates_take(node, batch);
	if (item == NULL)
		return SLUICE_OK;
	later.news++;
	sim_wake(&later.news, 0);
	if (node->kind == SLUICE_PRODUCER_CONSUMER)
		(void)emit(node, batch->count);
	linger();
	rc = node->in_hand_max > 0 && sim_below(6) ? SLUICE_ASYNC
						   : at_once(node);
	say("%s says %d", node->name, rc);
	fates_say(item, rc);
	return finish(node, rc);
}

static void on_dead_letter(struct sluice_stage *self,
			   const struct sluice_dead_letter *letter)
{
	fates_dead(sluice_stage_state(self), letter);
}

static int on_init(struct sluice_stage *self)
{
	struct node *node = sluice_stage_state(self);

	sim_busy();
	linger();
	node->inits++;
	node->up = 1;
	return SLUICE_OK;
}

static void on_fini(struct sluice_stage *self, enum sluice_reason reason)
{
	struct node *node = sluice_stage_state(self);

	say("%s fini, reason %d", node->name, (int)reason);
	fates_over(node);
}

int answerer_selects_odd(const void *event, void *ctx)
{
	(void)ctx;
	return (int)(((const struct event *)event)->seq & 1);
}

void answerer_fill(struct node *node, struct sluice_stage_opts *o)
{
	o->init = on_init;
	o->fini = on_fini;
	if (node->kind == SLUICE_PRODUCER) {
		o->handle_demand = on_demand;
		return;
	}
	o->handle_events = on_events;
	o->dead_letter = on_dead_letter;
}
