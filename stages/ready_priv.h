/* SPDX-License-Identifier: Apache-2.0 */
/* What every ready-made stage does with the options it is given: the callbacks
 * and the state are its own, the rest is the caller's. Not installed. */
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

/* Copy an options struct that a caller built against an older or a newer
 * header; its first field is its size. */
static inline int ready_copy(void *to, const void *from, uint32_t known,
			     const char *what)
{
	const unsigned char *bytes = (const unsigned char *)from;
	uint32_t theirs;

	if (from == NULL)
		return sluice_fail(-EINVAL, "%s are missing", what);
	memcpy(&theirs, from, sizeof(theirs));
	if (theirs < 2 * sizeof(uint32_t))
		return sluice_fail(-EINVAL,
				   "%s: size %u is no options struct; fill it "
				   "with its _init function or macro",
				   what, theirs);
	for (uint32_t i = known; i < theirs; i++)
		if (bytes[i] != 0)
			return sluice_fail(-E2BIG,
					   "%s: byte %u is set and this "
					   "library knows only %u",
					   what, i, known);
	memset(to, 0, known);
	memcpy(to, from, theirs < known ? theirs : known);
	memcpy(to, &known, sizeof(known));
	return 0;
}

/* Take the caller's options for a stage of @kind, and refuse what the stage
 * has of its own. Its size and name are checked by sluice_stage_add(). */
static inline int ready_take(struct sluice_stage_opts *o,
			     const struct sluice_stage_opts *opts,
			     enum sluice_stage_kind kind)
{
	int rc = ready_copy(o, opts, sizeof(*o), "stage options");

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
