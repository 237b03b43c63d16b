#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# With link-time optimisation, by GCC and by Clang: private names stay private.
#
#   lto.sh TREE SCRATCH
set -eu
tree=$1 scratch=$2
# shellcheck source=tests/build/common.sh
. "$(dirname "$0")/common.sh"

for compiler in gcc clang; do
	command -v $compiler >/dev/null || continue
	# GCC warns of overflows that it sees in atomics of other files.
	configure "$scratch/$compiler" -DCMAKE_C_COMPILER=$compiler \
		-DCMAKE_INTERPROCEDURAL_OPTIMIZATION=ON -DSLUICE_WERROR=OFF
	quietly build cmake --build "$scratch/$compiler" --target sluice_tutorial
	check_lessons "$scratch/$compiler"
	check_names "$scratch/$compiler" nm
done
