/* SPDX-License-Identifier: Apache-2.0 */
/* The subcommand `ring`: our rings against others. */
#ifndef SLUICE_BENCH_CMD_RING_H
#define SLUICE_BENCH_CMD_RING_H

/* Returns the exit code: 0, 1 when a run failed, 2 for a bad option. */
int cmd_ring(int argc, char **argv);

#endif
