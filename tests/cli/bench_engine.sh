#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# sluice-bench engine, with the Disruptor, without it, and with what only seems to be one.
#
#   bench_engine.sh PART PROGRAM SCHEMA_CHECK TREE
set -eu
# shellcheck source=tests/cli/tool_common.sh
. "${0%/*}/tool_common.sh"

tiny="--rounds=3 --run-ms=1"
[ "$(nproc)" -ge 2 ] || exit 77

schema_holds()
{
	"$schema_check" "$tree/docs/sluice-bench-engine.schema.json" "$1" ||
		fail "--json is not what the schema says"
}

# says TEXT: it is on stdout.
says()
{
	grep -qF -e "$1" "$scratch/out" ||
		fail "does not say '$1': $(cat "$scratch/out")"
}

# Without a compiler for Java: every row is there, and says that it has no rival.
check_absent()
{
	# shellcheck disable=SC2086
	PATH=$scratch/nowhere "$program" engine $tiny --csv="$scratch/csv" \
		>"$scratch/out" 2>"$scratch/talk" || fail "ends with $?"
	[ ! -s "$scratch/talk" ] || fail "talks: $(cat "$scratch/talk")"
	says 'missing: the Disruptor of LMAX: no java and javac in PATH'
	for said in '^machine: .*, CPUs [0-9]* and [0-9]* of ' \
		'^floor before: [0-9]* ns (.*): ' '^floor after: [0-9]* ns' \
		'^two wake-ups before: [0-9.]* us' '^two wake-ups after: '; do
		grep -q "$said" "$scratch/out" || fail "does not say '$said'"
	done
	for cell in 8B/1to1/ 8B/1to1/wide/ 8B/1to1/auto/ 64B/1to1/ \
		64B/1to1/wide/ 64B/1to1/auto/ \
		64B/1to1/single/ 64B/wide/single/ 256B/1to1/ 64B/broadcast1to3/ \
		64B/broadcast1to4/ 64B/partition1to4/ 64B/pipeline3/ \
		64B/fanin3to1/; do
		grep -q "^$cell .* no rival" "$scratch/out" ||
			fail "$cell does not say that it has no rival"
		[ "$(grep -c "^engine,\"$cell\"," "$scratch/csv")" -eq 1 ] ||
			fail "$cell: not one line of CSV"
	done
	for cell in 8B/ports/ 8B/ports/1ms/ 8B/ports/1ms/help/ \
		8B/ports/1ms/any/ 8B/ports/1ms/spin/; do
		grep -qF "engine/ports,\"$cell\"," "$scratch/csv" ||
			fail "no $cell"
	done
	[ "$(grep -c '^  no rival' "$scratch/out")" -eq 5 ] ||
		fail "not all trips say that they have no rival"
	# Where there are more stages than CPUs it says where they are.
	[ "$(grep -c '^  stages: count0 on CPU ' "$scratch/out")" -eq 5 ] ||
		fail "not five rows of many stages"
	says 'relay on CPU '
	# As many fields in each line as in the head.
	sed 's/"[^"]*"/text/g' "$scratch/csv" | awk -F, 'NF != 14' | grep . &&
		fail "CSV is not even"
	expect 0 engine $tiny --cell=pipeline3 --jar="$scratch/none" --json
	schema_holds "$scratch/out"
	if command -v javac >/dev/null; then
		says "no $scratch/none (libdisruptor-java)"
	fi
}

# fake LINE...: a java that says them, and javac.
fake()
{
	mkdir -p "$scratch/fake"
	printf '%s\n' '#!/bin/sh' "$@" >"$scratch/fake/java"
	echo '#!/bin/sh' >"$scratch/fake/javac"
	chmod +x "$scratch/fake/java" "$scratch/fake/javac"
	: >"$scratch/jar"
}

# with_fake CODE ARGUMENT...
with_fake()
{
	was=$PATH
	PATH=$scratch/fake:$PATH
	expect "$@"
	PATH=$was
}

# What it answers is looked at: the sum of n events of 8 words is known.
check_sum()
{
	# Shell code for later.
	# shellcheck disable=SC2016
	sum='events * (events - 1) * 4 + events * 28'
	# shellcheck disable=SC2016
	loop='while read -r shape batch wait claim slots events; do
		echo "done 1000000 $(('$sum')) 0"
	done'
	ready='echo "ready $$ $$ $$ $$ Disruptor 0, Java 0"'
	fake "echo 'a warning, say'" "$ready" "$loop"
	with_fake 0 engine $tiny --cell=single --jar="$scratch/jar" --json
	schema_holds "$scratch/out"
	says '"lmax": "Disruptor 0, Java 0"'
	says '"best_rival": "1'
	grep -qx 'a warning, say' "$scratch/talk" || fail "a warning is lost"
	fake "$ready" "$(echo "$loop" | sed 's/events \* 28/& + 1/')"
	with_fake 1 engine $tiny --cell=single --jar="$scratch/jar"
	grep -qF 'the sum of the events is wrong' "$scratch/talk" ||
		fail "a wrong sum: $(cat "$scratch/talk")"
}

# It ends, or talks nonsense: the tool says so and fails, and does not hang.
check_broken()
{
	fake 'exit 3'
	with_fake 1 engine $tiny --cell=single --jar="$scratch/jar"
	grep -qF 'java does not start' "$scratch/talk" ||
		fail "one that ends: $(cat "$scratch/talk")"
	fake 'echo "ready x"' 'cat >/dev/null'
	with_fake 1 engine $tiny --cell=single --jar="$scratch/jar"
	grep -qF 'it names no threads' "$scratch/talk" ||
		fail "one without threads: $(cat "$scratch/talk")"
	fake 'echo "ready $$ $$ $$ $$ x"' 'read -r line'
	with_fake 1 engine $tiny --cell=single --jar="$scratch/jar"
	grep -qF 'no answer' "$scratch/talk" ||
		fail "one that answers nothing: $(cat "$scratch/talk")"
	fake 'echo "ready $$ $$ $$ $$ x"' 'read -r line' \
		'echo "failed: no room"' 'cat >/dev/null'
	with_fake 1 engine $tiny --cell=single --jar="$scratch/jar"
	grep -qF 'failed: no room' "$scratch/talk" ||
		fail "one that fails: $(cat "$scratch/talk")"
}

# The real one, where it is: every shape that it has, in every way.
check_disruptor()
{
	command -v javac >/dev/null && command -v java >/dev/null &&
		[ -r /usr/share/java/disruptor.jar ] || exit 77
	for cell in 64B/1to1/single/ 64B/broadcast1to3/ 64B/pipeline3/ \
		64B/fanin3to1/; do
		expect 0 engine $tiny --cell=$cell --json
		schema_holds "$scratch/out"
		says '"lmax": "Disruptor '
		says '"ratio": '
		[ "$(grep -c '"family": "lmax"' "$scratch/out")" -ge 6 ] ||
			fail "$cell: too few ways of use"
	done
}

check_refused()
{
	refused "--rounds=2: must be a whole number in [3, 101]" \
		engine --rounds=2
	refused "--run-ms=0: must be a whole number in [1, 1000]" \
		engine --run-ms=0
	refused "--kind=all: 'engine' has no such option, others have" \
		engine --kind=all
	refused "both to -" engine --json --csv=-
	refused "'word': only options" engine word
	expect 2 engine --cell=none
	grep -qF 'sluice-bench engine: --cell=none: no cell' "$scratch/talk" ||
		fail "--cell=none says: $(cat "$scratch/talk")"
	expect 1 engine --json=/nonexistent/report
	grep -q nonexistent "$scratch/talk" || fail "does not name the report"
	expect 1 engine --csv=/nonexistent/report
	# Two that spin are never put on one CPU.
	cpu=$(taskset -cp $$ | sed 's/.*: *\([0-9]*\).*/\1/')
	rc=0
	taskset -c "$cpu" "$program" engine >"$scratch/out" \
		2>"$scratch/talk" || rc=$?
	[ $rc -eq 2 ] || fail "engine on one CPU ends with $rc"
	[ ! -s "$scratch/out" ] || fail "on one CPU it writes to stdout"
	grep -qF 'takes two CPUs' "$scratch/talk" ||
		fail "on one CPU it says: $(cat "$scratch/talk")"
}

case $part in
absent | sum | broken | disruptor | refused) "check_$part" ;;
*) fail "no such part" ;;
esac
