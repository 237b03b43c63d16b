/* SPDX-License-Identifier: Apache-2.0 */
/* Somebody who blocks in read() until on_stop closes the other end, and keeps book
 * of when and where that was called. */
#ifndef SLUICE_TESTS_UNIT_BLOCKER_H
#define SLUICE_TESTS_UNIT_BLOCKER_H

#include "tests/support/gate.h"
#include "tests/unit/flow.h"

#include <pthread.h>
#include <unistd.h>

static struct {
	int fd[2];
	struct gate blocked;
	uint32_t told;      /* times on_stop was called */
	uint32_t told_late; /* of them, after fini had begun */
	uint32_t here;      /* of them, on the stage's own thread */
	uint32_t finis;
	uint32_t untold; /* finis before it */
	pthread_t thread;
	struct sluice_stage *stage;
} pipe_of;

static inline void pipe_open(void)
{
	memset(&pipe_of, 0, sizeof(pipe_of));
	pipe_of.blocked = GATE_CLOSED;
	assert_int_equal(pipe(pipe_of.fd), 0);
}

static inline void pipe_close(void)
{
	(void)close(pipe_of.fd[0]);
}

/* Waits for a byte that never comes. */
static inline void pipe_read(void)
{
	char byte;

	pipe_of.thread = pthread_self();
	gate_arrive(&pipe_of.blocked);
	while (read(pipe_of.fd[0], &byte, 1) > 0)
		;
}

static inline void pipe_stop(void)
{
	pipe_of.told_late +=
		__atomic_load_n(&pipe_of.finis, __ATOMIC_ACQUIRE) > 0;
	pipe_of.here += pthread_equal(pipe_of.thread, pthread_self()) != 0;
	if (__atomic_fetch_add(&pipe_of.told, 1, __ATOMIC_ACQ_REL) == 0)
		(void)close(pipe_of.fd[1]);
}

static inline void on_stop(struct sluice_stage *self)
{
	pipe_of.stage = self;
	pipe_stop();
}

static inline void on_fini(struct sluice_stage *self, enum sluice_reason reason)
{
	(void)self;
	(void)reason;
	pipe_of.untold += __atomic_load_n(&pipe_of.told, __ATOMIC_ACQUIRE) == 0;
	(void)__atomic_add_fetch(&pipe_of.finis, 1, __ATOMIC_ACQ_REL);
}

#endif
