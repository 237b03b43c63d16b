/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of runs: which may be compared, which one stands for its repeats,
 * and that nothing is lost on the way through JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "bench/report/report.h"
#include "bench/report/text.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One run of a strategy at a load, with that slowdown. */
static struct report_run *
report_add(struct report *report, const char *strategy, double load, double p99)
{
	struct report_run *run = &report->run[report->runs++];

	*run = (struct report_run){0};
	(void)snprintf(run->strategy, sizeof(run->strategy), "%s", strategy);
	run->load = load;
	run->achieved_per_s = 1e6;
	run->events = 1000;
	run->slowdown.p99 = p99;
	run->slowdown.max = 2 * p99;
	run->latency.p99 = 1000 * p99;
	run->latency.max = 2000 * p99;
	run->repeats = 1;
	run->repeats_used = 1;
	return run;
}

static void report_make(struct report *report)
{
	*report = (struct report){.consumers = 2, .slo = {0.99, 10, 0}};
	assert_int_equal(report_open(report, 16), 0);
	(void)snprintf(report->command, sizeof(report->command), "compare");
}

static void setting_add(struct report *report, const char *name,
			const char *text)
{
	struct report_setting *setting = &report->setting[report->settings++];

	(void)snprintf(setting->name, sizeof(setting->name), "%s", name);
	(void)snprintf(setting->text, sizeof(setting->text), "%s", text);
}

/* The table without colours, to be freed. */
static char *table_text(const struct report *report)
{
	char *text = NULL;
	size_t bytes = 0;
	FILE *out = open_memstream(&text, &bytes);

	assert_non_null(out);
	assert_int_equal(
		report_table_write(report, &report_style_plain, 0, out), 0);
	assert_int_equal(fclose(out), 0);
	return text;
}

/* ---- which runs count ---------------------------------------------------- */

static void best_is_of_this_load(void **state)
{
	struct report report;

	(void)state;
	report_make(&report);
	report_add(&report, "a", 0.5, 3);
	report_add(&report, "b", 0.5, 2);
	report_add(&report, "a", 0.8, 1.5);
	assert_true(report_best(&report, 0.5) == 2);
	assert_true(report_best(&report, 0.8) == 1.5);
	assert_true(report_best(&report, 0.9) == 0);
	assert_int_equal(report_loads(&report), 2);
	assert_int_equal(report_strategies(&report), 2);
	report_close(&report);
}

static void contended_is_never_best(void **state)
{
	struct report report;

	(void)state;
	report_make(&report);
	report_add(&report, "a", 0.5, 3);
	report_add(&report, "b", 0.5, 2)->valid.contended = 1;
	assert_true(report_best(&report, 0.5) == 3);
	report.run[0].valid.contended = 1;
	assert_true(report_best(&report, 0.5) == 0);
	report_close(&report);
}

static void slo_is_the_highest_that_holds(void **state)
{
	struct report report;

	(void)state;
	report_make(&report);
	report_add(&report, "a", 0.7, 9);
	report_add(&report, "a", 0.5, 5);
	report_add(&report, "a", 0.8, 10); /* at most the slo */
	report_add(&report, "a", 0.9, 10.1);
	report_add(&report, "b", 0.5, 11);
	assert_true(report_load_at_slo(&report, "a") == 0.8);
	assert_true(report_load_at_slo(&report, "b") < 0);
	assert_true(report_load_at_slo(&report, "c") < 0);
	report_close(&report);
}

/* Of the latency or the slowdown, at a percentile that is told or one of the
 * curve. */
static void slo_is_of_any_percentile(void **state)
{
	struct report report;
	struct report_run *run;

	(void)state;
	report_make(&report);
	run = report_add(&report, "a", 0.5, 5);
	run->latency.p99_9 = 7000;
	run->slowdown_curve.count = 2;
	run->slowdown_curve.point[0] = (struct report_point){0.7, 2, 2, 2};
	run->slowdown_curve.point[1] = (struct report_point){0.8, 4, 4, 4};
	report.slo = (struct plan_slo){0.999, 7000, 1};
	assert_true(report_load_at_slo(&report, "a") == 0.5);
	report.slo.limit = 6999;
	assert_true(report_load_at_slo(&report, "a") < 0);
	report.slo = (struct plan_slo){0.75, 4, 0};
	assert_true(report_load_at_slo(&report, "a") == 0.5);
	report.slo.limit = 3;
	assert_true(report_load_at_slo(&report, "a") < 0);
	report_close(&report);
}

static void slo_needs_an_honest_run(void **state)
{
	struct report report;

	(void)state;
	report_make(&report);
	report_add(&report, "a", 0.5, 5);
	report_add(&report, "a", 0.6, 5)->valid.contended = 1;
	report_add(&report, "a", 0.7, 5)->drops.overflow = 1;
	report_add(&report, "a", 0.8, 5)->drops.unplaced = 1;
	report_add(&report, "a", 0.9, 5)->slowdown.max = 0; /* no service */
	assert_true(report_load_at_slo(&report, "a") == 0.5);
	report_close(&report);
}

static void rank_is_by_latency_without_service(void **state)
{
	struct report_run run = {0};

	(void)state;
	run.latency.p99 = 700;
	assert_true(report_p99(&run) == 700);
	run.slowdown.p99 = 3;
	run.slowdown.max = 4;
	assert_true(report_p99(&run) == 3);
}

/* ---- repeats ------------------------------------------------------------- */

static void median_is_a_whole_run(void **state)
{
	struct report report;
	struct report_run median;

	(void)state;
	report_make(&report);
	for (uint32_t i = 0; i < 5; i++)
		report_add(&report, "a", 0.5, (double)(5 - i))->events = 5 - i;
	report_run_median(&median, report.run, 5);
	assert_true(median.slowdown.p99 == 3);
	assert_int_equal(median.events, 3);
	assert_int_equal(median.repeats, 5);
	assert_int_equal(median.repeats_used, 5);
	assert_true(report_p99_range(&median).low == 1);
	assert_true(report_p99_range(&median).high == 5);
	/* Of an even number the lower of the middle two. */
	report_run_median(&median, report.run, 4);
	assert_true(median.slowdown.p99 == 2);
	report_close(&report);
}

static void median_leaves_contended_out(void **state)
{
	struct report report;
	struct report_run median;

	(void)state;
	report_make(&report);
	for (uint32_t i = 0; i < 5; i++)
		report_add(&report, "a", 0.5, (double)(1 + i))
			->valid.contended = i < 3;
	report_run_median(&median, report.run, 5);
	assert_true(median.slowdown.p99 == 4);
	assert_int_equal(median.valid.contended, 0);
	assert_int_equal(median.repeats_used, 2);
	assert_true(report_p99_range(&median).low == 4);
	/* When there is nothing else, one of them is told, and says so. */
	for (uint32_t i = 0; i < 5; i++)
		report.run[i].valid.contended = 1;
	report_run_median(&median, report.run, 5);
	assert_true(median.slowdown.p99 == 3);
	assert_int_equal(median.valid.contended, 1);
	report_close(&report);
}

/* Each figure by itself, at whatever quantile the median run has a point. */
static void ranges_are_of_each_figure(void **state)
{
	struct report report;
	struct report_run median;

	(void)state;
	report_make(&report);
	for (uint32_t i = 0; i < 3; i++) {
		struct report_run *run =
			report_add(&report, "a", 0.5, (double)(4 + i));

		run->latency.p50 = 100 - i;
		run->achieved_per_s = 10 * (i + 1);
		run->saturated = i > 0;
		run->slowdown_curve.count = 2;
		run->slowdown_curve.point[0] =
			(struct report_point){0.5 + i * 0.1, i, 0, 0};
		run->slowdown_curve.point[1] =
			(struct report_point){1, 10 + i, 0, 0};
	}
	report_run_median(&median, report.run, 3);
	assert_true(median.slowdown.p99 == 5);
	assert_true(median.latency_low.p50 == 98);
	assert_true(median.latency_high.p50 == 100);
	assert_true(median.achieved_low == 10);
	assert_true(median.achieved_high == 30);
	assert_int_equal(median.saturated, 1);
	/* At 0.6 the first run is between its points: the higher one. */
	assert_true(median.slowdown_curve.point[0].low == 1);
	assert_true(median.slowdown_curve.point[0].high == 10);
	assert_true(median.slowdown_curve.point[1].low == 10);
	assert_true(median.slowdown_curve.point[1].high == 12);
	report_close(&report);
}

/* ---- tables -------------------------------------------------------------- */

static void figures_have_three_digits(void **state)
{
	static const struct {
		double ns;
		const char *text;
	} cases[] = {{0, "0"},          {5, "5.00ns"},    {99.94, "99.9ns"},
		     {850, "850ns"},    {999.4, "999ns"}, {999.6, "1.00us"},
		     {12340, "12.3us"}, {1e6, "1.00ms"},  {2.5e9, "2.50s"},
		     {1.2e12, "1200s"}};
	char text[32];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		text_ns(cases[i].ns, text, sizeof(text));
		assert_string_equal(text, cases[i].text);
	}
	text_count(99999, text, sizeof(text));
	assert_string_equal(text, "99999");
	text_count(123456, text, sizeof(text));
	assert_string_equal(text, "123k");
}

static void table_marks_contended(void **state)
{
	struct report report;
	struct report_run *run;
	char *text;

	(void)state;
	report_make(&report);
	report_add(&report, "good", 0.5, 4);
	report_add(&report, "worse", 0.5, 8);
	run = report_add(&report, "marked", 0.5, 1);
	run->valid.contended = 1;
	(void)snprintf(run->valid.why, sizeof(run->valid.why), "was disturbed");
	text = table_text(&report);
	assert_non_null(strstr(text, "\n! marked "));
	assert_non_null(strstr(text, "\n  ! was disturbed\n"));
	assert_null(strstr(strstr(text, "was disturbed") + 1, "was disturbed"));
	/* Against the best of the others. */
	assert_non_null(strstr(text, "4.00    1.00  "));
	assert_non_null(strstr(text, "8.00    2.00  "));
	assert_non_null(strstr(text, "1.00       -  "));
	free(text);
	report_close(&report);
}

/* Whatever is in the cells, and with every column in use. */
static void table_fits(void **state)
{
	struct report report;
	struct report_run *run;
	char *text;
	char *line;
	char *rest;

	(void)state;
	report_make(&report);
	run = report_add(&report,
			 "a-strategy-with-the-longest-name-there-can-be!",
			 0.12345, 123456789);
	run->latency =
		(struct report_spread){1e9, 1e9, 2e9, 3e9, 4e9, 5e9, 6e9};
	run->offered_per_s = 123456789;
	run->repeats = 5;
	run->slowdown_low.p99 = 1234567;
	run->slowdown_high.p99 = 987654321;
	run->order_key = run->order_global = run->reordered = 123456789;
	run->join_depth_max = run->depth_max = 123456789;
	run->depth_mean = 123456.789;
	run->pick_ns = 12345;
	run->valid = (struct run_validity){.kept = 0.123456,
					   .tries = 123456,
					   .lost_ns = 123456,
					   .generator_lag_ns = 123456,
					   .floor_before_ns = 123456,
					   .floor_after_ns = 123456,
					   .poll_ns = 123456,
					   .clock_ns = 123456};
	report_add(&report, "b", 0.12345, 5);
	text = table_text(&report);
	rest = text;
	while ((line = strsep(&rest, "\n")) != NULL)
		assert_true(strlen(line) <= 120);
	free(text);
	report_close(&report);
}

/* ---- JSON ---------------------------------------------------------------- */

static void runs_equal(const struct report_run *a, const struct report_run *b)
{
	assert_string_equal(a->strategy, b->strategy);
	assert_true(a->load == b->load);
	assert_memory_equal(&a->latency, &b->latency, sizeof(a->latency));
	assert_memory_equal(&a->slowdown, &b->slowdown, sizeof(a->slowdown));
	assert_int_equal(a->slowdown_curve.count, b->slowdown_curve.count);
	assert_memory_equal(a->slowdown_curve.point, b->slowdown_curve.point,
			    sizeof(a->slowdown_curve.point));
	assert_int_equal(a->order_key, b->order_key);
	assert_int_equal(a->join_depth_max, b->join_depth_max);
	assert_memory_equal(&a->drops, &b->drops, sizeof(a->drops));
	assert_int_equal(a->valid.contended, b->valid.contended);
	assert_string_equal(a->valid.why, b->valid.why);
	assert_true(a->valid.floor_after_ns == b->valid.floor_after_ns);
	assert_true(a->valid.poll_ns == b->valid.poll_ns);
	assert_memory_equal(a->handled, b->handled, sizeof(a->handled));
	assert_memory_equal(&a->slowdown_high, &b->slowdown_high,
			    sizeof(a->slowdown_high));
	assert_int_equal(a->saturated, b->saturated);
}

static void json_comes_back(void **state)
{
	char file[] = "/tmp/test_report.XXXXXX";
	char why[256] = "";
	struct report report;
	struct report back;
	struct report_run *run;
	int descriptor = mkstemp(file);
	FILE *out = descriptor >= 0 ? fdopen(descriptor, "w") : NULL;

	(void)state;
	assert_non_null(out);
	report_make(&report);
	setting_add(&report, "slo", "p99.9:10us");
	report.trace = (struct trace_facts){.events = 7,
					    .load = 0.25,
					    .key_share = 0.5,
					    .has_keys = 1,
					    .ignored = "path, code"};
	setting_add(&report, "consumers", "2");
	(void)snprintf(report.machine.cpu, sizeof(report.machine.cpu),
		       "a \"CPU\" & more");
	run = report_add(&report, "a", 0.3, 4.25);
	run->slowdown_curve.count = 2;
	run->slowdown_curve.point[0] = (struct report_point){0, 1, 0.5, 2};
	run->slowdown_curve.point[1] = (struct report_point){1, 8.5, 8, 9};
	run->order_key = 3;
	run->join_depth_max = 9;
	run->drops = (struct run_drops){1, 2, 3};
	run->valid.contended = 1;
	run->valid.floor_after_ns = 115.5;
	run->valid.poll_ns = 210.25;
	(void)snprintf(run->valid.why, sizeof(run->valid.why), "was disturbed");
	run->handled[1] = 1000;
	run->slowdown_high.p99 = 5.5;
	run->saturated = 1;
	report_add(&report, "b", 0.3, 7);
	assert_int_equal(report_json_write(&report, out), 0);
	assert_int_equal(fclose(out), 0);

	assert_int_equal(report_json_read(&back, file, why, sizeof(why)), 0);
	(void)unlink(file);
	assert_int_equal(back.runs, 2);
	assert_int_equal(back.consumers, 2);
	assert_true(back.slo.limit == 10000 && back.slo.is_latency);
	assert_true(fabs(back.slo.quantile - 0.999) < 1e-12);
	assert_memory_equal(&back.trace, &report.trace, sizeof(back.trace));
	assert_string_equal(back.command, "compare");
	assert_string_equal(back.machine.cpu, report.machine.cpu);
	runs_equal(&back.run[0], &report.run[0]);
	runs_equal(&back.run[1], &report.run[1]);
	report_close(&back);
	report_close(&report);
}

static void json_is_refused(void **state)
{
	char file[] = "/tmp/test_report.XXXXXX";
	char why[256] = "";
	struct report report;
	int descriptor = mkstemp(file);

	(void)state;
	assert_true(descriptor >= 0);
	assert_int_equal(write(descriptor, "{\"schema\": 1}", 13), 13);
	assert_int_equal(close(descriptor), 0);
	assert_int_equal(report_json_read(&report, file, why, sizeof(why)),
			 -EINVAL);
	assert_non_null(strstr(why, "schema: only 2 is known"));
	report_close(&report);
	(void)unlink(file);
	assert_int_equal(report_json_read(&report, file, why, sizeof(why)),
			 -EINVAL);
	assert_non_null(strstr(why, file));
	report_close(&report);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(best_is_of_this_load),
		cmocka_unit_test(contended_is_never_best),
		cmocka_unit_test(slo_is_the_highest_that_holds),
		cmocka_unit_test(slo_is_of_any_percentile),
		cmocka_unit_test(slo_needs_an_honest_run),
		cmocka_unit_test(rank_is_by_latency_without_service),
		cmocka_unit_test(median_is_a_whole_run),
		cmocka_unit_test(median_leaves_contended_out),
		cmocka_unit_test(ranges_are_of_each_figure),
		cmocka_unit_test(figures_have_three_digits),
		cmocka_unit_test(table_marks_contended),
		cmocka_unit_test(table_fits),
		cmocka_unit_test(json_comes_back),
		cmocka_unit_test(json_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
