/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/rivals/kind.h"

#include <stdlib.h>

static int times_compare(const void *a, const void *b)
{
	const uint32_t *x = a;
	const uint32_t *y = b;

	return (*x > *y) - (*x < *y);
}

struct ring_figure ring_figure_of_times(uint32_t *times, uint64_t n)
{
	qsort(times, n, sizeof(*times), times_compare);
	return (struct ring_figure){(double)times[n / 2],
				    (double)times[n * 99 / 100]};
}
