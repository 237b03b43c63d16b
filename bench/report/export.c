/* SPDX-License-Identifier: Apache-2.0 */
/* For other programs: CSV, and HdrHistogram's text. */
#include "bench/report/report.h"

#include <errno.h>
#include <math.h>

/* Of a run, or the head. A figure that is judged has its range behind it. */
static void csv_line(const struct report_run *run, FILE *out)
{
	static const char *const ends[] = {"", "_low", "_high"};

	if (run == NULL)
		(void)fputs("strategy,load", out);
	else
		(void)fprintf(out, "\"%s\",%.12g", run->strategy,
			      json_number_value(
				      report_member(run->json, "", "load")));
	for (uint32_t i = 0; i < 3 * FIGURES; i++) {
		uint32_t id = i / 3;
		const struct figure *figure = &figures[id];

		if (figure->member[0] == '\0' ||
		    (i % 3 > 0 && figure->better == BETTER_NEITHER))
			continue;
		if (run == NULL)
			(void)fprintf(out, ",%s%s%s%s", figure->group,
				      figure->group[0] ? "_" : "",
				      figure->member, ends[i % 3]);
		else
			(void)fprintf(out,
				      isnan(run->side[i % 3][id]) ? ","
								  : ",%.12g",
				      run->side[i % 3][id]);
	}
	if (run == NULL)
		(void)fputs(",consumers\n", out);
	else
		(void)fprintf(out, ",%.12g\n",
			      json_number_value(report_member(run->json, "",
							      "consumers")));
}

int report_csv_write(const struct report *report, FILE *out)
{
	csv_line(NULL, out);
	for (uint32_t i = 0; i < report->runs; i++)
		csv_line(&report->run[i], out);
	return ferror(out) ? -EIO : 0;
}

/* In us, to the ns. */
void report_hgrm_write(const struct report_run *run, FILE *out)
{
	const double *value = run->mid;
	double count = value[FIGURE_LATENCY_COUNT];
	json_t *point;
	size_t i;

	(void)fprintf(out, "%12s %14s %10s %14s\n\n", "Value", "Percentile",
		      "TotalCount", "1/(1-Percentile)");
	json_array_foreach(report_member(run->json, "latency_ns", "curve"), i,
			   point) {
		double share = 0;
		double ns = 0;

		(void)json_unpack(point, "[F, F]", &share, &ns);
		(void)fprintf(out, "%12.3f %2.12f %10.0f", ns / 1e3, share,
			      ceil(share * count));
		if (share < 1)
			(void)fprintf(out, " %14.2f", 1 / (1 - share));
		(void)fputc('\n', out);
	}
	(void)fprintf(out,
		      "#[Mean    = %12.3f]\n"
		      "#[Max     = %12.3f, Total count    = %12.0f]\n",
		      fmax(0, value[FIGURE_LATENCY_MEAN]) / 1e3,
		      fmax(0, value[FIGURE_LATENCY_MAX]) / 1e3, count);
}
