/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A contest: all ways of use in one cell, side by side.
 *
 * On a machine whose speed changes by the minute two figures taken one after
 * the other say little. So every round runs all of them next to each other, and
 * what is told is the median and the range of the ratio *within* a round.
 *
 * Of contest.c. Knows the ways of use of one cell, and their order in a round;
 * not what a way of use does.
 */
#ifndef SLUICE_BENCH_CONTEST_H
#define SLUICE_BENCH_CONTEST_H

#include "bench/rivals/case.h"
#include "bench/rivals/kind.h"

#define CONTEST_WAYS_MAX   48u
#define CONTEST_ROUNDS_MIN 3u
#define CONTEST_ROUNDS_MAX 101u

struct contest_entry {
	struct ring_way way;
	uint32_t index;     /* in its kind */
	uint32_t disturbed; /* rounds whose every try was preempted */
	uint64_t events;
	double value[CONTEST_ROUNDS_MAX];
	double tail[CONTEST_ROUNDS_MAX];
	double median;
	double tail_median;
};

/* The median over the rounds, and their range. */
struct contest_ratio {
	double median;
	double low;
	double high;
};

struct contest {
	const struct ring_kind *kind;
	char cell[BENCH_NAME_BYTES];
	uint32_t rounds;
	uint32_t count;
	struct contest_entry entry[CONTEST_WAYS_MAX];
	/* Of each side the way with the best median; NULL: there is none. */
	const struct contest_entry *ours;
	const struct contest_entry *best; /* of the rivals */
	/* Ours to that one within a round, above 1 where ours is better. */
	struct contest_ratio ratio;
	struct contest_ratio tail_ratio; /* 0: there are no tails */
	double disturbed;                /* share of all figures, in [0, 1] */
	const char *note;                /* of the kind; NULL or "": nothing */
};

/* Run @cell of @kind for subcommand @command. Returns 0, or a negative errno after it
 * has said on stderr which way of use failed. */
int contest_run(struct contest *contest, const char *command,
		const struct ring_kind *kind, uint32_t cell, uint32_t rounds,
		int64_t run_ns);

/* Of what was measured in @rounds rounds. */
struct contest_ratio contest_range(const double *values, uint32_t rounds);

/* The way with the best median among @family, or among all others than ours
 * where @family is NULL. NULL: there is none. */
const struct contest_entry *contest_best(const struct contest *contest,
					 const char *family);

/* Is this way one of ours? */
int contest_ours(const struct contest_entry *entry);

#endif
