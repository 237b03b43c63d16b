/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/command.h"

int cmd_run(int argc, char **argv)
{
	static const struct options_usage usage = {
		"run", "[OPTION...]",
		"One strategy over one load, or over several."};
	struct bench_options options;

	options_init(&options);
	return command_measure(&usage, &options, 1, argc, argv);
}
