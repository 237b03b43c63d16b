/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floor: a bare cache-line round trip between the two CPUs. It is the one
 * number that says what the machine is like at this moment; a figure without it
 * cannot be compared with another. And the floor of those who sleep: two bare
 * wake-ups, there and back, by the kernel's futex.
 *
 * Of floor.c (the line) and floor_wakes.c. Knows two CPUs; not rings.
 */
#ifndef SLUICE_BENCH_FLOOR_H
#define SLUICE_BENCH_FLOOR_H

#include <stddef.h>
#include <stdint.h>

struct bench_floor {
	double median_ns; /* negative: not to be had */
	double low_ns;
	double high_ns;
};

/* Nine runs of some milliseconds. */
void bench_floor_measure(struct bench_floor *out);

/* "115 ns (90..140): near". */
void bench_floor_format(const struct bench_floor *floor, char *text,
			size_t bytes);

/* How long nobody says anything before each of these, ns. */
#define BENCH_SILENCE_NS 1000000

/* Nothing happens for so long on the calling thread. */
void bench_silence(void);

/* @n times, each after a silence: one thread wakes another, which wakes it. @ns: out, how
 * long each took. Returns 0 or a negative errno. */
int bench_wakes(uint32_t *ns, uint32_t n);

/* Nine of them, at the median, the lowest and the highest. */
void bench_wakes_measure(struct bench_floor *out);
/* "48.1 us (40.2..90.3)". */
void bench_wakes_format(const struct bench_floor *floor, char *text,
			size_t bytes);

#endif
