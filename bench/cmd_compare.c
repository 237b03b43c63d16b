/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/command.h"

#include <stdio.h>

int cmd_compare(int argc, char **argv)
{
	static const struct options_usage usage = {
		"compare", "[OPTION...]",
		"Several strategies over the same events, side by side. With "
		"several loads\nit shows up to where each of them holds."};
	struct bench_options options;

	options_init(&options);
	(void)snprintf(options.strategies, sizeof(options.strategies),
		       "demand,rr,jbsq:2,p2c");
	return command_measure(&usage, &options, PLAN_STRATEGIES_MAX, argc,
			       argv);
}
