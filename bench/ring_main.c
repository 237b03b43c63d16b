/* SPDX-License-Identifier: Apache-2.0 */
/* bench_ring: the subcommand `ring` as a program of its own. */
#include "bench/cmd_ring.h"

int main(int argc, char **argv)
{
	return cmd_ring(argc, argv);
}
