/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The helm: who may step the stages of a worker. It is the worker's, who gives it up for
 * as long as it sleeps; then a *helper* may take it, who does in the meantime what the
 * worker would be woken for. Of this header alone. Not installed.
 *
 *   HELM_WORKER  the worker's, which is awake, or about to sleep
 *   HELM_FREE    nobody's: the worker sleeps, or is waking up
 *   HELM_HELPER  a helper's
 *   HELM_WAITED  a helper's, and the worker waits for it
 *
 * Word    writer             readers  order
 * helm    the worker: WORKER, any     acq_rel: what one holder wrote the next one
 *         FREE, WAITED;               sees
 *         helpers: HELPER,
 *         FREE, WORKER
 *
 * No wake-up is lost, for a helper leaves the worker's bell alone: it stays armed as the
 * worker has left it, behind the fence and the look that belong to that (ring/wait.h).
 * So whoever has something for the worker rings the bell, helped or not, and the worker
 * wakes up, and waits for the helm. The helper himself does not ring for what he brings;
 * he takes the helm instead, and rings if he does not get it, or has left something to
 * do when he gives it back.
 *
 * A worker that waits is handed the helm: no other helper comes between.
 *
 * Knows      one word, a bell
 * Knows not  stages; who helps, and when
 */
#ifndef SLUICE_ENGINE_HELM_PRIV_H
#define SLUICE_ENGINE_HELM_PRIV_H

#include "ring/wait.h"

#define HELM_WORKER 0u
#define HELM_FREE   1u
#define HELM_HELPER 2u
#define HELM_WAITED 3u

/* A helper is gone in a microsecond or two, or in a callback. */
#ifndef HELM_LOOKS
#define HELM_LOOKS 16u
#endif

/* ---- the worker ---------------------------------------------------------- */

/* Until it has the helm again. */
static inline void helm_resume(sluice_a32 *helm,
			       const struct sluice_wait_ops *ops)
{
	uint32_t looks = HELM_LOOKS;

	for (;;) {
		uint32_t seen = HELM_FREE;

		if (sluice_compare_exchange(helm, &seen, HELM_WORKER))
			return;
		if (seen == HELM_WORKER)
			return; /* it was handed over */
		if (looks > 0) {
			ops->pause(ops->ctx, looks--);
			continue;
		}
		if (seen == HELM_WAITED ||
		    sluice_compare_exchange(helm, &seen, HELM_WAITED))
			ops->park(ops->ctx, helm, HELM_WAITED, UINT64_MAX);
	}
}

/* As sluice_bell_park(); while it sleeps others may have the helm. */
static inline int helm_park(sluice_a32 *helm, struct sluice_bell *bell,
			    const struct sluice_wait_ops *ops,
			    int (*ready)(void *ctx), void *ready_ctx,
			    uint64_t deadline_ns)
{
	uint32_t armed;
	int found;

	found = sluice_bell_prepare(bell, ops, ready, ready_ctx, &armed,
				    &deadline_ns);
	if (!found) {
		/* Release: what the next holder finds. */
		sluice_store_release(helm, HELM_FREE);
		ops->park(ops->ctx, &bell->parked, armed, deadline_ns);
		helm_resume(helm, ops);
	}
	/* Relaxed: a ringer that still sees it makes one needless call. */
	sluice_store_relaxed(&bell->parked, 0);
	return found;
}

/* ---- a helper ------------------------------------------------------------ */

/* Is it worth to try? */
static inline int helm_is_free(const sluice_a32 *helm)
{
	/* Relaxed: who takes it acquires. */
	return sluice_load_relaxed(helm) == HELM_FREE;
}

/* Returns non-zero when it is the caller's, until helm_return(). */
static inline int helm_take(sluice_a32 *helm)
{
	uint32_t seen = HELM_FREE;

	return sluice_compare_exchange(helm, &seen, HELM_HELPER);
}

/* Does the worker wait for it? Then the helper is to return it soon. */
static inline int helm_is_waited_for(const sluice_a32 *helm)
{
	/* Relaxed: a hint. */
	return sluice_load_relaxed(helm) == HELM_WAITED;
}

static inline void helm_return(sluice_a32 *helm,
			       const struct sluice_wait_ops *ops)
{
	uint32_t seen = HELM_HELPER;

	if (sluice_compare_exchange(helm, &seen, HELM_FREE))
		return;
	sluice_store_release(helm, HELM_WORKER);
	ops->wake(ops->ctx, helm);
}

#endif
