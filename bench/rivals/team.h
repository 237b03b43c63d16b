/* SPDX-License-Identifier: Apache-2.0 */
/* Pinned threads that start together. Of team.c. Knows CPUs, and who lost its
 * own; not what the threads do. */
#ifndef SLUICE_BENCH_TEAM_H
#define SLUICE_BENCH_TEAM_H

#include "bench/common/bench.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Two of the CPUs that this process may use, or one twice. Returns how many it may
 * use; 1 where a pair must share a CPU. */
uint32_t bench_cpus(int cpus[2]);

/* A thread of a team: what it does, and where. */
struct bench_member {
	void (*body)(void *arg);
	void *arg;
	int cpu;
};

/* A team's threads at most. */
#define BENCH_TEAM_MAX 16u

/*
 * Run @n threads, 1 to BENCH_TEAM_MAX, each on its CPU. The clock starts when
 * all are there, and stops when all have returned.
 *
 * @stop  set to 1 @stop_ns after the start, for bodies that run until they are
 *        told; NULL: they end by themselves
 *
 * Returns the time, ns, or a negative errno when a thread was refused.
 */
int64_t bench_team(const struct bench_member *members, uint32_t n,
		   uint32_t *stop, int64_t stop_ns);

/* Run @first on one of bench_cpus() and @second on the other: a team of two. */
int64_t bench_pair(void (*first)(void *arg), void (*second)(void *arg),
		   void *arg);

/* How often the threads of the last team lost their CPU to somebody else: what
 * was measured then is the neighbours' work too. 0 for a team that is told to
 * stop, or has more threads than CPUs: they take turns in any case. */
uint64_t bench_team_preempted(void);

/* The same of a run with threads that were no team's. */
void bench_team_note_preempted(uint64_t n);

/* How often the calling thread has lost its CPU so far. */
uint64_t bench_thread_preempted(void);

#ifdef __cplusplus
}
#endif

#endif
