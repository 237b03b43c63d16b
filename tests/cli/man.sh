#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The page of a header names every error code that the header speaks of.
#
#   man.sh TREE
set -eu
cd "$1"

# Of its text, its comments and its table of contents alike.
codes()
{
	grep -oE -e '-E[A-Z0-9]+' "$1" | tr -d - | sort -u
}

bad=0
for page in docs/man/sluice_*.3.scd; do
	header=${page##*/sluice_}
	header=engine/${header%.3.scd}.h
	[ -f "$header" ] || continue
	for code in $(codes "$header"); do
		codes "$page" | grep -qx "$code" || {
			echo "man: $page does not name $code of $header" >&2
			bad=1
		}
	done
done
exit $bad
