/* SPDX-License-Identifier: Apache-2.0 */
/* A pipeline whose lock is watched: what allocates or maps while a thread of it has
 * the lock is counted. Its program wraps malloc and its like, and fallocate. */
#ifndef SLUICE_TESTS_UNIT_WATCHED_H
#define SLUICE_TESTS_UNIT_WATCHED_H

#include "engine/run/run_priv.h"

#include "clerk.h"
#include "tests/support/edge.h"

#include <stdlib.h>

static _Thread_local uint32_t held; /* the lock, by this thread */
static uint32_t under_the_lock;     /* calls that should not have been */
static int refuse;                  /* the next fallocate */
/* Run once in the middle of the next allocation, by whoever allocates. */
static void (*meanwhile)(void);

static inline void edge_look(void)
{
	if (held > 0)
		(void)__atomic_add_fetch(&under_the_lock, 1, __ATOMIC_RELAXED);
}

static inline int edge_fails(const char *call)
{
	void (*run)(void) = meanwhile;

	edge_look();
	if (strcmp(call, "fallocate") != 0)
		return 0;
	meanwhile = NULL;
	if (run != NULL)
		run();
	if (!refuse)
		return 0;
	refuse = 0;
	errno = ENOSPC;
	return 1;
}

void *__real_malloc(size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__real_realloc(void *block, size_t bytes);
void *__wrap_realloc(void *block, size_t bytes);
void *__real_aligned_alloc(size_t align, size_t bytes);
void *__wrap_aligned_alloc(size_t align, size_t bytes);

void *__wrap_malloc(size_t bytes)
{
	edge_look();
	return __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t bytes)
{
	edge_look();
	return __real_calloc(count, bytes);
}

void *__wrap_realloc(void *block, size_t bytes)
{
	edge_look();
	return __real_realloc(block, bytes);
}

void *__wrap_aligned_alloc(size_t align, size_t bytes)
{
	edge_look();
	return __real_aligned_alloc(align, bytes);
}

static struct platform watched;

static inline void watched_lock(void *ctx, void *mutex)
{
	platform_linux()->mutex_lock(ctx, mutex);
	held++;
}

static inline void watched_unlock(void *ctx, void *mutex)
{
	held--;
	platform_linux()->mutex_unlock(ctx, mutex);
}

static inline void watched_open(void)
{
	watched = *platform_linux();
	watched.mutex_lock = watched_lock;
	watched.mutex_unlock = watched_unlock;
	assert_int_equal(pipeline_open_on(&pipeline,
					  SLUICE_PIPELINE(.workers = 2),
					  &watched),
			 0);
	under_the_lock = 0;
	refuse = 0;
	meanwhile = NULL;
}

#endif
