/* SPDX-License-Identifier: Apache-2.0 */
/* The program's threads behind the ports: one sends, one receives. Each may have
 * enough of it at any time. */
#include "sluice.h"
#include "tests/sim/gen1/scenario_priv.h"
#include "tests/sim/sim.h"

#include <errno.h>

/* After so many vain tries it waits as long as it takes. */
#define PATIENCE 12u

static uint32_t timeout(uint32_t vain)
{
	static const uint32_t ms[] = {0, 1, 20, SLUICE_FOREVER};

	return vain > PATIENCE ? SLUICE_FOREVER : ms[sim_below(4)];
}

static int leaves_early(void)
{
	return has(FEATURE_MEMBERS) && sim_below(60) == 0;
}

/* It has ended: cleanly, of a failure, or stopped. */
static int over(int rc)
{
	return rc == -EPIPE || rc == -EIO || rc == -ECANCELED;
}

/* ---- sending ------------------------------------------------------------- */

/* Returns what sluice_send() did. */
static int send_some(struct node *node, uint32_t n, uint32_t vain)
{
	struct event events[8];
	int rc;

	node->calls++;
	callback_write(node, events, node->emitted, n);
	node->emitting = n;
	rc = sluice_send(node->stage, events, n, timeout(vain));
	node->emitting = 0;
	if (rc == 0 || rc > (int)n)
		wrong("%s: %d of %u sent", node->name, rc, n);
	else if (rc > 0)
		node->emitted += (uint32_t)rc;
	else if (rc != -EAGAIN && !over(rc))
		wrong("%s: %s", node->name, sluice_last_error());
	return rc;
}

void user_send(void *arg)
{
	struct node *node = arg;
	uint32_t vain = 0;
	int rc;

	while (node->emitted < node->total && !leaves_early()) {
		uint32_t n = 1 + sim_below(8);

		if (n > node->total - node->emitted)
			n = node->total - node->emitted;
		rc = send_some(node, n, vain);
		if (over(rc))
			break;
		vain = rc < 0 ? vain + 1 : 0;
		for (uint32_t i = sim_below(12); i > 0; i--)
			sim_yield();
	}
	node->willed = 1;
	rc = sluice_port_end(node->stage, SLUICE_REASON_NORMAL);
	say("%s ends its sending: %d", node->name, rc);
	scenario.foreign--;
}

/* ---- receiving ----------------------------------------------------------- */

void user_recv(void *arg)
{
	struct node *node = arg;
	struct sluice_batch batch;
	struct edge *edge = NULL;
	uint32_t vain = 0;
	int rc;

	for (;;) {
		/* The next call acknowledges what is in hand; nobody else gets
		 * it, whatever has happened meanwhile. */
		if (edge != NULL)
			ledger_finish(node, edge, &batch, FINISH_OK);
		edge = NULL;
		if (leaves_early()) {
			node->willed = 1;
			break;
		}
		rc = sluice_recv(node->stage, &batch, timeout(vain));
		if (over(rc))
			break;
		vain = rc < 0 ? vain + 1 : 0;
		if (rc == -EAGAIN)
			continue;
		if (rc != (int)batch.count || rc == 0) {
			wrong("%s: recv says %d", node->name, rc);
			break;
		}
		edge = ledger_edge(sluice_inlet_sub(node->stage, batch.inlet));
		if (edge == NULL) {
			wrong("%s: batch of inlet %u", node->name, batch.inlet);
			break;
		}
		if (!ledger_take(node, edge, &batch))
			break;
		for (uint32_t i = sim_below(8); i > 0; i--)
			sim_yield();
	}
	node->leaving = 1;
	rc = sluice_port_end(node->stage, SLUICE_REASON_NORMAL);
	say("%s ends its receiving: %d", node->name, rc);
	node->ended = 1;
	scenario.foreign--;
}
