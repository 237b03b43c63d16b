/* SPDX-License-Identifier: Apache-2.0 */
/* What a figure is: where it comes from, what it is called, how it is
 * written. figure.def has those of a run. Of figure.c and figure.def. Knows
 * one run's result and its name in the document; not tables, pages,
 * comparisons. */
#ifndef SLUICE_BENCH_REPORT_FIGURE_H
#define SLUICE_BENCH_REPORT_FIGURE_H

#include "bench/run/result.h"

enum figure_unit {
	UNIT_WAIT,      /* ns, of a histogram */
	UNIT_NS,        /* of anything else */
	UNIT_TIME,      /* ns; this and the next three are blank when 0 */
	UNIT_TIMES,     /* of the own service, of a histogram */
	UNIT_RATE,      /* a second, or whatever has three digits */
	UNIT_SOME,      /* a count */
	UNIT_PART,      /* 0 to 1, as a percentage */
	UNIT_NUMBER,    /* three digits */
	UNIT_COUNT,     /* all digits, up to 99999 */
	UNIT_SHARE,     /* 0 to 1 */
	UNIT_FLAG,      /* 0 or 1 */
	UNIT_OBJECTIVE, /* ns or times, as the slo has it */
	UNIT_CELL,      /* a text, made from figures */
};

enum figure_better {
	BETTER_NEITHER = 0,
	BETTER_LOWER = -1,
	BETTER_HIGHER = 1,
};

enum figure_id {
#define FIGURE(name, group, member, unit, better, value, table, head, about)   \
	FIGURE_##name,
#include "bench/report/figure.def"
	FIGURES,
};

struct figure {
	const char *group;
	const char *member;
	enum figure_unit unit;
	enum figure_better better;
	int table;
	const char *head; /* NULL: what the slo is about */
	const char *about;
};

extern const struct figure figures[FIGURES];

/* Of one run. Times in ns, slowdowns as they are; 0: it is derived. */
double figure_read(enum figure_id id, const struct run_result *run);

#endif
