/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/rivals/contests.h"

#include <math.h>
#include <string.h>

/* The ratios of a kind, as the sum of their logarithms. */
struct ring_mean {
	double logs;
	uint32_t n;
};

static void floor_tell(const struct contests *all, const char *name,
		       const char *when, const struct bench_floor *floor,
		       const char *text)
{
	if (all->json)
		ring_json_floor(all->json, name, when, floor);
	if (all->table)
		(void)fprintf(all->table, "%s %s: %s\n", name, when, text);
	if (all->table)
		(void)fflush(all->table);
}

static void floor_report(const struct contests *all, const char *when)
{
	struct bench_floor floor;
	char text[80];

	bench_floor_measure(&floor);
	bench_floor_format(&floor, text, sizeof(text));
	floor_tell(all, "floor", when, &floor, text);
	if (!all->wakes)
		return;
	bench_wakes_measure(&floor);
	bench_wakes_format(&floor, text, sizeof(text));
	floor_tell(all, "two wake-ups", when, &floor, text);
}

static int cell_selected(const struct ring_kind *kind, uint32_t cell,
			 const char *text)
{
	char name[BENCH_NAME_BYTES];

	kind->cell_name(cell, name, sizeof(name));
	return text == NULL || strstr(name, text) != NULL;
}

static void mean_tell(const struct contests *all, const struct ring_kind *kind,
		      const struct ring_mean *mean)
{
	if (mean->n == 0 || !all->means)
		return;
	if (all->json)
		ring_json_mean(all->json, kind->name,
			       exp(mean->logs / mean->n));
	if (all->table)
		(void)fprintf(all->table, "geometric mean of %u ratios: %.2f\n",
			      mean->n, exp(mean->logs / mean->n));
}

static void contest_tell(const struct contests *all,
			 const struct contest *contest)
{
	if (all->json)
		ring_json_contest(all->json, contest);
	if (all->csv)
		ring_csv_contest(all->csv, contest);
	if (all->table)
		ring_report_line(all->table, contest);
}

/* All selected cells of a kind. Returns how many, or a negative errno. */
static int kind_run(const struct contests *all, const struct ring_kind *kind)
{
	static struct contest contest;
	struct ring_mean mean = {0, 0};
	int cells = 0;
	int cpus[2];

	/* Two that spin would wait for each other's time slices. */
	if (bench_cpus(cpus) < kind->cpus) {
		(void)fprintf(stderr,
			      "sluice-bench %s: left out: %s takes %u CPUs, "
			      "and this process has one\n",
			      all->command, kind->name, kind->cpus);
		return 0;
	}
	for (uint32_t cell = 0; cell < kind->cells; cell++) {
		int rc;

		if (!cell_selected(kind, cell, all->cell))
			continue;
		if (cells++ == 0 && all->table)
			ring_report_head(all->table, kind, all->rounds);
		rc = contest_run(&contest, all->command, kind, cell,
				 all->rounds, all->run_ns);
		if (rc < 0)
			return rc;
		contest_tell(all, &contest);
		if (contest.ours && contest.best && kind->against == NULL) {
			mean.logs += log(contest.ratio.median);
			mean.n++;
		}
	}
	mean_tell(all, kind, &mean);
	return cells;
}

int contests_run(const struct contests *all)
{
	int cells = 0;

	for (uint32_t i = 0; all->table && all->missing[i] != NULL; i++)
		(void)fprintf(all->table, "%s: %s\n", all->absent,
			      all->missing[i]);
	if (all->csv)
		ring_csv_head(all->csv);
	floor_report(all, "before");
	for (uint32_t i = 0; i < all->kinds; i++) {
		int rc = kind_run(all, all->kind[i]);

		if (rc < 0)
			return 1;
		cells += rc;
	}
	if (cells == 0) {
		(void)fprintf(stderr,
			      "sluice-bench %s: --cell=%s: no cell has it in "
			      "its name\n",
			      all->command, all->cell);
		return 2;
	}
	floor_report(all, "after");
	return 0;
}
