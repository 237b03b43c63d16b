/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor's side of a stop: it calls on_stop of those that are to stop
 * (stage/stop.c has the life of the word between the two), and names those that
 * have not returned all the same.
 */
#include "engine/run/run_priv.h"
#include "engine/run/stopping_priv.h"
#include "engine/stage/gate_priv.h"
#include "engine/stage/stop_priv.h"

#include <stdio.h>
#include <string.h>

/* Long enough for callbacks that do not block. */
#define STOP_LATE_MS 1000u
/* So many stages are named, and the others counted. */
#define STOP_NAMES_MAX 3u

/* ---- telling it ---------------------------------------------------------- */

static void stop_tell_stage(struct sluice_stage *stage)
{
	uint32_t state = sluice_load_acquire(&stage->words.stop);

	if (state != STOP_DUE && (state != STOP_OPEN || !stop_wanted(stage)))
		return;
	/* It may have become DUE, which rings again, or shut. */
	if (!sluice_compare_exchange(&stage->words.stop, &state, STOP_TELLING))
		return;
	stage->opts.on_stop(stage);
	stop_set(stage, STOP_TOLD);
}

/* Who removes a stage waits at its gate before the stage's memory goes. */
static void stop_pass(struct sluice_stage *stage)
{
	if (gate_enter(&stage->words.gate))
		stop_tell_stage(stage);
	gate_leave(&stage->words.gate, stage->host->wait);
}

void stop_tell(struct sluice_pipeline *p)
{
	struct sluice_stage *stage;

	PIPELINE_EACH(p, i, stage)
		if (stage->opts.on_stop != NULL)
			stop_pass(stage);
}

/* ---- who has not returned ------------------------------------------------ */

static int stop_ended(const struct sluice_stage *stage)
{
	return sluice_load_acquire(&stage->words.phase_seen) == STAGE_ENDED;
}

static int stop_inside(const struct sluice_stage *stage)
{
	/* Relaxed: for a text. */
	return sluice_load_relaxed(&stage->words.inside) != 0;
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

uint32_t stop_names(struct sluice_pipeline *p, enum stop_names which,
		    char text[STOP_TEXT_BYTES])
{
	const struct sluice_stage *stage;
	uint32_t count = 0;
	size_t at;

	text[0] = '\0';
	pipeline_lock(p);
	for (int in_callback = 1; in_callback >= 0; in_callback--)
		PIPELINE_EACH(p, i, stage) {
			if (stop_ended(stage) ||
			    stop_inside(stage) != in_callback ||
			    (which == STOP_IN_CALLBACK && !in_callback))
				continue;
			if (count++ < STOP_NAMES_MAX)
				stop_name(text, stage);
		}
	pipeline_unlock(p);
	at = strlen(text);
	if (count > STOP_NAMES_MAX)
		(void)snprintf(text + at, STOP_TEXT_BYTES - at, " and %u more",
			       count - STOP_NAMES_MAX);
	return count;
}

/* Those that are to stop and are inside a callback. */
static int stop_anyone_late(const struct sluice_pipeline *p)
{
	struct sluice_stage *stage;
	int late = 0;

	PIPELINE_EACH(p, i, stage) {
		if (gate_enter(&stage->words.gate))
			late |= !stop_ended(stage) && stop_inside(stage) &&
				stop_wanted(stage);
		gate_leave(&stage->words.gate, stage->host->wait);
	}
	return late;
}

uint64_t stop_tell_late(struct sluice_pipeline *p)
{
	enum pipeline_command command = host_command(&p->host);
	struct late *late = &engine_of(p)->late;
	char names[STOP_TEXT_BYTES];
	uint64_t now_ns;

	if (command == PIPELINE_RUN || p->opts.log == NULL)
		return UINT64_MAX;
	now_ns = host_now(&p->host);
	if (late->command != (uint32_t)command) {
		late->command = (uint32_t)command;
		late->tell_ns = now_ns + STOP_LATE_MS * PLATFORM_NS_PER_MS;
	}
	if (now_ns < late->tell_ns)
		return late->tell_ns;
	if (stop_anyone_late(p)) {
		(void)stop_names(p, STOP_IN_CALLBACK, names);
		host_log(&p->host,
			 "%s for %u ms, and a callback has not returned: "
			 "%s",
			 command == PIPELINE_STOP ? "stopped" : "draining",
			 STOP_LATE_MS, names);
	}
	late->tell_ns = UINT64_MAX; /* once */
	return UINT64_MAX;
}
