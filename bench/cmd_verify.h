/* SPDX-License-Identifier: Apache-2.0 */
/* The subcommand `verify`: do the known orderings of strategies hold? */
#ifndef SLUICE_BENCH_CMD_VERIFY_H
#define SLUICE_BENCH_CMD_VERIFY_H

/* Returns the exit code: 0, 1 when a claim does not hold or a run failed, 2 for
 * a bad option. */
int cmd_verify(int argc, char **argv);

#endif
