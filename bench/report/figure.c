/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/report/figure.h"

const struct figure figures[FIGURES] = {
#define FIGURE(name, group, member, unit, better, value, table, head, about)   \
	{group, member, UNIT_##unit, BETTER_##better, table, head, about},
#include "bench/report/figure.def"
};

double figure_read(enum figure_id id, const struct run_result *run)
{
	double is = 0;

	switch (id) {
#define FIGURE(name, group, member, unit, better, value, table, head, about)   \
	case FIGURE_##name:                                                    \
		is = (double)(value);                                          \
		break;
#include "bench/report/figure.def"
	case FIGURES:
	default:
		break;
	}
	/* Slowdowns are in 1/1000. */
	return figures[id].unit == UNIT_TIMES ? is / 1e3 : is;
}
