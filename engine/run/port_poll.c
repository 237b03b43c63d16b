/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A port's descriptor: what its user sleeps on together with other things. A user who
 * has found nothing arms it, as a thread that parks does its bell (wait.h), and looks
 * once more; then nobody has the port, and whoever rings the bell makes the descriptor
 * readable. The supervisor may have to be rung by that bell itself, for what the user
 * has left behind; then it tells the user when there is something for him.
 */
#include "engine/port.h"
#include "engine/control/door_priv.h"
#include "engine/run/port_priv.h"
#include "ring/base_priv.h"

#include <errno.h>

/* Of a descriptor that there is. */
static int poll_fd(const struct sluice_stage *port)
{
	return (int)sluice_load_acquire(&port->poll.fd) - 1;
}

/* ---- is there something? ------------------------------------------------- */

/* What lies there may be nothing that the subscription wants: a round sees to
 * that. */
static int link_has(const struct inlet_link *link)
{
	const struct sluice_spsc_reader *r = &link->reader;

	if (!link->open)
		return 0;
	return sluice_load_acquire(&r->tx->published) != r->acked ||
	       sluice_load_acquire(&r->tx->closed) != SLUICE_REASON_OPEN ||
	       sluice_load_acquire(&link->sub->by_producer.closed) !=
		       SLUICE_REASON_OPEN ||
	       (link->pool != NULL && sluice_mpmc_depth(&link->pool->mpmc) > 0);
}

static int port_may_find(struct sluice_stage *port)
{
	port_attend(port);
	if (stage_parked(port) || port->run.phase == STAGE_ENDED)
		return 1;
	for (uint32_t i = 0; i < port->in.count; i++)
		if (link_has(&port->in.links[i]))
			return 1;
	return 0;
}

/* Would a call be in vain? */
static int port_has_some(struct sluice_stage *port)
{
	return stage_produces(port) ? port_may_send(port) : port_may_find(port);
}

/* ---- telling ------------------------------------------------------------- */

static void poll_tell(struct sluice_stage *port)
{
	port_ops(port)->notify(port_ops(port)->ctx, poll_fd(port));
}

/* The bell is its user's again. Returns non-zero when it was rung meanwhile. */
static int poll_take_back(struct sluice_stage *port)
{
	struct stage_poll *poll = &port->poll;
	int rung = 0;

	poll->armed = 0;
	/* Else it is the supervisor's, who has not told him. */
	if (!poll->relayed)
		rung = sluice_bell_disarm(port->worker->bell);
	poll->relayed = 0;
	return rung;
}

void port_disarm(struct sluice_stage *port)
{
	if (!poll_take_back(port) && port->poll.thread != port_self(port))
		poll_tell(port);
}

void port_keep_armed(struct sluice_stage *port, int relayed, int taken)
{
	struct stage_poll *poll = &port->poll;

	if (!poll->armed)
		return;
	if (!relayed && (taken || poll->relayed)) {
		poll->relayed = 0;
		if (!sluice_bell_arm(port->worker->bell, poll_fd(port),
				     port_ops(port))) {
			poll->armed = 0;
			poll_tell(port);
			return;
		}
	}
	poll->relayed |= (uint32_t)relayed;
	if (port_has_some(port) && !poll_take_back(port))
		poll_tell(port);
}

/* ---- the calls ----------------------------------------------------------- */

int sluice_port_fd(struct sluice_stage *port, int *fd)
{
	const struct platform *platform;
	uint32_t none = 0;
	int rc = door_stage(port, __func__);

	if (rc == 0 && fd == NULL)
		rc = door_missing(__func__, "fd");
	if (rc == 0)
		rc = port_is_one(port);
	if (rc == 0)
		rc = port_of_program(port);
	if (rc < 0)
		return rc;
	platform = port->pipeline->platform;
	if (sluice_load_acquire(&port->poll.fd) == 0) {
		rc = platform->event_open(platform->ctx);
		if (rc < 0)
			return sluice_fail(rc,
					   "stage '%s': no descriptor for the "
					   "port: %s",
					   port->name, sluice_errno_text(rc));
		/* Somebody else may have been faster. */
		if (!sluice_compare_exchange(&port->poll.fd, &none,
					     (uint32_t)rc + 1))
			platform->event_close(platform->ctx, rc);
	}
	*fd = poll_fd(port);
	return 0;
}

void port_close_poll(struct sluice_stage *port)
{
	const struct platform *platform = port->pipeline->platform;

	if (sluice_load_acquire(&port->poll.fd) != 0)
		platform->event_close(platform->ctx, poll_fd(port));
	port->poll = (struct stage_poll){0};
}

/* What is found cannot be trusted just now: it is looked for again soon. */
static void poll_nap(struct sluice_stage *port)
{
	const struct sluice_wait_ops *ops = port_ops(port);

	ops->park(ops->ctx, &port->worker->bell->parked, 0,
		  ops->now_ns(ops->ctx) + SLUICE_FENCES_SLEEP_NS);
}

/* Returns what the call answers. */
static int port_arm(struct sluice_stage *port)
{
	const struct platform *platform = port->pipeline->platform;
	struct stage_poll *poll = &port->poll;

	if (poll->told)
		platform->event_clear(platform->ctx, poll_fd(port));
	poll->told = 0;
	if (port_has_some(port))
		return 1;
	/* Whoever finds the bell armed writes when he gets to it: that may be long
	 * after this arming is over, and another has begun. */
	poll->told = 1;
	if (!sluice_bell_arm(port->worker->bell, poll_fd(port),
			     port_ops(port))) {
		poll_nap(port);
		return 1;
	}
	poll->armed = 1;
	poll->relayed = 0;
	poll->thread = port_self(port);
	if (!port_has_some(port))
		return 0;
	(void)poll_take_back(port);
	return 1;
}

int sluice_port_arm(struct sluice_stage *port)
{
	int rc = door_stage(port, __func__);

	if (rc == 0)
		rc = port_is_one(port);
	if (rc == 0)
		rc = port_of_program(port);
	if (rc == 0 && sluice_load_acquire(&port->poll.fd) == 0)
		rc = sluice_fail(-EINVAL,
				 "port '%s' has no descriptor yet "
				 "(sluice_port_fd)",
				 port->name);
	if (rc == 0)
		rc = port_check(port, port->opts.kind, "arm", 0);
	if (rc < 0)
		return rc == -EAGAIN ? port_vain_elsewhere(port) : rc;
	rc = port->span.count > 0 ? port_span_open(port) : port_arm(port);
	port_leave(port);
	return rc;
}
