#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# examples/attach.py: what it declares is what the headers have, and it takes part in
# the pipeline of lesson 11, and in one of sluice run.
#
#   attach_py.sh TREE BUILD LESSON
set -eu
tree=$1 build=$2 lesson=$3
python3 -c 'import cffi' 2>/dev/null || {
	echo "no cffi for python3 here (python3-cffi)"
	exit 77
}

deadline=60
scratch=$(mktemp -d)
started=
clean_up()
{
	for one in $started; do
		kill -9 "$one" 2>/dev/null || :
	done
	rm -rf "$scratch"
}
trap clean_up EXIT
SLUICE_DIR=$scratch
LIBSLUICE=$build/libsluice.so
PYTHONPATH=$tree/examples
PYTHONDONTWRITEBYTECODE=1
export SLUICE_DIR LIBSLUICE PYTHONPATH PYTHONDONTWRITEBYTECODE

fail()
{
	echo "attach_py: $*" >&2
	exit 1
}

cat >"$scratch/layout.c" <<'END'
#include <sluice/sluice.h>
#include <stddef.h>
#include <stdio.h>
#define AT(type, member) \
	printf(#type " " #member " %zu\n", offsetof(struct type, member))
int main(void)
{
	AT(sluice_attach_opts, from);
	AT(sluice_attach_opts, min_demand);
	AT(sluice_attach_opts, timeout_ms);
	AT(sluice_attach_opts, accepted);
	AT(sluice_attach_opts, to_bytes);
	AT(sluice_attach_opts, resv);
	AT(sluice_batch, count);
	AT(sluice_batch, flags);
	AT(sluice_batch, ticket);
	AT(sluice_watch_opts, folder);
	AT(sluice_watch_opts, timeout_ms);
	AT(sluice_watch_opts, resv);
	AT(sluice_snapshot, phase);
	AT(sluice_snapshot, time_ns);
	AT(sluice_sub, generation);
	AT(sluice_stage_rates, name);
	AT(sluice_stage_rates, events_in_per_s);
	AT(sluice_stage_rates, lived_ns);
	AT(sluice_stage_rates, blocked);
	AT(sluice_stage_rates, restarts);
	AT(sluice_subscription_rates, sub);
	AT(sluice_subscription_rates, producer);
	AT(sluice_subscription_rates, batches_per_s);
	AT(sluice_rates, span_ns);
	AT(sluice_rates, stages);
	AT(sluice_rates, subscriptions);
	printf("%zu %zu %zu %u %u %u %u\n", sizeof(struct sluice_attach_opts),
	       sizeof(struct sluice_batch), sizeof(struct sluice_watch_opts),
	       SLUICE_BATCH_REDELIVERED, SLUICE_RATES_CAME, SLUICE_RATES_WENT,
	       SLUICE_RATES_BACK);
	return 0;
}
END
cc -I"$build/include" -o "$scratch/layout" "$scratch/layout.c"
"$scratch/layout" >"$scratch/expected"
timeout $deadline python3 - "$scratch/expected" >"$scratch/declared" <<'END'
import sys
from attach import ffi, BATCH_REDELIVERED, RATES_CAME, RATES_WENT, RATES_BACK

for line in open(sys.argv[1]):
    words = line.split()
    if words[0].startswith("sluice"):
        print(*words[:2], ffi.offsetof("struct " + words[0], words[1]))
print(ffi.sizeof("struct sluice_attach_opts"), ffi.sizeof("struct sluice_batch"),
      ffi.sizeof("struct sluice_watch_opts"), BATCH_REDELIVERED, RATES_CAME, RATES_WENT,
      RATES_BACK)
END
diff "$scratch/expected" "$scratch/declared" >&2 ||
	fail "the headers (<) and attach.py (>) differ"

# until_there NAME PID
until_there()
{
	until [ -S "$scratch/$1.sock" ]; do
		kill -0 "$2" || fail "no pipeline $1"
		sleep 0.05
	done
}

"$lesson" >"$scratch/out" &
engine=$!
started="$started $engine"
until_there lesson $engine
timeout $deadline python3 - <<'END' || fail "the lesson, in Python, ends with $?"
import struct
from attach import Port, SluiceError

try:
    Port("lesson", source="squares")
    raise SystemExit("a consumer is consumed from")
except SluiceError as error:
    assert "squares" in str(error), error
with Port("lesson", source="numbers") as numbers, Port("lesson", sink="squares") as squares:
    assert (numbers.event_bytes, squares.event_bytes) == (8, 16)
    assert squares.accepted == 0
    try:
        squares.send(b"x" * 17)
        raise SystemExit("half an event is sent")
    except ValueError:
        pass
    for batch in numbers:
        done = bytearray()
        for event in batch:
            (number,) = struct.unpack("Q", event)
            done += struct.pack("QQ", number, number * number)
        squares.send(done)
END
wait $engine || fail "the engine ends with $?"
grep -qx '1000000 squares, their sum is 333332833333500000; 0 came twice' \
	"$scratch/out" || fail "says $(cat "$scratch/out")"

"$lesson" >"$scratch/out" &
engine=$!
started="$started $engine"
until_there lesson $engine
timeout $deadline python3 - <<'END' || fail "a worker in Python ends with $?"
import struct
from attach import Port

with Port("lesson", source="numbers", sink="squares", to_bytes=16) as worker:
    assert (worker.event_bytes, worker.send_bytes) == (8, 16)
    for batch in worker:
        done = bytearray()
        for event in batch:
            (number,) = struct.unpack("Q", event)
            done += struct.pack("QQ", number, number * number)
        worker.send(done)
END
wait $engine || fail "the engine of a worker ends with $?"
grep -qx '1000000 squares, their sum is 333332833333500000; 0 came twice' \
	"$scratch/out" || fail "of a worker says $(cat "$scratch/out")"

rc=0
"$tree/examples/attach.py" --help | grep -q 'consume PIPELINE STAGE' ||
	fail "no help was told"
"$tree/examples/attach.py" nonsense 2>/dev/null || rc=$?
[ $rc -eq 2 ] || fail "wrong usage ends with $rc"
rc=0
timeout $deadline "$tree/examples/attach.py" feed nobody here 2>"$scratch/err" \
	</dev/null || rc=$?
[ $rc -eq 1 ] || fail "nobody listens: ends with $rc"
grep -q '^attach.py: .*no pipeline listens at' "$scratch/err" ||
	fail "says $(cat "$scratch/err")"

sluice=$build/tools/sluice/sluice
[ -x "$sluice" ] || exit 0
"$sluice" run - --quiet <<'END' &
pipeline: {name: relay}
listen: {}
stages:
  - {name: queue, relay: true, in_bytes: 4, on_idle: stay,
     peers_feed: true, peers_consume: true}
END
engine=$!
started="$started $engine"
until_there relay $engine
# Until the end of the pipeline; and until somebody has seen enough.
timeout $deadline "$tree/examples/attach.py" watch relay 0.1 >"$scratch/rates" &
watch=$!
timeout $deadline python3 - <<'END' || fail "to watch ends with $?"
from attach import SluiceError, Watch

with Watch("relay") as watch:
    rates = watch.rates(0.1)
    assert rates.span_ns >= 100000000, rates
    queue = next(stage for stage in rates.stages if stage.name == "queue")
    assert queue.flags == 0 and queue.events_in_per_s == 0, queue
    assert abs(queue.working + queue.idle + queue.no_credit + queue.blocked - 1) < 1e-9
    watch.stop()
    assert watch.rates() is None
try:
    Watch("nobody")
    raise SystemExit("nobody is watched")
except SluiceError as error:
    assert "nobody" in str(error), error
END
printf '01020304\nff\n' |
	timeout $deadline "$tree/examples/attach.py" feed relay queue ||
	fail "feed ends with $?"
# Who cannot write what came gives it to others.
[ ! -w /dev/full ] || {
	rc=0
	timeout $deadline "$tree/examples/attach.py" consume relay queue \
		>/dev/full 2>"$scratch/err" || rc=$?
	[ $rc -eq 1 ] || fail "consume into a full disk ends with $rc"
}
timeout $deadline "$tree/examples/attach.py" consume relay queue >"$scratch/got" &
consumer=$!
until [ "$(wc -l <"$scratch/got")" -ge 2 ]; do
	kill -0 $consumer || fail "consume ends early"
	sleep 0.05
done
until grep -qE '^subscription peer-[0-9-]+ queue [0-9]+ [0-9]+$' "$scratch/rates"; do
	kill -0 $watch || fail "watch ends early"
	sleep 0.05
done
kill -INT $engine
wait $consumer || fail "consume ends with $?"
wait $watch || fail "watch ends with $?"
grep -qE '^stage queue [0-9]+ [0-9]+( [01][.][0-9]{2}){4}$' "$scratch/rates" ||
	fail "no rates of the queue: $(cat "$scratch/rates")"
wait $engine || fail "the relay ends with $?"
printf '01020304\nff000000\n' | cmp - "$scratch/got" || fail "other events"
