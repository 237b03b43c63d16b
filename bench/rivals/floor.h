/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floor: a bare cache-line round trip between the two CPUs. It is the one
 * number that says what the machine is like at this moment; a figure without it
 * cannot be compared with another.
 *
 * Of floor.c. Knows two CPUs; not rings.
 */
#ifndef SLUICE_BENCH_FLOOR_H
#define SLUICE_BENCH_FLOOR_H

#include <stddef.h>

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

#endif
