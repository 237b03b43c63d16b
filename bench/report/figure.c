/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/report/figure.h"

#define AT(member)         offsetof(struct run_result, member)
#define REAL(member)       SOURCE_REAL, AT(member), 0
#define COUNT(member)      SOURCE_COUNT, AT(member), 0
#define SMALL(member)      SOURCE_SMALL, AT(member), 0
#define QUANTILE(hist, at) SOURCE_QUANTILE, AT(hist), (at)
#define MEAN(hist)         SOURCE_MEAN, AT(hist), 0
#define TOTAL(hist)        SOURCE_TOTAL, AT(hist), 0
#define DERIVED            SOURCE_DERIVED, 0, 0

const struct figure figures[FIGURES] = {
#define FIGURE(name, group, member, unit, better, source, table, head, about)  \
	{group,  member, UNIT_##unit, BETTER_##better,                         \
	 source, table,  head,        about},
#include "bench/report/figure.def"
};

double figure_read(const struct figure *figure, const void *from)
{
	const void *at = (const char *)from + figure->at;
	/* Slowdowns are in 1/1000. */
	double unit = figure->unit == UNIT_TIMES ? 1e3 : 1;

	switch (figure->source) {
	case SOURCE_REAL:
		return *(const double *)at;
	case SOURCE_COUNT:
		return (double)*(const uint64_t *)at;
	case SOURCE_SMALL:
		return *(const uint32_t *)at;
	case SOURCE_QUANTILE:
		return (double)sluice_hist_quantile(at, figure->quantile) /
		       unit;
	case SOURCE_MEAN:
		return sluice_hist_mean(at) / unit;
	case SOURCE_TOTAL:
		return (double)sluice_hist_count(at);
	case SOURCE_DERIVED:
	default:
		return 0;
	}
}
