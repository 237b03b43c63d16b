/* SPDX-License-Identifier: Apache-2.0 */
/* Who is told to be better: which runs may be compared, when two are apart, up to
 * which load a strategy meets the slo, and the sentence about it. */
#include "report.h"
#include "bench/report/report.h"

#include <math.h>

#define CONTENDED json_pack("{s:{s:b}}", "valid", "contended", 1)
#define SATURATED json_pack("{s:b}", "saturated", 1)
#define LOST      json_pack("{s:{s:i}}", "drops", "overflow", 1)

static double load_at(const struct report *report, uint32_t strategy)
{
	return report_load_at_slo(report, strategy).mid;
}

/* ---- at one load --------------------------------------------------------- */

static void best_is_of_this_load(void **state)
{
	struct report report;
	const struct report_run *best;

	(void)state;
	report_begin(&report);
	report_plain(&report, "a", 0.8, 1.5);
	report_plain(&report, "a", 0.5, 3);
	report_plain(&report, "b", 0.5, 2);
	best = report_best(&report, 0, NULL);
	assert_string_equal(best->strategy, "b");
	assert_string_equal(report_best(&report, 0, best)->strategy, "a");
	assert_string_equal(report_best(&report, 1, NULL)->strategy, "a");
	assert_null(report_best(&report, 2, NULL));
	/* Loads go up, strategies stay in order. */
	assert_int_equal(report.loads, 2);
	assert_true(report.load[0] == 0.5 && report.load[1] == 0.8);
	assert_int_equal(report.strategies, 2);
	assert_string_equal(report.run[0].strategy, "a");
	assert_string_equal(report.run[2].strategy, "a");
	assert_ptr_equal(report_at(&report, 1, 0), &report.run[2]);
	assert_null(report_at(&report, 1, 1));
	report_close(&report);
}

static void some_runs_do_not_count(void **state)
{
	struct report report;

	(void)state;
	report_begin(&report);
	report_plain(&report, "a", 0.5, 3);
	report_with(&report, "b", 0.5, 2, 2, 2, CONTENDED);
	report_with(&report, "c", 0.5, 2, 2, 2, SATURATED);
	report_with(&report, "d", 0.5, 2, 2, 2, LOST);
	report_plain(&report, "e", 0.5, 0);
	assert_string_equal(report_best(&report, 0, NULL)->strategy, "a");
	assert_null(report_best(&report, 0, &report.run[0]));
	assert_int_equal(report_mark(&report.run[0]), MARK_NONE);
	report_close(&report);
}

static void a_winner_is_apart(void **state)
{
	static const struct {
		double high; /* of the one that is at 2 */
		double low;  /* of the one that is at 4 */
		int wins;
	} cases[] = {
		{2, 4, 1},    {3, 3.1, 1},  {3, 3.0, 0},
		{3, 2.9, 0},  {3, 3.02, 0}, /* the width of a bucket */
		{3, 3.03, 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct report report;
		const struct report_run *best;

		report_begin(&report);
		best = report_with(&report, "a", 0.5, 1, 2, cases[i].high,
				   NULL);
		report_with(&report, "b", 0.5, cases[i].low, 4, 5, NULL);
		assert_int_equal(report_mark(best), cases[i].wins);
		assert_int_equal(report_mark(&report.run[1]), MARK_NONE);
		report_close(&report);
	}
}

/* What has no load has a rate, and more of it is better. */
static void closed_is_ranked_by_rate(void **state)
{
	struct report report;

	(void)state;
	report_begin(&report);
	report_setting_is(&report, "arrivals", "closed:8");
	report_plain(&report, "a", 0, 1);
	report_with(&report, "b", 0, 9, 9, 9,
		    json_pack("{s:f}", "achieved_per_s", 2e6));
	assert_string_equal(report_best(&report, 0, NULL)->strategy, "b");
	assert_int_equal(report_mark(&report.run[1]), MARK_BEST);
	assert_true(load_at(&report, 0) < 0);
	assert_string_equal(report_verdict(&report).at,
			    "b has the highest number of events per second, "
			    "2.00M; the next, a, has 1.00M: one trace, no "
			    "range.");
	report_close(&report);
}

/* ---- over loads ---------------------------------------------------------- */

static void slo_is_met_up_to_a_load_between(void **state)
{
	struct report report;

	(void)state;
	report_begin(&report);
	report_plain(&report, "a", 0.7, 40);
	report_plain(&report, "a", 0.5, 2.5);
	report_plain(&report, "b", 0.5, 11);
	report_plain(&report, "c", 0.5, 5);
	report_plain(&report, "c", 0.7, 10); /* at most the slo */
	/* Half way, as a factor: 2.5 to 10, of 2.5 to 40. */
	assert_true(fabs(load_at(&report, 0) - 0.6) < 1e-12);
	assert_true(load_at(&report, 1) < 0);
	assert_true(load_at(&report, 2) == 0.7);
	report_close(&report);
}

static void slo_has_a_range(void **state)
{
	struct report report;

	(void)state;
	report_begin(&report);
	report_with(&report, "a", 0.5, 2, 4, 5, NULL);
	report_with(&report, "a", 0.7, 12.5, 25, 50, NULL);
	assert_true(fabs(load_at(&report, 0) - 0.6) < 1e-12);
	/* Low where the tail was high: 5 to 10, of 5 to 50. */
	assert_true(fabs(report_load_at_slo(&report, 0).low - 0.5 -
			 0.2 * log(2) / log(10)) < 1e-12);
	assert_true(fabs(report_load_at_slo(&report, 0).high - 0.5 -
			 0.2 * log(5) / log(6.25)) < 1e-12);
	report_close(&report);
}

static void slo_needs_an_honest_run(void **state)
{
	struct report report;

	(void)state;
	report_begin(&report);
	report_plain(&report, "a", 0.5, 5);
	report_with(&report, "a", 0.6, 5, 5, 5, CONTENDED);
	report_with(&report, "a", 0.7, 5, 5, 5, LOST);
	report_plain(&report, "b", 0.5, 5);
	report_with(&report, "b", 0.6, 50, 50, 50, SATURATED);
	report_plain(&report, "c", 0.5, 5);
	report_with(&report, "c", 0.6, 5, 5, 5, CONTENDED);
	report_plain(&report, "c", 0.7, 20);
	assert_true(load_at(&report, 0) == 0.5);
	assert_true(load_at(&report, 1) == 0.5);
	/* As if the one in between were not there. */
	assert_true(fabs(load_at(&report, 2) - 0.6) < 1e-12);
	report_close(&report);
}

static void the_load_told_is_the_highest_that_is_met(void **state)
{
	struct report report;

	(void)state;
	report_begin(&report);
	report_plain(&report, "a", 0.3, 20);
	assert_int_equal(report_load_told(&report), 0);
	report_plain(&report, "b", 0.5, 9);
	report_plain(&report, "a", 0.7, 20);
	assert_int_equal(report_load_told(&report), 1);
	report_close(&report);
}

/* ---- the sentence -------------------------------------------------------- */

#define VERDICTS_RUNS 4

static const struct {
	struct {
		const char *strategy;
		double load;
		double low;
		double mid;
		double high;
		enum { IS_FINE, IS_SATURATED, IS_CONTENDED, IS_LOSSY } is;
	} run[VERDICTS_RUNS];
	const char *sentence;
} verdicts[] = {
	{{{0}}, "Nothing was run."},
	{{{"a", 0.5, 2, 2, 2, IS_FINE}}, "a at load 0.5: p99 slowdown 2.00."},
	{{{"a", 0.5, 2, 2, 2, IS_FINE}, {"b", 0.5, 3, 4, 5, IS_FINE}},
	 "a wins at load 0.5: its p99 slowdown, 2.00, is 2.00 times lower than "
	 "that of the next, b, 4.00 (3.00..5.00)."},
	{{{"a", 0.5, 2, 2, 4, IS_FINE}, {"b", 0.5, 3, 4, 5, IS_FINE}},
	 "No winner at load 0.5: a and b overlap in the p99 slowdown, 2.00 "
	 "(2.00..4.00) and 4.00 (3.00..5.00)."},
	{{{"a", 0.5, 2, 2, 2, IS_CONTENDED}, {"b", 0.5, 4, 4, 4, IS_FINE}},
	 "Nothing to compare with b at load 0.5: p99 slowdown 4.00."},
	{{{"a", 0.5, 2, 2, 2, IS_CONTENDED}},
	 "Nothing can be compared: was disturbed."},
	{{{"a", 0.5, 2, 2, 2, IS_SATURATED}, {"b", 0.5, 4, 4, 4, IS_LOSSY}},
	 "Nothing can be compared: the backlog grows, or events are lost."},
	{{{"a", 0.5, 2, 2, 2, IS_SATURATED}},
	 "Nothing can be compared: the backlog grows, or events are lost."},
	{{{"a", 0.5, 2.5, 2.5, 2.5, IS_FINE}, {"a", 0.7, 40, 40, 40, IS_FINE}},
	 "a meets p99:10 up to load 0.6."},
	{{{"a", 0.5, 2.5, 2.5, 2.5, IS_FINE},
	  {"a", 0.7, 40, 40, 40, IS_FINE},
	  {"b", 0.5, 20, 20, 20, IS_FINE}},
	 "a wins: it meets p99:10 up to load 0.6; no other does."},
	{{{"a", 0.5, 5, 5, 5, IS_FINE},
	  {"a", 0.7, 20, 20, 20, IS_FINE},
	  {"b", 0.5, 2.5, 2.5, 2.5, IS_FINE},
	  {"b", 0.7, 12.5, 12.5, 12.5, IS_FINE}},
	 "b meets p99:10 up to load 0.672, the next, a, up to 0.6: one trace, "
	 "no range."},
	{{{"a", 0.5, 2, 5, 5, IS_FINE},
	  {"a", 0.7, 12, 20, 20, IS_FINE},
	  {"b", 0.5, 2.5, 2.5, 2.5, IS_FINE},
	  {"b", 0.7, 12.5, 12.5, 12.5, IS_FINE}},
	 "No winner: b meets p99:10 up to load 0.672, a up to 0.6 "
	 "(0.6..0.68)."},
	{{{"a", 0.5, 2, 2, 2, IS_FINE}, {"a", 0.7, 3, 3, 3, IS_FINE}},
	 "a meets p99:10 up to load 0.7 at least."},
	/* All meet it at all loads: then it is the highest that matters. */
	{{{"a", 0.5, 2, 2, 2, IS_FINE},
	  {"a", 0.7, 3, 3, 3, IS_FINE},
	  {"b", 0.5, 1, 1, 1, IS_FINE},
	  {"b", 0.7, 4, 4, 4, IS_FINE}},
	 "a has the lowest p99 slowdown at load 0.7, 3.00; the next, b, has "
	 "4.00: one trace, no range."},
};

static void the_verdict_says_who_wins(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++) {
		struct report report;

		report_begin(&report);
		report_setting_is(&report, "slo", "p99:10");
		for (int j = 0; j < VERDICTS_RUNS; j++) {
			const char *strategy = verdicts[i].run[j].strategy;
			json_t *more[] = {NULL, SATURATED, CONTENDED, LOST};

			for (int k = 0; k < 4; k++)
				if (k != (int)verdicts[i].run[j].is)
					json_decref(more[k]);
			if (strategy == NULL)
				json_decref(more[verdicts[i].run[j].is]);
			else
				report_with(&report, strategy,
					    verdicts[i].run[j].load,
					    verdicts[i].run[j].low,
					    verdicts[i].run[j].mid,
					    verdicts[i].run[j].high,
					    more[verdicts[i].run[j].is]);
		}
		assert_string_equal(report_verdict(&report).at,
				    verdicts[i].sentence);
		report_close(&report);
	}
}

/* ---- plots --------------------------------------------------------------- */

static json_t *measured(void)
{
	return json_pack("{s:{s:i, s:i, s:i, s:[[f, i, i, i], [f, i, i, i]]}, "
			 "s:{s:f, s:f}, s:{s:{s:[i, i]}}, s:[[i, i, i, i, i]]}",
			 "latency_ns", "max", 900, "count", 1000, "p99", 800,
			 "curve", 0.9, 500, 400, 600, 1.0, 900, 800, 950,
			 "slowdown", "max", 9.0, "p99", 8.0, "range",
			 "latency_ns", "p99", 700, 850, "over_time", 5, 100,
			 800, 900, 2);
}

static void plots_have_what_was_measured(void **state)
{
	struct report report;
	struct plot plots[PLOTS_MAX];
	struct plot_point points[PLOT_POINTS_MAX];
	json_t *grows = measured();

	(void)state;
	report_begin(&report);
	assert_int_equal(plot_list(&report, plots), 0);
	report_plain(&report, "a", 0.5, 4);
	assert_int_equal(plot_list(&report, plots), 0);
	report_with(&report, "b", 0.5, 4, 5, 6, measured());
	assert_int_equal(plot_list(&report, plots), 3);
	assert_string_equal(plots[0].name.at, "slowdown-curve");
	assert_string_equal(plots[1].name.at, "latency-curve");
	assert_string_equal(plots[2].name.at, "latency-time");
	/* The worst of a thousand is at three nines. */
	assert_int_equal(plot_points(&plots[1], 1, points), 2);
	assert_true(fabs(points[0].x - 1) < 1e-9 && points[0].y == 500);
	assert_true(points[0].low == 400 && points[0].high == 600);
	assert_true(fabs(points[1].x - 3) < 1e-9 && points[1].y == 900);
	assert_int_equal(plot_points(&plots[2], 1, points), 1);
	assert_true(points[0].x == 5 && points[0].y == 800);
	assert_true(points[0].low == 100 && points[0].high == 900);

	assert_int_equal(json_object_set_new(grows, "saturated", json_true()),
			 0);
	report_with(&report, "b", 0.7, 4, 5, 6, grows);
	assert_int_equal(plot_list(&report, plots), 4);
	assert_string_equal(plots[0].name.at, "slowdown-load");
	assert_string_equal(plots[1].name.at, "latency-load");
	assert_int_equal(plot_points(&plots[0], 1, points), 2);
	assert_true(points[0].y == 5 && points[0].high == 6);
	assert_true(isinf(points[1].y));
	assert_int_equal(plot_points(&plots[1], 1, points), 2);
	assert_true(points[0].y == 800 && points[0].low == 700);
	/* The slo is of one of the two. */
	assert_true(plots[0].limit == 10);
	assert_true(plots[1].limit == 0);
	report_close(&report);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(best_is_of_this_load),
		cmocka_unit_test(some_runs_do_not_count),
		cmocka_unit_test(a_winner_is_apart),
		cmocka_unit_test(closed_is_ranked_by_rate),
		cmocka_unit_test(slo_is_met_up_to_a_load_between),
		cmocka_unit_test(slo_has_a_range),
		cmocka_unit_test(slo_needs_an_honest_run),
		cmocka_unit_test(the_load_told_is_the_highest_that_is_met),
		cmocka_unit_test(the_verdict_says_who_wins),
		cmocka_unit_test(plots_have_what_was_measured),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
