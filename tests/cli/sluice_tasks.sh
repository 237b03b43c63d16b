#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# sluice tasks as a user runs it.
#
#   sluice_tasks.sh PART PROGRAM SCHEMA_CHECK TREE
set -eu
# shellcheck source=tests/cli/tool_common.sh
. "${0%/*}/tool_common.sh"
verbs="enqueue ls show retry cancel prune stats"
url=sqlite:$scratch/tasks.db

# tasks EXIT ARGUMENT...
tasks()
{
	code=$1
	shift
	expect "$code" tasks "$@"
}

# says TEXT: stderr has it.
says()
{
	grep -qF -e "$1" "$scratch/talk" ||
		fail "does not say '$1' but: $(cat "$scratch/talk")"
}

# out TEXT: stdout is this line.
out()
{
	[ "$(cat "$scratch/out")" = "$1" ] ||
		fail "stdout is not '$1' but: $(cat "$scratch/out")"
}

is_json()
{
	"$schema_check" "$tree/docs/sluice-tasks.schema.json" "$scratch/out" ||
		fail "no document of the schema: $(cat "$scratch/out")"
}

check_help()
{
	man=$tree/docs/man/sluice-tasks.1.scd
	echo --version >"$scratch/there"
	for verb in $verbs; do
		help_is "help_sluice/tasks_$verb" tasks "$verb"
		grep -q "^\*$verb\*" "$man" || fail "no $verb in the page"
		grep -oE '^  --[a-z-]+' "$scratch/out" | tr -d ' ' \
			>>"$scratch/there"
	done
	sort -u -o "$scratch/there" "$scratch/there"
	grep -oE '\*--[a-z-]+' "$man" | tr -d '*' | sort -u >"$scratch/named"
	diff "$scratch/there" "$scratch/named" ||
		fail "options there are (<) and in the page (>) differ"
}

check_life()
{
	tasks 4 ls "$url"
	says "unable to open"
	tasks 0 enqueue "$url" --payload=hello --kind=mail
	out 1
	tasks 0 enqueue "$url" --payload=x --queue=later --delay=3600s
	out 2
	printf 'a\nb\n\nc' >"$scratch/lines"
	tasks 0 enqueue "$url" --lines --queue=lines --json <"$scratch/lines"
	is_json
	tr -d ' \n' <"$scratch/out" | grep -qF '"ids":[3,4,5,6]' || fail "ids"
	printf 'all of it\n' >"$scratch/lines"
	tasks 0 enqueue "$url" --key=k <"$scratch/lines"
	out 7
	tasks 0 enqueue "$url" --key=k --payload=x
	out ""
	says "a task with that key is there"
	tasks 0 show "$url" 7
	grep -qxF "payload      10 bytes: all of it." "$scratch/out" || fail "show"
	tasks 0 show "$url" 7 --json
	is_json
	tasks 0 ls "$url"
	[ "$(wc -l <"$scratch/out")" -eq 8 ] || fail "ls has not all"
	tasks 0 ls "$url" --status=scheduled
	[ "$(wc -l <"$scratch/out")" -eq 2 ] || fail "ls --status"
	tasks 0 ls "$url" --queue=lines --count=2 --json
	is_json
	[ "$(grep -c '"id"' "$scratch/out")" -eq 2 ] || fail "ls --count"
	tasks 0 cancel "$url" 1
	out "1 cancelled"
	tasks 0 cancel "$url" 1
	out "0 cancelled: it has ended"
	tasks 0 retry "$url" 1
	out "1 ready again"
	tasks 0 retry "$url" all --queue=later
	out "0 ready again"
	tasks 0 cancel "$url" 1 --json
	is_json
	tasks 0 stats "$url" --json
	is_json
	tasks 0 stats "$url" --queue=lines --every=10ms --json=/dev/null &
	pid=$!
	sleep 0.1
	for id in 3 4 5 6; do
		"$program" tasks cancel "$url" $id >"$scratch/cancelled"
	done
	wait $pid || fail "stats --every does not end with the tasks"
	tasks 0 prune "$url"
	out "0 forgotten"
	tasks 0 prune "$url" --older=0s
	out "5 forgotten"
}

check_refused()
{
	tasks 0 enqueue "$url" --payload=x
	tasks 2
	tasks 2 frob
	says "there are: $verbs"
	tasks 2 ls
	tasks 2 show "$url" x
	says "ID 'x' is not the number of a task"
	tasks 2 show "$url" 99999999999999999999
	tasks 2 ls "$url" --status=some
	says "must be one of scheduled, ready"
	tasks 2 enqueue "$url" --priority=32768
	says "must be in [-32768, 32767]"
	tasks 2 enqueue "$url" --lines --payload=x
	tasks 4 show "$url" 99
	says "there is no task 99"
	tasks 4 cancel "$url" 99
	tasks 4 retry "$url" 99
	tasks 1 ls mysql://x
	says "is no store"
	tasks 1 enqueue "$url" --payload=x --queue='a b'
	says "a name is 1 to 63"
	tasks 1 ls "sqlite:$tree/README.md"
	says "not a database"
	tasks 4 ls "sqlite:$scratch/none/none.db"
}

case $part in
help | life | refused) ;;
*) fail "no such part" ;;
esac
"check_$part"
