/* SPDX-License-Identifier: Apache-2.0 */
/* Seeded random numbers (splitmix64). Every use prints its seed; set
 * SLUICE_TEST_SEED to that number to see the same run again. */
#ifndef SLUICE_TESTS_SUPPORT_RNG_H
#define SLUICE_TESTS_SUPPORT_RNG_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct rng {
	uint64_t state;
};

static inline uint64_t rng_u64(struct rng *rng)
{
	uint64_t z = rng->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* A number in [0, n); n at least 1. The bias is below n / 2^64. */
static inline uint64_t rng_below(struct rng *rng, uint64_t n)
{
	return rng_u64(rng) % n;
}

/* A number in [low, high]. */
static inline uint32_t rng_between(struct rng *rng, uint32_t low, uint32_t high)
{
	return low + (uint32_t)rng_below(rng, (uint64_t)high - low + 1);
}

/* What a hostile peer might store in a position word: often close to @near,
 * where the arithmetic has its edges, else anything at all. */
static inline uint64_t rng_word(struct rng *rng, uint64_t near, uint64_t spread)
{
	switch (rng_below(rng, 6)) {
	case 0:
		return rng_u64(rng);
	case 1:
		return near + (UINT64_C(1) << 63) + rng_below(rng, 5) - 2;
	case 2:
		return rng_below(rng, 3) - 1;
	default:
		return near + rng_below(rng, 2 * spread + 1) - spread;
	}
}

/* The generator of one test, called @test in the message. */
static inline struct rng rng_start(const char *test)
{
	const char *text = getenv("SLUICE_TEST_SEED");
	struct timespec now = {0};
	struct rng rng;

	if (text != NULL && text[0] != '\0') {
		rng.state = strtoull(text, NULL, 0);
	} else {
		(void)clock_gettime(CLOCK_MONOTONIC, &now);
		rng.state = (uint64_t)now.tv_sec * UINT64_C(1000000000) +
			    (uint64_t)now.tv_nsec;
	}
	(void)fprintf(stderr, "# %s: SLUICE_TEST_SEED=%llu\n", test,
		      (unsigned long long)rng.state);
	return rng;
}

#endif
