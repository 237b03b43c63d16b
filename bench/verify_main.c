/* SPDX-License-Identifier: Apache-2.0 */
/* bench_verify: the subcommand `verify` as a program of its own. */
#include "bench/cmd_verify.h"

int main(int argc, char **argv)
{
	return cmd_verify(argc, argv);
}
