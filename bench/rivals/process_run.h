/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One run with another process, or with a thread in its place: what it works on, and
 * who takes part. Of process_run.c, for the kinds of kind_process.c and
 * kind_process_trip.c. Knows cells and ways of use; not what is made of a run.
 */
#ifndef SLUICE_BENCH_PROCESS_RUN_H
#define SLUICE_BENCH_PROCESS_RUN_H

#include "bench/rivals/kind.h"
#include "bench/rivals/process_engine.h"

#define PROCESS_COUNT(array) ((uint32_t)(sizeof(array) / sizeof((array)[0])))

/* Who is at the other end. */
enum process_way {
	WAY_ATTACHED,
	WAY_WATCHED,
	WAY_THREAD,
	WAY_UNWATCHED,
	WAY_RING,
	WAY_LINE,
	WAY_PIPE,
	WAY_SOCKET,
	WAY_MQUEUE,
};

#define PROCESS_BIT(way) (1u << (way))
#define PROCESS_BOTH     (PROCESS_BIT(WAY_ATTACHED) | PROCESS_BIT(WAY_THREAD))
#define PROCESS_OF_A_KERNEL                                                    \
	(PROCESS_BIT(WAY_PIPE) | PROCESS_BIT(WAY_SOCKET) |                     \
	 PROCESS_BIT(WAY_MQUEUE))

struct process_cell {
	const char *name;
	uint32_t bytes;
	enum engine_shape shape;
	uint32_t ways;
};

/* What a kind says of these ways. */
uint32_t process_ways(void);
struct ring_way process_way(uint32_t index);
/* Does it take part there? What the kernel lacks does not. */
int process_takes(const struct process_cell *cell, uint32_t way);
enum process_link_kind process_link_of(enum process_way way);

/* One run: who takes part, and the ends that this process has. */
struct process_run {
	const struct process_cell *cell;
	enum process_way way;
	struct engine engine;
	struct process other;
	struct process_end in;
	struct process_end out;
	/* Of a round trip: the other ends, where a thread has them. */
	struct process_end far_in;
	struct process_end far_out;
	struct ring_trip trip;
};

/* A new one, with memory for @n events. Returns 0, or a negative errno and there is
 * nothing to be closed; process_close() closes it. */
int run_open(struct process_run *run, const struct process_cell *cell,
	     enum process_way way, uint64_t n);
/* An engine for it; @own: with ports of this process at the other end. */
int run_engine(struct process_run *run, uint32_t own);
/* The other process. */
int run_other(struct process_run *run, enum process_task task);
/* The same, with links of the kernel to it, if it has any. */
int run_linked(struct process_run *run, enum process_task task);
void run_unlink(const struct process_run *run);
/* @body on the first or the second of the two CPUs. Returns 0 or a negative errno,
 * that of its ends included. */
int run_alone(void (*body)(void *run), struct process_run *run,
	      uint32_t second);
/* Now that all have ended: how often any of them has lost its CPU; @more: those that
 * are counted elsewhere. */
void run_disturbed(const struct process_run *run, uint64_t more);

#endif
