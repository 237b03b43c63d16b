#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# With Clang: the library, the lessons and the unit tests, without a warning. The
# unit tests run with --run only.
#
#   clang.sh TREE SCRATCH [--run]
set -eu
tree=$1 scratch=$2
# shellcheck source=tests/build/common.sh
. "$(dirname "$0")/common.sh"
needs clang clang++

configure "$scratch/build" -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++ \
	-DSLUICE_BUILD_TESTS=ON
quietly build cmake --build "$scratch/build" \
	--target sluice_tutorial sluice_unit_tests
check_lessons "$scratch/build"
check_names "$scratch/build" nm
[ "${3-}" != --run ] || quietly test ctest --test-dir "$scratch/build" \
	--output-on-failure -L 'unit|conformance' -j 2
