/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/command.h"

#include <stdio.h>

int cmd_burst(int argc, char **argv)
{
	static const struct options_usage usage = {
		"burst", "[OPTION...]",
		"compare, with events that come 64 at once and then not at "
		"all. It shows how a\nbacklog is cleared: whoever deals it "
		"out at once deals blindly, a short event\nwaits behind a "
		"long one (\"lane p99\"); whoever keeps it (\"disp p99\") "
		"gives each\nevent to the next one who is free."};
	struct bench_options options;

	options_init(&options);
	options.plan.trace.arrival =
		(struct arrival){.kind = ARRIVAL_BURST, .depth = 64};
	(void)snprintf(options.load, sizeof(options.load), "0.5");
	(void)snprintf(options.strategies, sizeof(options.strategies),
		       "rr,demand,p2c,jbsq:2,jbsq:1");
	return command_measure(&usage, &options, PLAN_STRATEGIES_MAX, argc,
			       argv);
}
