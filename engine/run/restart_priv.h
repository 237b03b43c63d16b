/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When may a stage that failed be started again, and after what delay. Of
 * restart.c. Not installed.
 *
 * There are two limits. More than max_restarts failures in a sliding window are
 * a burst. But once the delays have grown, no burst fits a window any more; so
 * failures are counted from one stable period to the next as well.
 *
 * Knows      the options, and when failures came
 * Knows not  clocks, threads, stages: time and chance are arguments
 */
#ifndef SLUICE_ENGINE_RESTART_PRIV_H
#define SLUICE_ENGINE_RESTART_PRIV_H

#include "engine/pipeline.h"

/* Largest max_restarts: so many failures are remembered. */
#define RESTART_FAILURES_MAX 1024u

struct restart_policy {
	uint32_t max_restarts;
	uint64_t window_ns;
	uint64_t backoff_ns; /* delay of the first restart */
	uint64_t backoff_max_ns;
	/* Since the last failure, its delay included; then the next one counts
	 * as the first. */
	uint64_t stable_ns;
};

/* The failures of all stages of a pipeline; zeroed to begin with. */
struct restart_history {
	/* Failure n, counted from 0, is at n modulo the size. */
	uint64_t at_ns[RESTART_FAILURES_MAX];
	uint64_t count;     /* failures ever */
	uint64_t forgotten; /* those before the last stable period */
};

enum restart_verdict {
	RESTART_AGAIN,    /* after the delay */
	RESTART_ESCALATE, /* too many: the pipeline ends */
};

/* Fill @p from a pipeline's options. Returns 0, or -EINVAL with the field and
 * limit in sluice_last_error(); then @p is untouched. */
int restart_policy_init(struct restart_policy *p,
			const struct sluice_pipeline_opts *o);

/* The delay after @before failures before this one; @random as below. */
uint64_t restart_delay(const struct restart_policy *policy, uint64_t before,
		       uint64_t random);

/*
 * Called once for each failure.
 *
 * @now_ns    of a monotonic clock; a step back counts as no step
 * @random    any number; decides where in [3/4, 5/4] of its length, and not
 *            above backoff_max_ns, the delay lies
 * @delay_ns  out: 0 with RESTART_ESCALATE
 */
enum restart_verdict restart_decide(struct restart_history *h,
				    const struct restart_policy *policy,
				    uint64_t now_ns, uint64_t random,
				    uint64_t *delay_ns);

#endif
