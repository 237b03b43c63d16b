#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The library has the probes that probe_priv.h lists, all of them and no others, with
# as many arguments as that says; or none, when it was built without.
#
#	probes.sh SOURCE LIBRARY ON|OFF
set -eu
source=$1 library=$2 usdt=$3

command -v readelf >/dev/null || exit 77
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Name and number of arguments, from the notes.
readelf -nW "$library" | awk '
	/Provider:/ { provider = $NF }
	/Name:/ { name = $2 }
	/Arguments:/ && provider == "sluice" { print name, NF - 1 }' |
	sort -u >"$scratch/there"

if [ "$usdt" != ON ]; then
	[ ! -s "$scratch/there" ] || {
		echo "probes although it was built without" >&2
		exit 1
	}
	exit 0
fi
# The same from the table: a row may go on below.
awk '
	/^ \* probe / { table = 1; next }
	table && /^ \*$/ { exit }
	table && match($0, /^ \* [a-z_]+/) {
		if (name) print name, count
		name = $2
		count = 0
	}
	table {
		cell = substr($0, 17, 45)
		gsub(/ +$/, "", cell)
		if (cell !~ /[a-z]/) next
		count += gsub(/,/, ",", cell)
		if (cell !~ /,$/) count++
	}
	END { if (name) print name, count }' "$source/ring/probe_priv.h" |
	sort >"$scratch/listed"
[ "$(wc -l <"$scratch/listed")" -eq 10 ] || {
	echo "ring/probe_priv.h does not list ten probes:" >&2
	cat "$scratch/listed" >&2
	exit 1
}
diff "$scratch/listed" "$scratch/there"
