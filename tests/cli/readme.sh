#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The program in the README is the one in examples/, to the letter.
set -eu
cd "$1"

example=$(mktemp)
shown=$(mktemp)
trap 'rm -f "$example" "$shown"' EXIT
sed -n '/\[readme\]/,/\[readme\]/p' examples/01_counter.c | grep -v '\[readme\]' \
	>"$example"
sed -n '/^```c$/,/^```$/p' README.md | grep -v '^```' >"$shown"
[ -s "$example" ]
diff "$example" "$shown" || {
	echo "README.md (>) does not show examples/01_counter.c (<)" >&2
	exit 1
}
