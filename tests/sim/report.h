/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a run reports: the first thing that is wrong, and, in a replay, what happens.
 * All generators report so, one run at a time. Of report.c; knows the simulated
 * machine, not what a generator makes of a seed.
 */
#ifndef SLUICE_TESTS_SIM_REPORT_H
#define SLUICE_TESTS_SIM_REPORT_H

#include "engine/pipeline.h"
#include "tests/sim/scenario.h"

extern struct scenario_report report;

/* Note what is wrong; the first counts. */
void wrong(const char *fmt, ...) SLUICE_PRINTF(1, 2);
/* In a replay: say what happens. */
void say(const char *fmt, ...) SLUICE_PRINTF(1, 2);
/* Is it a replay? */
int is_replay(void);
/* From now on it is told as in one. */
void say_from_now_on(void);
/* What a pipeline logs, in a replay. */
void say_log(void *ctx, const char *text);

/* Events that a producer has emitted, and nobody has handled, as its statistics have
 * names for them. */
static inline uint64_t stat_named(const struct sluice_stage_stats *stat)
{
	return stat->discarded + stat->overflowed + stat->stranded +
	       stat->buffered + stat->held;
}

/* @lost of what @node has emitted are missing, @first before all, and @stat names
 * others. */
struct missing {
	const char *node;
	const char *dispatcher;
	const char *when;
	uint64_t lost;
	uint32_t emitted;
	uint32_t first;
};
void wrong_missing(const struct missing *missing,
		   const struct sluice_stage_stats *stat);

/*
 * Run @scenario with @arg on the simulated machine, by the schedule of @seed, and
 * report.
 *
 * @unfinished  may be NULL; called when it has no end: it may say what is left
 */
struct scenario_report report_run(uint64_t seed,
				  const struct scenario_options *options,
				  void (*scenario)(void *arg), void *arg,
				  void (*unfinished)(void));

#endif
