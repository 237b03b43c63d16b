/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kind of comparison: its cells, the ways of use that take part, and how one
 * figure is had. The rounds around it are in contest.h.
 *
 * Of kind_spsc.c, kind_mpmc.c, kind_trip.c, kind_process.c, kind_engine.c and
 * kind_engine_trip.c, one kind each, and kind_process_trip.c, two; kind.c has what they
 * share. Knows cells and ways of use; not
 * rounds and ratios.
 */
#ifndef SLUICE_BENCH_KIND_H
#define SLUICE_BENCH_KIND_H

#include <stddef.h>
#include <stdint.h>

/* What a run gives. */
struct ring_figure {
	double value; /* in the kind's unit */
	double tail;  /* the 99th percentile, where there is one, else 0 */
};

/* The median of @n times, and their tail; it sorts them. */
struct ring_figure ring_figure_of_times(uint32_t *times, uint64_t n);

struct ring_way {
	const char *name;
	const char *family; /* "sluice" is ours */
};

struct ring_kind {
	const char *name;
	const char *unit;
	uint32_t low_wins; /* the unit is a time */
	/* The family that ours is compared with, where there is one in a cell; NULL:
	 * the best of all others. */
	const char *against;
	uint32_t cpus; /* that it cannot do without; 0: one will do */
	uint32_t cells;
	void (*cell_name)(uint32_t cell, char *text, size_t bytes);
	uint32_t (*ways)(void);
	struct ring_way (*way)(uint32_t index);
	int (*takes_part)(uint32_t cell, uint32_t way);
	/*
	 * One run of about @run_ns on fresh memory.
	 *
	 * @events  how many that takes: 0 before the first run, which finds it
	 *
	 * Returns 0 or a negative errno: -EBADMSG for a wrong sum.
	 */
	int (*measure)(uint32_t cell, uint32_t way, int64_t run_ns,
		       uint64_t *events, struct ring_figure *out);
	/* A cell is over; and what there is to say of it, or "". Either may be
	 * NULL. */
	void (*leave)(uint32_t cell);
	const char *(*note)(uint32_t cell);
};

extern const struct ring_kind kind_spsc;
extern const struct ring_kind kind_mpmc;
extern const struct ring_kind kind_trip;
extern const struct ring_kind kind_process;
extern const struct ring_kind kind_process_trip;
extern const struct ring_kind kind_process_attach;
extern const struct ring_kind kind_engine;
extern const struct ring_kind kind_engine_trip;

#endif
