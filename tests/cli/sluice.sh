#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# sluice as a user runs it.
#
#   sluice.sh PART PROGRAM SCHEMA_CHECK TREE LISTENER HANDLERS WATCHED
set -eu
# shellcheck source=tests/cli/tool_common.sh
. "${0%/*}/tool_common.sh"
listener=$5 handlers=$6 watched=$7
commands="ls recv run send stat top export"

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

# A parser of others reads it.
check_export()
{
	watch orders
	expect 0 export orders
	[ "$(tail -n 1 "$scratch/out")" = "# EOF" ] || fail "no end"
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

# file: what is on stdin, in the scratch folder beside the object with handlers.
file()
{
	cp "$handlers" "$scratch/handlers.so"
	cat >"$scratch/pipeline.yaml"
}

# doubles KEY...: 1 to 100000, by two stages, into a file.
doubles()
{
	file <<END
pipeline: {name: doubles, workers: 2}
stages:
  - name: numbers
    kind: producer
    out_bytes: 8
    object: handlers.so
    state: numbers_state
    handle_demand: numbers
    dispatcher: jbsq
    in_flight_max: 64
  - &twice
    {name: twice, kind: producer_consumer, in_bytes: 8, out_bytes: 8,
     object: handlers.so, handle_events: twice}
  - {name: again, kind: producer_consumer, in_bytes: 8, out_bytes: 8,
     object: handlers.so, handle_events: twice}
  - {name: out, in_bytes: 8, sink: {file: $1}}
subscriptions:
  - {consumer: twice, producer: numbers, max_demand: 1k, min_demand: half}
  - {consumer: again, producer: numbers, min_demand: 0}
  - {consumer: out, producer: twice}
  - {consumer: out, producer: again}
END
}

check_run()
{
	doubles out.bin
	expect 0 run "$scratch/pipeline.yaml"
	grep -Eq '^numbers  producer +0  100000  ' "$scratch/out" ||
		fail "says $(cat "$scratch/out")"
	tail -1 "$scratch/out" | grep -qx "complete: every event was handled" ||
		fail "does not say how it ended"
	[ ! -s "$scratch/talk" ] || fail "talks: $(cat "$scratch/talk")"
	# Each is there once, doubled; twice as well, for the file is written over.
	expect 0 run "$scratch/pipeline.yaml"
	od -An -v -tu8 -w8 "$scratch/out.bin" | tr -d ' ' | sort -n \
		>"$scratch/got"
	seq 2 2 200000 | cmp - "$scratch/got" || fail "events are lost or doubled"
	sed -i 's/file: out.bin/&, append: true/' "$scratch/pipeline.yaml"
	expect 0 run "$scratch/pipeline.yaml" --quiet
	[ ! -s "$scratch/out" ] || fail "--quiet says $(cat "$scratch/out")"
	[ "$(wc -c <"$scratch/out.bin")" -eq 1600000 ] || fail "append does not"
	expect 0 run "$scratch/pipeline.yaml" --json
	"$schema_check" "$tree/docs/sluice-run.schema.json" "$scratch/out" ||
		fail "run --json is not what the schema says"

	# From stdin, paths being those of the folder one stands in; to stdout, where
	# nothing else goes.
	doubles '"-"'
	(cd "$scratch" && "$program" run - <pipeline.yaml) |
		od -An -v -tu8 -w8 | tr -d ' ' | sort -n | cmp - "$scratch/got" ||
		fail "stdin and stdout carry something else"
	refused "--json: stdout is a sink's" run "$scratch/pipeline.yaml" --json
	file <<'END'
stages:
  - {name: some, out_bytes: 8, object: handlers.so,
     source: {next: some, ctx: three}}
  - {name: tasks, in_bytes: 8, object: handlers.so,
     spawn: {task: task, max_demand: 2, min_demand: 0}}
subscriptions:
  - {consumer: tasks, producer: some, on_end: permanent}
END
	expect 0 run "$scratch/pipeline.yaml"
	grep -Eq '^tasks +consumer +3  ' "$scratch/out" ||
		fail "tasks: says $(cat "$scratch/out")"
	# What fails says who, and the table what was done until then.
	sed -i 's/spawn: {[^}]*}/kind: consumer, handle_events: broken/' \
		"$scratch/pipeline.yaml"
	expect 1 run "$scratch/pipeline.yaml"
	grep -qF "stage 'tasks': handle_events returned -19" "$scratch/talk" ||
		fail "says $(cat "$scratch/talk")"
	grep -Eq '^some +producer +0 ' "$scratch/out" || fail "no table"
	sed -i 's/kind: consumer,/& restart: transient,/' "$scratch/pipeline.yaml"
	expect 1 run "$scratch/pipeline.yaml"
	grep -q "^sluice run: stage 'tasks': restarted" "$scratch/talk" ||
		fail "the log is not there"
}

# wrong PLACE SENTENCE: what is on stdin is refused there.
wrong()
{
	file
	refused "sluice run: $scratch/pipeline.yaml:$1: $2" \
		run "$scratch/pipeline.yaml"
}

# wrong_at SENTENCE: the same, at the @, which is not part of it.
wrong_at()
{
	cat >"$scratch/marked"
	line=$(grep -n @ "$scratch/marked")
	column=${line#*:}
	column=${column%%@*}
	sed 's/@//' "$scratch/marked" | wrong "${line%%:*}:$((${#column} + 1))" "$1"
}

# one SENTENCE KEYS: a stage with these.
one()
{
	echo "stages: [{name: it, $2}]" | wrong_at "stages[0]$1"
}

check_wrong()
{
	expect 1 run /nonexistent/file
	grep -qx "sluice run: /nonexistent/file: No such file or directory" \
		"$scratch/talk" || fail "says $(cat "$scratch/talk")"
	expect 1 run "$scratch"
	file </dev/null
	refused "pipeline.yaml: is empty" run "$scratch/pipeline.yaml"
	printf 'stages: \377\n' | file
	refused "byte 8: invalid" run "$scratch/pipeline.yaml"
	printf 'a:\n\tb: 1\n' | wrong 2:1 "found character that cannot start"
	printf 'stages: [\n' | wrong 2:1 "did not find expected node content"
	echo "- stages" | wrong 1:1 "must be a mapping"
	echo "stages: 3" | wrong 1:9 "stages: must be a list"
	echo "pipeline: {}" | wrong 1:1 "stages: is missing"
	echo "stages: [3]" | wrong 1:10 "stages[0]: must be a mapping"
	printf 'stages: []\nstage: []\n' | wrong 2:1 \
		"there is no key 'stage'; there are: pipeline, listen, stages"
	printf 'stages: []\n---\nmore: 1\n' | wrong 3:1 "a second document"
	echo "stages: [{kind: consumer}]" | wrong 1:10 "stages[0].name: is missing"
	one ".in_bytes: must be a whole number in [1, 65536]" "in_bytes: @0"
	one ": there is no key 'in_bites'; sluice(1) has all" "@in_bites: 8"
	one ".in_bytes: is there twice" "in_bytes: 8, @in_bytes: 8"
	one ".kind: must be one of producer, producer_consumer, c" "kind: @any"
	one ".blocking: must be true or false" "blocking: @maybe"
	one ".kind: must be one value" "kind: @[consumer]"
	one ".dispatcher: must not be empty" "dispatcher: @''"
	one ".object: $scratch/none.so: cannot open" "object: @none.so"
	one ".init: names a symbol, and there is no object: to" "init: @it"
	one ".init: the object has no symbol 'it'" \
		"object: handlers.so, init: @it"
	one ".source: must be a mapping" "source: @file"
	one ".source: there is no key 'path'; there are: object, file, next" \
		"source: {@path: x}"
	one ".source: file or next, one of them" "source: @{}, out_bytes: 8"
	one ".source: file: $scratch/none: No such file" \
		"source: {file: @none}, out_bytes: 8"
	one ".sink: file: /none/there: No such file" \
		"sink: {file: @/none/there}, in_bytes: 8"
	# What only the library knows has the place of the value that it names.
	one ": stage 'it': unknown dispatcher 'best'; there are" \
		"dispatcher: @best, source: {file: pipeline.yaml}, out_bytes: 8"
	one ": relay: has a kind, a state and handlers alr" \
		"relay: @true, kind: consumer, in_bytes: 8"
	one ": relay: in_bytes and out_bytes must be the" \
		"relay: @true, out_bytes: 4, in_bytes: 8"
	one ": stage 'it': handle_events is missing for its kind" \
		"kind: @consumer, in_bytes: 8"
	echo "stages: [@{name: it, source: {}, sink: {file: x}}]" |
		wrong_at "stages[0]: source, sink, spawn and relay: one of them at"
	echo "{pipeline: {workers: @99999}, stages: []}" | wrong_at \
		"pipeline: pipeline 'pipeline': workers 99999 is over the limit"
	subscribed ".max_demand: must be a whole number" \
		"consumer: it, producer: from, max_demand: @0"
	subscribed ": no stage is called 'nobody'" \
		"consumer: @nobody, producer: from"
	subscribed ".partition: must be a whole number in [0, 4095]" \
		"consumer: it, producer: from, partition: @4096"
	subscribed ": subscription of 'it' to 'from': min_demand 4 must be b" \
		"consumer: it, producer: from, max_demand: 4, min_demand: @4"
	wrong 3:4 "subscriptions[0].producer: is missing" <<END
stages: [{name: it, in_bytes: 8, sink: {file: out.bin}}]
subscriptions:
 - {consumer: it}
END
	# A start sees the whole; --check does not start, and writes nothing.
	echo "stages: [{name: it, in_bytes: 8, sink: {file: out.bin}}]" | file
	expect 1 run "$scratch/pipeline.yaml"
	grep -qF "yaml:1:10: stages[0]: stage 'it' is a consumer without" \
		"$scratch/talk" || fail "says $(cat "$scratch/talk")"
	echo kept >"$scratch/kept"
	doubles kept
	expect 0 run "$scratch/pipeline.yaml" --check
	[ "$(cat "$scratch/kept" "$scratch/out" "$scratch/talk")" = kept ] ||
		fail "--check writes"
	[ ! -w /dev/full ] || {
		doubles /dev/full
		expect 1 run "$scratch/pipeline.yaml"
	}
}

# subscribed SENTENCE KEYS: a subscription with these.
subscribed()
{
	wrong_at "subscriptions[0]$1" <<END
stages:
  - {name: from, out_bytes: 8, source: {file: pipeline.yaml}}
  - {name: it, in_bytes: 8, sink: {file: out.bin}}
subscriptions:
  - {$2}
END
}

# for_ever HANDLER: numbers without end, and what handles them.
for_ever()
{
	file <<END
pipeline: {name: endless}
stages:
  - {name: ever, out_bytes: 8, object: handlers.so, source: {next: for_ever}}
  - {name: at, kind: consumer, in_bytes: 8, object: handlers.so,
     init: says, handle_events: $1}
subscriptions:
  - {consumer: at, producer: ever}
END
}

# signalled CODE OPTION...: it runs until each of $signals has come.
signalled()
{
	code=$1
	shift
	mkfifo "$scratch/begun"
	"$program" run "$scratch/pipeline.yaml" --json="$scratch/json" "$@" \
		>"$scratch/begun" 2>"$scratch/talk" &
	pid=$!
	exec 9<"$scratch/begun"
	read -r word <&9
	[ "$word" = begun ] || fail "it says $word"
	for signal in $signals; do
		kill -s "$signal" $pid
	done
	rc=0
	wait $pid || rc=$?
	exec 9<&-
	rm "$scratch/begun"
	[ $rc -eq "$code" ] || fail "$signals: ends with $rc, not $code"
	"$schema_check" "$tree/docs/sluice-run.schema.json" "$scratch/json" ||
		fail "--json is not what the schema says"
}

check_signals()
{
	for signals in INT TERM; do
		for_ever drop
		signalled 0
		grep -qF '"end": "drained: every event was handled"' \
			"$scratch/json" || fail "says $(cat "$scratch/json")"
	done
	# Nobody writes to what a source reads, or reads what a sink writes.
	mkfifo "$scratch/silent" "$scratch/full"
	exec 8<>"$scratch/silent" 7<>"$scratch/full"
	# Until there is no room for a page.
	dd if=/dev/zero of="$scratch/full" bs=4096 oflag=nonblock \
		2>/dev/null || :
	file <<'END'
stages:
  - {name: from, out_bytes: 8, source: {file: silent}}
  - {name: to, in_bytes: 8, sink: {file: out.bin}, object: handlers.so,
     init: says}
subscriptions: [{consumer: to, producer: from}]
END
	signals=TERM signalled 0
	grep -qF '"end": "drained: every event was handled"' "$scratch/json" ||
		fail "says $(cat "$scratch/json")"
	file <<'END'
stages:
  - {name: from, out_bytes: 8, object: handlers.so, source: {next: for_ever}}
  - {name: to, in_bytes: 8, sink: {file: full}, object: handlers.so,
     init: says}
subscriptions: [{consumer: to, producer: from}]
END
	signals="TERM INT" signalled 1
	exec 8<&- 7<&-
	# What does not return is waited for, until somebody says no.
	for_ever stuck
	signals="TERM INT" signalled 1
	grep -qF "was stopped before its streams ended" "$scratch/talk" ||
		fail "says $(cat "$scratch/talk")"
	signals=INT signalled 1 --drain=50ms
	grep -qF "not drained after 50 ms" "$scratch/talk" ||
		fail "says $(cat "$scratch/talk")"
	grep -qF '"signals": 1' "$scratch/json" || fail "no signal is told"
}

case $part in
help | man | exit | ls | where | complete | run | wrong | signals) ;;
stat | top | export) ;;
*) fail "no such part" ;;
esac
"check_$part"
