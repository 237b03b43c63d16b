#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# sluice-bench as a user runs it.
#
#   bench.sh PART PROGRAM SCHEMA_CHECK TREE
set -eu
# shellcheck source=tests/cli/tool_common.sh
. "${0%/*}/tool_common.sh"

commands="run compare keyed slow burst size ring engine verify plot diff"

check_help()
{
	help_is help/sluice-bench
	for command in $commands; do
		help_is "help/$command" "$command"
	done
}

check_man()
{
	# Word splitting is meant.
	# shellcheck disable=SC2086
	options_are "$tree/docs/man/sluice-bench.1.scd" $commands
}

check_exit()
{
	expect 0 --version
	grep -qx 'sluice-bench [0-9.]*' "$scratch/out" || fail "no version"
	expect 2
	grep -q '^usage:' "$scratch/talk" || fail "no usage without a command"
	refused "there are: $commands" frob
	# A run that cannot be: the trace is not there.
	expect 1 run --arrivals=trace:/nonexistent/trace
	grep -q nonexistent "$scratch/talk" || fail "does not name the trace"
	expect 1 run --events=1000 --json=/nonexistent/report
	grep -q nonexistent "$scratch/talk" || fail "does not name the report"
	expect 1 plot /nonexistent/report --html=-
	[ ! -w /dev/full ] || {
		full_disk --help
		full_disk run --events=1000
		expect 1 run --events=1000 --json=/dev/full
		expect 1 run --events=1000 --html=/dev/full
	}
}

# Two that spin are never put on one CPU.
check_one_cpu()
{
	cpu=$(taskset -cp $$ | sed 's/.*: *\([0-9]*\).*/\1/')
	rc=0
	taskset -c "$cpu" "$program" ring --kind=process >"$scratch/out" \
		2>"$scratch/talk" || rc=$?
	[ $rc -eq 2 ] || fail "ring --kind=process on one CPU ends with $rc"
	grep -qF -e '--kind=process: takes two CPUs' "$scratch/talk" ||
		fail "on one CPU it says: $(cat "$scratch/talk")"
}

check_bad()
{
	refused "--bogus: no such option" run --bogus
	refused "--seed: a value is missing" run --seed
	refused "--quiet=1: takes no value" run --quiet=1
	refused "'word': only options" run word
	refused "--mode=fast: must be one of sim, virtual, threads" \
		run --mode=fast
	refused "--seed=x: must be a whole number" run --seed=x
	refused "--seed=-1: must be a whole number" run --seed=-1
	refused "--events=0: must be a whole number in [1, " run --events=0
	refused "--consumers=65: must be a whole number in [1, 64]" \
		run --consumers=65
	refused "--producers=0: must" run --producers=0
	refused "--repeats=32: must be a whole number in [1, 31]" \
		run --repeats=32
	refused "--capacity=100: must be a power of two in [2, " run --capacity=100
	refused "--hop=-1: must be a number in [0, 100]" run --hop=-1
	refused "--hop=0x1: must be a number" run --hop=0x1
	refused "--hop=nan: must be a number" run --hop=nan
	refused "--service-mean=5: must be a number with one of the units" \
		run --service-mean=5
	refused "--service-mean=2h: must" run --service-mean=2h
	refused "--service=slow: must be one of fixed, exp, lognormal[:SIGMA]" \
		run --service=slow
	refused "--arrivals=rarely: must be one of closed:DEPTH, poisson" \
		run --arrivals=rarely
	refused "--keys=some: must be one of uniform[:N], zipf:THETA:N" \
		run --keys=some
	refused "--arrivals=closed:0: DEPTH must be a whole number in [1, " \
		run --arrivals=closed:0
	refused "--load=0: each must be a number in [1e-06, 1000]" run --load=0
	refused "--load=0.1,: each must be a number in" run --load=0.1,
	refused "0.5 is there twice" run --load=0.5,0.5
	refused "FROM:TO:STEP" run --load=0.1:0.9
	refused "goes up" run --load=0.9:0.1:0.1
	refused "at most 32 are taken" run --load=0.01:0.99:0.01
	refused "closed arrivals have no load" \
		run --arrivals=closed:8 --load=0.1,0.2
	refused "'nobody' is no strategy" compare --strategies=nobody
	refused "rr is there twice" compare --strategies=rr,rr
	refused "jbsq:0: IN_FLIGHT must be a whole number in [1, 1048576]" \
		run --strategies=jbsq:0
	refused "EVENTS must be all, or a whole number in [1, 1048576]" \
		run --strategies=demand:some
	refused "rr:some: must be rr:skip or rr:strict" run --strategies=rr:some
	refused "pkg:4: nothing may follow before ':4'" run --strategies=pkg:4
	refused "must be one of window=N, refill=N, min=N, rebalance=PERCENT" \
		run --strategies=rr@size=5
	refused "rr@window=3@window=4: window is there twice" \
		run --strategies=rr@window=3@window=4
	refused "jbsq@rebalance=5: only partition" \
		run --strategies=jbsq@rebalance=5
	refused "hash:99: more partitions than the 8 consumers" \
		run --strategies=hash:99
	refused "min_demand 2000 must be below max_demand 1000" \
		run --strategies=rr@min=2000
	refused "both say when credit returns" \
		run --strategies=rr@min=half@refill=5
	refused "run takes 1" run --strategies=rr,jbsq
	refused "--refill=most: must be half, or a whole number" run --refill=most
	refused "--slow=0: must be I:FACTOR" run --slow=0
	refused "--slow=0:fast: must be I:FACTOR" run --slow=0:fast
	refused "--stall=0:1ms: must be I:AT:FOR" run --stall=0:1ms
	refused "--kill=0:1: must be I:AT" run --kill=0:1
	refused "--join=0:1ms:1ms: must be I:AT" run --join=0:1ms:1ms
	refused "--kill: consumer 9: there are 0 to 7" run --kill=9:1ms
	refused "--slo=0: must be a slowdown, a number in [1, 1000000], or a" \
		run --slo=0
	refused "--slo=p100:5: must be a slowdown" run --slo=p100:5
	refused "--color=red: must be one of auto, always, never" \
		run --color=red
	refused "--json: must not be empty" run --json=
	refused "both to -" run --json --html=-
	refused "one FILE is taken" plot
	refused "--html=FILE, --svg=PREFIX, --csv=FILE or --hgrm=PREFIX is" \
		plot report.json
	refused "BEFORE and AFTER are taken, not 1" diff report.json
	refused "both to -" run --csv=- --html=-
	refused "both to -" plot report.json --csv=- --html=-
	refused "no such option" plot --bogus
	refused "--svg=x: 'run' has no such option, others have" run --svg=x
	refused "--seed=2: is given twice" run --seed=1 --seed=2
	refused "--strategies=rr: is given twice" \
		run --strategies=rr --strategy=rr
	refused "--rounds=2: must be a whole number in [3, 101]" ring --rounds=2
	expect 2 ring --kind=spsc --cell=none
	grep -qF 'sluice-bench ring: --cell=none: no cell' "$scratch/talk" ||
		fail "--cell=none says: $(cat "$scratch/talk")"
	refused "--kind=two: must be one of all, spsc, mpmc, roundtrip, process" \
		ring --kind=two
	check_one_cpu
	refused "--events=5: 'verify' has no such option" verify --events=5
	refused "--strategy=jbs: no cell is of that strategy" verify --strategy=jbs
	refused "'word': only options" verify word
}

# An option that would change nothing is refused, never ignored.
check_idle()
{
	small run --save-trace="$scratch/trace" --quiet
	of_file=--arrivals=trace:$scratch/trace
	refused "--hop=1: has no effect: only --mode=sim" \
		run --mode=virtual --hop=1
	refused "--event-bytes=64: has no effect: --mode=sim" \
		run --event-bytes=64
	refused "--repeats=3: has no effect: nothing is drawn" \
		run "$of_file" --repeats=3
	refused "--load=0.5: has no effect: closed arrivals have no load" \
		run --arrivals=closed:8 --load=0.5
	refused "--slo=5: has no effect: closed arrivals" \
		run --arrivals=closed:8 --slo=5
	refused "--save-trace=x: has no effect: closed arrivals" \
		run --arrivals=closed:8 --save-trace=x
	refused "--save-trace=x: has no effect: with several loads" \
		run --load=0.1,0.2 --save-trace=x
	refused "--speed=2: has no effect: only --arrivals=trace:FILE" \
		run --speed=2
	refused "--load=1: has no effect: --speed is given as well" \
		run "$of_file" --load=1 --speed=2
	refused "--events=9: has no effect: the trace has events" \
		run "$of_file" --events=9
	refused "--seed=9: has no effect: nothing is drawn" \
		run "$of_file" --seed=9
	refused "--service=exp: has no effect: the trace has services" \
		run "$of_file" --service=exp
	refused "--service-mean=5us: has no effect" \
		run "$of_file" --service-mean=5us
	refused "--keys=uniform:9: has no effect" run "$of_file" --keys=uniform:9
	refused "--window=5: has no effect: each strategy has an @window" \
		compare --strategies=rr@window=3,jbsq@window=4 --window=5
	refused "--refill=5: has no effect: each strategy has an @refill" \
		compare --strategies=rr@refill=3,jbsq@min=half --refill=5
	refused "shared@refill=5: consumers take from one ring" \
		run --strategies=shared@refill=5
	refused "--refill=5: has no effect: each strategy has an @refill" \
		run --strategies=shared --refill=5
	refused "--capacity=64: has no effect: no strategy here has a spill" \
		run --strategies=rr --capacity=64
	refused "--slow=1:1: has no effect: it takes as long as" run --slow=1:1
	refused "--stall=1:5us:0s: has no effect: it lasts no time" \
		run --stall=1:5us:0s
	refused "--stall=1:9us:1us: consumer 1 stalls already" \
		run --stall=1:5us:1us --stall=2:5us:1us --stall=1:9us:1us
	refused "--join=1:0s: has no effect: it is there from the start" \
		run --join=1:0s
	# By time, not as they are given: who is gone, who is there, who is to come.
	refused "--kill: consumer 1: has no effect at 7us: it is not there then" \
		run --kill=1:7us --kill=1:5us
	refused "--kill: consumer 1: has no effect at 5us: it is not there then" \
		run --kill=1:5us --join=1:7us
	refused "--join: consumer 1: has no effect at 7us: it is there already" \
		run --join=1:5us --kill=1:9us --join=1:7us
	refused "--kill: consumer 2: has no effect at 5us: it is not there then" \
		run --kill=2:5us --kill=1:5us --kill=2:5us
	expect 0 run --events=5000 --join=1:3ms --kill=1:2ms --join=1:1ms --kill=2:2ms
	# It undoes what the command has by itself.
	small slow --strategies=rr --slow=0:1 --json="$scratch/even"
	# What comes when all is over is told of, and no more.
	expect 0 run --events=5000 --kill=1:10s --stall=2:1us:1us \
		--load=0.5,0.8 --json="$scratch/late"
	grep -qF "note: --kill of consumer 1 at 10.0s changed nothing in 6 of 6" \
		"$scratch/talk" || fail "late: $(cat "$scratch/talk")"
	[ "$(wc -l <"$scratch/talk")" -eq 1 ] || fail "$(cat "$scratch/talk")"
	[ "$(grep -c '"faults_late": 1' "$scratch/late")" -eq 2 ] ||
		fail "JSON knows nothing of what came late"
	# Nobody is left: the run does not end before the other is gone.
	expect 0 run --events=5000 --consumers=1 --kill=0:1us
	[ ! -s "$scratch/talk" ] || fail "killed: $(cat "$scratch/talk")"
	# Where no times are taken nothing looks at them.
	for option in --slo=5 --hgrm="$scratch/none" --slow=0:2 --stall=0:1us:1us; do
		refused "$option: has no effect: without services" run \
			--mode=threads --service=fixed --service-mean=1ns $option
	done
	refused "--keys=uniform:9: has no effect: without services no order" \
		run --mode=threads --service=fixed --service-mean=1ns \
		--keys=uniform:9
	refused "--rate sets that of others" size --rate=1M --speed=2
	refused "--color=always: has no effect: stdout gets no tables" \
		run --json --color=always
	refused "--claim=1: has no effect: in --mode=threads a claim" \
		run --mode=threads --consumers=1 --events=50 \
		--strategies=shared --claim=1
	many=$(seq -f '--stall=%g:1us:1us' 0 16)
	# Word splitting is meant.
	# shellcheck disable=SC2086
	refused "at most 16 faults are taken" run --consumers=17 $many
	# And what has one is taken.
	small compare --strategies=rr@window=3,jbsq --window=5
	small run --strategies=atomic --capacity=64
	# A window bounds what is taken of a ring for all, too.
	small run --strategies=shared --window=1 --quiet
	grep '^shared' "$scratch/out" >"$scratch/narrow"
	small run --strategies=shared --quiet
	grep '^shared' "$scratch/out" | cmp -s - "$scratch/narrow" &&
		fail "--window changes nothing of shared"
	small compare \
		--strategies=demand:all@min=0,rr:strict,rr:skip@min=half,ordered:64
	expect 0 run "$of_file" --strategies=p2c --seed=9
	printf 'arrival_us\n1\n2\n' >"$scratch/bare"
	expect 0 run --arrivals=trace:"$scratch/bare" --service=exp --seed=9
	refused "has no column service_ns, _us, _ms or _s; --service=HOW" \
		run --arrivals=trace:"$scratch/bare"
	refused "has no column key, which a strategy needs; --keys=HOW" \
		run --arrivals=trace:"$scratch/bare" --service=exp \
		--strategies=atomic
}

# A trace has its own rate, is told, and is the same again when it was saved.
check_trace()
{
	cat >"$scratch/mine.csv" <<'EOT'
path,arrival_s,service_ms,key
/a,1700000000.000000,2,ann
/b,1700000000.001000,1.5,bob
/c,1700000000.003000,2,ann
/d,1700000000.002000,0.5,"carl, who came late"
EOT
	expect 0 run --arrivals=trace:"$scratch/mine.csv" --consumers=4
	for said in \
		"4 events in 3.00ms: 1.33k/s, at most 3.33k/s over 300us" \
		"300us; natural load 0.5 of 4 consumers" \
		"services alone: mean 1.50ms, p99.9 2.00ms; 3 keys, the" \
		"the hottest has 50 % of" \
		"1 lines were not in order of time, by at most 1.00ms: sorted" \
		"columns ignored: path"; do
		grep -qF "$said" "$scratch/out" ||
			fail "does not say '$said': $(cat "$scratch/out")"
	done
	grep -q '^demand *0\.5 *1\.33k ' "$scratch/out" || fail "another rate"
	expect 0 run --arrivals=trace:"$scratch/mine.csv" --speed=0.5,2
	grep -q '^demand *0\.125 *667 ' "$scratch/out" || fail "not half as fast"
	expect 0 run --arrivals=trace:"$scratch/mine.csv" --load=0.8
	grep -q '^demand *0\.8 ' "$scratch/out" || fail "not at that load"
	expect 0 run --arrivals=trace:"$scratch/mine.csv" --json \
		--html="$scratch/page.html"
	"$schema_check" "$tree/docs/sluice-bench.schema.json" "$scratch/out" ||
		fail "a trace: --json is not what the schema says"
	grep -qF 'natural load 0.25 of 8' "$scratch/page.html" ||
		fail "the page does not tell of the trace"
	expect 0 run --arrivals=trace:- --json <"$scratch/mine.csv"
	# The figures of what was drawn, and of what was saved of it.
	small run --strategies=p2c --keys=zipf:0.9:100 --repeats=1 \
		--save-trace="$scratch/saved" --json="$scratch/drawn"
	expect 0 run --strategies=p2c --consumers=4 --repeats=1 \
		--arrivals=trace:"$scratch/saved" --json="$scratch/read"
	for report in drawn read; do
		sed -n '/^"runs"/,$p' "$scratch/$report" |
			sed 's/"load": [0-9.]*//' >"$scratch/$report.runs"
	done
	cmp "$scratch/drawn.runs" "$scratch/read.runs" ||
		fail "what was saved is another run"
	# One trace shows no range.
	expect 0 compare --arrivals=trace:"$scratch/saved" --quiet \
		--strategies=rr,jbsq:2
	tail -1 "$scratch/out" | grep -q '^jbsq:2 has the lowest .* no range' ||
		fail "one trace: $(tail -1 "$scratch/out")"
	expect 0 run --arrivals=trace:"$scratch/saved" \
		--save-trace="$scratch/again"
	cmp "$scratch/saved" "$scratch/again" || fail "saved twice, not alike"
	expect 0 run --events=100 --save-trace=-
	[ "$(wc -l <"$scratch/out")" -eq 102 ] || fail "not the trace alone"
	# What is read is never written over, under whatever name.
	cp "$scratch/saved" "$scratch/before"
	ln "$scratch/saved" "$scratch/linked"
	for option in save-trace json csv html; do
		for name in saved linked; do
			refused "--$option=$scratch/$name would overwrite the file that \
--arrivals=trace:$scratch/saved reads" \
				run --arrivals=trace:"$scratch/saved" \
				--$option="$scratch/$name"
		done
	done
	refused "--save-trace=$scratch/saved would overwrite the file that \
--arrivals=trace:- reads" \
		run --arrivals=trace:- --save-trace="$scratch/saved" \
		<"$scratch/saved"
	refused "--json=$scratch/saved would overwrite" size --json="$scratch/saved" \
		--arrivals=trace:"$scratch/saved"
	refused "--html=$scratch/saved would overwrite" size --html="$scratch/saved" \
		--arrivals=trace:"$scratch/saved"
	# Nor under a name that is put together.
	ln "$scratch/saved" "$scratch/by-demand-0.5.hgrm"
	expect 1 run --arrivals=trace:"$scratch/saved" --load=0.5 \
		--hgrm="$scratch/by"
	grep -qF "by-demand-0.5.hgrm would overwrite" "$scratch/talk" ||
		fail "says $(cat "$scratch/talk")"
	cmp "$scratch/saved" "$scratch/before" || fail "a trace was overwritten"
	printf 'arrival_us,service_us\n1,2\n3,x\n' >"$scratch/bad"
	expect 1 run --arrivals=trace:"$scratch/bad"
	grep -qF "bad:3: column service_us: 'x' must be a number of us" \
		"$scratch/talk" || fail "says $(cat "$scratch/talk")"
	expect 1 run --events=100 --save-trace=/nonexistent/trace
}

# The fewest consumers, or why there are none.
check_size()
{
	# 10 events of 100 us at once, each second: 1 ms by one, 100 us by ten.
	{
		echo arrival_ms,service_us,key
		for second in 0 1 2 3 4 5 6 7 8 9; do
			for event in 0 1 2 3 4 5 6 7 8 9; do
				echo "${second}000,100,$((event % 2))"
			done
		done
	} >"$scratch/bursts"
	asked()
	{
		sentence=$1
		shift
		expect 0 size --arrivals=trace:"$scratch/bursts" "$@"
		tail -1 "$scratch/out" | grep -qF "$sentence" ||
			fail "'$*' says $(tail -1 "$scratch/out")"
	}
	asked "jbsq:1 with 5 consumers is the cheapest that meets p99.9:201us" \
		--hop=0 --strategies=jbsq:1 --slo=p99.9:201us
	asked "jbsq:1 with 10 consumers is" --hop=0 --strategies=jbsq:1 \
		--slo=p99.9:101us
	asked "jbsq:1 with 1 consumer is" --hop=0 --strategies=jbsq:1 \
		--slo=p99.9:2ms
	asked "Nothing meets p99.9:201us with up to 4 consumers" \
		--hop=0 --strategies=jbsq:1 --slo=p99.9:201us --consumers=1:4
	asked "the services alone exceed it, with 100us" --hop=0 --slo=p99.9:50us
	asked "service and one hop make 200us" --slo=p99:150us --hop=1
	asked "consumers, is too much: events of one key wait for each other, so" \
		--hop=0 --strategies=atomic,partition --slo=p99.9:201us
	# One key in front of two homes: slow, then too much for them.
	asked "is too much: no more than two consumers serve a key, so that it is 300us" \
		--hop=0 --strategies=pkg,hash --slo=p99.9:201us
	grep -qF "hash: events of one key wait for each other, so that it is 500us" \
		"$scratch/out" || fail "hash has another bound"
	asked "is the cheapest" --hop=0 --slo=p99.9:301us \
		--strategies=pkg --consumers=5:32
	cp "$scratch/bursts" "$scratch/spared"
	{
		echo arrival_us,service_us,key
		seq 0 40 40000 | sed 's/$/,100,7/'
	} >"$scratch/bursts"
	asked "the hottest key, work for 2.5 consumers, is too much: no more than two" \
		--hop=0 --strategies=pkg --slo=p99:1s
	{
		echo arrival_us,service_us,key
		seq 0 40 40000 | sed 's/[048]0$/&,500,7/; t; s/$/,10,7/'
	} >"$scratch/bursts"
	asked "; it breaks the order of keys (" --slo=p99:1ms --strategies=jbsq:1
	mv "$scratch/spared" "$scratch/bursts"
	asked "1 consumer is saturated, and the work is enough for 1.11" --speed=1000 \
		--consumers=1 --slo=p99:50ms
	expect 0 size --rate=4M --events=20000 --consumers=4:8:2 --json
	"$schema_check" "$tree/docs/sluice-bench.schema.json" \
		"$scratch/out" || fail "size --json is not what the schema says"
	# All that siblings write; a document of it is read like others.
	expect 0 size --rate=40k --service-mean=100us --events=5000 --slo=p99:950us \
		--consumers=4:12 --claim=0.2 --strategies=shared,rr,jbsq:2 \
		--csv="$scratch/size.csv" --html="$scratch/size.html" \
		--json="$scratch/size.json" --repeats=5
	grep -Eq '^ +5 +[0-9]+ %.* ~[0-9.]+us \([0-9.]+us\.\.[0-9.]+us\)' \
		"$scratch/out" || fail "no range on both sides: $(cat "$scratch/out")"
	tail -1 "$scratch/out" | grep -q ' it is a matter of chance: ' ||
		fail "says nothing of chance: $(tail -1 "$scratch/out")"
	[ "$(grep -c '^"rr",' "$scratch/size.csv")" -eq \
		"$(grep -c '"strategy": "rr"' "$scratch/size.json")" ] ||
		fail "CSV and JSON differ"
	head -1 "$scratch/size.csv" | grep -q ',consumers$' || fail "of how many?"
	grep -q 'latency by consumers' "$scratch/size.html" || fail "no plot"
	# The rows of the answer are marked, at its number of consumers and no other.
	best=$(sed -n 's/.*class=verdict>\([a-z0-9:]*\) with \([0-9]*\) .*/\1<td>\2/p' \
		"$scratch/size.html")
	grep -F '<tr class="best' "$scratch/size.html" >"$scratch/marked"
	grep -qF "<td>$best<" "$scratch/marked" || fail "does not mark $best"
	! grep -vF "<td>${best##*>}<" "$scratch/marked" ||
		fail "marks other numbers than ${best##*>}"
	grep -q 'with [0-9]* consumers is the cheapest' "$scratch/size.html" ||
		fail "the page has no answer"
	expect 0 plot "$scratch/size.json" --html=-
	cmp "$scratch/out" "$scratch/size.html" || fail "plot has another page"
	expect 0 diff "$scratch/size.json" "$scratch/size.json"
	"$schema_check" "$tree/docs/sluice-bench.schema.json" \
		"$scratch/size.json" || fail "not what the schema says"
	refused "--claim=0.2: has no effect: no strategy here" size --rate=1M \
		--strategies=rr --claim=0.2
	refused "--rate=N is missing" size
	refused "--rate=5: has no effect: a trace has its own" size --rate=5 \
		--arrivals=trace:"$scratch/bursts"
	refused "--consumers=0:4: each must be a whole number in [1, 64]" \
		size --rate=1M --consumers=0:4
	refused "these have no rate" size --arrivals=closed:4
	refused "--speed=1,2: size takes one" size --speed=1,2 \
		--arrivals=trace:"$scratch/bursts"
	refused "'size' has no such option" size --rate=1M --load=0.5
	# Without keys those that need some are left out, or refused.
	sed 's/,[01]$//; s/,key//' "$scratch/bursts" >"$scratch/nokeys"
	expect 0 size --arrivals=trace:"$scratch/nokeys" --slo=p99:1ms
	grep -q atomic "$scratch/out" && fail "atomic without keys"
	refused "which a strategy needs" size --strategies=atomic \
		--arrivals=trace:"$scratch/nokeys"
}

case $part in
help | man | exit | bad | idle | trace | size) ;;
*) fail "no such part" ;;
esac
"check_$part"
