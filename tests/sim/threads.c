/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POSIX threads as coroutines of the simulated machine, for what does not ask the
 * platform: the pool of a spawning sink. The linker puts these before the real
 * ones (see CMakeLists.txt). A mutex and a condition are words that somebody
 * sleeps on; what the real ones keep in them is not looked at.
 */
#define _GNU_SOURCE
#include "tests/sim/sim.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#define NS_PER_S UINT64_C(1000000000)
#define NEVER    UINT64_MAX

int __wrap_pthread_create(pthread_t *id, const pthread_attr_t *attr,
			  void *(*run)(void *), void *arg);
int __wrap_pthread_join(pthread_t id, void **result);
int __wrap_pthread_setname_np(pthread_t id, const char *name);
int __wrap_pthread_mutex_init(pthread_mutex_t *mutex,
			      const pthread_mutexattr_t *attr);
int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex);
int __wrap_pthread_cond_init(pthread_cond_t *cond,
			     const pthread_condattr_t *attr);
int __wrap_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex);
int __wrap_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex,
				  const struct timespec *due);
int __wrap_pthread_cond_signal(pthread_cond_t *cond);
int __wrap_pthread_cond_broadcast(pthread_cond_t *cond);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);

/* ---- threads ---------------------------------------------------------------- */

int __wrap_pthread_create(pthread_t *id, const pthread_attr_t *attr,
			  void *(*run)(void *), void *arg)
{
	const struct platform *platform = sim_platform();
	void *thread;
	int rc;

	(void)attr;
	/* What it returns nobody reads. */
	rc = platform->spawn(platform->ctx, &thread,
			     (void (*)(void *))(void (*)(void))run, arg,
			     "thread", (struct platform_place){NULL, 0});
	if (rc == 0)
		*id = (pthread_t)thread;
	return -rc;
}

int __wrap_pthread_join(pthread_t id, void **result)
{
	const struct platform *platform = sim_platform();

	if (result != NULL)
		*result = NULL;
	platform->join(platform->ctx, (void *)id);
	return 0;
}

int __wrap_pthread_setname_np(pthread_t id, const char *name)
{
	(void)id;
	(void)name;
	return 0;
}

/* ---- mutexes and conditions --------------------------------------------------- */

/* The first word: who has it. */
static sluice_a32 *word_of(pthread_mutex_t *mutex)
{
	return (sluice_a32 *)(void *)mutex;
}

int __wrap_pthread_mutex_init(pthread_mutex_t *mutex,
			      const pthread_mutexattr_t *attr)
{
	(void)attr;
	memset(mutex, 0, sizeof(*mutex));
	return 0;
}

int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex)
{
	sim_point();
	while (word_of(mutex)->value != 0)
		sim_sleep(mutex, NEVER);
	word_of(mutex)->value = 1;
	return 0;
}

static void unlock(pthread_mutex_t *mutex)
{
	word_of(mutex)->value = 0;
	sim_wake(mutex, 0);
}

int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex)
{
	unlock(mutex);
	sim_point();
	return 0;
}

int __wrap_pthread_cond_init(pthread_cond_t *cond,
			     const pthread_condattr_t *attr)
{
	(void)attr;
	memset(cond, 0, sizeof(*cond));
	return 0;
}

static int await(pthread_cond_t *cond, pthread_mutex_t *mutex, uint64_t due_ns)
{
	int late;

	unlock(mutex);
	late = sim_sleep(cond, due_ns);
	while (word_of(mutex)->value != 0)
		sim_sleep(mutex, NEVER);
	word_of(mutex)->value = 1;
	return late ? ETIMEDOUT : 0;
}

int __wrap_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex)
{
	return await(cond, mutex, NEVER);
}

int __wrap_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex,
				  const struct timespec *due)
{
	return await(cond, mutex,
		     (uint64_t)due->tv_sec * NS_PER_S + (uint64_t)due->tv_nsec);
}

int __wrap_pthread_cond_signal(pthread_cond_t *cond)
{
	sim_wake(cond, 1);
	sim_point();
	return 0;
}

int __wrap_pthread_cond_broadcast(pthread_cond_t *cond)
{
	sim_wake(cond, 0);
	sim_point();
	return 0;
}

/* ---- the clock ----------------------------------------------------------------- */

int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
	const struct sluice_wait_ops *wait = sim_platform()->wait;
	uint64_t ns = wait->now_ns(wait->ctx);

	(void)clock;
	now->tv_sec = (time_t)(ns / NS_PER_S);
	now->tv_nsec = (long)(ns % NS_PER_S);
	return 0;
}
