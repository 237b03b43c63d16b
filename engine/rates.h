/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file rates.h
 * What has happened between two snapshots of a pipeline: how many events and batches
 * a second, and what stages have spent their time on.
 *
 *     struct sluice_rates *rates = NULL;
 *
 *     if (sluice_snapshot_rates(before, now, &rates) == 0)
 *             for (uint32_t i = 0; i < now->stage_count; i++)
 *                     printf("%s: %.0f events a second\n", now->stages[i]->name,
 *                            rates->stages[i]->events_in_per_s);
 *     sluice_rates_close(rates);
 *
 * Rows      Row i is that of row i of the later snapshot. Behind them are those of
 *           the earlier one that are not there any more (SLUICE_RATES_WENT).
 * Identity  A stage is the one of the earlier snapshot with its serial; a
 *           subscription the one with its `sub`. A name, or the place of a
 *           subscription, that is used again is another row: one went, one came.
 * Came      What was not there before (SLUICE_RATES_CAME) began to count when it
 *           came, which was in between: its rates are those of all that it counts.
 * Restart   A stage that is restarted goes on counting. What it does not live its
 *           time does not tell: `lived_ns`.
 * Back      A count that is lower than before is another count, and its rate is not
 *           known (SLUICE_RATES_BACK): the snapshots are of two pipelines of one
 *           name, the later one started anew; or the start of a pipeline has failed,
 *           which leaves it as it was; or a process that has attached writes what is
 *           not true.
 *
 * What is not known is SLUICE_RATE_UNKNOWN, which is negative, and no rate is.
 */
#ifndef SLUICE_ENGINE_RATES_H
#define SLUICE_ENGINE_RATES_H

#include "snapshot.h"

SLUICE_BEGIN_DECLS

/** Of a rate or a share: not known. */
#define SLUICE_RATE_UNKNOWN (-1.0)

/** It was not there in the earlier snapshot. */
#define SLUICE_RATES_CAME 1u
/** It is not there in the later one: nothing is known of it. */
#define SLUICE_RATES_WENT 2u
/** A count, or a time, is lower than before. */
#define SLUICE_RATES_BACK 4u

/** Of a stage. Rates are per second of the time between the snapshots. */
struct sluice_stage_rates {
	uint32_t size;   /* of this struct, bytes */
	uint32_t flags;  /* SLUICE_RATES_... */
	uint64_t serial; /* whose they are */
	char name[SLUICE_NAME_BYTES];
	double events_in_per_s;
	double batches_in_per_s;
	double events_out_per_s;
	double batches_out_per_s;
	/** How long it lived in between: less than there was between them when it
	 * came, ended, or was down meanwhile; and by a moment, for which see
	 * struct sluice_times, it may be more. */
	uint64_t lived_ns;
	/** Parts of that, in [0, 1], whose sum is 1; all 0 when it did not live. */
	double working;
	double idle;
	double no_credit;
	double blocked;
	uint64_t restarts; /* of it, in between */
};

/** Of a subscription. */
struct sluice_subscription_rates {
	uint32_t size;  /* of this struct, bytes */
	uint32_t flags; /* SLUICE_RATES_... */
	struct sluice_sub sub;
	char consumer[SLUICE_NAME_BYTES];
	char producer[SLUICE_NAME_BYTES];
	/** What its consumer has finished: of `carried`, and of counts.batches. */
	double events_per_s;
	double batches_per_s;
};

/** Of a pipeline. */
struct sluice_rates {
	uint32_t size; /* of this struct, bytes */
	/** stage_count, and subscription_count, rows: those of the later snapshot
	 * in its order, then those that went, in the order of the earlier. */
	uint32_t stage_count;
	uint32_t subscription_count;
	uint32_t resv;
	uint64_t span_ns; /* between the two */
	const struct sluice_stage_rates *const *stages;
	const struct sluice_subscription_rates *const *subscriptions;
};

/**
 * sluice_snapshot_rates - what has happened between two snapshots.
 *
 * @before  the earlier one; NULL: there is none, no rate is known, and shares are
 *          those of the whole life of a stage
 * @now     of the same pipeline, taken later or at the same time; then no rate is
 *          known either
 * @out     out: which sluice_rates_close() frees; untouched on failure
 *
 * Both may be of sluice_pipeline_stat(), or both of sluice_watch_read(). Rates keep
 * nothing of them: both may be closed.
 *
 * Returns 0; -EINVAL when @now or @out is NULL, or the snapshots are of pipelines of
 * two names, or @before is the later one; -ENOMEM. Threads: any.
 */
SLUICE_API int
sluice_snapshot_rates(const struct sluice_snapshot *before,
		      const struct sluice_snapshot *now,
		      struct sluice_rates **out) SLUICE_MUST_CHECK;

/** Free rates. Accepts NULL. Threads: any. */
SLUICE_API void sluice_rates_close(struct sluice_rates *rates);

SLUICE_END_DECLS

#endif
