#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# sluice run: pipelines that a file describes.
#
#   sluice_run.sh PART PROGRAM SCHEMA_CHECK TREE HANDLERS TAKER
set -eu
# shellcheck source=tests/cli/tool_common.sh
. "${0%/*}/tool_common.sh"
handlers=$5 taker=$6

# What the environment of who runs the tests says is not meant.
unset SLUICE_DIR XDG_RUNTIME_DIR

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
  - {consumer: out, producer: twice, max_demand: auto}
  - {consumer: out, producer: again, max_demand: auto, min_demand: half,
     auto_events: 4k, auto_wait_us: 200}
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

# A program, which is named before what it reads from, and comes back.
check_exec()
{
	file <<'END'
pipeline: {backoff_ms: 1}
stages:
  - name: taker
    exec: {argv: [./taker, got.bin], from: numbers, max_demand: 64,
           restart: transient}
  - name: numbers
    kind: producer
    out_bytes: 8
    object: handlers.so
    state: numbers_state
    handle_demand: numbers
END
	ln -sf "$taker" "$scratch/taker"
	(cd "$scratch" && expect 0 run "$scratch/pipeline.yaml")
	all_taken
	rm "$scratch/got.bin"
	sed -i 's/max_demand: 64/&, env: [TAKER_DIES=1]/' "$scratch/pipeline.yaml"
	(cd "$scratch" && expect 0 run "$scratch/pipeline.yaml" \
		--json="$scratch/json")
	grep -q "^sluice run: stage 'taker': .*signal 9; restarting in" \
		"$scratch/talk" || fail "says $(cat "$scratch/talk")"
	grep -qE '^taker  *consumer  *[1-9][0-9]*  *0  *0  *1  *0  *0$' \
		"$scratch/out" || fail "ends with $(cat "$scratch/out")"
	"$schema_check" "$tree/docs/sluice-run.schema.json" "$scratch/json" ||
		fail "run --json is not what the schema says"
	all_taken
	rm "$scratch/got.bin"
	sed -i 's/restart: transient/end_ms: 1/' "$scratch/pipeline.yaml"
	(cd "$scratch" && expect 1 run "$scratch/pipeline.yaml")
	grep -q "stage 'taker': process [0-9]* was killed by signal 9" \
		"$scratch/talk" || fail "says $(cat "$scratch/talk")"
}

# never OPTION: a program that does not attach, whatever becomes of it then, is no
# success.
never()
{
	file <<END
pipeline: {backoff_ms: 1}
stages:
  - {name: numbers, kind: producer, out_bytes: 8, object: handlers.so,
     state: numbers_state, handle_demand: numbers}
  - {name: idler, exec: {argv: [sh, -c, "exit ${2:-0}"], from: numbers, $1}}
END
	expect 1 run "$scratch/pipeline.yaml"
	grep -q complete "$scratch/out" && fail "$1 is complete"
	grep -q '^numbers ' "$scratch/out" || fail "$1: no table"
}

check_never()
{
	said="sluice run: stage 'idler': its program never attached, and the pipeline has ended without it"
	for restart in none transient temporary; do
		never "restart: $restart"
		grep -qxF "$said" "$scratch/talk" ||
			fail "$restart says $(cat "$scratch/talk")"
	done
	never "restart: temporary" 3
	grep -qxF "$said" "$scratch/talk" || fail "says $(cat "$scratch/talk")"
	expect 1 run "$scratch/pipeline.yaml" --json
	"$schema_check" "$tree/docs/sluice-run.schema.json" "$scratch/out" ||
		fail "run --json is not what the schema says"
	grep -qF "\"end\": \"${said#sluice run: }\"" "$scratch/out" ||
		fail "--json says $(cat "$scratch/out")"
	# What the library says is said.
	never "attach_ms: 60000" 3
	grep -qF "has exited with 3" "$scratch/talk" ||
		fail "says $(cat "$scratch/talk")"
}

# Of "numbers", 1 to 100000, each at least once.
all_taken()
{
	od -An -v -tu8 -w8 "$scratch/got.bin" | tr -d ' ' | sort -n -u \
		>"$scratch/got"
	seq 1 100000 | cmp - "$scratch/got" || fail "events are lost"
}

# wrong PLACE SENTENCE: what is on stdin is refused there, in these modes.
modes='--check --quiet'
wrong()
{
	file
	for mode in $modes; do
		refused "sluice run: $scratch/pipeline.yaml:$1: $2" \
			run "$scratch/pipeline.yaml" "$mode"
	done
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

# program SENTENCE KEYS: a program with these, beside a stage that may be read from.
program()
{
	echo "stages: [{name: it, exec: $2}, {name: src, out_bytes: 8, source: {file: pipeline.yaml}}]" |
		wrong_at "stages[0]$1"
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
	modes=--quiet # a sink's file is not opened when all is only checked
	one ".sink: file: /none/there: No such file" \
		"sink: {file: @/none/there}, in_bytes: 8"
	modes='--check --quiet'
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
		wrong_at "stages[0]: source, sink, spawn, exec and relay: one of th"
	one ".exec.argv: is missing" "exec: @{}"
	one ".exec: there is no key 'args'" "exec: {@args: []}"
	one ".exec.argv[1]: must be one value" "exec: {argv: [true, @[]]}"
	one ".exec.env[0]: must be one value" "exec: {argv: [a], env: [@{}]}"
	one ".exec.end_ms: must be a whole number in [1, 3600000]" \
		"exec: {argv: [true], end_ms: @0}"
	one ".exec: stage 'it': max_deliveries 2 is not in [3, 1000000]" \
		"exec: {argv: [true], from: a, max_deliveries: @2}"
	one ".exec.restart: must be one of none, permanent, tra" \
		"exec: {argv: [true], restart: @never}"
	one ".exec: stage 'it': argv names no program" "exec: {argv: @[]}"
	one ".exec: stage 'it': from and to are NULL" "exec: @{argv: [true]}"
	echo "stages: [@{name: it, in_bytes: 8, exec: {argv: [true]}}]" |
		wrong_at "stages[0]: exec has nothing beside it but a name"
	program ".exec: stage 'it': there is no stage 'none'" \
		"{argv: [true], from: @none}"
	program ".exec: stage 'it': no-such-program: No such file or directory" \
		"@{argv: [no-such-program], from: src}"
	program ".exec: stage 'it': $scratch/./none: No such file or directory" \
		"@{argv: [./none], from: src}"
	echo "{pipeline: {workers: @99999}, stages: []}" | wrong_at \
		"pipeline: pipeline 'pipeline': workers 99999 is over the limit"
	subscribed ".max_demand: must be auto, or a whole number" \
		"consumer: it, producer: from, max_demand: @0"
	subscribed ": no stage is called 'nobody'" \
		"consumer: @nobody, producer: from"
	subscribed ".partition: must be a whole number in [0, 4095]" \
		"consumer: it, producer: from, partition: @4096"
	subscribed ": subscription of 'it' to 'from': min_demand 4 must be b" \
		"consumer: it, producer: from, max_demand: 4, min_demand: @4"
	subscribed ": subscription of 'it' to 'from': min_demand 4 is of a f" \
		"consumer: it, producer: from, max_demand: auto, min_demand: @4"
	subscribed ": subscription of 'it' to 'from': auto_events 4 is for m" \
		"consumer: it, producer: from, auto_events: @4"
	subscribed ".auto_events: must be a whole number in [1, 4294967295]" \
		"consumer: it, producer: from, max_demand: auto, auto_events: @0"
	wrong 3:4 "subscriptions[0].producer: is missing" <<END
stages: [{name: it, in_bytes: 8, sink: {file: out.bin}}]
subscriptions:
 - {consumer: it}
END
	# The whole is checked before anything is written; --check does not start.
	echo kept >"$scratch/kept"
	wrong 1:10 "stages[0]: stage 'it' is a consumer without" <<END
stages: [{name: it, in_bytes: 8, sink: {file: kept}}]
END
	grep -qF "or set on_idle to stay" "$scratch/talk" ||
		fail "speaks C: $(cat "$scratch/talk")"
	[ "$(cat "$scratch/kept")" = kept ] || fail "a refused graph was written"
	echo "{pipeline: {name: x}, stages: []}" | file
	refused "sluice run: pipeline 'x': it has no stages" \
		run "$scratch/pipeline.yaml" --check
	listens "peers: the pipeline has no name" "{}" "@{}"
	listens "pipeline 'a b': for peers, name may hold" "{name: a b}" "@{}"
	listens "listen: max_deliveries 2 is not in [3, 1000000], nor 0" \
		"{name: x}" "{max_deliveries: @2}"
	listens "listen: on_stall 1 with stall_ms 0" "{name: x}" \
		"{on_stall: @detach}"
	# Nobody listens when that is all that is asked.
	echo "{pipeline: {name: x}, listen: {folder: .}, stages: [$fed]}" | file
	expect 0 run "$scratch/pipeline.yaml" --check
	[ ! -e "$scratch/x.lock" ] || fail "--check listens"
	doubles kept
	expect 0 run "$scratch/pipeline.yaml" --check
	[ "$(cat "$scratch/kept" "$scratch/out" "$scratch/talk")" = kept ] ||
		fail "--check writes"
	[ ! -w /dev/full ] || {
		doubles /dev/full
		expect 1 run "$scratch/pipeline.yaml"
	}
}

# listens SENTENCE PIPELINE KEYS: a pipeline that listens so.
fed="{name: fed, in_bytes: 8, sink: {file: kept}, on_idle: stay, peers_feed: true}"
listens()
{
	echo "{pipeline: $2, listen: $3, stages: [$fed]}" |
		wrong_at "listen: $1"
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
run | exec | never | wrong | signals) ;;
*) fail "no such part" ;;
esac
"check_$part"
