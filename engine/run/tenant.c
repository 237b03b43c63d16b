/* SPDX-License-Identifier: Apache-2.0 */
/* Who stands on a pipeline: is let in, is told what happens, and may keep it from
 * ending. */
#include "engine/run/run_priv.h"
#include "ring/base_priv.h"

#include <errno.h>

int pipeline_let(struct sluice_pipeline *p, struct tenant *tenant)
{
	int rc = 0;

	pipeline_lock(p);
	if (host_phase(&p->host) == PIPELINE_FINISHED)
		rc = sluice_fail(-EPIPE, "pipeline '%s' has ended", p->name);
	else if (engine_of(p)->tenant != NULL)
		rc = sluice_fail(-EALREADY, "pipeline '%s' listens already",
				 p->name);
	else
		engine_of(p)->tenant = tenant;
	/* Before it looks whether the pipeline runs; see pipeline_tell_tenant(). */
	if (rc == 0)
		(void)sluice_exchange(&engine_of(p)->tenanted, 1);
	pipeline_unlock(p);
	return rc;
}

void pipeline_unlet(struct sluice_pipeline *p)
{
	pipeline_lock(p);
	engine_of(p)->tenant = NULL;
	pipeline_unlock(p);
}

/* Whoever is let in later finds the phase. */
void pipeline_stir_tenant(struct sluice_pipeline *p)
{
	struct tenant *tenant;

	pipeline_lock(p);
	tenant = engine_of(p)->tenant;
	if (tenant != NULL)
		tenant->ops->stirred(tenant);
	pipeline_unlock(p);
}

/* Without a lock where nobody is: whoever has come by now is told, and whoever comes
 * later finds the phase. */
void pipeline_tell_tenant(struct sluice_pipeline *p)
{
	if (sluice_load_stale(&engine_of(p)->tenanted))
		pipeline_stir_tenant(p);
}

int pipeline_stay(struct sluice_pipeline *p)
{
	int rc = -EPIPE;

	pipeline_lock(p);
	if (host_phase(&p->host) == PIPELINE_RUNNING && !p->over &&
	    host_command(&p->host) == PIPELINE_RUN) {
		p->arrivals++;
		rc = 0;
	}
	pipeline_unlock(p);
	return rc;
}

void pipeline_stay_no_more(struct sluice_pipeline *p)
{
	pipeline_lock(p);
	p->arrivals--;
	pipeline_unlock(p);
	host_alarm(&p->host);
}
