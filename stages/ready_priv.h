/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every ready-made stage does with the options it is given: the callbacks
 * and the state are its own, the rest is the caller's. Of this header alone,
 * for source.c, sink.c and spawn.c. Not installed.
 *
 * Knows      options of a stage
 * Knows not  the engine behind them
 */
#ifndef SLUICE_STAGES_READY_PRIV_H
#define SLUICE_STAGES_READY_PRIV_H

#include "../engine/pipeline.h"
#include "../ring/base_priv.h"

#include <errno.h>
#include <string.h>

static inline const char *ready_name(const struct sluice_stage_opts *o)
{
	return o->name != NULL ? o->name : "";
}

/* Refuse a @field that the caller has set and the stage needs for itself. */
static inline int ready_refuse(const struct sluice_stage_opts *o,
			       const char *field, int set)
{
	if (!set)
		return 0;
	return sluice_fail(-EINVAL,
			   "stage '%.63s': %s is set, but a ready-made stage "
			   "has its own",
			   ready_name(o), field);
}

/* Take the caller's options for a stage of @kind, and refuse what the stage
 * has of its own. Its size and name are checked by sluice_stage_add(). */
static inline int ready_take(struct sluice_stage_opts *o,
			     const struct sluice_stage_opts *opts,
			     enum sluice_stage_kind kind)
{
	int rc = opts_copy(o, opts, sizeof(*o), "stage options");

	if (rc < 0)
		return rc;
	if (o->kind != 0 && o->kind != kind)
		rc = sluice_fail(-EINVAL,
				 "stage '%.63s': kind %d is not that of this "
				 "ready-made stage; leave it out",
				 ready_name(o), (int)o->kind);
	if (rc == 0)
		rc = ready_refuse(o, "SLUICE_STAGE_PORT",
				  (o->flags & SLUICE_STAGE_PORT) != 0);
	if (rc == 0)
		rc = ready_refuse(o, "handle_demand", o->handle_demand != NULL);
	if (rc == 0)
		rc = ready_refuse(o, "handle_events", o->handle_events != NULL);
	if (rc == 0)
		rc = ready_refuse(o, "state", o->state != NULL);
	if (rc == 0)
		rc = ready_refuse(o, "state_free", o->state_free != NULL);
	o->kind = kind;
	return rc;
}

/* Files make a stage wait: unless its caller has chosen a place for it, it gets
 * a thread of its own. */
static inline void ready_blocks(struct sluice_stage_opts *o)
{
	if (o->cpu == 0)
		o->blocking = 1;
}

static inline int ready_no_memory(const struct sluice_stage_opts *o)
{
	return sluice_fail(-ENOMEM, "stage '%.63s': no memory", ready_name(o));
}

#endif
