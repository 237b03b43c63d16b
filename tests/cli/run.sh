#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# tools/run as a user calls it. What is refused is refused before anything is
# installed or built; a lesson runs where the user stands.
#
#   run.sh TREE BUILD
set -eu
tree=$1 build=$2
run=$tree/tools/run

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"

fail()
{
	echo "run: $*" >&2
	exit 1
}

# refused ARGUMENT...
refused()
{
	rc=0
	"$run" "$@" >out 2>err || rc=$?
	[ $rc -eq 2 ] || fail "'$*' ends with $rc, not 2"
	[ ! -s out ] || fail "'$*' does more than refuse: $(head -n 1 out)"
	[ -s err ] || fail "'$*' says nothing"
}
for bad in 0 . '' 0.0 00 0.09 3601 1.2.3 1e3 3s -1 -- --bogus nonsense 99_none \
	01_counter.c ../01_counter; do
	refused "$bad"
done
refused 3 4
refused 01_none --help

"$run" --help >help || fail "--help ends with $?"
head -n 1 help | grep -q '^usage: tools/run' || fail "--help has no usage"
[ "$(wc -L <help)" -le 90 ] || fail "--help is too wide"
for file in "$tree"/examples/[0-9][0-9]_*.c; do
	lesson=${file##*/}
	lesson=${lesson%.c}
	grep -q "^  $lesson  *[^ ]" help || fail "--help does not list $lesson"
	"$run" "$lesson" --help >lesson || fail "$lesson --help ends with $?"
	head -n 1 lesson | grep -Eqx "usage: $lesson( .*)?" ||
		fail "$lesson --help has no usage"
	"$run" "$lesson" 'a file' --help | cmp - lesson ||
		fail "$lesson FILE --help is not its help"
done

# The rest runs in the build folder of tools/run.
[ "$build" = "$tree/build/release" ] || exit 0
if "$tree/tools/test" --bogus >out 2>err; then
	fail "tools/test --bogus is taken"
fi
head -n 1 err | grep -qF "unknown option '--bogus'" ||
	fail "tools/test --bogus: $(head -n 1 err)"
printf 'to be or not to be\n' >'a file'
"$run" 05_wordcount 'a file' 2 >out || fail "05_wordcount ends with $?"
tr -s ' ' <out | tr '\n' ',' | grep -qx ' 2 be, 1 not, 1 or, 2 to,' ||
	fail "a file where the user stands: $(cat out)"
"$run" 0.1 >out 2>err || fail "0.1 ends with $?"
grep -q 'none lost, none doubled' out || fail "no verdict"
