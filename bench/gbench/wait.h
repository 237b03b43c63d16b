/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two ways to wake a sleeper that are compared. Each is measured in three
 * parts: what a publish pays while nobody sleeps, what a sleeper pays before it
 * sleeps, and a round trip between two threads that sleep at once.
 *
 * Of wait_bell.c (ours) and rival_ec.c; measured by wait_cases.c. Knows one
 * sleeper and one waker; not stages.
 */
#ifndef SLUICE_BENCH_WAIT_H
#define SLUICE_BENCH_WAIT_H

#include "bench/rivals/case.h"

#define WAIT_ROUND_TRIPS 2000u

/* Shared by the two threads of a round trip. Whose turn it is: an even number
 * is the first's, an odd one the second's. */
struct wait_pair {
	uint64_t turn __attribute__((aligned(128)));
	uint64_t last;     /* turn at which both stop */
	int64_t *trips_ns; /* out: one per round trip */
	void *bells;       /* the way's own */
};

struct wait_way {
	const char *name;
	/* @n publishes of one word, each followed by the wake-up that nobody
	 * needs. */
	void (*publish)(uint64_t n);
	/* @n times all that a park does but the sleep. */
	void (*arm)(uint64_t n);
	/* The bodies of the two threads; NULL: not compared. */
	void (*first)(void *pair);
	void (*second)(void *pair);
};

extern const struct wait_way wait_store; /* the bare store, for scale */
extern const struct wait_way wait_bell;
extern const struct wait_way wait_ec_sp;
extern const struct wait_way wait_ec_mp;

/* The word that is published; anybody might read it. */
extern uint64_t wait_published;

#endif
