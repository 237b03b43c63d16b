/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/rivals/case.h"

#include <stdlib.h>

uint64_t bench_calibrate(const struct bench_case *bench, void *state,
			 int64_t ns, int64_t *rc)
{
	uint64_t n = bench->bytes ? 10000 : 1000;

	if (bench->events)
		n = bench->events;
	*rc = bench->run(state, n);
	while (*rc >= 0 && *rc < ns && bench->events == 0) {
		/* In steps: the first runs are the cold ones. */
		uint64_t scale = (uint64_t)(ns / (*rc + 1));

		n *= scale < 2 ? 2 : scale < 16 ? scale + 1 : 16;
		*rc = bench->run(state, n);
	}
	return *rc < 0 ? 0 : n;
}

static int median_compare(const void *a, const void *b)
{
	const double *x = a;
	const double *y = b;

	return (*x > *y) - (*x < *y);
}

double bench_median(double *values, size_t n)
{
	qsort(values, n, sizeof(*values), median_compare);
	return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}
