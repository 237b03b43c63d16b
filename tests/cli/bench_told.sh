#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What sluice-bench tells of runs, as a user gets it.
#
#   bench_told.sh PART PROGRAM SCHEMA_CHECK TREE
set -eu
# shellcheck source=tests/cli/tool_common.sh
. "${0%/*}/tool_common.sh"

# They share out a burst at once.
early="demand demand:all demand:1 rr rr:skip jbsq p2c ordered hash partition \
atomic pkg sticky"

# With another process: every cell runs, its sums are right; what it takes is there.
check_process()
{
	expect 0 ring --kind=process --rounds=3 --run-ms=1 --json
	"$schema_check" "$tree/docs/sluice-bench-ring.schema.json" \
		"$scratch/out" || fail "process: --json is not what the schema says"
	for cell in "8B/to engine/" "8B/from engine/" "64B/to engine/" \
		"64B/from engine/" 64B/watched/ "8B/two rings/" \
		"8B/two ports/" "64B/two ports/" attach/; do
		grep -qF "\"cell\": \"$cell\"" "$scratch/out" ||
			fail "process: no cell $cell"
	done
	for way in attached thread watched unwatched ring line pipe seqpacket \
		consumer producer observer; do
		grep -qF "\"way\": \"$way\"" "$scratch/out" ||
			fail "process: no way $way"
	done
	[ "$(grep -c '"ratio_p99"' "$scratch/out")" -eq 3 ] ||
		fail "process: not three ratios of tails"
}

check_json()
{
	small run --json
	"$schema_check" "$tree/docs/sluice-bench.schema.json" "$scratch/out" ||
		fail "run --json is not what the schema says"
	for command in compare keyed slow burst; do
		small $command --load=0.3,0.6 --json="$scratch/report"
		"$schema_check" "$tree/docs/sluice-bench.schema.json" \
			"$scratch/report" ||
			fail "$command --json is not what the schema says"
		[ -s "$scratch/out" ] || fail "$command --json=FILE: no tables"
	done
	small run --mode=virtual --repeats=1 --json
	grep -qF '"service-mean": "100us"' "$scratch/out" ||
		fail "virtual: another mean of services"
	"$schema_check" "$tree/docs/sluice-bench.schema.json" "$scratch/out" ||
		fail "virtual: --json is not what the schema says"
	grep -qE '"kept": [0-9.]+, "tries": [1-8],' "$scratch/out" ||
		fail "virtual does not tell what was kept, and of how many tries"
	# For throughput no times are taken, and none are told.
	small run --mode=threads --repeats=1 --service-mean=1ns --service=fixed \
		--json
	"$schema_check" "$tree/docs/sluice-bench.schema.json" "$scratch/out" ||
		fail "threads: --json is not what the schema says"
	cp "$scratch/out" "$scratch/whole"
	sed -n '/^"runs"/,$p' "$scratch/out" >"$scratch/runs"
	for figure in objective p50 p90 p99 p99_9 p99_99; do
		grep -oE "\"$figure\": (\[[^]]*\]|[^],}]*)" "$scratch/runs" \
			>"$scratch/told" || fail "no $figure"
		grep -v null "$scratch/told" &&
			fail "threads tells a $figure that it has not measured"
	done
	grep -qE '"latency_ns": \{[^{]*"mean": null, .*"max": null, .*"count": 0' \
		"$scratch/runs" || fail "no null: $(cat "$scratch/runs")"
	for figure in per_key global behind_resequencer resequencer_max poll_ns; do
		grep -qF "\"$figure\": null" "$scratch/runs" ||
			fail "threads tells a $figure that it has not measured"
	done
	# Nor is anything told of a machine that has no part in it.
	small run --json
	for figure in pick_ns kept tries lost_ns generator_lag_ns poll_ns clock_ns \
		behind_resequencer resequencer_max; do
		grep -qF "\"$figure\": null" "$scratch/out" ||
			fail "sim tells a $figure"
	done
	grep -qE '"per_key": [0-9]+, "global": [0-9]+,' "$scratch/out" ||
		fail "sim tells of no order"
	small run --strategy=ordered --arrivals=closed:9 --json
	grep -qF '"offered_per_s": null' "$scratch/out" ||
		fail "closed arrivals have a rate"
	grep -qE '"behind_resequencer": 0}' "$scratch/out" ||
		fail "nothing is told of the resequencer"
	"$schema_check" "$tree/docs/sluice-bench.schema.json" "$scratch/out" ||
		fail "closed: --json is not what the schema says"
	# A busy machine is no matter here.
	sed 's/"contended": true/"contended": false/' "$scratch/whole" \
		>"$scratch/fast"
	expect 0 plot "$scratch/fast" --csv=-
	grep -q '^"demand",0.8,' "$scratch/out" || fail "a null is not read"
	expect 0 diff "$scratch/fast" "$scratch/fast"
	# Who is busy needs a CPU: more than there are cannot be compared.
	[ "$(nproc)" -ge 80 ] || {
		refused '--mode=virtual can do' compare --mode=threads \
			--consumers=64 --producers=16 --events=80 --repeats=1 \
			--strategies=demand --save-trace="$scratch/none"
		[ ! -e "$scratch/none" ] || fail "what is refused writes a trace"
	}
	expect 0 ring --kind=roundtrip --rounds=3 --run-ms=1 --json
	"$schema_check" "$tree/docs/sluice-bench-ring.schema.json" \
		"$scratch/out" || fail "ring --json is not what the schema says"
	[ "$(nproc)" -lt 2 ] || check_process
	expect 0 verify --strategy=ordered --json
	"$schema_check" "$tree/docs/sluice-bench-verify.schema.json" \
		"$scratch/out" || fail "verify --json is not what the schema says"
	# The check does refuse: a member too many, one too few, a wrong type.
	for change in 's/"jain"/"gini"/' 's/"events": [0-9]*, //' \
		's/"contended": false/"contended": 0/' 's/"schema": 2/"schema": 1/'; do
		sed "$change" "$scratch/report" >"$scratch/changed"
		cmp -s "$scratch/report" "$scratch/changed" &&
			fail "nothing to change by $change"
		"$schema_check" "$tree/docs/sluice-bench.schema.json" \
			"$scratch/changed" 2>/dev/null &&
			fail "the schema takes $change"
	done
	return 0
}

# In sim, which runs once, the same seed gives the same bytes, another seed others.
check_same()
{
	for report in "" --json; do
		# shellcheck disable=SC2086
		small run --strategies=p2c --keys=zipf:0.9:100 --seed=7 $report
		mv "$scratch/out" "$scratch/first"
		# shellcheck disable=SC2086
		small run --strategies=p2c --keys=zipf:0.9:100 --seed=7 $report
		cmp "$scratch/first" "$scratch/out" ||
			fail "the same seed gave something else"
		# shellcheck disable=SC2086
		small run --strategies=p2c --keys=zipf:0.9:100 --seed=8 $report
		sed 's/"seed": "8"/"seed": "7"/; s/seed 8/seed 7/' \
			"$scratch/out" >"$scratch/other"
		cmp -s "$scratch/first" "$scratch/other" &&
			fail "another seed gave the same"
	done
	grep -qF '"repeats": {"count": 3, "used": 3}' "$scratch/first" ||
		fail "three repeats are not told"
	# Three traces, the first of which is that of one repeat.
	small run --strategies=rr --seed=7 --json
	grep -oE '"p99_9": [0-9.]*' "$scratch/out" | sort -u | wc -l |
		grep -qvx 1 || fail "all repeats are alike"
	# What is not drawn is not repeated.
	small run --save-trace="$scratch/trace" --quiet
	expect 0 run --arrivals=trace:"$scratch/trace" --strategies=rr --json
	grep -qF '"repeats": {"count": 1, "used": 1}' "$scratch/out" ||
		fail "a trace without chance is repeated"
	expect 0 run --arrivals=trace:"$scratch/trace" --strategies=p2c --json
	grep -qF '"repeats": {"count": 3, "used": 3}' "$scratch/out" ||
		fail "chance is not repeated"
	return 0
}

check_table()
{
	small compare --load=0.3,0.9
	[ "$(wc -L <"$scratch/out")" -le 120 ] || fail "wider than 120 columns"
	# A load is what is offered, and a range ends where it says.
	small run --load=0.1:0.3:0.1 --arrivals=uniform --service=fixed --quiet
	sed -n 's/^demand *\(0\.[0-9]\)  *\([0-9.]*\)k .*/\1 \2/p' "$scratch/out" \
		>"$scratch/offered"
	printf '0.1 400\n0.2 800\n' >"$scratch/expected"
	cmp "$scratch/expected" "$scratch/offered" ||
		fail "loads 0.1 and 0.2 offer $(cat "$scratch/offered")"
	grep -q '^demand *0\.3 *1\.20M ' "$scratch/out" || fail "no load 0.3"
	small compare --load=0.3,0.9
	for word in offered/s done/s p50 p90 p99 p99.9 max slowdown 'x best' \
		load@slo 'disp p99' 'lane p99' Jain 'key viol' 'all viol' stall \
		depth drops; do
		grep -qF -e "$word" "$scratch/out" || fail "no column $word"
	done
	[ "$(grep -c '^jbsq:2  *0\.' "$scratch/out")" -eq 4 ] ||
		fail "not a row of each table per load"
	grep -q "$(printf '\033')" "$scratch/out" && fail "colours in a file"
	small compare --color=always
	grep -q "$(printf '\033')" "$scratch/out" || fail "no colours"
	# Who wins, and what is in the way of it.
	small compare --load=0.8 --strategies=rr,jbsq:2
	grep -Eq '^jbsq:2 wins at load 0.8: .* times lower than that of the next, rr, ' \
		"$scratch/out" || fail "no winner: $(tail -30 "$scratch/out")"
	small compare --load=0.8 --strategies=rr,rr@window=999
	grep -q '^No winner at load 0.8: ' "$scratch/out" || fail "a winner"
	grep -Eq '~1\.0[0-9]  ' "$scratch/out" || fail "no ~"
	small compare --load=1.5 --strategies=rr,jbsq:2
	[ "$(grep -c ' sat\. ' "$scratch/out")" -ge 2 ] || fail "not saturated"
	grep -q '^Nothing can be compared: the backlog grows' "$scratch/out" ||
		fail "what is saturated is compared"
	# One burst is served, however large it is.
	expect 0 run --arrivals=burst:64 --events=64
	grep -qF 'sat. ' "$scratch/out" && fail "one burst is saturated"
	grep -q '^demand at load 0.8: p99 slowdown ' "$scratch/out" ||
		fail "one burst: $(cat "$scratch/out")"
	# A range says of what.
	grep -Eq ' p99 slowdown +range ' "$scratch/out" || fail "another range"
	small run --arrivals=closed:8
	grep -Eq ' done/s range ' "$scratch/out" || fail "a range of what?"
	small compare --quiet
	grep -q 'intended arrival' "$scratch/out" && fail "a legend with --quiet"
	return 0
}

# What is drawn from a document is what the run itself draws.
check_plot()
{
	small compare --load=0.3,0.6,0.9 --json="$scratch/report" \
		--html="$scratch/direct.html"
	expect 0 plot "$scratch/report" --html="$scratch/later.html"
	cmp "$scratch/direct.html" "$scratch/later.html" ||
		fail "the page from JSON is another one"
	expect 0 plot - --html=- <"$scratch/report"
	cmp "$scratch/direct.html" "$scratch/out" || fail "- is not stdin"
	[ "$(grep -c '<figure>' "$scratch/out")" -eq 4 ] || fail "not 4 plots"
	grep -q '<dt>jbsq</dt><dd>join the bounded shortest queue' \
		"$scratch/out" || fail "a strategy's name is not spelt out"
	grep -q '<dt>sticky</dt>' "$scratch/out" &&
		fail "a strategy that was not run is explained"
	grep -qE '<script|src=|url\(|@import' "$scratch/out" &&
		fail "the page is not self-contained"
	[ "$(grep -oE "id=['\"][^'\"]*" "$scratch/out" | sort | uniq -d)" = "" ] ||
		fail "an id is there twice"
	expect 0 plot "$scratch/report" --svg="$scratch/picture"
	[ "$(wc -l <"$scratch/out")" -eq 4 ] || fail "not 4 pictures"
	while read -r file; do
		grep -q '</svg>' "$file" || fail "$file is no picture"
		# Three curves and more, of which none is empty.
		grep -q 'jbsq:2' "$file" || fail "$file lacks a strategy"
	done <"$scratch/out"
	# Text from a document is text: neither markup nor a command.
	sed "s/jbsq:2/<b>'\`touch pwned\`/g" "$scratch/report" \
		>"$scratch/odd"
	grep -qF "<b>'\`touch pwned" "$scratch/odd" || fail "nothing is odd"
	(cd "$scratch" && "$program" plot odd --html=odd.html) ||
		fail "an odd name is not taken"
	[ ! -e "$scratch/pwned" ] || fail "a name was run"
	grep -qF '&lt;b&gt;' "$scratch/odd.html" || fail "the odd name is lost"
	grep -qF "<b>'" "$scratch/odd.html" && fail "a name became markup"
	# What is read is not written over.
	cp "$scratch/report" "$scratch/before"
	ln "$scratch/report" "$scratch/linked"
	for option in csv html; do
		for name in report linked; do
			refused "--$option=$scratch/$name would overwrite the file \
that plot reads" plot "$scratch/report" --$option="$scratch/$name"
		done
	done
	refused "would overwrite" plot - --csv="$scratch/report" <"$scratch/report"
	ln -f "$scratch/report" "$scratch/by-latency-load.svg"
	expect 1 plot "$scratch/report" --svg="$scratch/by"
	grep -qF "by-latency-load.svg would overwrite" "$scratch/talk" ||
		fail "says $(cat "$scratch/talk")"
	ln -f "$scratch/report" "$scratch/by-rr-0.6.hgrm"
	expect 1 plot "$scratch/report" --hgrm="$scratch/by"
	cmp "$scratch/before" "$scratch/report" || fail "a report was overwritten"
	expect 1 plot "$scratch/none" --html=-
	grep -q "none: unable to open .*: No such file" "$scratch/talk" ||
		fail "does not say there is no file: $(cat "$scratch/talk")"
	echo '{"schema": 2}' >"$scratch/wrong"
	expect 1 plot "$scratch/wrong" --html=-
	grep -q "wrong: Object item not found: command" "$scratch/talk" ||
		fail "does not say what is wrong: $(cat "$scratch/talk")"
	sed 's/"p99_9": [0-9.][0-9.]*/"p99_9": "x"/' "$scratch/report" \
		>"$scratch/wrong"
	expect 1 plot "$scratch/wrong" --html=-
	grep -qF "runs[0]: latency_ns.p99_9: not a number" "$scratch/talk" ||
		fail "does not say what is wrong: $(cat "$scratch/talk")"
}

# What got worse, beyond the ranges; what is of other settings is not compared.
check_diff()
{
	small compare --json="$scratch/before"
	expect 0 diff "$scratch/before" "$scratch/before"
	grep -qx '4 of 4 runs compared: nothing is apart beyond the ranges.' \
		"$scratch/out" || fail "says $(cat "$scratch/out")"
	# As if it were the same: another hop.
	small compare --hop=1 --json="$scratch/slower"
	expect 2 diff "$scratch/before" "$scratch/slower"
	grep -qF 'plan hop: "0.1" and "1"' "$scratch/talk" ||
		fail "does not name the setting: $(cat "$scratch/talk")"
	[ ! -s "$scratch/out" ] || fail "compares other settings"
	sed 's/"hop": "1"/"hop": "0.1"/' "$scratch/slower" >"$scratch/after"
	expect 3 diff "$scratch/before" "$scratch/after"
	grep -Eq '^demand +0\.8 +p99 slowdown .*\(.*\.\..*\) .*\+[0-9.]+ % +worse$' \
		"$scratch/out" || fail "says $(cat "$scratch/out")"
	grep -Eq '^jbsq:2 +0\.8 +saturated +no +yes +worse$' "$scratch/out" ||
		fail "says $(cat "$scratch/out")"
	tail -1 "$scratch/out" | grep -Eq '^4 of 4 runs.* [0-9]+ figures are worse' ||
		fail "no sum: $(tail -1 "$scratch/out")"
	expect 0 diff "$scratch/after" "$scratch/before"
	grep -q ' better$' "$scratch/out" || fail "nothing is better"
	# How often it was run is no setting; another trace is.
	small compare --repeats=1 --json="$scratch/once"
	expect 0 diff "$scratch/before" "$scratch/once"
	printf 'arrival_us,service_us\n1,2\n3,4\n' >"$scratch/mine.csv"
	expect 0 run --arrivals=trace:"$scratch/mine.csv" --json="$scratch/one"
	printf 'arrival_us,service_us\n1,2\n4,4\n' >"$scratch/mine.csv"
	expect 0 run --arrivals=trace:"$scratch/mine.csv" --json="$scratch/two"
	expect 2 diff "$scratch/one" "$scratch/two"
	grep -qF 'trace span_ns: 2000 and 3000' "$scratch/talk" ||
		fail "does not name the trace: $(cat "$scratch/talk")"
	# What was disturbed is not compared.
	sed 's/"contended": false/"contended": true/' "$scratch/after" \
		>"$scratch/disturbed"
	expect 1 diff "$scratch/before" "$scratch/disturbed"
	grep -q '^0 of 4 runs' "$scratch/out" || fail "compares the disturbed"
	expect 1 diff "$scratch/before" /nonexistent/report
}

# handled MODE STRATEGY OPTION...: how many of one burst each consumer handles.
handled()
{
	mode=$1 strategy=$2
	shift 2
	expect 0 run --mode="$mode" --strategy="$strategy" --arrivals=burst:64 \
		--events=64 --repeats=1 --json "$@"
	grep -o '"handled": \[[^]]*\]' "$scratch/out" >"$scratch/$mode" ||
		fail "$mode tells of no consumers"
}

# Each consumer gets as much of a burst in all modes. In threads 8 consumers that
# serve would need as many CPUs; without services any machine will do.
check_modes()
{
	[ "$(nproc)" -ge 2 ] || exit 77
	for strategy in $early shared; do
		handled sim "$strategy"
		handled virtual "$strategy"
		cmp -s "$scratch/sim" "$scratch/virtual" ||
			fail "$strategy: $(cat "$scratch/sim") in sim, \
$(cat "$scratch/virtual") in virtual"
	done
	for strategy in $early; do
		handled sim "$strategy" --service=fixed --service-mean=1ns
		handled threads "$strategy" --service=fixed --service-mean=1ns
		cmp -s "$scratch/sim" "$scratch/threads" ||
			fail "$strategy: $(cat "$scratch/sim") in sim, \
$(cat "$scratch/threads") in threads"
	done
	# All there are but broadcast, which gives everybody everything.
	expect 0 --help
	sed -n '/^Strategies/,/^Figures/s/^  \([a-z0-9]*\)  .*/\1/p' "$scratch/out" |
		grep -vx broadcast >"$scratch/there"
	for strategy in $early shared; do
		echo "${strategy%%:*}"
	done | sort -u >"$scratch/tried"
	sort "$scratch/there" | cmp -s - "$scratch/tried" ||
		fail "not tried in all modes: $(cat "$scratch/there")"
}

# For other programs.
check_export()
{
	small compare --load=0.3,0.6 --csv="$scratch/figures.csv" \
		--hgrm="$scratch/hgrm" --json="$scratch/report"
	[ "$(wc -l <"$scratch/figures.csv")" -eq 9 ] || fail "not 8 lines and a head"
	head -1 "$scratch/figures.csv" | grep -q '^strategy,load,.*,latency_ns_p99,latency_ns_p99_low,latency_ns_p99_high,' ||
		fail "the head is $(head -1 "$scratch/figures.csv")"
	[ "$(tr -cd ',\n' <"$scratch/figures.csv" | sort -u | wc -l)" -eq 1 ] ||
		fail "lines of different lengths"
	# The same figure here and there.
	ours=$(sed -n 's/^"jbsq:2",0.6,\([0-9.]*\),.*/\1/p' "$scratch/figures.csv")
	grep -F '"strategy": "jbsq:2", "load": 0.6,' "$scratch/report" |
		grep -qF "\"objective\": $ours," || fail "objective is not $ours"
	for strategy in demand rr jbsq:2 p2c; do
		for load in 0.3 0.6; do
			file=$scratch/hgrm-$strategy-$load.hgrm
			head -1 "$file" | grep -Eqx ' *Value *Percentile *TotalCount *1/\(1-Percentile\)' ||
				fail "$file has no head"
			grep -Eq '^ *[0-9]+\.[0-9]{3} 0\.99[0-9]{10} +[0-9]+ +[0-9]+\.[0-9]{2}$' "$file" ||
				fail "$file has no percentiles"
		done
	done
	expect 0 plot "$scratch/report" --csv=- --hgrm="$scratch/again"
	grep -v '^/' "$scratch/out" | cmp - "$scratch/figures.csv" ||
		fail "figures from JSON are others"
	cmp "$scratch/hgrm-rr-0.6.hgrm" "$scratch/again-rr-0.6.hgrm" ||
		fail "percentiles from JSON are others"
}

case $part in
json | same | table | plot | diff | modes | export) ;;
*) fail "no such part" ;;
esac
"check_$part"
