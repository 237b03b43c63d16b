#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A stranger's project finds an installed sluice with find_package(), moved or not,
# and builds the first lesson against the shared and the static library.
set -eu
build=$1 source=$2 scratch=$3

rm -rf "$scratch"
mkdir -p "$scratch/a project"
cp "$source/examples/01_counter.c" "$scratch/a project"
cat >"$scratch/a project/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.25)
project(stranger C)
find_package(sluice 0.1 REQUIRED)
foreach(kind shared static)
	add_executable(counter_${kind} 01_counter.c)
	target_link_libraries(counter_${kind} PRIVATE sluice::${kind})
endforeach()
END

# found_in FOLDER
found_in()
{
	rm -rf "$scratch/build"
	cmake -G Ninja -S "$scratch/a project" -B "$scratch/build" \
		-DCMAKE_PREFIX_PATH="$1" >"$scratch/configure.log"
	cmake --build "$scratch/build" >"$scratch/build.log"
	for kind in shared static; do
		lines=$("$scratch/build/counter_$kind" | wc -l)
		[ "$lines" -ge 1000 ] || {
			echo "counter_$kind of $1 printed $lines lines" >&2
			exit 1
		}
	done
}

cmake --install "$build" --prefix "$scratch/root" >"$scratch/install.log"
found_in "$scratch/root"
mv "$scratch/root" "$scratch/moved elsewhere"
found_in "$scratch/moved elsewhere"
DESTDIR=$scratch/stage cmake --install "$build" --prefix /opt/sluice \
	>"$scratch/install.log"
found_in "$scratch/stage/opt/sluice"
