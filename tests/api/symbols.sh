#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Both libraries export what the public headers declare, and only that: a program
# may have a name of its own for whatever is private. And they ask the C library
# for nothing that glibc 2.31 has not.
set -eu
build=$1 source=$2 scratch=$3
LC_ALL=C
export LC_ALL

rm -rf "$scratch"
mkdir -p "$scratch"
fail()
{
	echo "symbols: $*" >&2
	exit 1
}

# A declaration is a SLUICE_API and the first name before a parenthesis.
for header in "$source"/sluice.h "$source"/ring/*.h \
	"$source"/dispatch/*.h "$source"/engine/*.h \
	"$source"/stages/*.h; do
	case $header in *_priv.h) continue ;; esac
	tr '\n' ' ' <"$header" | grep -o 'SLUICE_API[^();{}]*(' |
		sed 's/(.*//; s/.*[ *]//'
done | grep '^sluice_' | sort -u >"$scratch/declared"
[ -s "$scratch/declared" ] || fail "no declarations found"

exported()
{
	awk 'NF == 3 { print $3 }' | sed 's/@.*//' | sort -u
}
nm -D --defined-only "$build/libsluice.so" | grep ' T ' |
	exported >"$scratch/shared"
nm -g --defined-only "$build/libsluice.a" | exported >"$scratch/static"
for kind in shared static; do
	diff "$scratch/declared" "$scratch/$kind" >&2 ||
		fail "declared (<) and exported by the $kind library (>) differ"
done

# One program that has them all.
find "$build/CMakeFiles/sluice_objects.dir" -name '*.o' \
	-exec nm -g --defined-only {} + | exported |
	grep -vxF -f "$scratch/declared" >"$scratch/private" ||
	fail "the objects have no private names?"
{
	echo '#include <sluice/sluice.h>'
	echo 'int main(void) { return sluice_version()[0] == 0; }'
} >"$scratch/main.c"
sed 's/.*/int &; /' "$scratch/private" >"$scratch/names.c"
cc -I"$build/include" -o "$scratch/clash" "$scratch/main.c" "$scratch/names.c" \
	-Wl,--whole-archive "$build/libsluice.a" -Wl,--no-whole-archive -pthread ||
	fail "the names of a program clash with private ones"
"$scratch/clash" || fail "the program with the same names fails"

# Versions of symbols are those of this machine's glibc, and pthread_* were moved
# to another library in 2.34; what is meant is a name that came later than 2.31.
nm -D --undefined-only "$build/libsluice.so" |
	sed -n 's/.* \([a-z_0-9]*\)@GLIBC_2\.\([0-9]*\).*/\1 \2/p' |
	awk '$2 > 31 && $1 !~ /^(pthread|sem)_/' >"$scratch/newer"
[ ! -s "$scratch/newer" ] ||
	fail "newer than glibc 2.31: $(tr '\n' ' ' <"$scratch/newer")"
