#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# With musl: the library and the lessons, with the headers of the kernel beside its
# own.
#
#   musl.sh TREE SCRATCH
set -eu
tree=$1 scratch=$2
# shellcheck source=tests/build/common.sh
. "$(dirname "$0")/common.sh"
needs musl-gcc

mkdir "$scratch/kernel"
for part in linux asm-generic "$(gcc -print-multiarch)/asm"; do
	[ -d "/usr/include/$part" ] || fail "no headers of the kernel: $part"
	ln -s "/usr/include/$part" "$scratch/kernel/${part##*/}"
done
configure "$scratch/build" -DCMAKE_C_COMPILER=musl-gcc \
	-DCMAKE_C_FLAGS="-isystem $scratch/kernel"
quietly build cmake --build "$scratch/build" --target sluice_tutorial
check_lessons "$scratch/build"
check_names "$scratch/build" nm
