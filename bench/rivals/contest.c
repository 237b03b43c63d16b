/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/rivals/contest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Runs of a way in a round until one is not preempted. */
#define TRIES 16

int contest_ours(const struct contest_entry *entry)
{
	return strcmp(entry->way.family, "sluice") == 0;
}

/* One figure, undisturbed if that is to be had. */
static int entry_measure(struct contest *contest, struct contest_entry *entry,
			 const char *command, uint32_t cell, uint32_t round,
			 int64_t run_ns)
{
	struct ring_figure figure = {0, 0};
	uint32_t tries = 0;
	int rc;

	do {
		rc = contest->kind->measure(cell, entry->index, run_ns,
					    &entry->events, &figure);
	} while (rc == 0 && bench_team_preempted() > 0 && ++tries < TRIES);
	if (rc < 0) {
		(void)fprintf(stderr, "sluice-bench %s: %s %s%s: %s\n", command,
			      contest->kind->name, contest->cell,
			      entry->way.name,
			      rc == -EBADMSG ? "the sum of the events is wrong"
					     : strerror(-rc));
		return rc;
	}
	entry->disturbed += tries == TRIES;
	entry->value[round] = figure.value;
	entry->tail[round] = figure.tail;
	return 0;
}

static void contest_enter(struct contest *contest, uint32_t cell)
{
	const struct ring_kind *kind = contest->kind;

	for (uint32_t i = 0;
	     i < kind->ways() && contest->count < CONTEST_WAYS_MAX; i++)
		if (kind->takes_part(cell, i))
			contest->entry[contest->count++] =
				(struct contest_entry){.way = kind->way(i),
						       .index = i};
}

const struct contest_entry *contest_best(const struct contest *contest,
					 const char *family)
{
	const struct contest_entry *best = NULL;

	for (uint32_t i = 0; i < contest->count; i++) {
		const struct contest_entry *entry = &contest->entry[i];

		if (family ? strcmp(entry->way.family, family) != 0
			   : contest_ours(entry))
			continue;
		if (best == NULL ||
		    (contest->kind->low_wins ? entry->median < best->median
					     : entry->median > best->median))
			best = entry;
	}
	return best;
}

struct contest_ratio contest_range(const double *values, uint32_t rounds)
{
	double sorted[CONTEST_ROUNDS_MAX];
	struct contest_ratio range;

	memcpy(sorted, values, rounds * sizeof(*values));
	range.median = bench_median(sorted, rounds);
	range.low = sorted[0];
	range.high = sorted[rounds - 1];
	return range;
}

/* Of @a, ours, to @b. */
static struct contest_ratio contest_ratio(const struct contest *contest,
					  const double *a, const double *b)
{
	double ratios[CONTEST_ROUNDS_MAX];

	for (uint32_t r = 0; r < contest->rounds; r++)
		ratios[r] = contest->kind->low_wins ? b[r] / a[r] : a[r] / b[r];
	return contest_range(ratios, contest->rounds);
}

static void contest_judge(struct contest *contest)
{
	uint32_t disturbed = 0;

	for (uint32_t i = 0; i < contest->count; i++) {
		struct contest_entry *entry = &contest->entry[i];

		entry->median =
			contest_range(entry->value, contest->rounds).median;
		entry->tail_median =
			contest_range(entry->tail, contest->rounds).median;
		disturbed += entry->disturbed;
	}
	contest->disturbed =
		(double)disturbed / (contest->rounds * contest->count);
	contest->ours = contest_best(contest, "sluice");
	contest->best = NULL;
	if (contest->kind->against)
		contest->best = contest_best(contest, contest->kind->against);
	if (contest->best == NULL)
		contest->best = contest_best(contest, NULL);
	if (contest->ours == NULL || contest->best == NULL)
		return;
	contest->ratio = contest_ratio(contest, contest->ours->value,
				       contest->best->value);
	if (contest->ours->tail_median > 0)
		contest->tail_ratio = contest_ratio(
			contest, contest->ours->tail, contest->best->tail);
}

static int contest_rounds(struct contest *contest, const char *command,
			  uint32_t cell, int64_t run_ns)
{
	for (uint32_t round = 0; round < contest->rounds; round++)
		for (uint32_t k = 0; k < contest->count; k++) {
			/* There and back: no way always follows the same one.
			 */
			uint32_t at = round % 2 ? contest->count - 1 - k : k;
			int rc = entry_measure(contest, &contest->entry[at],
					       command, cell, round, run_ns);

			if (rc < 0)
				return rc;
		}
	return 0;
}

int contest_run(struct contest *contest, const char *command,
		const struct ring_kind *kind, uint32_t cell, uint32_t rounds,
		int64_t run_ns)
{
	int rc;

	memset(contest, 0, sizeof(*contest));
	contest->kind = kind;
	contest->rounds = rounds;
	kind->cell_name(cell, contest->cell, sizeof(contest->cell));
	contest_enter(contest, cell);
	rc = contest_rounds(contest, command, cell, run_ns);
	if (kind->leave)
		kind->leave(cell);
	if (kind->note)
		contest->note = kind->note(cell);
	if (rc == 0 && contest->count > 0)
		contest_judge(contest);
	return rc;
}
