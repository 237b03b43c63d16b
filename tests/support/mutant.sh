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
*)
	fail "first argument is not plant or expect"
	;;
esac
