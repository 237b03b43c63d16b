/* SPDX-License-Identifier: Apache-2.0 */
/* One sentence: who wins, and by how much; or that nobody does, and why. */
#include "bench/report/report.h"

/* Above the highest load nothing is known. */
static struct text verdict_span(const struct report *report,
				const struct report_span *span)
{
	if (!(span->mid < report->load[report->loads - 1]))
		return text_format("%.3g at least", span->mid);
	return text_format(
		span->high > span->low ? "%.3g (%.3g..%.3g)" : "%.3g",
		span->mid, span->low < 0 ? 0 : span->low, span->high);
}

/* Why no run can be compared. */
static struct text verdict_none(const struct report *report)
{
	const char *why = "the backlog grows, or events are lost";

	for (uint32_t i = 0; i < report->runs; i++)
		if (report->run[i].contended)
			why = report->run[i].why;
	return text_format("Nothing can be compared: %s.", why);
}

static struct text verdict_at(const struct report *report, uint32_t load)
{
	const struct report_run *best = report_best(report, load, NULL);
	const struct report_run *next = report_best(report, load, best);
	enum figure_id rank = report_rank(report);
	int has_load = rank == FIGURE_OBJECTIVE;
	struct text at =
		has_load ? text_format(" at load %.4g", report->load[load])
			 : TEXT_NONE;
	struct text figure = has_load ? report_head(report, rank)
				      : text_format("events per second");
	struct text value[2];
	double ratio;

	if (best == NULL)
		return verdict_none(report);
	value[0] = report_value(best, rank);
	if (next == NULL)
		return text_format(
			"%s%s%s: %s %s.",
			report->strategies > 1 ? "Nothing to compare with "
					       : "",
			best->strategy, at.at, figure.at, value[0].at);
	value[1] = report_value(next, rank);
	if (!report_apart(rank, best, next))
		return text_format("No winner%s: %s and %s overlap in the %s, "
				   "%s and %s.",
				   at.at, best->strategy, next->strategy,
				   figure.at, value[0].at, value[1].at);
	ratio = next->mid[rank] / best->mid[rank];
	return text_format(has_load ? "%s wins%s: its %s, %s, is %.2f times "
				      "lower than that of the next, %s, %s."
				    : "%s wins%s: its %s, %s, are %.2f times "
				      "higher than those of the next, %s, %s.",
			   best->strategy, at.at, figure.at, value[0].at,
			   has_load ? ratio : 1 / ratio, next->strategy,
			   value[1].at);
}

/* By the load up to which each meets the slo. Where nobody misses it, or nobody
 * meets it, that tells nothing. */
struct text report_verdict(const struct report *report)
{
	struct report_span span[PLAN_STRATEGIES_MAX + 1] = {{0}};
	const char *slo = report_setting(report, "slo");
	/* Both are behind the last one: none. */
	uint32_t best = PLAN_STRATEGIES_MAX;
	uint32_t next = PLAN_STRATEGIES_MAX;
	struct text up_to;

	for (uint32_t i = 0; i < report->strategies; i++) {
		span[i] = report_load_at_slo(report, i);
		if (span[i].mid > span[best].mid) {
			next = best;
			best = i;
		} else if (span[i].mid > span[next].mid) {
			next = i;
		}
	}
	if (report->runs == 0)
		return text_format("Nothing was run.");
	if (report->loads < 2 || !(span[best].mid > 0) ||
	    !(span[next].mid < report->load[report->loads - 1]))
		return verdict_at(report, report_load_told(report));
	up_to = text_format("meets %s up to load %s", slo,
			    verdict_span(report, &span[best]).at);
	if (report->strategies == 1)
		return text_format("%s %s.", report->strategy[0], up_to.at);
	if (!(span[next].mid > 0))
		return text_format("%s wins: it %s; no other does.",
				   report->strategy[best], up_to.at);
	return text_format(span[best].low > span[next].high
				   ? "%s wins: it %s; the next, %s, up to %s."
				   : "No winner: %s %s, %s up to %s.",
			   report->strategy[best], up_to.at,
			   report->strategy[next],
			   verdict_span(report, &span[next]).at);
}
