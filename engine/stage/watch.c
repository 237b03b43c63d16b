/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/stage/watch_priv.h"
#include "engine/stage/callback_priv.h"

void stage_io(struct sluice_stage *stage, int fd, uint32_t events)
{
	int rc;

	if (stage->run.phase != STAGE_RUNNING)
		return;
	rc = STAGE_CALL(stage, CALLBACK_IO, 0,
			stage->opts.handle_io(stage, fd, events));
	stage_answer(stage, CALLBACK_IO, rc);
}

void stage_unwatch_all(struct sluice_stage *stage)
{
	if (SLUICE_UNLIKELY(stage->opts.handle_io != NULL))
		stage->host->ops->unwatch_all(stage);
}
