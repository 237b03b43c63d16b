/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "bench/rivals/team.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>

/* What a team's threads share. Each counts itself in and spins until all are
 * there: the wake-up of a barrier would give one of them a head start. */
struct team {
	uint32_t ready;
	uint32_t refused; /* not all could be started */
	uint32_t n;
	uint32_t crowded; /* more threads than CPUs */
};

struct team_thread {
	struct bench_member member;
	struct team *team;
	int64_t began_ns;
	int64_t ended_ns;
	uint64_t preempted;
	pthread_t id;
};

static uint64_t last_preempted;

uint64_t bench_team_preempted(void)
{
	return last_preempted;
}

void bench_team_note_preempted(uint64_t n)
{
	last_preempted = n;
}

uint64_t bench_thread_preempted(void)
{
	struct rusage usage;

	return getrusage(RUSAGE_THREAD, &usage) == 0 ? (uint64_t)usage.ru_nivcsw
						     : 0;
}

static void *team_main(void *arg)
{
	struct team_thread *self = arg;
	struct team *team = self->team;

	(void)__atomic_add_fetch(&team->ready, 1, __ATOMIC_ACQ_REL);
	while (__atomic_load_n(&team->ready, __ATOMIC_ACQUIRE) < team->n) {
		if (__atomic_load_n(&team->refused, __ATOMIC_ACQUIRE))
			return NULL;
		if (team->crowded)
			(void)sched_yield();
	}
	self->preempted = bench_thread_preempted();
	self->began_ns = bench_now_ns();
	self->member.body(self->member.arg);
	self->ended_ns = bench_now_ns();
	self->preempted = bench_thread_preempted() - self->preempted;
	return NULL;
}

static int team_crowded(const struct bench_member *members, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t k = 0; k < i; k++)
			if (members[i].cpu == members[k].cpu)
				return 1;
	return 0;
}

static void team_stop(struct team *team, uint32_t *stop, int64_t stop_ns)
{
	struct timespec rest = {0, 1000000};

	/* In steps: the run starts when the last thread has come. */
	while (__atomic_load_n(&team->ready, __ATOMIC_ACQUIRE) < team->n)
		(void)nanosleep(&rest, NULL);
	rest.tv_sec = stop_ns / 1000000000;
	rest.tv_nsec = stop_ns % 1000000000;
	(void)nanosleep(&rest, NULL);
	__atomic_store_n(stop, 1, __ATOMIC_RELEASE);
}

/* From the first that began to the last that ended. */
static int64_t team_span(const struct team_thread *threads, uint32_t n)
{
	int64_t began = threads[0].began_ns;
	int64_t ended = threads[0].ended_ns;

	for (uint32_t i = 1; i < n; i++) {
		if (threads[i].began_ns < began)
			began = threads[i].began_ns;
		if (threads[i].ended_ns > ended)
			ended = threads[i].ended_ns;
	}
	return ended - began;
}

uint32_t bench_cpus(int cpus[2])
{
	cpu_set_t set;
	uint32_t found = 0;

	CPU_ZERO(&set);
	(void)sched_getaffinity(0, sizeof(set), &set);
	cpus[0] = 0;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET((size_t)cpu, &set) && found++ < 2)
			cpus[found - 1] = cpu;
	if (found < 2)
		cpus[1] = cpus[0];
	return found > 0 ? found : 1;
}

/* A thread on @cpu that runs @body. Returns 0 or a negative errno. */
static int team_start(pthread_t *thread, void *(*body)(void *arg), void *arg,
		      int cpu)
{
	pthread_attr_t attr;
	cpu_set_t set;
	int rc = pthread_attr_init(&attr);

	if (rc != 0)
		return -rc;
	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	rc = pthread_attr_setaffinity_np(&attr, sizeof(set), &set);
	if (rc == 0)
		rc = pthread_create(thread, &attr, body, arg);
	(void)pthread_attr_destroy(&attr);
	return -rc;
}

int64_t bench_team(const struct bench_member *members, uint32_t n,
		   uint32_t *stop, int64_t stop_ns)
{
	struct team team = {.n = n};
	struct team_thread threads[BENCH_TEAM_MAX];
	uint32_t started = 0;
	int rc = n < 1 || n > BENCH_TEAM_MAX ? -EINVAL : 0;

	team.crowded = rc == 0 && team_crowded(members, n);
	for (; rc == 0 && started < n; started++) {
		threads[started] = (struct team_thread){
			.member = members[started], .team = &team};
		rc = team_start(&threads[started].id, team_main,
				&threads[started], members[started].cpu);
		if (rc < 0)
			break;
	}
	if (rc < 0)
		__atomic_store_n(&team.refused, 1, __ATOMIC_RELEASE);
	else if (stop != NULL)
		team_stop(&team, stop, stop_ns);
	last_preempted = 0;
	for (uint32_t i = 0; i < started; i++) {
		(void)pthread_join(threads[i].id, NULL);
		/* Whoever says stop needs a CPU for it. */
		if (!team.crowded && stop == NULL)
			last_preempted += threads[i].preempted;
	}
	return rc < 0 ? rc : team_span(threads, n);
}

int64_t bench_pair(void (*first)(void *arg), void (*second)(void *arg),
		   void *arg)
{
	int cpus[2];

	(void)bench_cpus(cpus);
	return bench_team((struct bench_member[]){{first, arg, cpus[0]},
						  {second, arg, cpus[1]}},
			  2, NULL, 0);
}
