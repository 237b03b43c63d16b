/* SPDX-License-Identifier: Apache-2.0 */
/* sluice-bench diff: what two reports of the same settings have that is apart,
 * beyond the ranges over their repeats. */
#include "bench/command.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct diff {
	const struct command *command;
	struct report report[2]; /* before and after */
	int width;               /* of the longest strategy */
	uint32_t compared;       /* runs */
	uint32_t worse;
	uint32_t better;
};

/* ---- the settings -------------------------------------------------------- */

/* Do they differ in @member of @group? Then they are told. */
static int diff_member(const struct diff *diff, const char *group,
		       const char *member)
{
	char *text[2];
	int differ = 0;

	for (int i = 0; i < 2; i++)
		text[i] = json_dumps(
			json_object_get(
				json_object_get(diff->report[i].root, group),
				member),
			JSON_ENCODE_ANY);
	differ = (text[0] == NULL) != (text[1] == NULL) ||
		 (text[0] != NULL && strcmp(text[0], text[1]) != 0);
	if (differ)
		command_complain(diff->command->name,
				 text_format("%s %s: %.100s and %.100s", group,
					     member,
					     text[0] ? text[0] : "nothing",
					     text[1] ? text[1] : "nothing")
					 .at);
	free(text[0]);
	free(text[1]);
	return differ;
}

/* How many repeats there are makes ranges, not figures. Where time is virtual any
 * machine gives the same. */
static int diff_settings(const struct diff *diff)
{
	const struct report *report = diff->report;
	int differ = 0;

	for (int i = 0; i < 2; i++) {
		static const char *const groups[] = {"plan", "trace"};

		for (int j = 0; j < 2; j++) {
			json_t *group =
				json_object_get(report[i].root, groups[j]);
			const char *name;
			json_t *value;

			json_object_foreach(group, name, value)
			{
				const json_t *other = json_object_get(
					json_object_get(report[1 - i].root,
							groups[j]),
					name);

				if (strcmp(name, "repeats") != 0 &&
				    (i == 0 || other == NULL))
					differ |= diff_member(diff, groups[j],
							      name);
			}
		}
	}
	if (strcmp(report_setting(&report[0], "mode"), "sim") != 0)
		differ |= diff_member(diff, "machine", "cpu") |
			  diff_member(diff, "machine", "cpus");
	return differ;
}

/* ---- the figures --------------------------------------------------------- */

/* The objective says it. */
static int diff_twice(const struct report *report, const struct figure *figure)
{
	return figure->source == SOURCE_QUANTILE &&
	       fabs(figure->quantile - report->slo.quantile) < 1e-9 &&
	       figure->at == (report->slo.is_latency
				      ? offsetof(struct run_result, latency)
				      : offsetof(struct run_result, slowdown));
}

static struct text diff_value(const struct report *report,
			      const struct report_run *run, enum figure_id id)
{
	struct text mid = report_cell(report, run, id, REPORT_MID);

	if (run->repeats < 2 || figures[id].unit == UNIT_FLAG)
		return mid;
	return text_format("%s (%s..%s)", mid.at,
			   report_cell(report, run, id, REPORT_LOW).at,
			   report_cell(report, run, id, REPORT_HIGH).at);
}

static void diff_line(struct diff *diff, const struct report_run *const *run,
		      enum figure_id id)
{
	const char *verdict = report_apart(id, run[0], run[1])   ? "worse"
			      : report_apart(id, run[1], run[0]) ? "better"
								 : NULL;
	double before = run[0]->value[REPORT_MID][id];
	double after = run[1]->value[REPORT_MID][id];

	if (verdict == NULL)
		return;
	if (diff->worse + diff->better == 0)
		(void)printf("%-*s  %5s  %-15s  %24s  %24s  %8s\n", diff->width,
			     "strategy", "load", "figure", "before", "after",
			     "change");
	diff->worse += verdict[0] == 'w';
	diff->better += verdict[0] == 'b';
	(void)printf(
		"%-*s  %5.4g  %-15s  %24s  %24s  %8s  %s\n", diff->width,
		run[0]->strategy, run[0]->load,
		id == FIGURE_OBJECTIVE ? report_head(&diff->report[0], id).at
				       : figures[id].document,
		diff_value(&diff->report[0], run[0], id).at,
		diff_value(&diff->report[1], run[1], id).at,
		before > 0
			? text_format("%+.1f %%", 100 * (after / before - 1)).at
			: "",
		verdict);
}

static int diff_is(const struct report_run *const *run, enum figure_id flag)
{
	return run[0]->value[REPORT_MID][flag] > 0 ||
	       run[1]->value[REPORT_MID][flag] > 0;
}

static void diff_run(struct diff *diff, uint32_t load, uint32_t strategy)
{
	const struct report_run *const run[] = {
		report_at(&diff->report[0], load, strategy),
		report_at(&diff->report[1], load, strategy)};

	if (run[0] == NULL || run[1] == NULL || diff_is(run, FIGURE_CONTENDED))
		return;
	diff->compared++;
	for (uint32_t id = 0; id < FIGURES; id++) {
		const struct figure *figure = &figures[id];
		int times = id == FIGURE_OBJECTIVE ||
			    figure->source == SOURCE_QUANTILE;

		if (figure->better != BETTER_NEITHER &&
		    !(times && diff_is(run, FIGURE_SATURATED)) &&
		    !diff_twice(&diff->report[0], figure))
			diff_line(diff, run, id);
	}
}

static void diff_runs(struct diff *diff)
{
	const struct report *before = &diff->report[0];

	for (uint32_t i = 0; i < before->strategies; i++)
		if ((int)strlen(before->strategy[i]) > diff->width)
			diff->width = (int)strlen(before->strategy[i]);
	for (uint32_t i = 0; i < before->loads; i++)
		for (uint32_t j = 0; j < before->strategies; j++)
			diff_run(diff, i, j);
	(void)printf("%s%u of %u runs compared: ",
		     diff->worse + diff->better > 0 ? "\n" : "", diff->compared,
		     before->runs);
	if (diff->worse + diff->better == 0)
		(void)puts("nothing is apart beyond the ranges.");
	else
		(void)printf("%u figures are worse, %u are better.\n",
			     diff->worse, diff->better);
}

int cmd_diff(const struct command *command, struct bench_options *options)
{
	struct diff diff = {.command = command, .width = 8};
	char why[COMMAND_WHY_BYTES] = "";
	int code = COMMAND_DONE;

	for (int i = 0; i < 2 && code == COMMAND_DONE; i++)
		if (report_json_read(&diff.report[i], options->file[i], why,
				     sizeof(why)) < 0) {
			command_complain(command->name, why);
			code = COMMAND_FAILED;
		}
	if (code == COMMAND_DONE && diff_settings(&diff))
		code = COMMAND_USAGE;
	if (code == COMMAND_DONE) {
		diff_runs(&diff);
		code = diff.compared == 0 || fflush(stdout) != 0 ||
				       ferror(stdout)
			       ? COMMAND_FAILED
		       : diff.worse > 0 ? COMMAND_WORSE
					: COMMAND_DONE;
	}
	report_close(&diff.report[0]);
	report_close(&diff.report[1]);
	return code;
}
