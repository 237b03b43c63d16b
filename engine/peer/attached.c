/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/control/control_priv.h"
#include "engine/control.h"
#include "engine/graph/pipeline_priv.h"
#include "engine/peer/attached_priv.h"
#include "engine/peer/wish_priv.h"
#include "engine/run/port_priv.h"
#include "ring/base_priv.h"

#include <errno.h>
#include <string.h>

/* For a peer without a name, or one that is called as the stage is. */
#define ATTACHED_NAME "port"

static const char *attached_name(const struct wire_hello *hello,
				 const struct wish *wish)
{
	return hello->peer[0] == '\0' || strcmp(hello->peer, wish->stage) == 0
		       ? ATTACHED_NAME
		       : hello->peer;
}

/* The two ports. The pipeline is there as long as the engine's stage is. Of its bells
 * the first is the supervisor's, the second that stage's, and the third the user's
 * (WIRE_BELL_PORT). */
static int attached_ports(struct attached *a, const char *own,
			  const struct wish *wish, uint32_t event_bytes)
{
	int reads = wish->side == WIRE_FROM;
	int rc = wish_port(a->pipeline, wish->stage, !reads, event_bytes,
			   SLUICE_IDLE_STAY, 1, &a->engine);

	if (rc == 0)
		rc = sluice_pipeline_start(a->pipeline);
	if (rc == 0)
		rc = wish_port(a->pipeline, own, reads, event_bytes,
			       SLUICE_IDLE_END, 0, &a->port);
	return rc;
}

/* Bells that the engine sees, and the word that it counts its rings in. */
static void attached_wake(struct attached *a, const struct share_words *words)
{
	a->pipeline->given = (struct bells_given){
		.bells = words->bells,
		.fences = words->fences,
		.count = WIRE_BELLS,
	};
}

static int attached_subscribe(struct attached *a, const char *own,
			      struct wish *wish, uint32_t capacity,
			      const struct subscription_far *far)
{
	int reads = wish->side == WIRE_FROM;

	if (far->stream == NULL &&
	    sluice_pow2_at_least(wish->opts.max_demand) != capacity)
		return sluice_fail(
			-EPROTO,
			"welcome: the ring has %u slots for a window "
			"of %u",
			capacity, wish->opts.max_demand);
	wish->opts.sub = &a->sub;
	return subscribe_far(a->pipeline, reads ? own : wish->stage,
			     reads ? wish->stage : own, &wish->opts, far);
}

int attached_open(struct attached *a, const struct wire_hello *hello,
		  const struct attach *attach,
		  const struct sluice_pipeline_opts *opts)
{
	enum wire_side side =
		hello->role == WIRE_CONSUMER ? WIRE_FROM : WIRE_TO;
	const struct wire_ring *ring = &attach->welcome.ring[side];
	struct share_found found;
	struct wish wish;
	const char *own;
	int rc = share_find(&found, attach, side);

	*a = (struct attached){.pipeline = NULL,
			       .signalled = found.signalled,
			       .unbegun = found.words.stream};
	wish_of(&wish, hello, side);
	own = attached_name(hello, &wish);
	if (rc == 0)
		rc = sluice_pipeline_open(&a->pipeline, opts);
	if (rc == 0) {
		attached_wake(a, &found.words);
		rc = attached_ports(a, own, &wish, ring->event_bytes);
	}
	if (rc == 0) {
		a->port->worker->rung = found.words.rung;
		rc = attached_subscribe(a, own, &wish, ring->capacity,
					&found.far);
	}
	if (rc < 0)
		attached_close(a);
	return rc;
}

/* The engine has let it join the readers of a common ring: the stage that stands for
 * the engine's can now, too. */
static void attached_begin(struct attached *a)
{
	if (a->unbegun == NULL || sluice_load_acquire(&a->unbegun->begun) == 0)
		return;
	a->unbegun = NULL;
	stage_signal(a->engine, SIGNAL_SUBS);
}

void attached_answer(struct attached *a)
{
	attached_begin(a);
	/* What it fed has been finished, perhaps. */
	if (a->engine->opts.kind == SLUICE_CONSUMER)
		port_call(a->engine);
	(void)sluice_far_answer(sluice_far_linux(), a->signalled,
				&a->port->worker->bell, 1,
				a->pipeline->host.wait);
}

void attached_end(struct attached *a, enum sluice_reason reason, uint32_t code)
{
	int rc = stage_end_as(a->engine, SLUICE_CLOSED(reason, code));

	(void)rc; /* it may have ended before */
}

void attached_close(struct attached *a)
{
	sluice_pipeline_close(a->pipeline);
	a->pipeline = NULL;
	a->signalled = -1;
}
