/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/command.h"

#include <stdio.h>

int cmd_keyed(int argc, char **argv)
{
	static const struct options_usage usage = {
		"keyed", "[OPTION...]",
		"compare, with keys of which some come far more often than "
		"others (zipf). It\nshows what order per key costs: a fixed "
		"owner per key (hash, partition) waits\nfor the one with the "
		"hot keys; atomic gives a key to whoever is free while\n"
		"nobody works on it; jbsq has no owner, is fast, and breaks "
		"the order: look at\n\"key viol\"."};
	struct bench_options options;

	options_init(&options);
	options.plan.trace.keys = (struct keys){KEY_ZIPF, 0.9, 10000};
	(void)snprintf(options.strategies, sizeof(options.strategies),
		       "hash,partition,atomic,pkg,sticky,jbsq:2");
	return command_measure(&usage, &options, PLAN_STRATEGIES_MAX, argc,
			       argv);
}
