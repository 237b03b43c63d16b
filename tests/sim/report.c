/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/report.h"
#include "tests/sim/sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct scenario_report report;
static int replay;

void wrong(const char *fmt, ...)
{
	va_list args;

	if (report.text[0] != '\0')
		return; /* the first is the one that matters */
	va_start(args, fmt);
	(void)vsnprintf(report.text, sizeof(report.text), fmt, args);
	va_end(args);
	say("WRONG: %s", report.text);
}

void say(const char *fmt, ...)
{
	va_list args;

	if (!replay)
		return;
	va_start(args, fmt);
	(void)vprintf(fmt, args);
	va_end(args);
	(void)printf("\n");
}

int is_replay(void)
{
	return replay;
}

void say_from_now_on(void)
{
	replay = 1;
}

void say_log(void *ctx, const char *text)
{
	(void)ctx;
	say("log: %s", text);
}

void wrong_missing(const struct missing *m,
		   const struct sluice_stage_stats *stat)
{
	wrong("%s (%s) %s: %llu of %u events missing, e.g. %u delivered 0 "
	      "times; discarded %llu overflowed %llu stranded %llu buffered "
	      "%llu held %llu",
	      m->node, m->dispatcher, m->when, (unsigned long long)m->lost,
	      m->emitted, m->first, (unsigned long long)stat->discarded,
	      (unsigned long long)stat->overflowed,
	      (unsigned long long)stat->stranded,
	      (unsigned long long)stat->buffered,
	      (unsigned long long)stat->held);
}

struct scenario_report report_run(uint64_t seed,
				  const struct scenario_options *options,
				  void (*scenario)(void *arg), void *arg,
				  void (*unfinished)(void))
{
	struct sim_result result;

	memset(&report, 0, sizeof(report));
	replay = options->verbose;
	result = sim_run(seed, scenario, arg);
	if (result.verdict == SIM_STALL)
		wrong("stall: everybody sleeps and work is left");
	if (result.verdict == SIM_LIVELOCK)
		wrong("livelock: no end after %llu switches",
		      (unsigned long long)result.switches);
	if (result.verdict != SIM_DONE && unfinished != NULL)
		unfinished();
	report.switches = result.switches;
	report.parks = result.parks;
	return report;
}
