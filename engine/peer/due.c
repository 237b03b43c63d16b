/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/control.h"
#include "engine/peer/due_priv.h"
#include "engine/stage/life_priv.h"
#include "ring/base_priv.h"

#include <errno.h>

/* Under the lock. The stage, if it is the same one still. */
static struct sluice_stage *due_stage(const struct due *due,
				      const struct sluice_pipeline *p)
{
	struct sluice_stage *stage =
		due->stage[0] != '\0' ? pipeline_find(p, due->stage) : NULL;

	return stage != NULL && stage->serial == due->serial ? stage : NULL;
}

static sluice_a32 *due_word(const struct due *due, struct sluice_stage *stage)
{
	return due->side == WIRE_FROM ? &stage->words.readers_due
				      : &stage->words.feeders_due;
}

int due_begin(struct due *due, struct sluice_pipeline *p, const char *name,
	      enum wire_side side)
{
	struct sluice_stage *stage;

	*due = (struct due){.side = side};
	pipeline_lock(p);
	stage = pipeline_find(p, name);
	if (stage != NULL) {
		(void)snprintf(due->stage, sizeof(due->stage), "%s", name);
		due->serial = stage->serial;
		(void)sluice_fetch_add(due_word(due, stage), 1);
	}
	pipeline_unlock(p);
	return stage != NULL ? 0 : pipeline_no_such_stage(name);
}

int due_lives(const struct due *due, struct sluice_pipeline *p)
{
	const struct sluice_stage *stage;
	int lives;

	pipeline_lock(p);
	stage = due_stage(due, p);
	lives = stage != NULL &&
		sluice_load_acquire(&stage->words.phase_seen) != STAGE_ENDED;
	pipeline_unlock(p);
	return lives;
}

/* Under the lock. Who subscribes later finds it ending. */
static int due_is_deserted(const struct due *due,
			   const struct sluice_stage *stage)
{
	if (due->side == WIRE_FROM)
		return !stage_awaits_readers(stage) &&
		       !places_in_use(stage->out.places, stage->out.places_max);
	return !stage_awaits_feeders(stage) &&
	       !places_in_use(stage->in.places, stage->in.places_max);
}

void due_end(struct due *due, struct sluice_pipeline *p,
	     enum sluice_reason reason, uint32_t code)
{
	struct sluice_stage *stage;
	int deserted = 0;

	pipeline_lock(p);
	stage = due_stage(due, p);
	if (stage != NULL) {
		(void)sluice_fetch_add(due_word(due, stage), UINT32_MAX);
		deserted = host_command(&p->host) == PIPELINE_RUN &&
			   host_phase(&p->host) == PIPELINE_RUNNING &&
			   due_is_deserted(due, stage);
	}
	pipeline_unlock(p);
	due->stage[0] = '\0';
	if (deserted) {
		int rc = sluice_stage_end(stage, reason, code);

		(void)rc; /* it may have ended just now */
	}
}
