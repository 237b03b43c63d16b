/* SPDX-License-Identifier: Apache-2.0 */
/* sluice-bench diff: what two reports of the same settings have that is apart,
 * beyond the ranges over their repeats. */
#include "bench/command.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct diff {
	const struct command *command;
	struct report report[2]; /* before and after */
	uint32_t compared;       /* runs */
	uint32_t worse;          /* figures */
	uint32_t better;
};

/* What makes no figure worse or better, and what is compared. */
static const char diff_aside[] = " repeats told sluice compiler kernel ";

static struct text diff_text(const json_t *group, const char *name)
{
	char *dumped =
		json_dumps(json_object_get(group, name), JSON_ENCODE_ANY);
	struct text text = text_format("%.100s", dumped ? dumped : "nothing");

	free(dumped);
	return text;
}

/* Settings that differ, and are told; returns how many. Where time is virtual any
 * machine gives the same. */
static int diff_settings(const struct diff *diff)
{
	static const char *const groups[] = {"plan", "trace", "machine"};
	const struct report *report = diff->report;
	int is_sim = strcmp(report_setting(report, "mode"), "sim") == 0;
	const char *name;
	json_t *value;
	int n = 0;

	for (int i = 0; i < (is_sim ? 2 : 3); i++) {
		json_t *was = json_object_get(report[0].root, groups[i]);
		json_t *is = json_object_get(report[1].root, groups[i]);
		json_t *all = json_object();

		(void)json_object_update(all, was);
		(void)json_object_update(all, is);
		json_object_foreach(all, name, value) {
			struct text before = diff_text(was, name);
			struct text after = diff_text(is, name);

			if (json_equal(json_object_get(was, name),
				       json_object_get(is, name)) ||
			    strstr(diff_aside, text_format(" %s ", name).at))
				continue;
			command_complain(diff->command,
					 text_format("%s %s: %s and %s",
						     groups[i], name, before.at,
						     after.at)
						 .at);
			n++;
		}
		json_decref(all);
	}
	return n;
}

/* Is it judged: not for what it means where a backlog grows, and not twice, since
 * the objective is one of the percentiles. */
static int diff_judged(const struct plan_slo *slo, enum figure_id id, int grows)
{
	const struct figure *figure = &figures[id];

	if (figure->better == BETTER_NEITHER || id == FIGURE_OBJECTIVE)
		return figure->better != BETTER_NEITHER && !grows;
	return !figure_is_time(id) ||
	       (!grows &&
		((figure->unit == UNIT_WAIT) != slo->is_latency ||
		 strcmp(figure->head,
			text_format("p%.10g", 100 * slo->quantile).at) != 0));
}

static void diff_line(struct diff *diff, const struct report_run *before,
		      const struct report_run *after, enum figure_id id)
{
	static const char format[] = "%-16s  %5s  %-16s  %24s  %24s  %9s  %s\n";
	const struct figure *figure = &figures[id];
	int worse = report_apart(id, before, after);
	struct text change = TEXT_NONE;

	if (!worse && !report_apart(id, after, before))
		return;
	if (diff->worse + diff->better == 0)
		(void)printf(format, "strategy", "load", "figure", "before",
			     "after", "change", "");
	*(worse ? &diff->worse : &diff->better) += 1;
	if (before->mid[id] > 0)
		change = text_format(
			"%+.1f %%",
			100 * (after->mid[id] / before->mid[id] - 1));
	(void)printf(format, before->strategy,
		     text_format("%.4g", before->load).at,
		     id == FIGURE_OBJECTIVE
			     ? report_head(before->report, id).at
			     : text_format("%s%s%s", figure->group,
					   figure->group[0] ? " " : "",
					   figure->member)
				       .at,
		     report_value(before, id).at, report_value(after, id).at,
		     change.at, worse ? "worse" : "better");
}

/* With the same settings they have the same runs, one by one. */
static void diff_runs(struct diff *diff)
{
	const struct report *report = diff->report;

	for (uint32_t i = 0; i < report[0].runs && i < report[1].runs; i++) {
		const struct report_run *before = &report[0].run[i];
		const struct report_run *after = &report[1].run[i];
		int grows = before->saturated || after->saturated;

		if (strcmp(before->strategy, after->strategy) != 0 ||
		    fabs(before->load - after->load) > 0 || before->contended ||
		    after->contended)
			continue;
		diff->compared++;
		for (uint32_t id = 0; id < FIGURES; id++)
			if (diff_judged(&report[0].slo, id, grows))
				diff_line(diff, before, after, id);
	}
	(void)printf("%s%u of %u runs compared: ",
		     diff->worse + diff->better > 0 ? "\n" : "", diff->compared,
		     report[0].runs);
	if (diff->worse + diff->better == 0)
		(void)puts("nothing is apart beyond the ranges.");
	else
		(void)printf("%u figures are worse, %u are better.\n",
			     diff->worse, diff->better);
}

int cmd_diff(const struct command *command, void *of)
{
	const struct bench_options *options = of;
	struct diff diff = {.command = command};
	int rc = report_json_read(&diff.report[0], options->line.word[0]);

	if (rc == 0)
		rc = report_json_read(&diff.report[1], options->line.word[1]);
	if (rc == 0 && diff_settings(&diff) > 0) {
		rc = COMMAND_USAGE;
	} else if (rc == 0) {
		diff_runs(&diff);
		rc = diff.compared == 0 ? COMMAND_FAILED
		     : diff.worse > 0   ? COMMAND_WORSE
					: COMMAND_DONE;
	}
	report_close(&diff.report[0]);
	report_close(&diff.report[1]);
	return rc;
}
