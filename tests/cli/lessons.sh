#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each lesson of the tutorial does what it says.
#
#   lessons.sh LESSON PROGRAM
set -eu
LC_ALL=C
export LC_ALL
lesson=$1 program=$2

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

fail()
{
	echo "$lesson: $*" >&2
	exit 1
}

# Numbers that stage $1 printed, one per line.
printed_by()
{
	sed -n "s/^{$1, \([0-9]*\)}\$/\1/p" "$scratch/out"
}

# All say what they are for, and those without arguments take none.
"$program" --help >"$scratch/help" || fail "--help ends with $?"
head -n 1 "$scratch/help" | grep -Eqx "usage: $lesson( .*)?" ||
	fail "--help does not begin with the usage"
grep -q '^Lesson [0-9]*: ' "$scratch/help" || fail "--help says no lesson"
if head -n 1 "$scratch/help" | grep -qx "usage: $lesson"; then
	rc=0
	"$program" nonsense >"$scratch/out" 2>&1 || rc=$?
	[ $rc -eq 2 ] || fail "an argument that it does not take: $rc, not 2"
fi

# sql FILE STATEMENT: what sqlite3 says, by Python's, which the tests have.
sql()
{
	python3 -c 'import sqlite3, sys
for row in sqlite3.connect(sys.argv[1]).execute(sys.argv[2]):
    print(*row, sep="|")' "$1" "$2"
}

case $lesson in
15_tasks)
	"$program" >"$scratch/out"
	[ "$(grep -c ', done, 100%' "$scratch/out")" -eq 3 ] ||
		fail "not all are done: $(cat "$scratch/out")"
	grep -q 'moody, done, 100%, attempt 2, "not in the mood"' \
		"$scratch/out" || fail "the moody one was not tried again"
	# Killed in the middle, it goes on, and each counts once.
	"$program" "$scratch/tasks.db" >"$scratch/out" &
	pid=$!
	while [ "$(sql "$scratch/tasks.db" "SELECT count(*) FROM tasks
			WHERE status = 'running'" 2>/dev/null)" != 1 ]; do
		kill -0 $pid 2>/dev/null || break
	done
	kill -9 $pid 2>/dev/null || :
	wait $pid 2>/dev/null || :
	"$program" "$scratch/tasks.db" >"$scratch/out"
	[ "$(sql "$scratch/tasks.db" "SELECT count(*) FROM tasks
		WHERE status = 'done' AND progress = 1000")" -ge 3 ] ||
		fail "SQL does not find them done"
	[ "$(sql "$scratch/tasks.db" "SELECT count(*) FROM tasks
		WHERE status = 'done'")" = "$(sql "$scratch/tasks.db" \
		"SELECT count(*) FROM sums")" ] || fail "the ledger differs"
	;;
16_delayed_job)
	url=sqlite:$scratch/jobs.db
	"$program" "$url" add "echo now >>$scratch/log"
	"$program" "$url" add "echo later >>$scratch/log" 1
	"$program" "$url" add "test -f $scratch/flag || { touch $scratch/flag; exit 3; }"
	"$program" "$url" list >"$scratch/out"
	[ "$(grep -c ', ready, attempt 0' "$scratch/out")" -eq 2 ] ||
		fail "list: $(cat "$scratch/out")"
	grep -q ', scheduled, attempt 0' "$scratch/out" || fail "none is delayed"
	"$program" "$url" work 3 once
	"$program" "$url" list >"$scratch/out"
	[ "$(grep -c ', done, ' "$scratch/out")" -eq 3 ] ||
		fail "not all are done: $(cat "$scratch/out")"
	grep -q ', done, attempt 2, .*"exit status 3"' "$scratch/out" ||
		fail "none was tried again"
	printf 'now\nlater\n' | cmp - "$scratch/log" || fail "another order"
	;;
01_counter)
	"$program" >"$scratch/out"
	printed_by printer >"$scratch/numbers"
	seq 0 $(($(wc -l <"$scratch/out") - 1)) | cmp - "$scratch/numbers" ||
		fail "not 0, 1, 2 ... in order"
	[ "$(wc -l <"$scratch/out")" -ge 1000 ] || fail "less than 1000 events"
	;;
02_two_consumers)
	"$program" >"$scratch/out"
	for side in left right; do
		printed_by $side >"$scratch/$side"
		sort -n "$scratch/$side" | cmp - "$scratch/$side" ||
			fail "$side is out of order"
	done
	sort -n "$scratch/left" "$scratch/right" >"$scratch/both"
	seq 0 99 | cmp - "$scratch/both" || fail "not each event once"
	;;
03_many_consumers)
	"$program" 1 >"$scratch/out" 2>"$scratch/live"
	grep -q 'none lost, none doubled' "$scratch/out" || fail "no verdict"
	grep -q 'counter .*consumers' "$scratch/live" || fail "no live line"
	for bad in nonsense 0 . 3s nan inf 1e9 -1 '1 0' '1 129' '1 1.5' '1 2 3'; do
		rc=0
		# Splitting is meant: several arguments.
		# shellcheck disable=SC2086
		"$program" $bad 2>"$scratch/usage" || rc=$?
		[ $rc -eq 2 ] || fail "'$bad' ends with $rc, not 2"
		grep -q '^usage: ' "$scratch/usage" || fail "'$bad': no usage"
	done
	;;
04_broadcast)
	"$program" >"$scratch/out"
	for stage in first second; do
		printed_by $stage >"$scratch/$stage"
		seq 0 11 | cmp - "$scratch/$stage" || fail "$stage missed some"
	done
	printed_by even >"$scratch/even"
	seq 0 2 11 | cmp - "$scratch/even" || fail "the selector did not hold"
	;;
05_wordcount)
	count_words()
	{
		tr -cs A-Za-z '\n' <"$1" | tr A-Z a-z | grep . | sort | uniq -c
	}
	same()
	{
		count_words "$1" >"$scratch/expected" || true
		"$program" "$@" >"$scratch/out" || fail "failed on $*"
		cmp "$scratch/expected" "$scratch/out" || fail "differs on $*"
	}
	"$program" >"$scratch/out"
	count_words /usr/share/common-licenses/GPL-3 >"$scratch/expected"
	cmp "$scratch/expected" "$scratch/out" || fail "differs on its default"
	for licence in /usr/share/common-licenses/*; do
		same "$licence" 1
		same "$licence" 7
	done
	: >"$scratch/empty"
	same "$scratch/empty"
	if "$program" "$scratch" >/dev/null 2>"$scratch/talk"; then
		fail "counts the words of a folder"
	fi
	head -n 1 "$scratch/talk" | grep -qF "05_wordcount: $scratch: " ||
		fail "does not name the folder: $(cat "$scratch/talk")"
	printf 'no newline at the end' >"$scratch/short"
	same "$scratch/short" 64
	# Words on every border of a chunk.
	awk 'BEGIN { for (i = 0; i < 3000; i++) {
		w = ""; for (j = 0; j <= i % 127; j++)
			w = w sprintf("%c", 97 + (i * 7 + j) % 26);
		printf "%s%s", w, i % 3 ? " " : ".\n" } }' >"$scratch/long"
	same "$scratch/long" 5
	head -c 128 /dev/zero | tr '\0' x >"$scratch/toolong"
	if "$program" "$scratch/toolong" >"$scratch/out" 2>"$scratch/err"; then
		fail "a word over the limit was accepted"
	fi
	grep -q 'limit of 127' "$scratch/err" || fail "the limit is not named"
	if "$program" /nonexistent 2>"$scratch/err"; then
		fail "no file, no error"
	fi
	grep -q '/nonexistent: No such file' "$scratch/err" || fail "no reason"
	for bad in 65 0 -1 4x x '4 5'; do
		rc=0
		# shellcheck disable=SC2086
		"$program" "$scratch/short" $bad 2>"$scratch/err" || rc=$?
		[ $rc -eq 2 ] || fail "'$bad' counters end with $rc, not 2"
	done
	;;
06_spawn)
	"$program" >"$scratch/out" || fail "ended with $?"
	grep -q '^99 pages, .* 1 set aside$' "$scratch/out" ||
		fail "not every page but one"
	;;
07_iterate)
	"$program" >"$scratch/out" || fail "ended with $?"
	printed_by taker >"$scratch/taken"
	seq 0 9 | cmp - "$scratch/taken" || fail "not the first ten"
	grep -q '^taken 45, given 499500$' "$scratch/out" || fail "wrong sums"
	;;
08_supervised)
	"$program" >"$scratch/out" 2>"$scratch/log" || fail "ended with $?"
	grep -q '^100000 made, 99999 read, 1 dead, 5 starts$' "$scratch/out" ||
		fail "not all but the poisoned one"
	grep -q "'parser': restarted" "$scratch/log" || fail "no restart told"
	;;
09_ordered)
	"$program" >"$scratch/out" || fail "ended with $?"
	printed_by printer >"$scratch/squares"
	seq 0 199 | awk '{ print $1 * $1 }' | cmp - "$scratch/squares" ||
		fail "not the squares, in order"
	;;
10_own_strategy)
	"$program" >"$scratch/out" || fail "ended with $?"
	awk -F '[ ,:]+' '/^first: / { exit !($2 + $4 == 1000 && $2 >= 64) }' \
		"$scratch/out" || fail "not all, or not the first one first"
	;;
11_attach)
	SLUICE_DIR=$scratch
	export SLUICE_DIR
	if "$program" >"$scratch/out" 2>"$scratch/err"; then
		fail "nobody listens, no error"
	fi
	grep -q '^11_attach: attach: no pipeline listens at ' "$scratch/err" ||
		fail "no reason: $(cat "$scratch/err")"
	;;
11_listen)
	attach=${program%/*}/11_attach
	SLUICE_DIR=$scratch
	export SLUICE_DIR
	"$program" >"$scratch/out" &
	listener=$!
	until [ -S "$scratch/lesson.sock" ]; do
		kill -0 $listener || fail "ends at once"
		sleep 0.05
	done
	# One is killed, wherever it is.
	"$attach" >"$scratch/killed" &
	killed=$!
	sleep 0.05
	kill -9 $killed 2>/dev/null || :
	"$attach" >"$scratch/first" 2>"$scratch/err" &
	first=$!
	# There may be nothing left for one that comes late.
	"$attach" >"$scratch/second" 2>/dev/null || :
	wait $first || grep -q 'is ending\|no pipeline' "$scratch/err" ||
		fail "one that attaches fails: $(cat "$scratch/err")"
	wait $listener || fail "the engine ends with $?"
	grep -q '^1000000 squares, their sum is 333332833333500000; ' \
		"$scratch/out" || fail "not all squares: $(cat "$scratch/out")"
	;;
12_handler)
	if "$program" >"$scratch/out" 2>"$scratch/err"; then
		fail "nobody has started it, no error"
	fi
	grep -q '^12_handler: attach: .*no engine has started' "$scratch/err" ||
		fail "no reason: $(cat "$scratch/err")"
	;;
12_process)
	"$program" >"$scratch/out" 2>"$scratch/log" ||
		fail "ended with $?: $(cat "$scratch/log")"
	printed_by handler | sort -n -u >"$scratch/numbers"
	seq 0 999 | cmp - "$scratch/numbers" || fail "not every number"
	grep -q '^1000 numbers were handled$' "$scratch/out" || fail "no sum"
	grep -q 'killed by signal 9; restarting in' "$scratch/log" ||
		fail "no restart told: $(cat "$scratch/log")"
	;;
*)
	fail "no such lesson"
	;;
esac
