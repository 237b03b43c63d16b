/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stage from its options. Of declare.c (options copied, defaults filled in),
 * stage_check.c (options of a stage alone) and dispatch_opts.c (how it shares
 * events out). Not installed.
 *
 * Knows      one stage's options and the strategies' names
 * Knows not  subscriptions, other stages, memory of a run
 */
#ifndef SLUICE_ENGINE_DECLARE_PRIV_H
#define SLUICE_ENGINE_DECLARE_PRIV_H

#include "engine/graph/pipeline_priv.h"

/* declare.c: check @opts against everything that can be told from them alone,
 * and copy them, with defaults; strings are the caller's still. Returns 0, -EINVAL
 * or -E2BIG. */
int stage_opts_take(struct sluice_stage_opts *out,
		    const struct sluice_stage_opts *opts);
/* A place for a stage, which nobody has, or NULL. It stays until the pipeline is
 * closed: whoever still knows a stage that was there may signal it. */
struct sluice_stage *stage_alloc(struct sluice_pipeline *pipeline,
				 uint32_t index);
/* Give it to a stage; and what that leaves behind. */
void stage_define(struct sluice_stage *stage,
		  const struct sluice_stage_opts *opts);
void stage_forget(struct sluice_stage *stage);
void stage_free(struct sluice_stage *stage);

/* stage_check.c: refuse options that cannot be. */
int stage_check(const struct sluice_stage_opts *opts);
int stage_check_limit(const char *name, const char *field, uint32_t value,
		      uint32_t limit);
/* dispatch_opts.c: how it shares out; or that it has nothing to share out; and
 * the same in the words of its strategy. */
/* NULL: there is none of that name. */
const struct sluice_strategy *
dispatch_strategy(const struct sluice_stage_opts *opts);
int dispatch_check(const struct sluice_stage_opts *opts);
int dispatch_check_unused(const struct sluice_stage_opts *opts);
void dispatch_opts(struct sluice_stage *stage,
		   struct sluice_dispatch_opts *opts);

#endif
