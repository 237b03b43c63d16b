/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* pthread_setname_np, sched_getcpu */
#include "engine/control.h"
#include "engine/run/cpus_priv.h"
#include "ring/base_priv.h"
#include "ring/wait_priv.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

struct thread {
	pthread_t id;
	void (*run)(void *arg);
	void *arg;
	char name[16]; /* what Linux shows, NUL included */
	struct platform_place place;
	uint32_t cpu; /* the place, if it is only one */
};

/* A CPU that went away since the plan was made is no reason to fail: the thread
 * then runs wherever the kernel puts it. */
static void thread_place(const struct platform_place *place)
{
	struct cpu_mask mask = {{0}};

	if (place->count == 0 && cpu_mask_of_process(&mask) < 0)
		return;
	for (uint32_t i = 0; i < place->count; i++)
		cpu_mask_add(&mask, place->cpus[i]);
	cpu_mask_use(&mask);
}

static void *thread_main(void *arg)
{
	struct thread *thread = arg;

	(void)pthread_setname_np(pthread_self(), thread->name);
	thread_place(&thread->place);
	thread->run(thread->arg);
	return NULL;
}

void platform_signals_shut(sigset_t *before)
{
	/* A fault whose signal is blocked kills at once, and no crash handler,
	 * debugger or sanitizer sees it. */
	static const int open[] = {SIGSEGV, SIGBUS, SIGFPE,  SIGILL,
				   SIGTRAP, SIGSYS, SIGABRT, SIGPROF};
	sigset_t shut;

	(void)sigfillset(&shut);
	for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++)
		(void)sigdelset(&shut, open[i]);
	(void)pthread_sigmask(SIG_SETMASK, &shut, before);
}

void platform_signals_put_back(const sigset_t *before)
{
	(void)pthread_sigmask(SIG_SETMASK, before, NULL);
}

static int linux_spawn(void *ctx, void **out, void (*run)(void *), void *arg,
		       const char *name, struct platform_place place)
{
	struct thread *thread = malloc(sizeof(*thread));
	sigset_t before;
	int rc;

	(void)ctx;
	if (thread == NULL)
		return -ENOMEM;
	*thread = (struct thread){.run = run, .arg = arg, .place = place};
	if (place.count == 1) {
		thread->cpu = place.cpus[0];
		thread->place.cpus = &thread->cpu;
	}
	(void)snprintf(thread->name, sizeof(thread->name), "%s", name);
	platform_signals_shut(&before);
	rc = -pthread_create(&thread->id, NULL, thread_main, thread);
	platform_signals_put_back(&before);
	if (rc < 0) {
		free(thread);
		return rc;
	}
	*out = thread;
	return 0;
}

static void linux_join(void *ctx, void *handle)
{
	struct thread *thread = handle;

	(void)ctx;
	(void)pthread_join(thread->id, NULL);
	free(thread);
}

static void linux_forget(void *ctx, void *handle)
{
	(void)ctx;
	free(handle);
}

/* Without priority inheritance where the system has none: then a waiter sleeps
 * all the same. */
static int mutex_init(pthread_mutex_t *mutex)
{
	pthread_mutexattr_t attr;
	int rc = pthread_mutexattr_init(&attr);

	if (rc != 0)
		return -rc;
	rc = pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT);
	if (rc == 0)
		rc = pthread_mutex_init(mutex, &attr);
	(void)pthread_mutexattr_destroy(&attr);
	return rc == ENOTSUP ? -pthread_mutex_init(mutex, NULL) : -rc;
}

static int linux_mutex_open(void *ctx, void **out)
{
	pthread_mutex_t *mutex = malloc(sizeof(*mutex));
	int rc;

	(void)ctx;
	if (mutex == NULL)
		return -ENOMEM;
	rc = mutex_init(mutex);
	if (rc < 0) {
		free(mutex);
		return rc;
	}
	*out = mutex;
	return 0;
}

static void linux_mutex_close(void *ctx, void *mutex)
{
	(void)ctx;
	(void)pthread_mutex_destroy(mutex);
	free(mutex);
}

static void linux_mutex_lock(void *ctx, void *mutex)
{
	(void)ctx;
	(void)pthread_mutex_lock(mutex);
}

static void linux_mutex_unlock(void *ctx, void *mutex)
{
	(void)ctx;
	(void)pthread_mutex_unlock(mutex);
}

static void linux_cpus(void *ctx, struct platform_cpus *cpus)
{
	(void)ctx;
	cpus_of_process(cpus);
}

/* Processes that are started one after the other begin one after the other. */
static uint32_t linux_turns(void *ctx, uint32_t n)
{
	static uint32_t taken;

	(void)ctx;
	return (uint32_t)getpid() +
	       __atomic_fetch_add(&taken, n, __ATOMIC_RELAXED);
}

static uint64_t linux_random(void *ctx)
{
	uint64_t value = 0;

	(void)ctx;
	(void)getrandom(&value, sizeof(value), GRND_NONBLOCK);
	return value;
}

static uint64_t linux_self(void *ctx)
{
	(void)ctx;
	return (uint64_t)pthread_self();
}

static int linux_event_open(void *ctx)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	(void)ctx;
	return fd < 0 ? -errno : fd;
}

static void linux_event_clear(void *ctx, int fd)
{
	SLUICE_KEEP_ERRNO;
	uint64_t count;

	(void)ctx;
	(void)!read(fd, &count, sizeof(count));
}

static void linux_event_close(void *ctx, int fd)
{
	(void)ctx;
	(void)close(fd);
}

/* ---- sets of descriptors ---------------------------------------------------- */

#define TAKEN_MOST 64u

static int linux_set_open(void *ctx)
{
	int set = epoll_create1(EPOLL_CLOEXEC);

	(void)ctx;
	return set < 0 ? -errno : set;
}

static int linux_set_add(void *ctx, int set, int fd, uint32_t events,
			 uint64_t mark)
{
	struct epoll_event event = {.data.u64 = mark};

	(void)ctx;
	event.events = (events & SLUICE_IO_READ ? EPOLLIN : 0u) |
		       (events & SLUICE_IO_WRITE ? EPOLLOUT : 0u);
	return epoll_ctl(set, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static int linux_set_remove(void *ctx, int set, int fd)
{
	SLUICE_KEEP_ERRNO;

	(void)ctx;
	return epoll_ctl(set, EPOLL_CTL_DEL, fd, NULL) < 0 ? -errno : 0;
}

static uint32_t linux_set_take(void *ctx, int set, struct platform_ready *ready,
			       uint32_t n)
{
	SLUICE_KEEP_ERRNO;
	struct epoll_event event[TAKEN_MOST];
	int taken = epoll_wait(set, event,
			       (int)(n < TAKEN_MOST ? n : TAKEN_MOST), 0);

	(void)ctx;
	for (int i = 0; i < taken; i++) {
		uint32_t is = event[i].events;

		ready[i].mark = event[i].data.u64;
		ready[i].events =
			(is & EPOLLIN ? SLUICE_IO_READ : 0u) |
			(is & EPOLLOUT ? SLUICE_IO_WRITE : 0u) |
			(is & (EPOLLERR | EPOLLHUP) ? SLUICE_IO_ERROR : 0u);
	}
	return taken < 0 ? 0 : (uint32_t)taken;
}

/* The set is a descriptor itself, and ppoll() counts in ns, as timers do. */
static void linux_set_wait(void *ctx, int set, uint64_t deadline_ns)
{
	SLUICE_KEEP_ERRNO;
	struct pollfd polled = {.fd = set, .events = POLLIN};
	uint64_t until_ns = sluice_wait_until(deadline_ns, WAIT_TICK_NS);
	uint64_t now_ns = sluice_wait_table.now_ns(ctx);
	struct timespec time =
		sluice_wait_time(until_ns > now_ns ? until_ns - now_ns : 0);

	(void)ppoll(&polled, 1, &time, NULL);
}

static int linux_cpu(void *ctx)
{
	int cpu = sched_getcpu();

	(void)ctx;
	return cpu < 0 ? PLATFORM_CPU_ANY : cpu;
}

static sluice_a32 spinning;

/* A child has none of the threads that are counted. */
static void spinning_forget(void)
{
	sluice_store_relaxed(&spinning, 0);
}

__attribute__((constructor)) static void platform_load(void)
{
	(void)pthread_atfork(NULL, NULL, spinning_forget);
}

#define PLATFORM(wait_with)                                                    \
	{                                                                      \
		.wait = (wait_with), .spawn = linux_spawn, .join = linux_join, \
		.forget = linux_forget, .mutex_open = linux_mutex_open,        \
		.mutex_close = linux_mutex_close,                              \
		.mutex_lock = linux_mutex_lock,                                \
		.mutex_unlock = linux_mutex_unlock, .cpus = linux_cpus,        \
		.cpu = linux_cpu, .turns = linux_turns, .spinning = &spinning, \
		.random = linux_random, .self = linux_self,                    \
		.event_open = linux_event_open,                                \
		.event_clear = linux_event_clear,                              \
		.event_close = linux_event_close, .set_open = linux_set_open,  \
		.set_add = linux_set_add, .set_remove = linux_set_remove,      \
		.set_take = linux_set_take, .set_wait = linux_set_wait,        \
		.set_close = linux_event_close,                                \
	}

static const struct platform linux_platform = PLATFORM(&sluice_wait_table);
static const struct platform linux_full = PLATFORM(&sluice_wait_table_full);

const struct platform *platform_linux(void)
{
	(void)sluice_wait_linux();
	return &linux_platform;
}

const struct platform *platform_linux_full(void)
{
	return &linux_full;
}
