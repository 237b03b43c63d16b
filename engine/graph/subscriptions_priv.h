/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The subscriptions of a pipeline: which there are, which may be made, and the
 * words that refuse one. Of subscription_check.c. Not installed.
 *
 * Knows      options, and the graph
 * Knows not  the life of a subscription: that is its two ends'
 *            (link/subscription_priv.h)
 */
#ifndef SLUICE_ENGINE_SUBSCRIPTIONS_PRIV_H
#define SLUICE_ENGINE_SUBSCRIPTIONS_PRIV_H

#include "engine/graph/pipeline_priv.h"

/* The subscription at place @index, or NULL. Threads: any. */
struct subscription *subscription_at(const struct sluice_pipeline *pipeline,
				     uint32_t index);

/* Refuse, in the words of a subscription. */
#define SUBSCRIPTION_FAIL(sub, rc, fmt, ...)                                   \
	sluice_fail((rc), "subscription of '%s' to '%s': " fmt,                \
		    (sub)->consumer->name, (sub)->producer->name, __VA_ARGS__)

/* Refuse what would change it while a start checks and allocates. */
#define SUBSCRIPTION_PLANNING(sub)                                             \
	SUBSCRIPTION_FAIL((sub), -EBUSY, "%s",                                 \
			  "the pipeline is just being started")

/* subscription_check.c: fill @sub's options and credit from @opts, or refuse
 * what cannot be; then what is there already forbids. Under the lock. */
int subscription_check(struct subscription *sub,
		       const struct sluice_subscription_opts *opts);
/* Of its options: how its window follows the link; most is 0 if that is fixed. */
struct window_rule subscription_rule(const struct subscription *sub);
int subscription_check_twins(const struct sluice_pipeline *pipeline,
			     const struct subscription *sub);
/* Mark (1, by stage index) what is downstream of the stages that are marked. */
void subscription_spread(const struct sluice_pipeline *pipeline,
			 unsigned char *marked);
/* One more, while the pipeline runs: the ring's size; no cycle (@marked: zeros,
 * by stage index). */
int subscription_check_ring(const struct subscription *sub);
int subscription_check_cycle(const struct sluice_pipeline *pipeline,
			     const struct subscription *sub,
			     unsigned char *marked);

#endif
