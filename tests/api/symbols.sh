#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The shared library exports what the public headers declare, and only that.
set -eu
build=$1 source=$2 scratch=$3

mkdir -p "$scratch"
nm -D --defined-only "$build/libsluice.so" | awk '$2 == "T" { print $3 }' |
	sed 's/@.*//' | sort >"$scratch/exported"
if grep -v '^sluice_' "$scratch/exported"; then
	echo "exported without the prefix" >&2
	exit 1
fi
# A declaration is a SLUICE_API and the first name before a parenthesis.
for header in "$source"/sluice.h "$source"/ring/*.h \
	"$source"/dispatch/*.h "$source"/engine/*.h \
	"$source"/stages/*.h; do
	case $header in *_priv.h) continue ;; esac
	tr '\n' ' ' <"$header" | grep -o 'SLUICE_API[^();{}]*(' |
		sed 's/(.*//; s/.*[ *]//'
done | grep '^sluice_' | sort -u >"$scratch/declared"
[ -s "$scratch/declared" ]
diff "$scratch/declared" "$scratch/exported" || {
	echo "declared (<) and exported (>) differ" >&2
	exit 1
}
