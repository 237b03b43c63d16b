#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# sluice as a user runs it: what it says of itself, of pipelines, and of one that
# another process has. sluice_run.sh has those that it runs, sluice_peer.sh those it
# attaches to.
#
#   sluice.sh PART PROGRAM SCHEMA_CHECK TREE LISTENER WATCHED
set -eu
# shellcheck source=tests/cli/tool_common.sh
. "${0%/*}/tool_common.sh"
listener=$5 watched=$6
commands="ls recv run send tap stat top inspect tasks export"

# What the environment of who runs the tests says is not meant.
unset SLUICE_DIR XDG_RUNTIME_DIR

check_help()
{
	help_is help_sluice/sluice
	for command in $commands; do
		help_is "help_sluice/$command" "$command"
	done
}

# The page names every command, and every key of a file.
check_man()
{
	page=$tree/docs/man/sluice.1.scd
	grep -hv define "$tree"/tools/sluice/graph*.c |
		grep -oE '\b([PSOTL](_SYMBOL)?\(([A-Z]+, )?[a-z_]+|KEY[A-Z_]*\([A-Z]+, "[a-z_]+)' |
		sed 's/.*[ "(]//' | sort -u \
		>"$scratch/keys"
	[ "$(wc -l <"$scratch/keys")" -ge 80 ] || fail "keys are not found"
	while read -r key; do
		grep -qF "*$key*" "$page" || fail "no key $key in the page"
	done <"$scratch/keys"
	for command in $commands; do
		grep -q "^\*$command\*" "$page" || fail "no $command in the page"
	done
	# Word splitting is meant.
	# shellcheck disable=SC2086
	options_are "$page" $commands
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
	refused "one FILE is taken, not 0" run
	refused "one NAME is taken, not 2" recv a b
	refused "--from: is missing" recv a
	refused "--to: is missing" send a
	refused "--resume: needs a --name" send a --to=b --resume
	refused "--format=json: must be one of text, hex, raw" \
		recv a --from=b --format=json
	refused "--folder=x: 'run' has no such option, others have" \
		run --folder=x
	refused "--drain=0: must be forever, or a number with one of the" \
		run --drain=0 file
	refused "'word': only options are taken" ls word
	refused "--json: is given twice" ls --json --json
	expect 1 ls --folder="$tree/README.md"
	grep -qF "README.md: Not a directory" "$scratch/talk" ||
		fail "says $(cat "$scratch/talk")"
	[ ! -w /dev/full ] || {
		expect 1 ls --folder="$scratch" --json=/dev/full
		full_disk --help
	}
	for named in "recv a --from=b" "send a --to=b" "tap a b" "stat a" \
		"top a" "inspect a" "export a"; do
		same_exit "$named"
	done
}

# same_exit COMMAND: for the same fault as all that take a NAME, here "a".
same_exit()
{
	# Word splitting is meant.
	# shellcheck disable=SC2086
	{
		expect 4 $1 --folder="$scratch"
		expect 4 $1 --folder="$scratch/none"
		expect 1 $1 --folder="$tree/README.md"
		SLUICE_DIR=relative expect 1 $1
		grep -qF "SLUICE_DIR 'relative' is not an absolute path" \
			"$scratch/talk" || fail "'$1' says $(cat "$scratch/talk")"
		set -- $1
		verb=$1
		shift 2
		refused "NAME 'a:b': a name is 1 to 63 of" "$verb" a:b "$@"
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
	# One that is stopped is there, and does not answer.
	kill -STOP $pid
	expect 0 ls
	grep -qx "alive  *silent  *$pid  .*" "$scratch/out" ||
		fail "one that is stopped: $(cat "$scratch/out")"
	expect 0 ls --json
	"$schema_check" "$tree/docs/sluice-ls.schema.json" "$scratch/out" ||
		fail "ls --json is not what the schema says"
	kill -CONT $pid
	expect 0 ls
	cmp "$scratch/expected" "$scratch/out" || fail "it answers again, not so"
	exec 9>&-
	wait $pid || fail "the listener has failed"
	expect 0 ls
	grep -q alive "$scratch/out" && fail "one that has left is listed"

	# No pipeline has such a name.
	mv "$SLUICE_DIR/killed.sock" "$SLUICE_DIR/a b.sock"
	expect 0 ls
	[ ! -s "$scratch/out" ] || fail "lists $(cat "$scratch/out")"
	SLUICE_DIR=relative
	expect 1 ls
	grep -qF "SLUICE_DIR 'relative' is not an absolute path" \
		"$scratch/talk" || fail "says $(cat "$scratch/talk")"
	unset SLUICE_DIR
}

# watch NAME: a pipeline of that name runs, in the folder of the environment; its
# pid is in $pid, and it drains when descriptor 9 is closed.
watch()
{
	SLUICE_DIR=$scratch/there
	export SLUICE_DIR
	mkdir -m 700 "$SLUICE_DIR"
	mkfifo "$scratch/$1.in" "$scratch/$1.ready"
	"$watched" "$1" <"$scratch/$1.in" >"$scratch/$1.ready" 2>"$scratch/$1.log" &
	pid=$!
	exec 9>"$scratch/$1.in"
	read -r _ <"$scratch/$1.ready" ||
		fail "no pipeline: $(cat "$scratch/$1.log")"
}

# It is drained, and was none the worse for it.
unwatch()
{
	exec 9>&-
	wait $pid || fail "the pipeline has failed: $(cat "$scratch"/*.log)"
}

check_stat()
{
	watch orders
	expect 0 stat orders
	[ ! -s "$scratch/talk" ] || fail "talks: $(cat "$scratch/talk")"
	grep -q '^pipeline orders, running$' "$scratch/out" || fail "no head"
	grep -qE '^numbers .* [0-9]' "$scratch/out" || fail "no stage"
	grep -qE '^slow  *numbers  open ' "$scratch/out" || fail "no subscription"
	grep -qE ' $' "$scratch/out" && fail "lines end with blanks"
	expect 0 stat orders --json
	"$schema_check" "$tree/docs/sluice-stat.schema.json" "$scratch/out" ||
		fail "stat --json is not what the schema says"
	grep -c '"came": false' "$scratch/out" | grep -qx 5 ||
		fail "not three stages and two subscriptions"
	expect 0 stat orders --json="$scratch/document"
	grep -q '^pipeline orders' "$scratch/out" || fail "--json=FILE: no table"
	# By an option, from anywhere; and who is not there.
	(unset SLUICE_DIR && "$program" stat orders --folder="$scratch/there") |
		grep -q '^numbers' || fail "--folder finds another"
	expect 4 stat nobody
	grep -qF "no pipeline listens at '$SLUICE_DIR/nobody.sock'" \
		"$scratch/talk" || fail "says $(cat "$scratch/talk")"
	[ ! -s "$scratch/out" ] || fail "tables of nobody"
	expect 2 stat 'a b'
	refused "one NAME is taken, not 0" stat
	unwatch
	unset SLUICE_DIR
}

# Elsewhere than on a terminal tables follow each other. It ends with the pipeline.
check_top()
{
	refused "--every=1ms: must be" top orders --every=1ms
	watch orders
	expect 0 top orders --rounds=2 --every=200ms
	[ "$(grep -c '^pipeline orders, running$' "$scratch/out")" -eq 2 ] ||
		fail "not two rounds"
	expect 0 top orders --rounds=2 --every=200ms --json
	[ "$(wc -l <"$scratch/out")" -eq 2 ] || fail "--json: not two lines"
	"$schema_check" "$tree/docs/sluice-top.schema.json" "$scratch/out" lines ||
		fail "top --json is not what the schema says"
	grep -o '"came":false' "$scratch/out" | wc -l | grep -qx ' *10' ||
		fail "--json: not two times five rows"
	grep -qF '"span_ns":0,' "$scratch/out" && fail "--json: no time between"
	expect 0 top orders --rounds=1 --every=200ms --json="$scratch/lines"
	grep -q '^pipeline orders, running$' "$scratch/out" ||
		fail "--json=FILE: no tables"
	"$schema_check" "$tree/docs/sluice-top.schema.json" "$scratch/lines" \
		lines || fail "--json=FILE: not what the schema says"
	expect 1 top orders --rounds=1 --json="$scratch/nowhere/lines"
	[ ! -w /dev/full ] ||
		expect 1 top orders --rounds=1 --every=200ms --json=/dev/full
	"$program" top orders --every=200ms >"$scratch/rounds" \
		2>"$scratch/rounds.talk" 9>&- &
	top=$!
	"$program" top orders --every=200ms >"$scratch/stopped" 9>&- &
	stopped=$!
	until [ -s "$scratch/rounds" ] && [ -s "$scratch/stopped" ]; do
		sleep 0.05
	done
	kill -TERM $stopped
	wait $stopped || fail "told to stop it ends with $?"
	unwatch
	wait $top || fail "ends with $?: $(cat "$scratch/rounds.talk")"
	grep -q '^pipeline orders, ended$' "$scratch/rounds" ||
		fail "the end is not shown"
	grep -qF "sluice top: pipeline 'orders' has ended" \
		"$scratch/rounds.talk" ||
		fail "says $(cat "$scratch/rounds.talk")"
	unset SLUICE_DIR
}

# Much is checked, and all of it holds.
check_inspect()
{
	watch orders
	expect 0 inspect orders --rounds=3
	grep -qE '^pipeline orders, running: 3 stages, 2 subscriptions, [0-9]{2,} checks, 0 wrong$' \
		"$scratch/out" || fail "says $(cat "$scratch/out")"
	expect 0 inspect orders --json
	"$schema_check" "$tree/docs/sluice-inspect.schema.json" "$scratch/out" ||
		fail "inspect --json is not what the schema says"
	expect 4 inspect nobody
	# What fails here is no answer of the pipeline's.
	[ ! -w /dev/full ] || for command in stat inspect; do
		expect 1 $command orders --json=/dev/full
		expect 1 $command orders --json="$scratch/none/file"
	done
	unwatch
	unset SLUICE_DIR
}

# A parser of others reads it.
check_export()
{
	watch orders
	# Both consumers have finished something: it says so, and not that they may.
	expect 0 export orders
	while grep -q '^sluice_subscription_carried_total.* 0$' "$scratch/out"; do
		sleep 0.05
		expect 0 export orders
	done
	[ "$(tail -n 1 "$scratch/out")" = "# EOF" ] || fail "no end"
	rc=0
	"$program" export orders --json >/dev/null 2>"$scratch/talk" || rc=$?
	[ $rc -eq 2 ] || fail "--json ends with $rc"
	grep -qF -e "--json: 'export' has no such option, others have" \
		"$scratch/talk" || fail "--json says $(cat "$scratch/talk")"
	unwatch
	unset SLUICE_DIR
	/usr/bin/python3 -c 'import prometheus_client' 2>/dev/null || {
		echo "no prometheus_client: install python3-prometheus-client"
		exit 77
	}
	/usr/bin/python3 - "$scratch/out" <<'END' || fail "no OpenMetrics"
import sys
from prometheus_client.openmetrics import parser

with open(sys.argv[1], encoding="utf-8") as text:
    families = {f.name: f for f in parser.text_fd_to_metric_families(text)}
carried = families["sluice_subscription_carried"]
assert carried.type == "counter" and len(carried.samples) == 2, carried
assert {s.labels["consumer"] for s in carried.samples} == {"quick", "slow"}
assert all(s.value > 0 for s in carried.samples), carried
phase = families["sluice_stage_phase"]
assert phase.type == "stateset" and len(phase.samples) == 15, phase
assert sum(s.value for s in phase.samples) == 3, phase
time = families["sluice_stage_time_seconds"]
assert time.unit == "seconds" and len(time.samples) == 12, time
assert families["sluice_subscription_latency_seconds"].type == "summary"
END
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
help | man | exit | ls | where | complete | stat | top | inspect | export) ;;
*) fail "no such part" ;;
esac
"check_$part"
