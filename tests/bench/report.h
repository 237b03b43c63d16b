/* SPDX-License-Identifier: Apache-2.0 */
/* Reports for tests, of runs as they are in a document. */
#ifndef TESTS_BENCH_REPORT_H
#define TESTS_BENCH_REPORT_H

#include "bench/report/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

static inline void report_begin(struct report *report)
{
	assert_int_equal(report_open(report, report_document("compare")), 0);
	report->slo = (struct plan_slo){0.99, 10, 0};
}

/* A run with that objective, which was between @low and @high; what is in @more,
 * taken over, goes on top. */
static inline const struct report_run *
report_with(struct report *report, const char *strategy, double load,
	    double low, double mid, double high, json_t *more)
{
	json_t *run = json_pack(
		"{s:s, s:f, s:{s:i, s:i}, s:{s:s}, s:f, s:{s:[f, f]}, s:f, "
		"s:[]}",
		"strategy", strategy, "load", load, "repeats", "count", 3,
		"used", low < high ? 3 : 1, "valid", "why", "was disturbed",
		"objective", mid, "range", "objective", low, high,
		"achieved_per_s", 1e6, "handled");

	if (more != NULL)
		assert_int_equal(json_object_update_recursive(run, more), 0);
	json_decref(more);
	assert_int_equal(report_add(report, run), 0);
	for (uint32_t i = 0; i < report->runs; i++)
		if (report->run[i].json == run)
			return &report->run[i];
	fail();
	return NULL;
}

static inline const struct report_run *report_plain(struct report *report,
						    const char *strategy,
						    double load,
						    double objective)
{
	return report_with(report, strategy, load, objective, objective,
			   objective, NULL);
}

static inline void report_setting_is(struct report *report, const char *name,
				     const char *text)
{
	assert_int_equal(
		json_object_set_new(json_object_get(report->root, "plan"), name,
				    json_string(text)),
		0);
}

#endif
