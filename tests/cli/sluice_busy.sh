#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# sluice inspect and stat, of a pipeline that peers of all kinds are at, while events
# flow as fast as they go.
#
#   sluice_busy.sh PART PROGRAM SCHEMA_CHECK TREE PASSER
set -eu
# shellcheck source=tests/cli/peer_common.sh
. "${0%/*}/peer_common.sh"
passer=$5

# until_so WHAT COMMAND...: it succeeds, at last.
until_so()
{
	what=$1
	shift
	tries=$((deadline * 20))
	until "$@"; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || fail "$what: $("$program" stat busy)"
		sleep 0.05
	done
}

# watched ROUNDS: what is counted agrees with itself.
watched()
{
	expect 0 inspect busy --rounds="$1"
	grep -q ' 0 wrong$' "$scratch/out" || fail "says $(cat "$scratch/out")"
}

# row STAGE: of the stages, the first of its columns as a whole line.
row()
{
	"$program" stat busy >"$scratch/stat" || fail "no stat"
	sed -n "s/^$1  *//p" "$scratch/stat" | head -n 1
}

# moves STAGE IN OUT: it has handled and sent events (1), or neither (0).
moves()
{
	was=$(row "$1" | sed 's/no credit/no_credit/' |
		awk '{ print $3 != "0", $4 != "0" }')
	[ "$was" = "$2 $3" ]
}

# row_is STAGE PATTERN: its row without its name is like that.
row_is()
{
	row "$1" | grep -qE "$2"
}

restarted()
{
	"$program" stat busy --json | tr -d ' \n' |
		grep -q '"name":"inner".*"restarts":1,'
}

check_inspect()
{
	cat >"$scratch/busy.yaml" <<END
pipeline: {name: busy, max_restarts: 9, backoff_ms: 1}
listen: {}
stages:
  - {name: first, relay: true, in_bytes: 8, on_idle: stay,
     peers_feed: true, peers_consume: true}
  - {name: last, relay: true, in_bytes: 8, on_idle: stay,
     peers_feed: true, peers_consume: true}
  - {name: inner, exec: {argv: [sh, -c, "echo \$\$ >$scratch/pid; exec $passer"],
     from: first, to: last, restart: transient}}
END
	"$program" run "$scratch/busy.yaml" >"$scratch/end" 2>"$scratch/engine" &
	engine=$!
	started="$started $engine"
	until "$program" ls 2>/dev/null | grep -q '^busy *answers'; do
		kill -0 $engine || fail "no pipeline: $(cat "$scratch/engine")"
		sleep 0.05
	done
	"$program" recv busy --from=last --name=taker --format=raw >/dev/null &
	taker=$!
	"$passer" busy middle first last &
	middle=$!
	mkfifo "$scratch/events"
	yes 1234567 >"$scratch/events" 2>/dev/null &
	started="$started $! $taker $middle"
	"$program" send busy --to=first --name=feeder --format=raw \
		<"$scratch/events" 2>/dev/null &
	feeder=$!
	started="$started $feeder"
	until_so feeder moves feeder 0 1
	until_so middle moves middle 1 1
	until_so inner moves inner 1 1
	until_so taker moves taker 1 0
	watched 5
	"$program" stat busy --json >"$scratch/json"
	"$schema_check" "$tree/docs/sluice-stat.schema.json" "$scratch/json" ||
		fail "stat --json is not what the schema says"
	# One that stands still has something to do.
	kill -STOP $taker
	until_so taker row_is taker '^working '
	until_so feeder row_is feeder '^no credit .* first *$'
	watched 2
	kill -CONT $taker
	# The program of the process stage dies, and comes again in its place.
	kill -9 "$(cat "$scratch/pid")"
	until_so inner restarted
	watched 5
	kill -9 $feeder $middle
	watched 3
	kill -INT $engine
	wait $engine || fail "ends with $?: $(cat "$scratch/engine")"
	wait $taker || fail "the taker ends with $?"
	grep -qE '^inner  *producer_consumer  *[1-9][0-9]*  *[1-9][0-9]*  *0  *1 ' \
		"$scratch/end" || fail "ends with $(cat "$scratch/end")"
}

case $part in
inspect) ;;
*) fail "no such part" ;;
esac
"check_$part"
