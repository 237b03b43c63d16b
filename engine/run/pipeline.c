/* SPDX-License-Identifier: Apache-2.0 */
/* A pipeline that nothing has been declared of yet. */
#include "engine/control/door_priv.h"
#include "engine/graph/declare_priv.h"
#include "engine/stage/gate_priv.h"
#include "engine/link/memory_priv.h"
#include "engine/run/run_priv.h"
#include "ring/base_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sluice_pipeline_opts_init(struct sluice_pipeline_opts *opts)
{
	if (opts != NULL)
		*opts = (struct sluice_pipeline_opts){.size = sizeof(*opts)};
}

static int pipeline_check(struct sluice_pipeline_opts *o)
{
	int rc = opts_check_resv(o->resv, 7, "pipeline options");

	if (rc < 0)
		return rc;
	if (o->flags & ~SLUICE_PIPELINE_FULL_FENCES)
		return sluice_fail(-EINVAL, "pipeline: unknown flags %#x",
				   o->flags);
	if (o->name == NULL)
		o->name = "pipeline";
	if (strnlen(o->name, SLUICE_NAME_BYTES) >= SLUICE_NAME_BYTES)
		return sluice_fail(-EINVAL,
				   "pipeline: name is over the limit of %u "
				   "bytes",
				   SLUICE_NAME_BYTES - 1);
	if (o->workers > SLUICE_WORKERS_MAX)
		return sluice_fail(-EINVAL,
				   "pipeline '%s': workers %u is over the "
				   "limit of %u",
				   o->name, o->workers, SLUICE_WORKERS_MAX);
	if (o->spin_us > SLUICE_SPIN_US_MAX && o->spin_us < SLUICE_SPIN_FOREVER)
		return sluice_fail(-EINVAL,
				   "pipeline '%s': spin_us %u is over the "
				   "limit of %u",
				   o->name, o->spin_us, SLUICE_SPIN_US_MAX);
	return 0;
}

int pipeline_open_on(struct sluice_pipeline **out,
		     const struct sluice_pipeline_opts *opts,
		     const struct platform *platform)
{
	struct sluice_pipeline_opts o = {.size = sizeof(o)};
	struct restart_policy policy = {0};
	struct pin pin = {.mode = PIN_SPREAD};
	struct engine *engine;
	struct sluice_pipeline *p;
	int rc = 0;

	if (out == NULL)
		return door_missing("sluice_pipeline_open", "out");
	if (opts != NULL)
		rc = opts_copy(&o, opts, sizeof(o), "pipeline options");
	if (rc == 0)
		rc = pipeline_check(&o);
	if (rc == 0)
		rc = restart_policy_init(&policy, &o);
	if (rc == 0)
		rc = pin_parse(&pin, o.name, o.pin);
	if (rc < 0)
		return rc;
	engine = line_calloc(1, sizeof(*engine));
	p = engine ? &engine->pipeline : NULL;
	if (p == NULL || door_mark(&p->mark_at, &p->mark) < 0) {
		free(p);
		pin_free(&pin);
		return sluice_fail(-ENOMEM, "pipeline '%s': no memory", o.name);
	}
	/* Touched page by page, as stages and subscriptions are made. */
	p->stages = calloc(SLUICE_STAGES_MAX, sizeof(struct sluice_stage *));
	p->subs = calloc(SLUICE_SUBSCRIPTIONS_MAX, sizeof(*p->subs));
	if (p->stages == NULL || p->subs == NULL ||
	    platform->mutex_open(platform->ctx, &p->mutex) < 0) {
		free(p->stages);
		free(p->subs);
		free(p);
		pin_free(&pin);
		return sluice_fail(-ENOMEM, "pipeline '%s': no memory", o.name);
	}
	engine->policy = policy;
	p->named = opts != NULL && opts->name != NULL;
	p->peered = p->named;
	p->pin = pin;
	o.pin = NULL; /* the caller's */
	(void)snprintf(p->name, sizeof(p->name), "%s", o.name);
	o.name = p->name;
	p->opts = o;
	p->platform = platform;
	p->host.ops = &run_host_ops;
	p->wait = *platform->wait;
	p->host.wait = &p->wait;
	p->host.logs = o.log != NULL;
	p->region.fd = -1;
	sluice_store_relaxed(&p->gate, GATE_CLOSED); /* not shared yet */
	*out = p;
	return 0;
}

int sluice_pipeline_open(struct sluice_pipeline **out,
			 const struct sluice_pipeline_opts *opts)
{
	SLUICE_KEEP_ERRNO;
	int full = opts != NULL && opts->flags & SLUICE_PIPELINE_FULL_FENCES;

	return pipeline_open_on(
		out, opts, full ? platform_linux_full() : platform_linux());
}

struct sluice_stage *sluice_stage_find(struct sluice_pipeline *pipeline,
				       const char *name)
{
	struct sluice_stage *stage;

	if (door_pipeline(pipeline, __func__) < 0)
		return NULL;
	if (name == NULL)
		(void)pipeline_no_such_stage(name);
	pipeline_lock(pipeline);
	stage = pipeline_find(pipeline, name);
	pipeline_unlock(pipeline);
	return stage;
}

void pipeline_thread_name(const struct sluice_pipeline *p,
			  char name[THREAD_NAME_BYTES], const char *part)
{
	int room = (int)(THREAD_NAME_BYTES - 2 - strlen(part));

	(void)snprintf(name, THREAD_NAME_BYTES, "%.*s/%s", room, p->name, part);
}
