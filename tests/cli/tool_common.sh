# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# What tests of the command-line tools share; they are called with PART PROGRAM
# SCHEMA_CHECK TREE.
LC_ALL=C
export LC_ALL
# shellcheck disable=SC2034
part=$1 program=$2 schema_check=$3 tree=$4

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

fail()
{
	echo "${program##*/} $part: $*" >&2
	exit 1
}

# expect CODE ARGUMENT...: that exit code; what is said is kept in out and talk.
expect()
{
	code=$1
	shift
	rc=0
	"$program" "$@" >"$scratch/out" 2>"$scratch/talk" || rc=$?
	[ $rc -eq "$code" ] || fail "'$*' ends with $rc, not $code"
}

# refused SENTENCE ARGUMENT...: usage, nothing on stdout, and it says why.
refused()
{
	sentence=$1
	shift
	expect 2 "$@"
	[ ! -s "$scratch/out" ] || fail "'$*' writes to stdout"
	grep -qF -e "$sentence" "$scratch/talk" ||
		fail "'$*' does not say '$sentence' but: $(cat "$scratch/talk")"
}

# help_is PAGE [COMMAND]: its --help is the page, below tests/cli, and no wider than a
# terminal.
help_is()
{
	page=$1
	shift
	expect 0 "$@" --help
	cmp "$scratch/out" "$tree/tests/cli/$page" ||
		fail "$* --help is not what tests/cli/$page says"
	[ "$(wc -L <"$scratch/out")" -le 80 ] ||
		fail "$* --help is wider than 80 columns"
}

# options_are PAGE COMMAND...: the page names every option of these, and no other.
options_are()
{
	page=$1
	shift
	echo --version >"$scratch/there"
	for command; do
		expect 0 "$command" --help
		grep -oE '^  --[a-z-]+' "$scratch/out" | tr -d ' ' \
			>>"$scratch/there"
	done
	sort -u -o "$scratch/there" "$scratch/there"
	grep -oE '\*--[a-z-]+' "$page" | tr -d '*' | sort -u >"$scratch/named"
	diff "$scratch/there" "$scratch/named" ||
		fail "options there are (<) and in the page (>) differ"
}

# full_disk ARGUMENT...: stdout is on one, and that is not success.
full_disk()
{
	rc=0
	"$program" "$@" >/dev/full 2>/dev/null || rc=$?
	[ $rc -eq 1 ] || fail "'$*' to a full disk ends with $rc"
}

# A small run of sluice-bench; more options may follow.
small()
{
	command=$1
	shift
	expect 0 "$command" --events=5000 --consumers=4 "$@"
	[ ! -s "$scratch/talk" ] ||
		fail "'$command $*' talks: $(cat "$scratch/talk")"
}
