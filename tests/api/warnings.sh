#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A C++ program that looks for the headers as it looks for its own (-I, not
# -isystem) compiles without a warning. Whoever is there of g++ and clang++.
set -eu
build=$1 source=$2 scratch=$3

mkdir -p "$scratch"
compilers=0
for compiler in g++ clang++; do
	command -v "$compiler" >/dev/null || continue
	compilers=$((compilers + 1))
	for standard in 17 20; do
		for program in consumer attach; do
			"$compiler" -std=c++$standard -Wall -Wextra -Wpedantic -Wshadow \
				-Wold-style-cast -Werror -I"$build/include" \
				-c "$source/tests/api/$program.cc" \
				-o "$scratch/$program.o" || {
				echo "warnings: $compiler, C++$standard" >&2
				exit 1
			}
		done
	done
done
[ "$compilers" -gt 0 ] || exit 77
