# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# What the scripts of this folder share: each builds the tree once more, as other
# people do. Sourced with $tree and $scratch set; 77 says that something is not
# here.
# shellcheck disable=SC2154
rm -rf "$scratch"
mkdir -p "$scratch"

fail()
{
	echo "${0##*/}: $*" >&2
	exit 1
}

# The command must be there, or the test is none.
needs()
{
	for program; do
		command -v "$program" >/dev/null || {
			echo "no $program here"
			exit 77
		}
	done
}

# quietly LOG COMMAND...: what it says goes to a file, and is shown if it fails.
quietly()
{
	log=$scratch/$1.log
	shift
	"$@" >"$log" 2>&1 || {
		tail -n 40 "$log" >&2
		fail "failed: $*"
	}
}

# configure BUILD OPTION...: the library and the lessons, warnings being errors.
configure()
{
	build=$1
	shift
	quietly configure cmake -G Ninja -S "$tree" -B "$build" \
		-DCMAKE_BUILD_TYPE=Release -DSLUICE_WERROR=ON \
		-DSLUICE_BUILD_TESTS=OFF -DSLUICE_BUILD_BENCH=OFF "$@"
}

# lessons_of BUILD: those that are built. The ones with tasks need a store, which is not
# there for every C library.
lessons_of()
{
	for source in "$tree"/examples/[0-9][0-9]_*.c; do
		lesson=${source##*/}
		lesson=${lesson%.c}
		case $lesson in
		15_tasks | 16_delayed_job)
			grep -q "^SLUICE_LESSONS:.*$lesson" "$1/CMakeCache.txt" ||
				continue
			;;
		esac
		echo "$lesson"
	done
}

# check_lessons BUILD: each does what it says.
check_lessons()
{
	for lesson in $(lessons_of "$1"); do
		sh "$tree/tests/cli/lessons.sh" "$lesson" \
			"$1/examples/$lesson" || fail "lesson $lesson"
	done
}

# check_names BUILD NM: the archive has no name but ours.
check_names()
{
	"$2" -g --defined-only "$1/libsluice.a" |
		awk 'NF == 3 && $3 !~ /^sluice_/ { print; bad = 1 } END { exit bad }' ||
		fail "names in libsluice.a"
}
