/* SPDX-License-Identifier: Apache-2.0 */
/* For other programs: CSV, and HdrHistogram's text. */
#include "bench/report/report.h"

#include <errno.h>
#include <math.h>

/* Texts are quoted: a name in a document may be anything. */
static void csv_text(const char *text, FILE *out)
{
	(void)fputc('"', out);
	for (; *text != '\0'; text++)
		(void)fprintf(out, *text == '"' ? "\"\"" : "%c", *text);
	(void)fputc('"', out);
}

/* "latency_ns.p99" is column latency_ns_p99; behind it, where there is a range,
 * are latency_ns_p99_low and _high. */
static void csv_head(const char *document, enum report_side side, FILE *out)
{
	static const char *const ends[] = {"", "_low", "_high"};

	(void)fputc(',', out);
	for (; *document != '\0'; document++)
		(void)fputc(*document == '.' ? '_' : *document, out);
	(void)fputs(ends[side], out);
}

/* A run; NULL: the heads. */
static void csv_line(const struct report_run *run, FILE *out)
{
	if (run != NULL)
		csv_text(run->strategy, out);
	if (run != NULL)
		(void)fprintf(out, ",%.12g", run->load);
	else
		(void)fputs("strategy,load", out);
	for (uint32_t id = 0; id < FIGURES; id++) {
		const char *document = figures[id].document;
		uint32_t sides = document[0] == '\0'  ? 0
				 : figures[id].better ? REPORT_SIDES
						      : 1;

		for (uint32_t side = 0; side < sides; side++)
			if (run != NULL)
				(void)fprintf(out, ",%.12g",
					      run->value[side][id]);
			else
				csv_head(document, side, out);
	}
	(void)fputc('\n', out);
}

int report_csv_write(const struct report *report, FILE *out)
{
	csv_line(NULL, out);
	for (uint32_t i = 0; i < report->runs; i++)
		csv_line(&report->run[i], out);
	return ferror(out) ? -EIO : 0;
}

/* In us, to the ns. */
int report_hgrm_write(const struct report_run *run, FILE *out)
{
	const json_t *list = report_list(run, "latency_ns.curve");
	const double *value = run->value[REPORT_MID];
	double count = value[FIGURE_LATENCY_COUNT];

	(void)fprintf(out, "%12s %14s %10s %14s\n\n", "Value", "Percentile",
		      "TotalCount", "1/(1-Percentile)");
	for (uint32_t i = 0; i < json_array_size(list); i++) {
		double share = report_row(list, i, 0);

		(void)fprintf(out, "%12.3f %2.12f %10.0f",
			      report_row(list, i, 1) / 1e3, share,
			      ceil(share * count));
		if (share < 1)
			(void)fprintf(out, " %14.2f", 1 / (1 - share));
		(void)fputc('\n', out);
	}
	(void)fprintf(out, "#[Mean    = %12.3f]\n",
		      value[FIGURE_LATENCY_MEAN] / 1e3);
	(void)fprintf(out, "#[Max     = %12.3f, Total count    = %12.0f]\n",
		      value[FIGURE_LATENCY_MAX] / 1e3, count);
	return ferror(out) ? -EIO : 0;
}
