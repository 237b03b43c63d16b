#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# sluice recv and send, beside a pipeline that sluice run has made.
#
#   sluice_peer.sh PART PROGRAM SCHEMA_CHECK TREE HANDLERS
set -eu
# shellcheck source=tests/cli/peer_common.sh
. "${0%/*}/peer_common.sh"
handlers=$5

# relay KEY: a pipeline of that name that makes capitals of what it is fed, and its
# process in $engine. KEY is one more of its stage.
relay()
{
	cp "$handlers" "$scratch/handlers.so"
	cat >"$scratch/relay.yaml" <<END
pipeline: {name: relay}
listen: {}
stages:
  - {name: upper, kind: producer_consumer, in_bytes: 12, out_bytes: 12,
     object: ./handlers.so, handle_events: upper, on_idle: stay, ${1:-}
     peers_feed: true, peers_consume: true}
  - {name: closed, relay: true, in_bytes: 12, on_idle: stay}
  - {name: queue, relay: true, in_bytes: 7, on_idle: stay,
     peers_feed: true, peers_consume: true}
  - {name: wide, relay: true, in_bytes: 65536, on_idle: stay,
     buffer_events: 1, peers_feed: true, peers_consume: true}
END
	"$program" run "$scratch/relay.yaml" --quiet 2>"$scratch/engine" &
	engine=$!
	started="$started $engine"
	until "$program" ls 2>/dev/null | grep -q '^relay *answers'; do
		kill -0 $engine || fail "no pipeline: $(cat "$scratch/engine")"
		sleep 0.05
	done
}

# recv OPTION...: in the background, its output in got; its process in $recv.
recv()
{
	# Not the lines of the one before, whoever looks first.
	: >"$scratch/got"
	"$program" recv relay --from=upper --timeout=${deadline}s "$@" \
		>"$scratch/got" 2>"$scratch/told" &
	recv=$!
	started="$started $recv"
}

# send OPTION...: what is on stdin.
send()
{
	timeout $deadline "$program" send relay --to=upper \
		--timeout=${deadline}s "$@" ||
		fail "send $* ends with $?"
}

# ends CODE PROCESS: it does.
ends()
{
	rc=0
	wait "$2" || rc=$?
	[ $rc -eq "$1" ] ||
		fail "ends with $rc, not $1: $(cat "$scratch/told" 2>/dev/null)"
}

# got_lines N: so many have come.
got_lines()
{
	tries=$((deadline * 20))
	while [ "$(wc -l <"$scratch/got")" -lt "$1" ]; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || fail "only $(wc -l <"$scratch/got") lines come"
		sleep 0.05
	done
}

# The engine is told to drain; the stream ends, and with it who reads it. That one
# has attached: something of it has been seen.
drained()
{
	kill -INT $engine
	ends 0 $engine
	ends 0 $recv
}

check_text()
{
	relay
	recv
	seq 1 20000 | sed 's/^/line /' | send
	printf 'no newline\n\nlast' | send --json >"$scratch/json"
	"$schema_check" "$tree/docs/sluice-send.schema.json" "$scratch/json" ||
		fail "send --json is not what the schema says"
	grep -qF '"sent": 3' "$scratch/json" || fail "not three are sent"
	got_lines 20003
	drained
	{
		seq 1 20000 | sed 's/^/LINE /'
		printf 'NO NEWLINE\n\nLAST\n'
	} | cmp - "$scratch/got" || fail "other lines"
	[ ! -s "$scratch/told" ] || fail "talks: $(cat "$scratch/told")"
}

# The same event, however it is written.
check_formats()
{
	relay
	recv --format=hex
	printf '61000A62\n6162636465666768696a6b6c' | send --format=hex
	printf 'abcdefghijklABCDEFGHIJKL' | send --format=raw
	got_lines 4
	drained
	cat >"$scratch/expected" <<'END'
41000a420000000000000000
4142434445464748494a4b4c
4142434445464748494a4b4c
4142434445464748494a4b4c
END
	diff "$scratch/expected" "$scratch/got" || fail "other digits"
	# Through a stage that hands on.
	relay
	recv
	echo seen | send
	got_lines 1
	printf 'first\nsecond\n' | timeout $deadline "$program" send relay \
		--to=queue || fail "the queue is not fed"
	until "$program" stat relay | grep -q '^queue  *no consumers '; do
		tries=$((${tries:-$((deadline * 20))} - 1))
		[ $tries -gt 0 ] || fail "says $("$program" stat relay)"
		sleep 0.05
	done
	timeout $deadline "$program" recv relay --from=queue --count=2 \
		>"$scratch/queue" || fail "the queue gives nothing"
	printf 'first\nsecond\n' | cmp - "$scratch/queue" || fail "other events"
	drained
	relay
	recv --format=raw
	printf 'abcdefghijkl\nab\n' | send
	until [ "$(wc -c <"$scratch/got")" -ge 24 ]; do
		sleep 0.05
	done
	drained
	printf 'ABCDEFGHIJKLAB\0\0\0\0\0\0\0\0\0\0' | cmp - "$scratch/got" ||
		fail "other bytes"
}

# An object a line, and each is as the schema says.
check_json()
{
	relay
	recv --json
	"$program" tap relay upper --json --format=text \
		>"$scratch/tapped" 2>"$scratch/tap.told" &
	tap=$!
	started="$started $tap"
	until "$program" stat relay | grep -q '^peer-.* upper  *tee '; do
		kill -0 $tap || fail "no tap: $(cat "$scratch/tap.told")"
		sleep 0.05
	done
	printf 'a\nb"\nc\n' | send
	got_lines 3
	drained
	ends 0 $tap
	cat >"$scratch/expected" <<'END'
{"seq":0,"redelivered":false,"hex":"410000000000000000000000"}
{"seq":1,"redelivered":false,"hex":"422200000000000000000000"}
{"seq":2,"redelivered":false,"hex":"430000000000000000000000"}
END
	diff "$scratch/expected" "$scratch/got" || fail "other objects"
	cat >"$scratch/expected" <<'END'
{"seq":0,"redelivered":false,"text":"A"}
{"seq":1,"redelivered":false,"text":"B\""}
{"seq":2,"redelivered":false,"text":"C"}
END
	diff "$scratch/expected" "$scratch/tapped" || fail "the tap has others"
	for command in recv tap; do
		"$schema_check" "$tree/docs/sluice-$command.schema.json" \
			"$scratch/tapped" lines ||
			fail "$command --json is not what the schema says"
	done
	"$schema_check" "$tree/docs/sluice-recv.schema.json" "$scratch/got" \
		lines || fail "recv --json is not what the schema says"
	refused "--json: goes without --format=raw" \
		recv relay --from=queue --json --format=raw
	# What one has had that could not write it says so.
	relay
	mkfifo "$scratch/full"
	exec 7<>"$scratch/full"
	dd if=/dev/zero of="$scratch/full" bs=4096 oflag=nonblock 2>/dev/null || :
	"$program" recv relay --from=queue --json >"$scratch/full" &
	stuck=$!
	started="$started $stuck"
	printf 'a\nb\n' | timeout $deadline "$program" send relay --to=queue ||
		fail "the queue is not fed"
	until "$program" stat relay | awk '$2 == "queue" && $8 == 2' | grep -q .; do
		kill -0 $stuck || fail "it ends"
		sleep 0.05
	done
	kill -9 $stuck
	wait $stuck 2>/dev/null || :
	exec 7<&-
	timeout $deadline "$program" recv relay --from=queue --json --count=2 \
		--fields=text:5,hex:2 >"$scratch/got" || fail "nothing comes"
	sed 's/"seq":[0-9]*/"seq":N/' "$scratch/got" >"$scratch/again"
	cat >"$scratch/expected" <<'END'
{"seq":N,"redelivered":true,"fields":["a","0000"]}
{"seq":N,"redelivered":true,"fields":["b","0000"]}
END
	diff "$scratch/expected" "$scratch/again" || fail "what comes again"
	"$schema_check" "$tree/docs/sluice-recv.schema.json" "$scratch/got" \
		lines || fail "--fields is not what the schema says"
	kill -INT $engine
	ends 0 $engine
}

# So many and not one more: the others are there for the next.
check_count()
{
	relay
	seq 1 10 | send
	recv --count=3
	ends 0 $recv
	seq 1 3 | cmp - "$scratch/got" || fail "not the first three"
	recv --count=7 --max-demand=2
	ends 0 $recv
	seq 4 10 | cmp - "$scratch/got" || fail "not the other seven"
	# Nothing is left: the next is what comes next.
	recv --count=1
	echo next | send
	ends 0 $recv
	[ "$(cat "$scratch/got")" = NEXT ] || fail "again: $(cat "$scratch/got")"
}

# Each reads the partition that it asks for; what the stage has none of is refused.
check_partition()
{
	relay "dispatcher: hash, partitions: 2, key_offset: 0, key_bytes: 1,"
	told 3 "partition is missing; the producer has 0 to 1" \
		recv relay --from=upper
	told 3 "partition 2 does not exist; the producer has 0 to 1" \
		recv relay --from=upper --partition=2
	told 3 "partition 0 is set, but the producer has no partitions" \
		recv relay --from=queue --partition=0
	refused "--partition=4096: must be none, or a whole number in [0, 4095]" \
		recv relay --from=upper --partition=4096
	refused "--partition: goes without --tee" \
		recv relay --from=upper --partition=0 --tee=1
	timeout $deadline "$program" recv relay --from=upper --partition=1 \
		--timeout=${deadline}s >"$scratch/other" 2>"$scratch/told" &
	other=$!
	started="$started $other"
	recv --partition=0
	for key in a b c d e f g h; do
		echo ${key}1
		echo ${key}2
	done | send
	until [ "$(cat "$scratch/got" "$scratch/other" | wc -l)" -eq 16 ]; do
		kill -0 $other || fail "one has ended: $(cat "$scratch/told")"
		sleep 0.05
	done
	drained
	ends 0 $other
	[ -s "$scratch/got" ] && [ -s "$scratch/other" ] || fail "one has all"
	# No key is in both, and each is in order.
	cut -c 1 "$scratch/got" | sort -u >"$scratch/keys"
	cut -c 1 "$scratch/other" | sort -u |
		comm -12 - "$scratch/keys" >"$scratch/both"
	[ ! -s "$scratch/both" ] || fail "in both: $(cat "$scratch/both")"
	for key in A B C D E F G H; do
		echo ${key}1
		echo ${key}2
	done >"$scratch/expected"
	cat "$scratch/got" "$scratch/other" | sort -s -k 1.1,1.1 |
		cmp - "$scratch/expected" || fail "other events"
}

# Who comes back goes on where it was.
check_resume()
{
	relay
	recv
	seq 1 10 | send --name=feeder
	# The stage that stood for the first may just be leaving.
	seq 1 25 | send --name=feeder --resume --json >"$scratch/json"
	grep -qF '"accepted": 10' "$scratch/json" || fail "not ten were taken"
	grep -qF '"sent": 15' "$scratch/json" || fail "not fifteen were sent"
	got_lines 25
	drained
	seq 1 25 | cmp - "$scratch/got" || fail "lost, or doubled"
}

# told CODE SENTENCE ARGUMENT...: with what is on stdin.
told()
{
	code=$1 sentence=$2
	shift 2
	rc=0
	timeout $deadline "$program" "$@" >"$scratch/out" 2>"$scratch/talk" ||
		rc=$?
	[ $rc -eq "$code" ] || fail "'$*' ends with $rc: $(cat "$scratch/talk")"
	grep -qF -e "$sentence" "$scratch/talk" ||
		fail "'$*' does not say '$sentence' but: $(cat "$scratch/talk")"
}

check_refused()
{
	told 4 "no pipeline 'relay' listens here" recv relay --from=upper
	told 4 "no pipeline listens at" send relay --to=upper --folder="$tree"
	relay
	told 3 "nobody" recv relay --from=nobody
	told 3 "closed" recv relay --from=closed
	told 3 "closed" send relay --to=closed
	recv --name=reader
	printf 'one\n' | send
	got_lines 1
	told 3 "reader" recv relay --from=upper --name=reader
	# What the pipeline does not take is its answer; what no pipeline may be
	# asked for is not asked.
	told 3 "ring_events 1000000 of 65536 bytes each takes" \
		send relay --to=wide --ring-events=1M
	told 3 "max_demand 1000000 of 65536 bytes each takes" \
		recv relay --from=wide --max-demand=1M
	name="a name is 1 to 63 of A-Z a-z 0-9 _ . -"
	told 2 "NAME 'a b': $name" recv 'a b' --from=upper
	told 2 "NAME '..': no pipeline is called so" send .. --to=upper
	told 2 "STAGE '': $name" tap relay ''
	told 2 "--from 'a b': $name" recv relay --from='a b'
	told 2 "--to 'a/b': $name" send relay --to=a/b
	told 2 "--name 'a b': $name" send relay --to=upper --name='a b'
	# What stands before the wrong one is sent.
	printf 'two\nthree\nmore than twelve\nfour\n' | told 1 \
		"sluice send: stdin: line 3: is over the limit of 12 bytes, which \
an event has; 2 events were sent" send relay --to=upper
	head -c 300000 /dev/zero | tr '\0' x | told 1 \
		"line 1: is over the limit of 12 bytes" send relay --to=upper
	printf '0102\n010\n' | told 1 "line 2: 3 hex digits are no whole bytes" \
		send relay --to=upper --format=hex
	printf '01 2' | told 1 "line 1: character 3 is no hex digit" \
		send relay --to=upper --format=hex
	printf 'fourteen bytes' | told 1 \
		"event 2: has 2 bytes of an event's 12; 1 events were sent" \
		send relay --to=upper --format=raw
	got_lines 4
	drained
	printf 'ONE\nTWO\nTHREE\n' >"$scratch/expected"
	head -n 3 "$scratch/got" | diff "$scratch/expected" - ||
		fail "other lines"
}

# A stream that is closed is none, and no other descriptor is taken for it.
check_closed()
{
	relay
	rc=0
	timeout $deadline "$program" send relay --to=upper <&- \
		2>"$scratch/talk" || rc=$?
	[ $rc -eq 1 ] || fail "without stdin it ends with $rc"
	grep -q "stdin" "$scratch/talk" || fail "it says $(cat "$scratch/talk")"
	echo one | send
	rc=0
	timeout $deadline "$program" recv relay --from=upper >&- \
		2>"$scratch/talk" || rc=$?
	[ $rc -eq 1 ] || fail "without stdout it ends with $rc"
	grep -q "stdout" "$scratch/talk" || fail "it says $(cat "$scratch/talk")"
	recv
	got_lines 1
	drained
	echo ONE | diff - "$scratch/got" || fail "another line"
}

# Both leave cleanly; what was read is written, or sent.
check_signals()
{
	relay
	mkfifo "$scratch/lines"
	for signal in INT TERM; do
		recv
		"$program" send relay --to=upper --timeout=${deadline}s \
			<"$scratch/lines" &
		send=$!
		started="$started $send"
		exec 9>"$scratch/lines"
		echo "$signal" >&9
		got_lines 1
		kill -s $signal $send
		ends 0 $send
		exec 9>&-
		kill -s $signal $recv
		ends 0 $recv
		echo "$signal" | cmp - "$scratch/got" || fail "other lines"
	done
	# It was acknowledged: nobody gets it again.
	recv
	echo next | send
	got_lines 1
	drained
	[ "$(cat "$scratch/got")" = NEXT ] || fail "again: $(cat "$scratch/got")"
	# Who finds no credit is told to give up.
	relay 'buffer_events: 1,'
	seq 1 100000 | "$program" send relay --to=upper \
		--timeout=${deadline}s --name=feeder 2>"$scratch/told" &
	send=$!
	started="$started $send"
	# It is there before the signal is.
	until kill -INT $send 2>/dev/null && sleep 0.2 &&
		! kill -0 $send 2>/dev/null; do
		:
	done
	rc=0
	wait $send || rc=$?
	case $rc in
	1) grep -qF "events that were read have found no credit" \
		"$scratch/told" || fail "says $(cat "$scratch/told")" ;;
	# It had not attached yet.
	130) ;;
	*) fail "ends with $rc" ;;
	esac
	kill -9 $engine
}

# Nobody reads stdout any more, or for long: what was not acknowledged is for others.
check_broken()
{
	relay
	[ ! -w /dev/full ] || {
		seq 1 5 | send
		# That is no death, however often.
		for time in 1 2 3 4 5; do
			rc=0
			timeout $deadline "$program" recv relay --from=upper \
				>/dev/full 2>"$scratch/told" || rc=$?
			[ $rc -eq 1 ] ||
				fail "a full disk, time $time: ends with $rc"
			grep -qF "stdout: No space left on device; the rest" \
				"$scratch/told" ||
				fail "says $(cat "$scratch/told")"
		done
		recv --count=5
		ends 0 $recv
		seq 1 5 | cmp - "$scratch/got" || fail "lost some, or doubled"
	}
	# Its reader goes while there is nothing to read.
	mkfifo "$scratch/full"
	"$program" recv relay --from=upper --timeout=${deadline}s \
		>"$scratch/full" 2>"$scratch/told" &
	recv=$!
	started="$started $recv"
	exec 8<"$scratch/full"
	echo one | send
	read -r word <&8
	[ "$word" = ONE ] || fail "reads $word"
	exec 8<&-
	ends 1 $recv
	grep -qF "stdout: Broken pipe; the rest is not acknowledged" \
		"$scratch/told" || fail "says $(cat "$scratch/told")"
	# A pipe that nobody empties.
	exec 7<>"$scratch/full"
	dd if=/dev/zero of="$scratch/full" bs=4096 oflag=nonblock 2>/dev/null || :
	seq 1 5 | send
	"$program" recv relay --from=upper --timeout=${deadline}s \
		--name=stuck >"$scratch/full" 2>"$scratch/told" &
	recv=$!
	started="$started $recv"
	# It takes them; how long that lasts nobody can see from here.
	sleep 0.5
	kill -TERM $recv
	rc=0
	wait $recv || rc=$?
	case $rc in
	0 | 143) ;; # it had none yet, or was not attached
	1) grep -qF "stdout: Operation canceled; the rest is not" \
		"$scratch/told" || fail "says $(cat "$scratch/told")" ;;
	*) fail "ends with $rc" ;;
	esac
	exec 7<&-
	recv
	got_lines 5
	drained
	seq 1 5 | cmp - "$scratch/got" || fail "lost some, or doubled"
}

# From the side, beside one that takes all; and before anybody listens.
check_tee()
{
	mkdir -m 700 "$SLUICE_DIR"
	"$program" recv relay --from=upper --wait --timeout=forever --tee=2 \
		>"$scratch/seen" 2>"$scratch/told" &
	seer=$!
	started="$started $seer"
	"$program" tap relay upper --wait --timeout=forever \
		--fields=text:2,text:6,skip:2,hex:2 >"$scratch/tapped" \
		2>"$scratch/tap.told" &
	tap=$!
	started="$started $tap"
	sleep 0.2
	kill -0 $seer || fail "does not wait: $(cat "$scratch/told")"
	kill -0 $tap || fail "does not wait: $(cat "$scratch/tap.told")"
	relay
	recv
	# Until it looks on; how many go by before nobody knows.
	sent=0
	until [ -s "$scratch/seen" ] && [ -s "$scratch/tapped" ]; do
		[ $sent -lt 1000 ] || fail "sees nothing"
		echo $sent | send
		sent=$((sent + 1))
	done
	got_lines $sent
	expect 2 tap relay upper --fields=u64,u64
	grep -qF -e "--fields: they have 16 bytes, and an event of 'upper' has 12" \
		"$scratch/talk" || fail "says $(cat "$scratch/talk")"
	drained
	ends 0 $seer
	ends 0 $tap
	awk -F '\t' '{ print $1 $2; exit $3 != "0000" || NF != 3 }' \
		"$scratch/tapped" >"$scratch/numbers" || fail "other fields"
	sort -un "$scratch/numbers" | cmp - "$scratch/numbers" ||
		fail "the tap is not in order"
	seq 0 $((sent - 1)) | cmp - "$scratch/got" || fail "the other lacks some"
	sort -un "$scratch/seen" | cmp - "$scratch/seen" || fail "not in order"
	rc=0
	timeout $deadline "$program" send none --to=it --wait --timeout=50ms \
		2>"$scratch/told" || rc=$?
	[ $rc -eq 4 ] || fail "waits in vain, and ends with $rc"
}

check_died()
{
	relay
	mkfifo "$scratch/silent"
	exec 9<>"$scratch/silent"
	recv
	"$program" send relay --to=upper --timeout=${deadline}s \
		<"$scratch/silent" 2>"$scratch/send" &
	send=$!
	started="$started $send"
	echo one >&9
	got_lines 1
	kill -9 $engine
	ends 4 $recv
	grep -qxF "sluice recv: the process of the pipeline has died" \
		"$scratch/told" || fail "says $(cat "$scratch/told")"
	cp "$scratch/send" "$scratch/told"
	ends 4 $send
	# The name is free at once.
	relay
	recv
	echo two | send
	got_lines 1
	drained
	[ "$(cat "$scratch/got")" = TWO ] || fail "other lines"
}

# wrong PLACE SENTENCE: a file with what is on stdin.
wrong()
{
	{
		cat
		echo "stages: [{name: it, in_bytes: 8, sink: {file: out.bin}}]"
	} >"$scratch/wrong.yaml"
	refused "wrong.yaml:$1: listen$2" run "$scratch/wrong.yaml"
}

# What a file says of its peers.
check_listen()
{
	printf 'pipeline: {name: it}\nlisten: 3\n' | wrong 2:9 ": must be a mapping"
	printf 'listen: {peers: 3}\n' | wrong 1:10 ": there is no key 'peers'; sluice(1)"
	printf 'listen: {peers_max: 0}\n' | wrong 1:21 ".peers_max: must be a wh"
	printf 'listen: {mode: 0799}\n' | wrong 1:16 ": mode must be octal"
	printf 'listen: {allow: []}\n' | wrong 1:17 ".allow: must be a list of 1"
	printf 'listen:\n  allow: [{roles: [any]}]\n' | wrong 2:20 \
		".allow[0].roles[0]: must be one of producer, con"
	printf 'listen:\n  allow: [{stages: [[]]}]\n' | wrong 2:21 \
		".allow[0].stages[0]: must be the name of a stage"
	printf 'listen:\n  allow: [{roles: []}]\n' | wrong 2:19 \
		".allow[0].roles: must be a list of 1 to 4"
	printf 'listen:\n  allow: [{stages: []}]\n' | wrong 2:20 \
		".allow[0].stages: must be a list of 1 or more"
	printf 'listen:\n  allow: [{stages: [nobody]}]\n' | wrong 2:21 \
		".allow[0].stages[0]: must be the name of a stage"
	printf 'listen:\n  allow: [{user: 3}]\n' | wrong 2:12 \
		".allow[0]: there is no key 'user'; there are: uid, gid, roles, st"
	relay
	expect 1 run "$scratch/relay.yaml"
	grep -qF "relay.yaml:2:9: listen: " "$scratch/talk" ||
		fail "taken: says $(cat "$scratch/talk")"
	kill -INT $engine
	ends 0 $engine
	# In a folder beside the file; who is not allowed is told.
	sed -i "s/listen: .*/listen: {folder: there, mode: 0700, peers_max: 9, hold_ms: 0, max_deliveries: 0, \
on_stall: detach, stall_ms: 60000, \
allow: [{uid: $(id -u), roles: [producer], stages: [upper]}]}/" \
		"$scratch/relay.yaml"
	"$program" run "$scratch/relay.yaml" --quiet &
	engine=$!
	started="$started $engine"
	until [ -S "$scratch/there/relay.sock" ]; do
		kill -0 $engine || fail "no pipeline"
		sleep 0.05
	done
	cd "$scratch"
	told 3 "relay" recv relay --from=upper --folder=there
	echo one | send --folder=there
	kill -9 $engine
}

# The second signal, or a drain that lasts too long, cuts off a stream: nobody who reads
# it has all. One that writes into a full pipe keeps it from its end, and events wait
# before that stage.
check_stopped()
{
	cp "$handlers" "$scratch/handlers.so"
	cat >"$scratch/relay.yaml" <<'END'
pipeline: {name: relay}
listen: {}
stages:
  - {name: ever, out_bytes: 8, object: ./handlers.so, source: {next: for_ever}}
  - {name: middle, relay: true, in_bytes: 8, on_idle: stay, peers_consume: true}
subscriptions: [{consumer: middle, producer: ever, max_demand: 64k}]
END
	mkfifo "$scratch/full"
	for drain in forever 300ms; do
		exec 7<>"$scratch/full"
		"$program" run "$scratch/relay.yaml" --quiet --drain=$drain \
			2>"$scratch/engine" &
		engine=$!
		"$program" recv relay --from=middle --timeout=${deadline}s \
			--wait --format=hex >"$scratch/full" 2>"$scratch/told" &
		recv=$!
		started="$started $engine $recv"
		read -r _ <&7
		"$program" tap relay middle --timeout=${deadline}s \
			--format=hex >"$scratch/tapped" 2>"$scratch/told_tap" &
		tap=$!
		started="$started $tap"
		until [ -s "$scratch/tapped" ]; do
			kill -0 $tap || fail "no tap: $(cat "$scratch/told_tap")"
			head -c 65536 <&7 >"$scratch/rest"
		done
		# More than the pipe takes.
		until "$program" stat relay |
			awk '$1 == "middle" && $2 == "ever" && $8 > 20000' |
			grep -q .; do
			kill -0 $recv || fail "it ends"
			sleep 0.05
		done
		kill -TERM $engine
		[ $drain = 300ms ] || {
			# It drains, and none has ended.
			sleep 0.5
			kill -0 $tap || fail "the tap has ended"
			kill -TERM $engine
		}
		ends 1 $engine
		ends 1 $tap
		grep -qF "the pipeline was stopped" "$scratch/told_tap" ||
			fail "the tap says $(cat "$scratch/told_tap")"
		# Whoever empties the pipe lets it write the rest.
		cat <&7 >"$scratch/rest" &
		reader=$!
		started="$started $reader"
		exec 7<&-
		ends 1 $recv
		grep -qF "the pipeline was stopped" "$scratch/told" ||
			fail "says $(cat "$scratch/told")"
		kill $reader
		wait $reader 2>/dev/null || :
	done
}

case $part in
text | formats | json | count | partition | resume | refused | closed | signals | \
	broken | tee | died | stopped | listen) ;;
*) fail "no such part" ;;
esac
"check_$part"
