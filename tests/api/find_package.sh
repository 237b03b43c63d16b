#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A stranger's project finds an installed sluice with find_package(), and builds
# the first lesson against the shared and the static library.
set -eu
build=$1 source=$2 scratch=$3

rm -rf "$scratch"
mkdir -p "$scratch/project"
cmake --install "$build" --prefix "$scratch/root" >"$scratch/install.log"
cp "$source/examples/01_counter.c" "$scratch/project"
cat >"$scratch/project/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.25)
project(stranger C)
find_package(sluice 0.1 REQUIRED)
foreach(kind shared static)
	add_executable(counter_${kind} 01_counter.c)
	target_link_libraries(counter_${kind} PRIVATE sluice::${kind})
endforeach()
END
cmake -G Ninja -S "$scratch/project" -B "$scratch/build" \
	-DCMAKE_PREFIX_PATH="$scratch/root" >"$scratch/configure.log"
cmake --build "$scratch/build" >"$scratch/build.log"
for kind in shared static; do
	lines=$("$scratch/build/counter_$kind" | wc -l)
	[ "$lines" -ge 1000 ] || {
		echo "counter_$kind printed $lines lines, not 1000 or more" >&2
		exit 1
	}
done
