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

/* What a port of its own is called: @wish, or what neither a stage of the engine's is
 * called that it has, nor @used. */
static const char *attached_name(const struct wire_hello *hello,
				 const char *wish, const char *used)
{
	static const char *const others[] = {"port", "own", "peer", "process"};
	const char *name = wish;

	for (uint32_t i = 0;
	     name[0] == '\0' || strcmp(name, hello->from) == 0 ||
	     strcmp(name, hello->to) == 0 || strcmp(name, used) == 0;
	     i++)
		name = others[i];
	return name;
}

/* Of what it has on one side. */
struct attached_side {
	struct wish wish;
	struct share_found found;
	const struct wire_ring *ring; /* NULL: nothing */
};

static int attached_find(struct attached_side *s, const struct attach *attach,
			 const struct wire_hello *hello, enum wire_side side)
{
	int rc;

	s->ring = &attach->welcome.ring[side];
	wish_of(&s->wish, hello, side);
	rc = share_find(&s->found, attach, side);
	if (rc < 0 || s->found.far.stream != NULL ||
	    sluice_pow2_at_least(s->wish.opts.max_demand) == s->ring->capacity)
		return rc;
	return sluice_fail(-EPROTO,
			   "welcome: the ring has %u slots for a window "
			   "of %u",
			   s->ring->capacity, s->wish.opts.max_demand);
}

/* A port that reads as @s has it, or feeds: the engine's stage, or one that is
 * the user's. */
static int attached_port(struct attached *a, const struct attached_side *s,
			 const char *name, int reads, int engines,
			 struct sluice_stage **out)
{
	uint32_t bytes = s->ring->event_bytes;

	return wish_port(a->pipeline, name, reads ? bytes : 0,
			 reads ? 0 : bytes,
			 engines ? SLUICE_IDLE_STAY : SLUICE_IDLE_END,
			 (uint32_t)engines, out);
}

static int attached_engine(struct attached *a, const struct attached_side *s)
{
	enum wire_side side = s->wish.side;

	return attached_port(a, s, s->wish.stage, side == WIRE_TO, 1,
			     &a->engine[side]);
}

/* The user's port, and what is between it and the engine's. */
static int attached_join(struct attached *a, struct attached_side *s,
			 const char *name, const sluice_a32 *rung,
			 struct sluice_stage **port)
{
	int reads = s->wish.side == WIRE_FROM;
	int rc = attached_port(a, s, name, reads, 0, port);

	if (rc < 0)
		return rc;
	(*port)->worker->rung = rung;
	return subscribe_far(a->pipeline, reads ? name : s->wish.stage,
			     reads ? s->wish.stage : name, &s->wish.opts,
			     &s->found.far);
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

/* What a worker feeds: the fourth and the fifth bell (WIRE_BELL_SENDER). */
static int attached_sends(struct attached *a, struct attached_side *s,
			  const char *name, const sluice_a32 *rung)
{
	int rc = attached_engine(a, s);

	if (rc == 0)
		rc = attached_join(a, s, name, rung, &a->sender);
	if (rc == 0)
		a->port->sender = a->sender;
	return rc;
}

/* The pipeline is there as long as the engine's stage is. Of its bells the first is
 * the supervisor's, the second that stage's, and the third the user's
 * (WIRE_BELL_PORT). */
static int attached_build(struct attached *a, const struct wire_hello *hello,
			  struct attached_side sides[2])
{
	struct attached_side *first =
		&sides[wire_reads(hello->role) ? WIRE_FROM : WIRE_TO];
	const sluice_a32 *rung = first->found.words.rung;
	int rc;

	attached_wake(a, &first->found.words);
	first->wish.opts.sub = &a->sub;
	rc = attached_engine(a, first);
	if (rc == 0)
		rc = sluice_pipeline_start(a->pipeline);
	if (rc == 0)
		rc = attached_join(a, first,
				   attached_name(hello, hello->peer, ""), rung,
				   &a->port);
	if (rc == 0 && first->wish.side == WIRE_FROM && wire_feeds(hello->role))
		rc = attached_sends(
			a, &sides[WIRE_TO],
			attached_name(hello, "sender", a->port->name), rung);
	a->signalled = first->found.signalled;
	a->unbegun = first->found.words.stream;
	return rc;
}

int attached_open(struct attached *a, const struct wire_hello *hello,
		  const struct attach *attach,
		  const struct sluice_pipeline_opts *opts)
{
	struct attached_side sides[2];
	int rc = 0;

	*a = (struct attached){.pipeline = NULL, .signalled = -1};
	if (wire_reads(hello->role))
		rc = attached_find(&sides[WIRE_FROM], attach, hello, WIRE_FROM);
	if (rc == 0 && wire_feeds(hello->role))
		rc = attached_find(&sides[WIRE_TO], attach, hello, WIRE_TO);
	if (rc == 0)
		rc = sluice_pipeline_open(&a->pipeline, opts);
	if (rc == 0)
		rc = attached_build(a, hello, sides);
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
	stage_signal(a->engine[WIRE_FROM], SIGNAL_SUBS);
}

void attached_answer(struct attached *a)
{
	struct sluice_bell *bells[2] = {
		a->port->worker->bell,
		a->sender != NULL ? a->sender->worker->bell : NULL,
	};

	attached_begin(a);
	/* What it fed has been finished, perhaps. */
	if (a->engine[WIRE_TO] != NULL)
		port_call(a->engine[WIRE_TO]);
	(void)sluice_far_answer(sluice_far_linux(), a->signalled, bells, 2,
				a->pipeline->host.wait);
}

static void attached_end_stage(struct sluice_stage *engine, uint32_t closed)
{
	int rc = stage_end_as(engine, closed);

	(void)rc; /* it may have ended before */
}

void attached_end(struct attached *a, enum sluice_reason reason, uint32_t code)
{
	for (uint32_t side = 0; side < 2; side++)
		if (a->engine[side] != NULL)
			attached_end_stage(a->engine[side],
					   SLUICE_CLOSED(reason, code));
}

void attached_close(struct attached *a)
{
	sluice_pipeline_close(a->pipeline);
	a->pipeline = NULL;
	a->signalled = -1;
}
