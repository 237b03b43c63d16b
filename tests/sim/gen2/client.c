/* SPDX-License-Identifier: Apache-2.0 */
/* The program's threads behind its ports: one sends, one receives, and each may
 * take its time, and have enough of it whenever it likes. */
#include "tests/sim/gen2/book.h"
#include "sluice.h"

#include <errno.h>
#include <string.h>

/* After so many vain tries it waits as long as it takes. */
#define PATIENCE 12u

static uint32_t timeout(uint32_t vain)
{
	static const uint32_t ms[] = {0, 1, 20, SLUICE_FOREVER};

	return vain > PATIENCE ? SLUICE_FOREVER : ms[sim_below(4)];
}

static uint32_t timeout_of(const struct node *node, uint32_t vain)
{
	return node->polls ? 0 : timeout(vain);
}

/* It has found nothing, and sleeps until there is something. */
static void sleep_polled(struct node *node)
{
	int fd;
	int rc = sluice_port_fd(node->stage, &fd);

	if (rc == 0)
		rc = sluice_port_arm(node->stage);
	say("%s arms: %d", node->name, rc);
	if (rc == 0)
		(void)sim_poll(fd, user_below(2) ? 20 : UINT32_MAX);
	else if (rc != 1 && !(rc == -EBUSY && with(FEATURE_CROWDS)))
		wrong("%s: arm: %d, %s", node->name, rc, sluice_last_error());
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

/* So long that who has nothing to do sleeps, and can be helped. */
static void let_sleep(void)
{
	if (with(FEATURE_HELP) && help_below(3) == 0)
		for (uint32_t n = 0; n < 100; n++)
			sim_yield();
}

static void finish_with(struct node *node, const char *what)
{
	int rc;

	rc = sluice_port_end(node->stage, SLUICE_REASON_NORMAL);
	say("%s ends its %s: %d", node->name, what, rc);
	/* Another waits for credit in it, for a while. */
	while (rc == -EBUSY && with(FEATURE_CROWDS)) {
		sim_yield();
		if (sluice_stage_end(node->stage, SLUICE_REASON_NORMAL, 0) == 0)
			return;
		rc = sluice_port_end(node->stage, SLUICE_REASON_NORMAL);
	}
	if (rc < 0 && rc != -EALREADY)
		meddle_unexpected("port_end", rc);
}

/* It has ended: cleanly, of a failure, or stopped. */
static int over(int rc)
{
	return rc == -EPIPE || rc == -EIO || rc == -ECANCELED;
}

/* ---- sending -------------------------------------------------------------- */

/* Another has reserved something. */
static int is_taken(int rc)
{
	return rc == -EBUSY && with(FEATURE_CROWDS);
}

/* What a call that has sent @n events at most has answered. Returns @rc. */
static int has_sent(struct node *node, uint32_t n, int rc)
{
	node->emitting = 0;
	if (rc == 0 || rc > (int)n)
		wrong("%s: %d of %u sent", node->name, rc, n);
	else if (rc > 0)
		node->emitted += (uint32_t)rc;
	else if (rc != -EAGAIN && !over(rc) && !is_taken(rc))
		wrong("%s: %s", node->name, sluice_last_error());
	return rc;
}

/* Nothing else is sent meanwhile. */
static void try_to_pass(struct node *node)
{
	struct sluice_span other;
	int rc = sluice_send_reserve(node->stage, &other, 1, 0);

	if (rc != -EBUSY)
		wrong("%s: a second span: %d", node->name, rc);
}

/* Of what is reserved the first @n are events. Returns what the commit did. */
static int fill_and_commit(struct node *node, const struct sluice_span *span,
			   uint32_t n)
{
	/* What is not committed nobody sees; nor anything before. */
	memset(span->events, 0xa5, span->count * sizeof(struct event));
	if (user_below(4) == 0)
		try_to_pass(node);
	take_time(8);
	act_write(node, span->events, node->emitted, n / 2);
	take_time(8);
	act_write(node, (struct event *)span->events + n / 2,
		  node->emitted + n / 2, n - n / 2);
	node->emitting = n;
	return sluice_send_commit(node->stage, n);
}

/* As send_some(), in place; all that is committed is sent. It may be none. */
static int send_in_place(struct node *node, uint32_t n, uint32_t vain)
{
	struct sluice_span span;
	int rc;

	node->calls++;
	rc = sluice_send_reserve(node->stage, &span, n, timeout_of(node, vain));
	if (rc < 0)
		return has_sent(node, n, rc);
	if (rc == 0 || rc > (int)n || rc != (int)span.count) {
		wrong("%s: room for %d of %u", node->name, rc, n);
		return rc;
	}
	n = user_below(2) ? span.count : user_below(span.count + 1);
	rc = fill_and_commit(node, &span, n);
	say("%s commits %u of %u%s: %d", node->name, n, span.count,
	    span.flags & SLUICE_SPAN_IN_RING ? " in the ring" : "", rc);
	if (rc == 0 && n == 0)
		return -EAGAIN;
	if (rc > 0 && rc != (int)n)
		wrong("%s: %d of %u committed", node->name, rc, n);
	return has_sent(node, n, rc);
}

/* Returns what sluice_send() did. */
static int send_some(struct node *node, uint32_t n, uint32_t vain)
{
	struct event events[8];
	int rc;

	node->calls++;
	act_write(node, events, node->emitted, n);
	node->emitting = n;
	rc = sluice_send(node->stage, events, n, timeout_of(node, vain));
	return has_sent(node, n, rc);
}

/* It is not committed, ever. */
static void leave_one_open(struct node *node)
{
	struct sluice_span span;

	if (sluice_send_reserve(node->stage, &span, 5, 0) > 0)
		memset(span.events, 0x5a, span.count * sizeof(struct event));
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
		rc = with(FEATURE_SPANS) && user_below(2)
			     ? send_in_place(node, n, vain)
			     : send_some(node, n, vain);
		if (over(rc))
			break;
		vain = rc < 0 ? vain + 1 : 0;
		if (node->polls && rc == -EAGAIN)
			sleep_polled(node);
		take_time(12);
		let_sleep();
	}
	if (with(FEATURE_SPANS) && user_below(8) == 0)
		leave_one_open(node);
	node->willed = 1;
	finish_with(node, "sending");
	late_let_go(node);
	world.foreign--;
}

/* ---- others at the same port ---------------------------------------------- */

/* It has room reserved, and gives it back. */
static int crowd_reserves(struct node *node)
{
	static const uint32_t ms[] = {0, 1, 20};
	struct sluice_span span;
	int rc = sluice_send_reserve(node->stage, &span, 1 + user_below(5),
				     ms[user_below(3)]);

	if (rc <= 0)
		return rc;
	memset(span.events, 0xc3, span.count * sizeof(struct event));
	take_time(6);
	return sluice_send_commit(node->stage, 0);
}

/* The books know of one thread that sends. So this one sends nothing, and is in its
 * way. */
static void client_crowd(void *arg)
{
	struct node *node = arg;
	uint32_t left = user_below(40);
	int rc = 0;

	while (left-- > 0 && !over(rc)) {
		rc = user_below(3) ? crowd_reserves(node)
				   : sluice_send(node->stage, NULL, 0, 0);
		if (rc != 0 && rc != -EAGAIN && rc != -EBUSY && !over(rc))
			wrong("%s, in a crowd: %s", node->name,
			      sluice_last_error());
		take_time(20);
	}
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
		rc = sluice_recv(node->stage, &batch, timeout_of(node, vain));
		if (over(rc))
			break;
		vain = rc < 0 ? vain + 1 : 0;
		if (rc == -EAGAIN && node->polls)
			sleep_polled(node);
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
	node->polls = with(FEATURE_POLLS) && user_below(2);
	world_spawn(node->kind == SLUICE_PRODUCER ? client_send
						  : client_receive,
		    node);
	if (node->kind != SLUICE_PRODUCER || !with(FEATURE_CROWDS))
		return;
	late_hold(node);
	world_spawn(client_crowd, node);
}
