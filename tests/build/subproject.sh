#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# As a subproject, by add_subdirectory() and by FetchContent, of a parent that has
# modules, targets and tests with names that come to mind, in a folder with a space
# in its name. It stays below the parent's own options, and takes no names.
#
#   subproject.sh TREE SCRATCH
set -eu
tree=$1 scratch=$2
# shellcheck source=tests/build/common.sh
. "$(dirname "$0")/common.sh"

parent="$scratch/a parent"
mkdir -p "$parent/cmake" "$parent/third party/sluice"
# What is in the tree, and none of what was built there.
(cd "$tree" && tar cf - --exclude=./build --exclude=./.git .) |
	(cd "$parent/third party/sluice" && tar xf -)
cp "$tree/examples/01_counter.c" "$parent/app.c"
echo "int parent_has_a_library = 1;" >"$parent/parent.c"
for module in library warnings sources install man static; do
	echo "set(PARENT_HAS_$module ON)" >"$parent/cmake/$module.cmake"
done
cat >"$parent/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.25)
project(parent C)
list(APPEND CMAKE_MODULE_PATH ${CMAKE_CURRENT_SOURCE_DIR}/cmake)
set(CMAKE_C_STANDARD 99)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_C_VISIBILITY_PRESET default)
option(BUILD_SHARED_LIBS "" ON)
include(library)
enable_testing()
foreach(target man docs tests examples bench test_base 01_counter warnings objects)
	add_custom_target(${target} ALL)
endforeach()
add_library(static STATIC parent.c)
add_library(shared SHARED parent.c)
add_test(NAME unit/base COMMAND app_shared)
add_test(NAME api/symbols COMMAND app_static)
if(FETCH)
	include(FetchContent)
	FetchContent_Declare(sluice
		SOURCE_DIR "${CMAKE_CURRENT_SOURCE_DIR}/third party/sluice")
	FetchContent_MakeAvailable(sluice)
else()
	add_subdirectory("third party/sluice")
endif()
include(warnings)
foreach(module library warnings)
	if(NOT PARENT_HAS_${module})
		message(FATAL_ERROR "not the parent's ${module}.cmake")
	endif()
endforeach()
foreach(kind shared static)
	add_executable(app_${kind} app.c)
	target_compile_options(app_${kind} PRIVATE -Wall -Wextra -Wpedantic -Werror)
	set_target_properties(app_${kind} PROPERTIES C_STANDARD 11)
	target_link_libraries(app_${kind} PRIVATE sluice::${kind})
	install(TARGETS app_${kind})
endforeach()
END
for fetch in OFF ON; do
	build="$scratch/a build $fetch"
	quietly configure cmake -G Ninja -S "$parent" -B "$build" -DFETCH=$fetch \
		-DCMAKE_BUILD_TYPE=Debug
	quietly build cmake --build "$build"
	quietly test ctest --test-dir "$build" --output-on-failure
	grep -q '100% tests passed, 0 tests failed out of 2' "$scratch/test.log" ||
		fail "the parent's tests are not its own two"
	DESTDIR="$scratch/a root" quietly install cmake --install "$build" \
		--prefix /usr
	[ -x "$scratch/a root/usr/bin/app_shared" ] || fail "not installed"
	lines=$(LD_LIBRARY_PATH=$(dirname "$(find "$scratch/a root" \
		-name libsluice.so)") "$scratch/a root/usr/bin/app_shared" | wc -l)
	[ "$lines" -ge 1000 ] || fail "installed, it printed $lines lines"
done

# The tree itself in such a folder, with all that is made there.
tree="$parent/third party/sluice"
configure "$scratch/a build" -DCMAKE_BUILD_TYPE=Debug
quietly build cmake --build "$scratch/a build"
check_lessons "$scratch/a build"
# And without what only we want to install.
configure "$scratch/a build" -DSLUICE_INSTALL=OFF
DESTDIR="$scratch/nothing" quietly install cmake --install "$scratch/a build"
[ ! -e "$scratch/nothing" ] || fail "SLUICE_INSTALL=OFF installs"
