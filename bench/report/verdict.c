/* SPDX-License-Identifier: Apache-2.0 */
/* One sentence: who wins, and by how much; or that nobody does, and why. */
#include "bench/report/report.h"

#include <string.h>

/* "12.2 (12.1..12.5)" */
static struct text verdict_value(const struct report *report,
				 const struct report_run *run)
{
	struct text range = report_cell(report, run, FIGURE_RANGE, REPORT_MID);
	struct text value =
		report_cell(report, run, report_rank(report), REPORT_MID);

	return range.at[0] != '\0' ? text_format("%s (%s)", value.at, range.at)
				   : value;
}

/* "p99 slowdown", or the rate. */
static struct text verdict_figure(const struct report *report)
{
	return report_rank(report) == FIGURE_OBJECTIVE
		       ? report_head(report, FIGURE_OBJECTIVE)
		       : text_format("number of events per second");
}

static struct text verdict_load(const struct report *report, uint32_t strategy)
{
	double low = report_load_at_slo(report, strategy, REPORT_LOW);
	double load = report_load_at_slo(report, strategy, REPORT_MID);
	double high = report_load_at_slo(report, strategy, REPORT_HIGH);

	return high > low ? text_format("%.3g (%.3g..%.3g)", load,
					low < 0 ? 0 : low, high)
			  : text_format("%.3g", load);
}

/* Why nothing can be compared at any load. */
static struct text verdict_none(const struct report *report)
{
	for (uint32_t i = 0; i < report->runs; i++)
		if (report->run[i].value[REPORT_MID][FIGURE_CONTENDED] > 0)
			return text_format("Nothing can be compared: %s.",
					   report->run[i].why);
	for (uint32_t i = 0; i < report->runs; i++)
		if (!(report->run[i].value[REPORT_MID][FIGURE_SATURATED] > 0))
			return text_format("Nothing can be compared: events "
					   "were lost.");
	return text_format("Nothing can be compared: the backlog grows under "
			   "every strategy.");
}

/* At one load. */
static struct text verdict_at(const struct report *report, uint32_t at)
{
	double load = report->load[at];
	const struct report_run *best = report_best(report, load, NULL);
	const struct report_run *next = report_best(report, load, best);
	enum figure_id rank = report_rank(report);
	struct text where = report_rank(report) == FIGURE_OBJECTIVE
				    ? text_format(" at load %.4g", load)
				    : TEXT_NONE;
	struct text figure = verdict_figure(report);
	double ratio;

	if (best == NULL)
		return verdict_none(report);
	if (next == NULL)
		return text_format("%s%s%s: %s %s.",
				   report->strategies > 1
					   ? "Nothing to compare with "
					   : "",
				   best->strategy, where.at, figure.at,
				   verdict_value(report, best).at);
	if (!report_apart(rank, best, next))
		return text_format(
			"No winner%s: %s and %s overlap in the %s, %s and %s.",
			where.at, best->strategy, next->strategy, figure.at,
			verdict_value(report, best).at,
			verdict_value(report, next).at);
	ratio = next->value[REPORT_MID][rank] / best->value[REPORT_MID][rank];
	return text_format("%s wins%s: its %s, %s, is %.2f times %s that of "
			   "the next, %s, %s.",
			   best->strategy, where.at, figure.at,
			   verdict_value(report, best).at,
			   ratio < 1 ? 1 / ratio : ratio,
			   ratio < 1 ? "higher than" : "lower than",
			   next->strategy, verdict_value(report, next).at);
}

/* Of those but @other the one that meets the slo up to the highest load;
 * negative: none does. */
static int verdict_farthest(const struct report *report, int other)
{
	int best = -1;
	double most = 0;

	for (uint32_t i = 0; i < report->strategies; i++) {
		double load = report_load_at_slo(report, i, REPORT_MID);

		if ((int)i != other && load > most) {
			most = load;
			best = (int)i;
		}
	}
	return best;
}

struct text report_verdict(const struct report *report)
{
	int best = verdict_farthest(report, -1);
	int next = verdict_farthest(report, best);
	const char *slo = report_setting(report, "slo");
	struct text load;

	if (report->runs == 0)
		return text_format("Nothing was run.");
	/* Where nobody misses it, or nobody meets it, it tells nothing. */
	if (report->loads < 2 || best < 0 ||
	    (next >= 0 &&
	     !(report_load_at_slo(report, (uint32_t)next, REPORT_MID) <
	       report->load[report->loads - 1])))
		return verdict_at(report, report_load_told(report));
	load = verdict_load(report, (uint32_t)best);
	if (report->strategies == 1)
		return text_format("%s meets %s up to load %s.",
				   report->strategy[best], slo, load.at);
	if (next < 0)
		return text_format("%s wins: it meets %s up to load %s; no "
				   "other does.",
				   report->strategy[best], slo, load.at);
	if (report_load_at_slo(report, (uint32_t)best, REPORT_LOW) >
	    report_load_at_slo(report, (uint32_t)next, REPORT_HIGH))
		return text_format("%s wins: it meets %s up to load %s; the "
				   "next, %s, up to %s.",
				   report->strategy[best], slo, load.at,
				   report->strategy[next],
				   verdict_load(report, (uint32_t)next).at);
	return text_format("No winner: %s meets %s up to load %s, %s up to %s.",
			   report->strategy[best], slo, load.at,
			   report->strategy[next],
			   verdict_load(report, (uint32_t)next).at);
}
