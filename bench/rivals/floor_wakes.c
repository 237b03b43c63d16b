/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "bench/rivals/case.h"
#include "bench/rivals/floor.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WAKES_RUNS 9

/* Two words, each slept on by one of the two and counted up by the other. */
struct wakes {
	uint32_t there __attribute__((aligned(128)));
	uint32_t back __attribute__((aligned(128)));
	uint32_t n;
	uint32_t *ns;
};

static void wakes_wake(uint32_t *word)
{
	(void)__atomic_add_fetch(word, 1, __ATOMIC_RELEASE);
	(void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* Until it is no longer @seen. */
static void wakes_sleep(uint32_t *word, uint32_t seen)
{
	while (__atomic_load_n(word, __ATOMIC_ACQUIRE) == seen)
		(void)syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL,
			      NULL, 0);
}

void bench_silence(void)
{
	struct timespec rest = {0, BENCH_SILENCE_NS};

	while (nanosleep(&rest, &rest) < 0 && errno == EINTR)
		;
}

static void wakes_ping(void *arg)
{
	struct wakes *wakes = arg;

	for (uint32_t i = 0; i < wakes->n; i++) {
		int64_t before;

		bench_silence();
		before = bench_now_ns();
		wakes_wake(&wakes->there);
		wakes_sleep(&wakes->back, i);
		wakes->ns[i] = (uint32_t)(bench_now_ns() - before);
	}
}

static void wakes_pong(void *arg)
{
	struct wakes *wakes = arg;

	for (uint32_t i = 0; i < wakes->n; i++) {
		wakes_sleep(&wakes->there, i);
		wakes_wake(&wakes->back);
	}
}

int bench_wakes(uint32_t *ns, uint32_t n)
{
	struct wakes wakes = {.n = n, .ns = ns};
	int64_t rc = bench_pair(wakes_ping, wakes_pong, &wakes);

	/* Those who sleep are woken, not disturbed. */
	bench_team_note_preempted(0);
	return rc < 0 ? (int)rc : 0;
}

void bench_wakes_measure(struct bench_floor *out)
{
	double runs[WAKES_RUNS];
	uint32_t ns[WAKES_RUNS];
	int cpus[2];

	*out = (struct bench_floor){-1, -1, -1};
	if (bench_cpus(cpus) < 2 || bench_wakes(ns, WAKES_RUNS) < 0)
		return;
	for (int i = 0; i < WAKES_RUNS; i++)
		runs[i] = ns[i];
	out->median_ns = bench_median(runs, WAKES_RUNS);
	out->low_ns = runs[0];
	out->high_ns = runs[WAKES_RUNS - 1];
}

void bench_wakes_format(const struct bench_floor *floor, char *text,
			size_t bytes)
{
	if (floor->median_ns < 0)
		(void)snprintf(text, bytes, "none: there is only one CPU");
	else
		(void)snprintf(text, bytes, "%.1f us (%.1f..%.1f)",
			       floor->median_ns / 1e3, floor->low_ns / 1e3,
			       floor->high_ns / 1e3);
}
