/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of runs: which one stands for its repeats and how far they went,
 * that tables say what may not be compared, and that nothing is lost on the way
 * through JSON. */
#include "report.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <unistd.h>

/* ---- repeats ------------------------------------------------------------- */

#define REPEATS 5

static struct run_result repeats[REPEATS];

/* A hundred events each: the last one has that slowdown, the others 1. */
static void repeats_have(const uint32_t *slowdown)
{
	memset(repeats, 0, sizeof(repeats));
	for (uint32_t i = 0; i < REPEATS; i++) {
		struct run_result *result = &repeats[i];

		(void)snprintf(result->strategy, sizeof(result->strategy), "a");
		(void)snprintf(result->valid.why, sizeof(result->valid.why),
			       "repeat %u", i);
		result->load = 0.5;
		result->events = slowdown[i];
		result->achieved_per_s = 10 * (i + 1);
		result->handled[1] = 100;
		sluice_hist_add_n(&result->slowdown, 1000, 98);
		sluice_hist_add_n(&result->slowdown,
				  UINT64_C(1000) * slowdown[i], 2);
		sluice_hist_add_n(&result->latency, 50 + slowdown[i], 100);
		result->objective = slowdown[i];
	}
}

/* @count of them as one run, alone in a report. */
static const struct report_run *repeats_run(struct report *report,
					    uint32_t count)
{
	report_begin(report);
	assert_int_equal(report_add(report, report_run_json(repeats, count, 2)),
			 0);
	return &report->run[0];
}

#define MID(run, figure)  ((run)->mid[FIGURE_##figure])
#define LOW(run, figure)  ((run)->low[FIGURE_##figure])
#define HIGH(run, figure) ((run)->high[FIGURE_##figure])

static void the_median_is_a_whole_run(void **state)
{
	static const uint32_t slowdown[] = {5, 4, 3, 2, 1};
	struct report report;
	const struct report_run *run;

	(void)state;
	repeats_have(slowdown);
	run = repeats_run(&report, 5);
	assert_true(fabs(MID(run, OBJECTIVE) - 3) < 0.03);
	assert_true(fabs(MID(run, SLOWDOWN_P99) - 3) < 0.03);
	assert_true(MID(run, SLOWDOWN_P50) < 1.01);
	assert_true(MID(run, EVENTS) == 3);
	assert_true(MID(run, ACHIEVED) == 30);
	assert_string_equal(run->why, "repeat 2");
	assert_int_equal(run->repeats, 5);
	report_close(&report);
	/* Of an even number the lower of the middle two. */
	run = repeats_run(&report, 4);
	assert_true(MID(run, EVENTS) == 3);
	report_close(&report);
}

static void ranges_are_of_each_figure(void **state)
{
	static const uint32_t slowdown[] = {5, 4, 3, 2, 1};
	struct report report;
	const struct report_run *run;
	const json_t *curve;
	double point[4];

	(void)state;
	repeats_have(slowdown);
	run = repeats_run(&report, 5);
	assert_true(LOW(run, OBJECTIVE) < 1.01);
	assert_true(fabs(HIGH(run, OBJECTIVE) - 5) < 0.04);
	assert_true(LOW(run, ACHIEVED) == 10 && HIGH(run, ACHIEVED) == 50);
	assert_true(LOW(run, LATENCY_P50) == 51);
	assert_true(HIGH(run, LATENCY_P50) == 55);
	/* What nobody is judged by has none. */
	assert_true(LOW(run, EVENTS) == 3 && HIGH(run, EVENTS) == 3);
	curve = report_member(run->json, "slowdown", "curve");
	assert_int_equal(
		json_unpack(json_array_get(curve, json_array_size(curve) - 1),
			    "[F, F, F, F]", &point[0], &point[1], &point[2],
			    &point[3]),
		0);
	assert_true(point[0] == 1 && point[1] == 3);
	assert_true(point[2] == 1 && point[3] == 5);
	report_close(&report);
}

static void contended_repeats_are_left_out(void **state)
{
	static const uint32_t slowdown[] = {1, 2, 3, 4, 5};
	struct report report;
	const struct report_run *run;

	(void)state;
	repeats_have(slowdown);
	for (uint32_t i = 0; i < 3; i++)
		repeats[i].valid.contended = 1;
	run = repeats_run(&report, 5);
	assert_true(MID(run, EVENTS) == 4);
	assert_true(MID(run, CONTENDED) == 0);
	assert_int_equal(run->repeats, 2);
	assert_true(LOW(run, ACHIEVED) == 40);
	report_close(&report);
	/* When there is nothing else, one of them is told, and says so. */
	for (uint32_t i = 0; i < 5; i++)
		repeats[i].valid.contended = 1;
	run = repeats_run(&report, 5);
	assert_true(MID(run, EVENTS) == 3);
	assert_true(MID(run, CONTENDED) == 1);
	report_close(&report);
}

/* Where no times were taken. */
static void without_a_tail_the_rate_has_a_median(void **state)
{
	static const uint32_t slowdown[] = {7, 7, 7, 7, 7};
	json_t *run;

	(void)state;
	repeats_have(slowdown);
	for (uint32_t i = 0; i < REPEATS; i++)
		repeats[i].objective = 0;
	run = report_run_json(repeats, 5, 2);
	assert_true(json_number_value(json_object_get(run, "achieved_per_s")) ==
		    30);
	json_decref(run);
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

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(text_ns(cases[i].ns).at, cases[i].text);
	assert_string_equal(text_count(99999).at, "99999");
	assert_string_equal(text_count(123456).at, "123k");
	assert_string_equal(text_tick(20000, 1).at, "20us");
	assert_string_equal(text_tick(1500000, 0).at, "1.5M");
}

/* What @write writes, to be freed. */
static char *written(const struct report *report,
		     int (*write)(const struct report *report, FILE *out))
{
	static char *text;
	static size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	assert_non_null(out);
	assert_int_equal(write(report, out), 0);
	assert_int_equal(fclose(out), 0);
	return text;
}

static int plain_table(const struct report *report, FILE *out)
{
	report_table_write(report, 0, 0, out);
	return 0;
}

static void the_table_marks_what_does_not_count(void **state)
{
	struct report report;
	char *text;

	(void)state;
	report_begin(&report);
	report_with(&report, "good", 0.5, 3, 4, 5, NULL);
	report_with(&report, "near", 0.5, 5, 6, 7, NULL);
	report_with(&report, "worse", 0.5, 7, 8, 9, NULL);
	report_with(&report, "marked", 0.5, 1, 1, 1,
		    json_pack("{s:{s:b}}", "valid", "contended", 1));
	report_with(&report, "grows", 0.5, 1, 2, 3,
		    json_pack("{s:b, s:{s:i}}", "saturated", 1, "latency_ns",
			      "p99", 77));
	text = written(&report, plain_table);
	assert_non_null(strstr(text, "\n! marked "));
	assert_non_null(strstr(text, "\n  ! was disturbed\n"));
	assert_null(strstr(strstr(text, "was disturbed") + 1, "was disturbed"));
	/* Against the best of the others. */
	assert_non_null(strstr(text, "4.00  3.00..5.00    1.00  "));
	assert_non_null(strstr(text, "6.00  5.00..7.00   ~1.50  "));
	assert_non_null(strstr(text, "8.00  7.00..9.00    2.00  "));
	assert_non_null(strstr(text, "1.00                   -  "));
	assert_non_null(strstr(text, "sat.                   -  "));
	assert_null(strstr(text, "77"));
	free(text);
	report_close(&report);
}

/* Whatever is in the cells, and with every column in use. */
static void the_table_fits(void **state)
{
	struct report report;
	json_t *all = json_object();
	char *text;
	char *line;
	char *rest;
	size_t columns = 0;

	(void)state;
	for (uint32_t id = 0; id < FIGURES; id++) {
		if (id != FIGURE_SATURATED && id != FIGURE_CONTENDED)
			report_json_put(all, &figures[id], 123456789, 1234567,
					987654321);
	}
	report_begin(&report);
	report_with(&report, "a-strategy-with-the-longest-name-there-can-be!",
		    0.12345, 1234567, 123456789, 987654321, all);
	report_plain(&report, "b", 0.12345, 5);
	for (uint32_t id = 0; id < FIGURES; id++)
		columns += (size_t)report_column(&report, id);
	assert_in_range(columns, 25, 40);
	text = written(&report, plain_table);
	rest = strstr(text, "How long");
	while ((line = strsep(&rest, "\n")) != NULL)
		if (strstr(line, "wins") == NULL)
			assert_true(strlen(line) <= 120);
	free(text);
	report_close(&report);
}

/* ---- documents ----------------------------------------------------------- */

/* @text as a file's. */
static int text_read(struct report *report, const char *text)
{
	char file[] = "/tmp/test_report.XXXXXX";
	int descriptor = mkstemp(file);
	int rc;

	assert_true(descriptor >= 0);
	assert_int_equal(write(descriptor, text, strlen(text)), strlen(text));
	assert_int_equal(close(descriptor), 0);
	rc = report_json_read(report, file);
	(void)unlink(file);
	return rc;
}

static void json_comes_back(void **state)
{
	static const uint32_t slowdown[] = {5, 4, 3, 2, 1};
	static const struct trace_facts facts = {
		.events = 7, .has_keys = 1, .ignored = "path, code"};
	struct report report;
	struct report back;
	char *first;
	char *second;

	(void)state;
	repeats_have(slowdown);
	repeats[2].valid.contended = 1;
	repeats[2].drops = (struct run_drops){3, 1, 2};
	repeats[2].parts = 1;
	repeats[2].part[0] = (struct run_part){.from_ns = 77};
	repeats_run(&report, 5);
	report_json_trace(&report, &facts, 2);
	report_setting_is(&report, "slo", "p99.9:10us");
	report_setting_is(&report, "odd", "\"text\" & <more>");
	report_with(&report, "b", 0.7, 1, 2, 3, NULL);
	report.slo = (struct plan_slo){0.999, 10000, 1};
	first = written(&report, report_json_write);
	assert_int_equal(text_read(&back, first), 0);
	assert_int_equal(back.runs, 2);
	assert_true(back.slo.limit == 10000 && back.slo.is_latency);
	assert_true(fabs(back.slo.quantile - 0.999) < 1e-12);
	assert_string_equal(report_setting(&back, "odd"), "\"text\" & <more>");
	assert_string_equal(report_about(&back, 2).at,
			    "7 events, all at one instant");
	assert_string_equal(report_about(&back, 4).at,
			    "columns ignored: path, code");
	for (uint32_t i = 0; i < 2; i++) {
		assert_string_equal(back.run[i].strategy,
				    report.run[i].strategy);
		assert_memory_equal(back.run[i].mid, report.run[i].mid,
				    sizeof(back.run[i].mid));
		assert_memory_equal(back.run[i].low, report.run[i].low,
				    sizeof(back.run[i].low));
	}
	second = written(&back, report_json_write);
	assert_string_equal(first, second);
	free(first);
	free(second);
	report_close(&back);
	report_close(&report);
}

static void json_is_refused(void **state)
{
#define HEAD "{\"schema\": 2, \"command\": \"run\", \"plan\": {\"slo\": \"5\"}"
	static const char *const cases[][2] = {
		{"{\"schema\": 1}", "schema: only 2 is known"},
		{"{\"schema\": 2}", "item not found: command"},
		{"{\"schema\": 2, \"command\": \"run\"}",
		 "item not found: plan"},
		{HEAD "}", "item not found: runs"},
		{HEAD, "line 1: "},
		{HEAD ", \"runs\": [1]}", "runs[0]: "},
		{HEAD ", \"runs\": [{\"strategy\": \"a\", \"load\": 1, "
		      "\"repeats\": {\"used\": 1}, \"valid\": {\"why\": \"\"}, "
		      "\"latency_ns\": {\"p99_9\": \"x\"}}]}",
		 "runs[0]: latency_ns.p99_9: not a number"},
	};
	struct report report;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(text_read(&report, cases[i][0]), -EINVAL);
		assert_non_null(strstr(cli_error(), cases[i][1]));
		report_close(&report);
	}
	assert_int_equal(report_json_read(&report, "/nonexistent/report"),
			 -EINVAL);
	assert_non_null(strstr(cli_error(), "/nonexistent/report"));
	report_close(&report);
}

/* As many columns in each line. */
static void csv_has_every_figure(void **state)
{
	struct report report;
	char *text;
	size_t commas[2] = {0, 0};
	char *at;

	(void)state;
	report_begin(&report);
	report_with(&report, "a@b", 0.25, 1, 2, 3, NULL);
	text = written(&report, report_csv_write);
	at = strchr(text, '\n') + 1;
	assert_memory_equal(at, "\"a@b\",0.25,2,1,3,", 16);
	assert_non_null(strstr(text, ",latency_ns_p99,latency_ns_p99_low,"));
	for (const char *c = text; *c != '\0'; c++)
		commas[c > at] += *c == ',';
	assert_int_equal(commas[0], commas[1]);
	free(text);
	report_close(&report);
}

static int hgrm_of_first(const struct report *report, FILE *out)
{
	report_hgrm_write(&report->run[0], out);
	return 0;
}

/* Four columns, but for the last point; in us. */
static void hgrm_is_what_the_plotter_reads(void **state)
{
	struct report report;
	char *text;

	(void)state;
	report_begin(&report);
	report_with(&report, "a", 0.5, 1, 1, 1,
		    json_pack("{s:{s:i, s:i, s:[[f, i, i, i], [f, i, i, i]]}}",
			      "latency_ns", "max", 9500, "count", 1000, "curve",
			      0.9, 1500, 0, 0, 1.0, 9500, 0, 0));
	text = written(&report, hgrm_of_first);
	assert_non_null(strstr(text, "\n       1.500 0.900000000000        900 "
				     "         10.00\n"));
	assert_non_null(
		strstr(text, "\n       9.500 1.000000000000       1000\n#["));
	assert_non_null(strstr(text, "#[Max     =        9.500, Total count"));
	free(text);
	report_close(&report);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_median_is_a_whole_run),
		cmocka_unit_test(ranges_are_of_each_figure),
		cmocka_unit_test(contended_repeats_are_left_out),
		cmocka_unit_test(without_a_tail_the_rate_has_a_median),
		cmocka_unit_test(figures_have_three_digits),
		cmocka_unit_test(the_table_marks_what_does_not_count),
		cmocka_unit_test(the_table_fits),
		cmocka_unit_test(json_comes_back),
		cmocka_unit_test(json_is_refused),
		cmocka_unit_test(csv_has_every_figure),
		cmocka_unit_test(hgrm_is_what_the_plotter_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
