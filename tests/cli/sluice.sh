#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# sluice as a user runs it.
#
#   sluice.sh PART PROGRAM SCHEMA_CHECK TREE LISTENER
set -eu
# shellcheck source=tests/cli/bench_common.sh
. "${0%/*}/bench_common.sh"
listener=$5
commands="ls"

# What the environment of who runs the tests says is not meant.
unset SLUICE_DIR XDG_RUNTIME_DIR

check_help()
{
	expect 0 --help
	cmp "$scratch/out" "$tree/tests/cli/help_sluice/sluice" ||
		fail "--help is not what tests/cli/help_sluice/sluice says"
	for command in $commands; do
		expect 0 "$command" --help
		cmp "$scratch/out" "$tree/tests/cli/help_sluice/$command" ||
			fail "$command --help is not what help_sluice has"
		[ "$(wc -L <"$scratch/out")" -le 80 ] ||
			fail "$command --help is wider than 80 columns"
	done
}

# The page names every option that there is, and no other.
check_man()
{
	page=$tree/docs/man/sluice.1.scd
	echo --version >"$scratch/there"
	for command in $commands; do
		expect 0 "$command" --help
		grep -oE '^  --[a-z-]+' "$scratch/out" | tr -d ' ' \
			>>"$scratch/there"
		grep -q "^\*$command\*" "$page" || fail "no $command in the page"
	done
	sort -u -o "$scratch/there" "$scratch/there"
	grep -oE '\*--[a-z-]+' "$page" | tr -d '*' | sort -u >"$scratch/named"
	diff "$scratch/there" "$scratch/named" ||
		fail "options there are (<) and in the page (>) differ"
}

check_exit()
{
	expect 0 --version
	grep -qx 'sluice [0-9.]*' "$scratch/out" || fail "no version"
	expect 2
	grep -q '^usage:' "$scratch/talk" || fail "no usage without a command"
	refused "sluice: 'frob' is no command; there are: $commands" frob
	refused "sluice ls: --bogus: no such option" ls --bogus
	refused "--folder: a value is missing" ls --folder
	refused "--folder: must not be empty" ls --folder=
	refused "'word': only options are taken" ls word
	refused "--json: is given twice" ls --json --json
	expect 1 ls --folder="$tree/README.md"
	grep -qF "README.md: Not a directory" "$scratch/talk" ||
		fail "says $(cat "$scratch/talk")"
	[ ! -w /dev/full ] || {
		expect 1 ls --folder="$scratch" --json=/dev/full
		rc=0
		"$program" --help >/dev/full 2>/dev/null || rc=$?
		[ $rc -eq 1 ] || fail "help to a full disk ends with $rc"
	}
}

# start NAME: a listener of that name, in the folder of the environment; its pid is
# in $pid.
start()
{
	mkfifo "$scratch/$1.in" "$scratch/$1.path"
	"$listener" "$1" <"$scratch/$1.in" >"$scratch/$1.path" &
	pid=$!
	exec 9>"$scratch/$1.in"
	read -r _ <"$scratch/$1.path"
}

# Pipelines lie where the engine puts them, whatever says so; who is gone is told
# from who answers.
check_ls()
{
	SLUICE_DIR=$scratch/there
	export SLUICE_DIR
	expect 0 ls
	[ ! -s "$scratch/out" ] || fail "pipelines in a folder that is not there"
	grep -qxF "sluice ls: no pipelines in $scratch/there" "$scratch/talk" ||
		fail "says $(cat "$scratch/talk")"
	mkdir "$scratch/there"
	start killed
	kill -9 $pid
	wait $pid 2>/dev/null || :
	start alive
	touch "$SLUICE_DIR/no-socket.sock" "$SLUICE_DIR/alive.lock"
	expect 0 ls
	cat >"$scratch/expected" <<END
pipeline  state    $(printf '%*s' ${#pid} pid)  socket
alive     answers  $(printf '%3s' $pid)  $SLUICE_DIR/alive.sock
killed    gone     $(printf '%*s' $((${#pid} > 3 ? ${#pid} : 3)) -)  $SLUICE_DIR/killed.sock
END
	diff "$scratch/expected" "$scratch/out" || fail "another table"
	[ ! -s "$scratch/talk" ] || fail "talks: $(cat "$scratch/talk")"
	# The same by an option, from anywhere.
	(unset SLUICE_DIR && cd "$scratch" && "$program" ls --folder=there) |
		sed "s,  there/,  $SLUICE_DIR/," | cmp - "$scratch/expected" ||
		fail "--folder finds others"
	expect 0 ls --json
	"$schema_check" "$tree/docs/sluice-ls.schema.json" "$scratch/out" ||
		fail "ls --json is not what the schema says"
	grep -qF "\"pid\": $pid" "$scratch/out" || fail "no pid in JSON"
	expect 0 ls --json="$scratch/document"
	cmp "$scratch/expected" "$scratch/out" || fail "--json=FILE: no table"
	# To look leaves it as it was.
	expect 0 ls
	cmp "$scratch/expected" "$scratch/out" || fail "looking has changed it"
	exec 9>&-
	wait $pid || fail "the listener has failed"
	expect 0 ls
	grep -q alive "$scratch/out" && fail "one that has left is listed"

	SLUICE_DIR=relative
	expect 1 ls
	grep -qF "SLUICE_DIR 'relative' is not an absolute path" \
		"$scratch/talk" || fail "says $(cat "$scratch/talk")"
	unset SLUICE_DIR
}

# In each place where the engine may have put it.
check_where()
{
	mkdir -m 700 "$scratch/runtime" "$scratch/tmp"
	XDG_RUNTIME_DIR=$scratch/runtime
	export XDG_RUNTIME_DIR
	start there
	expect 0 ls
	grep -q "^there .* $XDG_RUNTIME_DIR/sluice/there.sock\$" "$scratch/out" ||
		fail "not in XDG_RUNTIME_DIR: $(cat "$scratch/out")"
	exec 9>&-
	wait $pid
	unset XDG_RUNTIME_DIR
	[ "$(id -u)" -ne 0 ] || return 0
	TMPDIR=$scratch/tmp
	export TMPDIR
	start elsewhere
	expect 0 ls
	grep -q "^elsewhere .* $TMPDIR/sluice-$(id -u)/elsewhere.sock\$" \
		"$scratch/out" || fail "not in TMPDIR: $(cat "$scratch/out")"
	exec 9>&-
	wait $pid
}

# What bash offers is what the program has.
check_complete()
{
	command -v bash >/dev/null || exit 77
	PATH=${program%/*}:$PATH bash -c '
		. "$1"
		COMP_WORDS=(sluice "") COMP_CWORD=1
		_sluice sluice "" sluice
		echo "${COMPREPLY[@]}"
		COMP_WORDS=(sluice ls --f) COMP_CWORD=2
		_sluice sluice --f ls
		echo "${COMPREPLY[@]}"
		cd "$2/docs/man"
		COMP_WORDS=(sluice ls --folder = sluice.1) COMP_CWORD=4
		_sluice sluice sluice.1 =
		echo "${COMPREPLY[@]}"' - "$tree/tools/cli/completion.bash" \
		"$tree" >"$scratch/offered"
	cat >"$scratch/expected" <<END
$commands --help --version
--folder=
sluice.1.scd
END
	diff "$scratch/expected" "$scratch/offered" || fail "offers others"
}

case $part in
help | man | exit | ls | where | complete) ;;
*) fail "no such part" ;;
esac
"check_$part"
