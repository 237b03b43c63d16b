/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seeded random numbers (splitmix64) and what is drawn from them. One seed has
 * many streams, which know nothing of each other: what is drawn from one does
 * not depend on how much was drawn from another.
 *
 * Of draw.c. Knows seeds and distributions; not events.
 */
#ifndef SLUICE_BENCH_LOAD_DRAW_H
#define SLUICE_BENCH_LOAD_DRAW_H

#include "bench/load/trace.h"

/* Private to one thread. */
struct draw {
	uint64_t state;
};

struct draw draw_start(uint64_t seed, uint64_t stream);

uint64_t draw_u64(struct draw *draw);
/* In [0, n), each alike; n at least 1. */
uint64_t draw_below(struct draw *draw, uint64_t n);
/* In (0, 1]. */
double draw_unit(struct draw *draw);
/* Mean 1. */
double draw_exp(struct draw *draw);
/* Mean 0, variance 1. */
double draw_normal(struct draw *draw);

/* A service time, in units of the mean of @service: its own mean is 1. Takes as
 * many numbers from the stream each time. */
double draw_service(struct draw *draw, const struct service *service);

/* A key, in [0, count). With zipf the probability of key k is proportional to
 * (k + 1)^-theta. No memory is taken, whatever the count. */
uint32_t draw_key(struct draw *draw, const struct keys *keys);

#endif
