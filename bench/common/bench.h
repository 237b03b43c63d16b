/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every benchmark shares: the description of a case, the clock, and pinned
 * threads that start together.
 */
#ifndef SLUICE_BENCH_BENCH_H
#define SLUICE_BENCH_BENCH_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

/* An iteration shorter than this measures the start of its threads. */
#define BENCH_ITERATION_NS INT64_C(20000000)
#define BENCH_NAME_BYTES   64
#define BENCH_COUNTERS_MAX 4
/* Pages and line pairs: no two objects of a case share either. */
#define BENCH_PAGE_BYTES 4096

/* A number reported next to the rate, in the case's own unit. */
struct bench_counter {
	const char *name;
	double value;
};

struct bench_case {
	char name[BENCH_NAME_BYTES];
	/* Make the state that run() works on. Returns 0 or a negative errno. */
	int (*setup)(const struct bench_case *bench, void **state);
	/* Move @n_events and check their sum. Returns the time it took, ns, or
	 * a negative errno: -EBADMSG for a wrong sum. */
	int64_t (*run)(void *state, uint64_t n_events);
	void (*teardown)(void *state);
	/* Optional: what the last run counted; returns how many. */
	uint32_t (*counters)(void *state, struct bench_counter *out);
	uint64_t events; /* of an iteration; 0: as many as take 20 ms */
	uint32_t bytes;  /* of one event; 0: there are none to be moved */
	const void *arg; /* the case's own */
};

/* Hand a case over; it is copied. */
typedef void (*bench_add_fn)(const struct bench_case *bench);

/* The cases, one call per file. */
void ring_cases(bench_add_fn add);
void wait_cases(bench_add_fn add);
void engine_cases(bench_add_fn add);

/* CLOCK_MONOTONIC, ns: not before what the calling thread has loaded until now, so
 * that a time which one thread reads and hands on is never later than the one that
 * the other reads next. */
static inline int64_t bench_now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* How often to look before giving up, and what to do meanwhile: one pause, for
 * every rival alike. */
static inline void bench_pause(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#else
	__asm__ volatile("isb" ::: "memory");
#endif
}

/* Zeroed, page-aligned and touched, so that no page fault is measured; NULL
 * without memory. Released by free(). */
void *bench_memory(size_t bytes);

/* Two of the CPUs this process may use, or one twice. Returns how many differ:
 * 2, or 1 where a pair must share a CPU. */
int bench_cpus(int cpus[2]);

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

/*
 * How many events of this case take at least @ns, found by running it with more
 * and more; so it is warm afterwards. A case that fixes its events keeps them.
 *
 * Returns 0 when a run failed, its code in *@rc.
 */
uint64_t bench_calibrate(const struct bench_case *bench, void *state,
			 int64_t ns, int64_t *rc);

/* The median of @n values, which it sorts. */
double bench_median(double *values, size_t n);

#ifdef __cplusplus
}
#endif

#endif
