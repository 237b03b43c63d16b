#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# For aarch64, by a cross compiler, and the lessons under emulation.
#
#   aarch64.sh TREE SCRATCH
set -eu
tree=$1 scratch=$2
# shellcheck source=tests/build/common.sh
. "$(dirname "$0")/common.sh"
needs aarch64-linux-gnu-gcc qemu-aarch64

configure "$scratch/build" -DCMAKE_SYSTEM_NAME=Linux \
	-DCMAKE_SYSTEM_PROCESSOR=aarch64 \
	-DCMAKE_C_COMPILER=aarch64-linux-gnu-gcc
quietly build cmake --build "$scratch/build" --target sluice_tutorial
check_names "$scratch/build" aarch64-linux-gnu-nm
# Emulated, a program is no file that can be run by itself.
mkdir "$scratch/build/run"
for lesson in $(lessons_of "$scratch/build"); do
	program=$scratch/build/run/$lesson
	printf '#!/bin/sh\nexec qemu-aarch64 -L /usr/aarch64-linux-gnu %s "$@"\n' \
		"$scratch/build/examples/$lesson" >"$program"
	chmod +x "$program"
	sh "$tree/tests/cli/lessons.sh" "$lesson" "$program" ||
		fail "lesson $lesson"
done
