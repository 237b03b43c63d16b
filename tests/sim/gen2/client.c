/* SPDX-License-Identifier: Apache-2.0 */
/* The program's threads behind its ports: one sends, one receives, and each may
 * take its time, and have enough of it whenever it likes. */
#include "tests/sim/gen2/book.h"
#include "sluice.h"

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
	return chance(FEATURE_ENDS, 60);
}

static void take_time(uint32_t some)
{
	uint32_t n = sim_below(chance(FEATURE_SLOW, 4) ? 40 * some : some);

	while (n-- > 0)
		sim_yield();
}

static void finish_with(struct node *node, const char *what)
{
	int rc;

	rc = sluice_port_end(node->stage, SLUICE_REASON_NORMAL);
	say("%s ends its %s: %d", node->name, what, rc);
	if (rc < 0 && rc != -EALREADY)
		meddle_unexpected("port_end", rc);
}

/* It has ended: in good order, of a failure, or stopped. */
static int over(int rc)
{
	return rc == -EPIPE || rc == -EIO || rc == -ECANCELED;
}

/* ---- sending -------------------------------------------------------------- */

/* Returns what sluice_send() did. */
static int send_some(struct node *node, uint32_t n, uint32_t vain)
{
	struct event events[8];
	int rc;

	node->calls++;
	act_write(node, events, node->emitted, n);
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

static void client_send(void *arg)
{
	struct node *node = arg;
	uint32_t vain = 0;

	while (node->emitted < node->total && !leaves_early()) {
		uint32_t n = 1 + sim_below(8);
		int rc;

		if (n > node->total - node->emitted)
			n = node->total - node->emitted;
		rc = send_some(node, n, vain);
		if (over(rc))
			break;
		vain = rc < 0 ? vain + 1 : 0;
		take_time(12);
	}
	node->willed = 1;
	finish_with(node, "sending");
	late_let_go(node);
	world.foreign--;
}

/* ---- receiving ------------------------------------------------------------ */

/* Returns the subscription it came on, or NULL. */
static struct edge *take_batch(struct node *node,
			       const struct sluice_batch *batch)
{
	struct edge *edge =
		book_edge(sluice_inlet_sub(node->stage, batch->inlet));

	if (edge != NULL)
		return book_take(node, edge, batch) ? edge : NULL;
	wrong("%s: batch of inlet %u", node->name, batch->inlet);
	return NULL;
}

static void client_receive(void *arg)
{
	struct node *node = arg;
	struct sluice_batch batch;
	uint32_t vain = 0;

	for (;;) {
		struct edge *edge;
		int rc;

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
			wrong("%s: recv says %d, %s", node->name, rc,
			      sluice_last_error());
			break;
		}
		edge = take_batch(node, &batch);
		if (edge == NULL)
			break;
		take_time(8);
		/* The call that comes next acknowledges it; nobody else gets it,
		 * whatever has happened meanwhile. */
		book_finish(node, edge, &batch, FINISH_OK);
	}
	node->leaving = 1;
	finish_with(node, "receiving");
	node->ended = 1;
	late_let_go(node);
	world.foreign--;
}

void client_begin(struct node *node)
{
	late_hold(node);
	world_spawn(node->kind == SLUICE_PRODUCER ? client_send
						  : client_receive,
		    node);
}
