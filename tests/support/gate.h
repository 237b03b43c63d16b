/* SPDX-License-Identifier: Apache-2.0 */
/* A gate that threads wait at until the test lets them pass, one by one: so a
 * test decides what ends when, and never sleeps in the hope that it is enough.
 * Gates are static: a test that has failed may leave threads behind. */
#ifndef SLUICE_TESTS_SUPPORT_GATE_H
#define SLUICE_TESTS_SUPPORT_GATE_H

#include "tests/support/deadline.h"

#include <pthread.h>
#include <stdint.h>
#include <time.h>

struct gate {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	uint64_t arrived; /* threads that have come to it, ever */
	uint64_t passed;
	uint64_t opened; /* threads that may pass, ever */
};

#define GATE_CLOSED                                                            \
	(struct gate)                                                          \
	{                                                                      \
		.lock = PTHREAD_MUTEX_INITIALIZER,                             \
		.changed = PTHREAD_COND_INITIALIZER                            \
	}

/* Be counted, and go by. */
static inline void gate_arrive(struct gate *gate)
{
	(void)pthread_mutex_lock(&gate->lock);
	gate->arrived++;
	(void)pthread_cond_broadcast(&gate->changed);
	(void)pthread_mutex_unlock(&gate->lock);
}

/* Be counted, and wait for one's turn. */
static inline void gate_pass(struct gate *gate)
{
	(void)pthread_mutex_lock(&gate->lock);
	gate->arrived++;
	(void)pthread_cond_broadcast(&gate->changed);
	while (gate->passed >= gate->opened)
		(void)pthread_cond_wait(&gate->changed, &gate->lock);
	gate->passed++;
	(void)pthread_mutex_unlock(&gate->lock);
}

/* Let @n more threads pass. */
static inline void gate_open(struct gate *gate, uint64_t n)
{
	(void)pthread_mutex_lock(&gate->lock);
	gate->opened += n;
	(void)pthread_cond_broadcast(&gate->changed);
	(void)pthread_mutex_unlock(&gate->lock);
}

/* Wait until @n threads have come to it since the beginning. Returns non-zero
 * when they did not in time. */
static inline int gate_await(struct gate *gate, uint64_t n)
{
	struct timespec due;
	int rc = 0;

	(void)clock_gettime(CLOCK_REALTIME, &due);
	due.tv_sec += TEST_DEADLINE_S;
	(void)pthread_mutex_lock(&gate->lock);
	while (rc == 0 && gate->arrived < n)
		rc = pthread_cond_timedwait(&gate->changed, &gate->lock, &due);
	rc = gate->arrived < n;
	(void)pthread_mutex_unlock(&gate->lock);
	return rc;
}

#endif
