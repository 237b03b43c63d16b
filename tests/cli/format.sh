#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The tree looks as .clang-format says. 77: clang-format 14 is not here.
set -eu
cd "$1"

command -v clang-format >/dev/null || exit 77
clang-format --version | grep -q 'version 14\.' || exit 77
# 01_counter.c and atomic.h are laid out by hand, to be read in one piece.
find sluice.h ring dispatch engine stages bench tools examples tests -name '*.[ch]' -o \
	-name '*.cc' | grep -v -e examples/01_counter.c |
	xargs clang-format --dry-run --Werror
