/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/command.h"

#include <stdio.h>

int cmd_slow(int argc, char **argv)
{
	static const struct options_usage usage = {
		"slow", "[OPTION...]",
		"compare, with consumer 0 ten times slower than the others. "
		"It shows what one\nslow consumer does to all: strict rr and "
		"hash wait for it, and \"done/s\" is\nwhat it can do times "
		"the number of consumers; strategies that look at credit\nor "
		"at what is in flight pass it by."};
	struct bench_options options;

	options_init(&options);
	/* The others could do that much without it. */
	(void)snprintf(options.load, sizeof(options.load), "0.7");
	options.plan.window = 64;
	options.plan.fault[options.plan.faults++] = (struct plan_fault){
		.kind = PLAN_SLOW, .consumer = 0, .factor = 10};
	(void)snprintf(options.strategies, sizeof(options.strategies),
		       "rr,hash,rr:skip,demand,p2c,jbsq:2");
	return command_measure(&usage, &options, PLAN_STRATEGIES_MAX, argc,
			       argv);
}
