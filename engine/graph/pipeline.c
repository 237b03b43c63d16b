/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/graph/pipeline_priv.h"
#include "ring/base_priv.h"

#include <errno.h>
#include <string.h>

struct sluice_stage *pipeline_find(const struct sluice_pipeline *pipeline,
				   const char *name)
{
	struct sluice_stage *stage;

	if (name == NULL)
		return NULL;
	PIPELINE_EACH(pipeline, i, stage)
		if (strcmp(stage->name, name) == 0)
			break;
	return stage;
}

int pipeline_no_such_stage(const char *name)
{
	if (name == NULL)
		return sluice_fail(-EINVAL, "the name of a stage is NULL");
	return sluice_fail(-ENOENT, "no stage is called '%.63s'", name);
}

uint64_t pipeline_deadline(const struct sluice_pipeline *p, uint32_t timeout_ms)
{
	if (timeout_ms == SLUICE_FOREVER)
		return UINT64_MAX;
	return host_now(&p->host) + timeout_ms * PLATFORM_NS_PER_MS;
}

void pipeline_lock(struct sluice_pipeline *pipeline)
{
	const struct platform *platform = pipeline->platform;

	platform->mutex_lock(platform->ctx, pipeline->mutex);
}

void pipeline_unlock(struct sluice_pipeline *pipeline)
{
	const struct platform *platform = pipeline->platform;

	platform->mutex_unlock(platform->ctx, pipeline->mutex);
}
