#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Tests of the simulator: a run that passes with a planted bug proves nothing.
#
#   mutant.sh plant TREE TARGET FILE EXPRESSION
#       Copy the library and the simulator from TREE to TARGET and change one
#       line of FILE with the sed EXPRESSION. Fails unless exactly one line
#       differs, so that a mutant cannot outlive the code it was written for.
#
#   mutant.sh expect VERDICT PROGRAM
#       Run PROGRAM over many seeds. Passes only when one of them fails, with a
#       message that matches VERDICT (an extended regular expression).
set -eu

seeds=20000

fail()
{
	echo "mutant.sh: $*" >&2
	exit 1
}

plant()
{
	tree=$1 target=$2 file=$3 expression=$4

	mkdir -p "$target/tests"
	cp -r "$tree/sluice.h" "$tree/ring" "$tree/dispatch" "$tree/engine" "$target"
	cp -r "$tree/tests/sim" "$target/tests"
	sed -e "$expression" "$tree/$file" >"$target/$file"
	changed=$(diff "$tree/$file" "$target/$file" | grep -c '^<') || true
	[ "$changed" -eq 1 ] ||
		fail "$changed lines of $file match '$expression', not 1"
}

expect()
{
	verdict=$1 program=$2
	rc=0

	output=$("$program" --count "$seeds" 2>&1) || rc=$?
	echo "$output" | grep -v '^last choices'
	[ "$rc" -eq 1 ] || fail "ended with $rc after $seeds seeds: not caught"
	echo "$output" | grep -Eq "^seed [0-9]+: .*($verdict)" ||
		fail "caught, but not as $verdict"
}

case ${1-} in
plant) plant "$2" "$3" "$4" "$5" ;;
expect) expect "$2" "$3" ;;
*) fail "first argument is not plant or expect" ;;
esac
