#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Tests of the tests: a model that passes with a planted bug proves nothing.
#
#   mutant.sh plant SOURCE TARGET HEADER EXPRESSION
#       Copy the headers of directory SOURCE to TARGET and change one line of
#       HEADER with the sed EXPRESSION. Fails unless exactly one line differs,
#       so that a mutant cannot outlive the code it was written for.
#
#   mutant.sh expect VERDICT PROGRAM
#       Run PROGRAM, which was compiled with a mutant. Passes only when it
#       reports a violation, and of that kind (an extended regular expression).
set -eu

violation=10 # as in model.h

fail()
{
	echo "mutant.sh: $*" >&2
	exit 1
}

plant()
{
	source=$1 target=$2 header=$3 expression=$4

	mkdir -p "$target"
	cp "$source"/*.h "$target"
	sed -e "$expression" "$source/$header" >"$target/$header"
	changed=$(diff "$source/$header" "$target/$header" | grep -c '^<') || true
	if [ "$changed" -ne 1 ]; then
		rm -f "$target/$header"
		fail "$changed lines of $header match '$expression', not 1"
	fi
	diff "$source/$header" "$target/$header" >"$target/mutant.diff" || true
}

expect()
{
	verdict=$1 program=$2
	rc=0

	output=$("$program") || rc=$?
	echo "$output"
	[ "$rc" -eq "$violation" ] ||
		fail "ended with $rc; a caught mutant ends with $violation"
	echo "$output" | grep -Eq "^violation in .*: ($verdict)\$" ||
		fail "caught, but not as $verdict"
}

case ${1-} in
plant)
	[ $# -eq 5 ] || fail "plant takes 4 arguments"
	plant "$2" "$3" "$4" "$5"
	;;
expect)
	[ $# -eq 3 ] || fail "expect takes 2 arguments"
	expect "$2" "$3"
	;;
*)
	fail "first argument is not plant or expect"
	;;
esac
