/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A callback that blocks cannot see that its stage is to stop: the supervisor
 * tells it, on its own thread (on_stop), or it asks (sluice_stage_stopping). And
 * who has not returned all the same is named.
 *
 * Life of the word `stop`, between the stage's thread and the supervisor:
 *
 *   SHUT --init begins--> OPEN --supervisor--> TELLING --on_stop returned--> TOLD
 *     ^                    |                                                  |
 *     +----- fini begins --+--------------------------------------------------+
 *
 * The stage's thread waits before fini until on_stop has returned, also when it
 * is still to be called: so it is called once whenever it is wanted, and never
 * beside fini or after it. Where fini itself waits for others (stop_in_fini), it
 * may be called beside that as well, and is not waited for after it.
 */
#include "engine/control/door_priv.h"
#include "engine/graph/pipeline_priv.h"
#include "engine/stage/stage_priv.h"

#include <stdio.h>
#include <string.h>

/* Long enough for callbacks that do not block. */
#define STOP_LATE_MS 1000u
/* So many stages are named, and the others counted. */
#define STOP_NAMES_MAX 3u

/* ---- who is to stop ------------------------------------------------------ */

/* Every consumer has left, as far as can be seen from outside; unless that is
 * because the stage is ending. */
static int stop_deserted(const struct sluice_stage *stage)
{
	if (!stage_produces(stage) || stage->opts.on_idle == SLUICE_IDLE_STAY ||
	    sluice_load_acquire(&stage->phase_seen) != STAGE_RUNNING)
		return 0;
	for (uint32_t i = 0; i < stage->out.places_max; i++) {
		const struct subscription *sub =
			place_sub(&stage->out.places[i]);

		if (sub != NULL && !subscription_aside(sub) &&
		    subscription_consumer(sub) != CONSUMER_LEFT)
			return 0;
	}
	return 1;
}

int stop_wanted(const struct sluice_stage *stage)
{
	const struct sluice_pipeline *p = stage->pipeline;

	if (sluice_load_acquire(&stage->end_wished))
		return 1;
	switch (pipeline_command(p)) {
	case PIPELINE_STOP:
		return 1;
	case PIPELINE_DRAIN:
		if (stage->opts.kind == SLUICE_PRODUCER)
			return 1;
		break;
	case PIPELINE_RUN:
		break;
	}
	return sluice_load_acquire(&p->phase) >= PIPELINE_STARTING &&
	       stop_deserted(stage);
}

int sluice_stage_stopping(const struct sluice_stage *stage)
{
	return stage != NULL && door_here(stage->pipeline) &&
	       stop_wanted(stage);
}

/* ---- telling it ---------------------------------------------------------- */

static void stop_set(struct sluice_stage *stage, uint32_t state)
{
	const struct sluice_wait_ops *wait = stage->pipeline->platform->wait;

	(void)sluice_exchange(&stage->stop, state);
	wait->wake(wait->ctx, &stage->stop);
}

static void stop_tell_stage(struct sluice_stage *stage)
{
	uint32_t open = STOP_OPEN;

	if (sluice_load_acquire(&stage->stop) != STOP_OPEN ||
	    !stop_wanted(stage) ||
	    !sluice_compare_exchange(&stage->stop, &open, STOP_TELLING))
		return;
	stage->opts.on_stop(stage);
	stop_set(stage, STOP_TOLD);
}

void stop_tell(struct sluice_pipeline *p)
{
	for (uint32_t i = 0; i < p->stage_count; i++)
		if (p->stages[i]->opts.on_stop != NULL)
			stop_tell_stage(p->stages[i]);
}

void stage_stop_open(struct sluice_stage *stage)
{
	if (stage->opts.on_stop == NULL)
		return;
	(void)sluice_exchange(&stage->stop,
			      stage->stop_told ? STOP_TOLD : STOP_OPEN);
	if (stop_wanted(stage))
		pipeline_alarm(stage->pipeline);
}

/* Until it is not @state any more. */
static void stop_await(struct sluice_stage *stage, uint32_t state)
{
	const struct sluice_wait_ops *wait = stage->pipeline->platform->wait;

	while (sluice_load_acquire(&stage->stop) == state)
		wait->park(wait->ctx, &stage->stop, state, UINT64_MAX);
}

static void stop_shut(struct sluice_stage *stage, int last)
{
	uint32_t open = STOP_OPEN;

	if (stage->opts.on_stop == NULL)
		return;
	if (!last && stop_wanted(stage)) {
		pipeline_alarm(stage->pipeline);
		stop_await(stage, STOP_OPEN);
	}
	if (last && sluice_compare_exchange(&stage->stop, &open, STOP_SHUT))
		return;
	stop_await(stage, STOP_TELLING);
	if (last && sluice_exchange(&stage->stop, STOP_SHUT) == STOP_TOLD)
		stage->stop_told = 1;
}

void stage_fini(struct sluice_stage *stage, enum sluice_reason reason)
{
	if (!stage->initialised) {
		stop_shut(stage, 1);
		return;
	}
	stop_shut(stage, 0);
	if (!stage->stop_in_fini)
		stop_shut(stage, 1);
	if (stage->opts.fini)
		stage->opts.fini(stage, reason);
	stop_shut(stage, 1);
	stage->initialised = 0;
}

/* ---- who has not returned ------------------------------------------------ */

static int stop_ended(const struct sluice_stage *stage)
{
	return sluice_load_acquire(&stage->phase_seen) == STAGE_ENDED;
}

static int stop_inside(const struct sluice_stage *stage)
{
	/* Relaxed: for a text. */
	return sluice_load_relaxed(&stage->inside) != 0;
}

static void stop_name(char text[STOP_TEXT_BYTES],
		      const struct sluice_stage *stage)
{
	size_t at = strlen(text);
	const char *where = "";

	if (stop_inside(stage))
		where = " (in a callback)";
	else if (stage->opts.flags & SLUICE_STAGE_PORT)
		where = " (a port)";
	(void)snprintf(text + at, STOP_TEXT_BYTES - at, "%sstage '%s'%s",
		       at > 0 ? ", " : "", stage->name, where);
}

uint32_t stop_names(const struct sluice_pipeline *p, enum stop_names which,
		    char text[STOP_TEXT_BYTES])
{
	uint32_t count = 0;
	size_t at;

	text[0] = '\0';
	for (int in_callback = 1; in_callback >= 0; in_callback--)
		for (uint32_t i = 0; i < p->stage_count; i++) {
			const struct sluice_stage *stage = p->stages[i];

			if (stop_ended(stage) ||
			    stop_inside(stage) != in_callback ||
			    (which == STOP_IN_CALLBACK && !in_callback))
				continue;
			if (count++ < STOP_NAMES_MAX)
				stop_name(text, stage);
		}
	at = strlen(text);
	if (count > STOP_NAMES_MAX)
		(void)snprintf(text + at, STOP_TEXT_BYTES - at, " and %u more",
			       count - STOP_NAMES_MAX);
	return count;
}

/* Those that are to stop and are inside a callback. */
static int stop_anyone_late(const struct sluice_pipeline *p)
{
	for (uint32_t i = 0; i < p->stage_count; i++)
		if (!stop_ended(p->stages[i]) && stop_inside(p->stages[i]) &&
		    stop_wanted(p->stages[i]))
			return 1;
	return 0;
}

uint64_t stop_tell_late(struct sluice_pipeline *p)
{
	enum pipeline_command command = pipeline_command(p);
	struct late *late = &p->late;
	char names[STOP_TEXT_BYTES];
	uint64_t now_ns;

	if (command == PIPELINE_RUN || p->opts.log == NULL)
		return UINT64_MAX;
	now_ns = pipeline_now(p);
	if (late->command != (uint32_t)command) {
		late->command = (uint32_t)command;
		late->tell_ns = now_ns + STOP_LATE_MS * PLATFORM_NS_PER_MS;
	}
	if (now_ns < late->tell_ns)
		return late->tell_ns;
	if (stop_anyone_late(p)) {
		(void)stop_names(p, STOP_IN_CALLBACK, names);
		pipeline_log(p,
			     "%s for %u ms, and a callback has not returned: "
			     "%s",
			     command == PIPELINE_STOP ? "stopped" : "draining",
			     STOP_LATE_MS, names);
	}
	late->tell_ns = UINT64_MAX; /* once */
	return UINT64_MAX;
}
