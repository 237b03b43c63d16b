/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/rivals/report.h"

#include <string.h>

/* Does the family of way @index come up for the first time there? */
static int family_first(const struct ring_kind *kind, uint32_t index)
{
	const char *family = kind->way(index).family;

	for (uint32_t i = 0; i < index; i++)
		if (strcmp(kind->way(i).family, family) == 0)
			return 0;
	return 1;
}

void ring_report_head(FILE *out, const struct ring_kind *kind, uint32_t rounds)
{
	(void)fprintf(out,
		      "\n%s: %s, medians of %u rounds; of each rival its best "
		      "way of use\n%-19s",
		      kind->name, kind->unit, rounds, "");
	for (uint32_t i = 0; i < kind->ways(); i++)
		if (family_first(kind, i))
			(void)fprintf(out, " %7.7s", kind->way(i).family);
	(void)fprintf(out, "  %-22s %s\n",
		      kind->against ? "ours : beside" : "ours : best rival",
		      "ratio (lowest..highest)");
}

static void line_family(FILE *out, const struct contest *contest,
			const char *family)
{
	const struct contest_entry *entry = contest_best(contest, family);

	if (entry == NULL)
		(void)fprintf(out, " %7s", "-");
	else
		(void)fprintf(out, " %7.*f", entry->median < 10 ? 2 : 1,
			      entry->median);
}

/* The tails stand under the medians. */
static void line_tails(FILE *out, const struct contest *contest)
{
	const struct ring_kind *kind = contest->kind;

	(void)fprintf(out, "%-19s", "  99th percentile");
	for (uint32_t i = 0; i < kind->ways(); i++) {
		const struct contest_entry *entry;

		if (!family_first(kind, i))
			continue;
		entry = contest_best(contest, kind->way(i).family);
		if (entry == NULL)
			(void)fprintf(out, " %7s", "-");
		else
			(void)fprintf(out, " %7.1f", entry->tail_median);
	}
	if (contest->tail_ratio.median > 0)
		(void)fprintf(out, "  %-22s %5.2f (%.2f..%.2f)", "",
			      contest->tail_ratio.median,
			      contest->tail_ratio.low,
			      contest->tail_ratio.high);
	(void)fputc('\n', out);
}

void ring_report_line(FILE *out, const struct contest *contest)
{
	const struct ring_kind *kind = contest->kind;
	char text[48] = "-";

	(void)fprintf(out, "%-19s", contest->cell);
	for (uint32_t i = 0; i < kind->ways(); i++)
		if (family_first(kind, i))
			line_family(out, contest, kind->way(i).family);
	if (contest->ours && contest->best)
		(void)snprintf(text, sizeof(text), "%s : %s",
			       contest->ours->way.name,
			       contest->best->way.name);
	else if (contest->ours)
		(void)snprintf(text, sizeof(text), "no rival");
	(void)fprintf(out, "  %-22s", text);
	if (contest->ours && contest->best)
		(void)fprintf(out, " %5.2f (%.2f..%.2f)", contest->ratio.median,
			      contest->ratio.low, contest->ratio.high);
	if (contest->disturbed > 0)
		(void)fprintf(out, "  disturbed: %.0f%%",
			      100 * contest->disturbed);
	(void)fputc('\n', out);
	if (contest->count > 0 && contest->entry[0].tail_median > 0)
		line_tails(out, contest);
	if (contest->note && contest->note[0] != '\0')
		(void)fprintf(out, "  %s\n", contest->note);
	(void)fflush(out);
}
