/* SPDX-License-Identifier: Apache-2.0 */
/* A line for each way of use in each cell; the ratio stands with the two it is of. */
#include "bench/rivals/report.h"

void ring_csv_head(FILE *out)
{
	(void)fputs("kind,cell,unit,way,family,median,low,high,p99,disturbed,"
		    "ratio,ratio_low,ratio_high,ratio_p99\n",
		    out);
}

static void csv_entry(FILE *out, const struct contest *contest,
		      const struct contest_entry *entry)
{
	struct contest_ratio range =
		contest_range(entry->value, contest->rounds);

	(void)fprintf(out, "%s,\"%s\",\"%s\",%s,%s,%.6g,%.6g,%.6g,",
		      contest->kind->name, contest->cell, contest->kind->unit,
		      entry->way.name, entry->way.family, range.median,
		      range.low, range.high);
	if (entry->tail_median > 0)
		(void)fprintf(out, "%.6g", entry->tail_median);
	(void)fprintf(out, ",%u,", entry->disturbed);
	if (contest->ours && contest->best &&
	    (entry == contest->ours || entry == contest->best))
		(void)fprintf(out, "%.6g,%.6g,%.6g,", contest->ratio.median,
			      contest->ratio.low, contest->ratio.high);
	else
		(void)fputs(",,,", out);
	if (entry == contest->ours && contest->tail_ratio.median > 0)
		(void)fprintf(out, "%.6g", contest->tail_ratio.median);
	(void)fputc('\n', out);
}

void ring_csv_contest(FILE *out, const struct contest *contest)
{
	for (uint32_t i = 0; i < contest->count; i++)
		csv_entry(out, contest, &contest->entry[i]);
	(void)fflush(out);
}
