#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Tests of the tests: one that passes with a planted bug proves nothing.
#
#   mutant.sh plant SOURCE TARGET FILE EXPRESSION PART...
#       Copy each PART of directory SOURCE to TARGET and change one line of FILE
#       with the sed EXPRESSION. Fails unless exactly one line differs, so that
#       a mutant cannot outlive the code it was written for. What was changed is
#       left in TARGET/mutant.diff.
#
#   mutant.sh expect STATUS VERDICT PROGRAM [ARGUMENT...]
#       Run PROGRAM, which was compiled with a mutant. Passes only when it ends
#       with STATUS, its own for "found something wrong", and a line of what it
#       says matches VERDICT (an extended regular expression).
#
#   mutant.sh fails TEST PROGRAM
#       The same for a program of unit tests: passes only when TEST of it fails,
#       or is where the program crashes or hangs.
#
#   mutant.sh applies SOURCE TABLE
#       Each line of TABLE is NAME FILE PROGRAM TEST EXPRESSION, between tabs.
#       Passes when each EXPRESSION changes one line of its FILE in directory
#       SOURCE, and each PROGRAM, a C source, has its TEST.
set -eu

fail()
{
	echo "mutant.sh: $*" >&2
	exit 1
}

plant()
{
	source=$1 target=$2 file=$3 expression=$4
	shift 4

	rm -rf "$target"
	for part; do
		mkdir -p "$(dirname "$target/$part")"
		cp -r "$source/$part" "$target/$part"
	done
	sed -e "$expression" "$source/$file" >"$target/$file"
	changed=$(diff "$source/$file" "$target/$file" | grep -c '^<') || true
	if [ "$changed" -ne 1 ]; then
		rm -f "$target/$file"
		fail "$changed lines of $file match '$expression', not 1"
	fi
	diff "$source/$file" "$target/$file" >"$target/mutant.diff" || true
}

expect()
{
	status=$1 verdict=$2
	shift 2
	rc=0

	output=$("$@" 2>&1) || rc=$?
	echo "$output" | grep -v '^last choices' || true
	[ "$rc" -eq "$status" ] ||
		fail "ended with $rc; a caught mutant ends with $status"
	echo "$output" | grep -Eq "$verdict" ||
		fail "caught, but not as $verdict"
}

# Seconds that a program of unit tests may take, which are a few; one that hangs is
# caught.
HANGS=100

fails()
{
	test=$1 program=$2
	rc=0

	output=$(timeout -s KILL $HANGS "$program" 2>&1) || rc=$?
	echo "$output"
	[ "$rc" -ne 0 ] || fail "all tests passed"
	if echo "$output" | grep -Eq "^\[  (FAILED |ERROR  ) \] $test\$"; then
		return 0
	fi
	# Where it was when it ended without a word.
	if echo "$output" | grep -q '^\[==========\] .* run'; then
		fail "$test passed"
	fi
	last=$(echo "$output" | sed -n 's/^\[ RUN      \] //p' | tail -n 1)
	[ "$last" = "$test" ] || fail "ended in $last, not in $test"
}

applies()
{
	source=$1 table=$2
	tab=$(printf '\t')
	bad=

	while IFS=$tab read -r name file program test expression; do
		changed=$(sed -e "$expression" "$source/$file" |
			diff "$source/$file" - | grep -c '^<') || true
		[ "$changed" -eq 1 ] || {
			echo "mutant $name: $changed lines of $file match, not 1"
			bad=1
		}
		grep -qw "${test%%:*}" "$source/$program" || {
			echo "mutant $name: $program has no test $test"
			bad=1
		}
	done <"$table"
	[ -z "$bad" ] || fail "$table does not fit the code"
}

case ${1-} in
plant)
	[ $# -ge 6 ] || fail "plant takes 5 arguments or more"
	shift
	plant "$@"
	;;
expect)
	[ $# -ge 4 ] || fail "expect takes 3 arguments or more"
	shift
	expect "$@"
	;;
fails)
	[ $# -eq 3 ] || fail "fails takes 2 arguments"
	shift
	fails "$@"
	;;
applies)
	[ $# -eq 3 ] || fail "applies takes 2 arguments"
	shift
	applies "$@"
	;;
*)
	fail "first argument is not plant, expect, fails or applies"
	;;
esac
