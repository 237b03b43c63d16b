/* SPDX-License-Identifier: Apache-2.0 */
/* Restart or give up: counting failures, and delays that grow. */
#include "engine/run/restart_priv.h"
#include "ring/base_priv.h"

#include <errno.h>

#define MAX_RESTARTS_DEFAULT   3u
#define MAX_SECONDS_DEFAULT    5u
#define MAX_SECONDS_LIMIT      86400u
#define BACKOFF_MS_DEFAULT     10u
#define BACKOFF_MAX_MS_DEFAULT 5000u
#define STABLE_MS_DEFAULT      30000u
#define NS_PER_MS              UINT64_C(1000000)
#define NS_PER_SECOND          UINT64_C(1000000000)

static int restart_check(const struct sluice_pipeline_opts *o, const char *name,
			 uint32_t backoff_max_ms)
{
	if (o->supervision != SLUICE_ONE_FOR_ONE &&
	    o->supervision != SLUICE_REST_FOR_ONE &&
	    o->supervision != SLUICE_ONE_FOR_ALL)
		return sluice_fail(-EINVAL,
				   "pipeline '%s': supervision %d is none of "
				   "SLUICE_ONE_FOR_ONE, SLUICE_REST_FOR_ONE, "
				   "SLUICE_ONE_FOR_ALL",
				   name, (int)o->supervision);
	if (o->max_restarts > RESTART_FAILURES_MAX &&
	    o->max_restarts != SLUICE_RESTARTS_NONE)
		return sluice_fail(-EINVAL,
				   "pipeline '%s': max_restarts %u is over the "
				   "limit of %u",
				   name, o->max_restarts, RESTART_FAILURES_MAX);
	if (o->max_seconds > MAX_SECONDS_LIMIT)
		return sluice_fail(-EINVAL,
				   "pipeline '%s': max_seconds %u is over the "
				   "limit of %u",
				   name, o->max_seconds, MAX_SECONDS_LIMIT);
	if (o->backoff_ms > backoff_max_ms)
		return sluice_fail(-EINVAL,
				   "pipeline '%s': backoff_ms %u is over "
				   "backoff_max_ms %u",
				   name, o->backoff_ms, backoff_max_ms);
	return 0;
}

static uint32_t restart_default(uint32_t value, uint32_t left_out)
{
	return value == 0 ? left_out : value;
}

int restart_policy_init(struct restart_policy *p,
			const struct sluice_pipeline_opts *o)
{
	uint32_t most = restart_default(o->max_restarts, MAX_RESTARTS_DEFAULT);
	uint32_t seconds = restart_default(o->max_seconds, MAX_SECONDS_DEFAULT);
	uint32_t backoff_ms =
		restart_default(o->backoff_ms, BACKOFF_MS_DEFAULT);
	uint32_t backoff_max_ms =
		restart_default(o->backoff_max_ms, BACKOFF_MAX_MS_DEFAULT);
	uint32_t stable_ms = restart_default(o->stable_ms, STABLE_MS_DEFAULT);
	int rc = restart_check(o, o->name == NULL ? "pipeline" : o->name,
			       backoff_max_ms);

	if (rc < 0)
		return rc;
	/* A backoff left out gives way to a maximum that was not. */
	if (backoff_ms > backoff_max_ms)
		backoff_ms = backoff_max_ms;
	p->max_restarts = most == SLUICE_RESTARTS_NONE ? 0 : most;
	p->window_ns = seconds * NS_PER_SECOND;
	p->backoff_ns = backoff_ms * NS_PER_MS;
	p->backoff_max_ns = backoff_max_ms * NS_PER_MS;
	p->stable_ns = stable_ms * NS_PER_MS;
	return 0;
}

/* The delay after @before failures, without chance. */
static uint64_t restart_backoff(const struct restart_policy *policy,
				uint64_t before)
{
	uint64_t first = policy->backoff_ns;

	if (first == 0)
		return 0;
	if (before >= 64 || first > policy->backoff_max_ns >> before)
		return policy->backoff_max_ns;
	return first << before;
}

/* Spread it, so that what failed together does not come back together. The
 * range is cut at the maximum, not the result: else half of the longest delays
 * would be the same. */
static uint64_t restart_jitter(uint64_t delay, uint64_t max, uint64_t random)
{
	uint64_t below = delay / 4;
	uint64_t above = max - delay < below ? max - delay : below;

	return delay - below + random % (below + above + 1);
}

uint64_t restart_delay(const struct restart_policy *policy, uint64_t before,
		       uint64_t random)
{
	return restart_jitter(restart_backoff(policy, before),
			      policy->backoff_max_ns, random);
}

enum restart_verdict restart_decide(struct restart_history *h,
				    const struct restart_policy *policy,
				    uint64_t now_ns, uint64_t random,
				    uint64_t *delay_ns)
{
	uint64_t most = policy->max_restarts;
	uint64_t unstable;
	int burst = 0;

	if (most > RESTART_FAILURES_MAX)
		most = RESTART_FAILURES_MAX;
	if (h->count > 0) {
		uint64_t last = h->at_ns[(h->count - 1) % RESTART_FAILURES_MAX];

		if (now_ns < last)
			now_ns = last;
		if (now_ns - last >= policy->stable_ns)
			h->forgotten = h->count;
	}
	/* This failure and `most` before it. The oldest may lie where this one
	 * will be noted, so it is read first. (With most 0 it lies just there,
	 * and says nothing; the other rule escalates.) */
	if (h->count >= most)
		burst = now_ns - h->at_ns[(h->count - most) %
					  RESTART_FAILURES_MAX] <=
			policy->window_ns;
	h->at_ns[h->count++ % RESTART_FAILURES_MAX] = now_ns;
	unstable = h->count - h->forgotten;
	*delay_ns = 0;
	if (burst || unstable > most)
		return RESTART_ESCALATE;
	*delay_ns = restart_delay(policy, unstable - 1, random);
	return RESTART_AGAIN;
}
