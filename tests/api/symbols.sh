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
declared()
{
	tr '\n' ' ' <"$1" | grep -o 'SLUICE_API[^();{}]*(' |
		sed 's/(.*//; s/.*[ *]//'
}
for header in "$source"/sluice.h "$source"/ring/*.h \
	"$source"/dispatch/*.h "$source"/engine/*.h \
	"$source"/stages/*.h; do
	# Those of tasks are another library's.
	case $header in *_priv.h | */stages/tasks*.h) continue ;; esac
	declared "$header"
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

if [ -f "$build/libsluice-tasks.so" ]; then
	for header in "$source"/stages/tasks*.h; do
		declared "$header"
	done | grep '^sluice_' | sort -u \
		>"$scratch/tasks"
	nm -D --defined-only "$build/libsluice-tasks.so" | grep ' T ' |
		exported >"$scratch/tasks_shared"
	nm -g --defined-only "$build/libsluice-tasks.a" | exported \
		>"$scratch/tasks_static"
	for kind in shared static; do
		diff "$scratch/tasks" "$scratch/tasks_$kind" >&2 ||
			fail "libsluice-tasks, $kind: declared (<), exported (>)"
	done
	# Whoever has the one needs no store.
	if readelf -d "$build/libsluice.so" | grep -E 'NEEDED.*(libpq|sqlite)' >&2; then
		fail "libsluice.so needs a store"
	fi
fi

# One program that has them all; a name with a dot, of a probe, it cannot have.
find "$build/CMakeFiles/sluice_objects.dir" -name '*.o' \
	-exec nm -g --defined-only {} + | exported |
	grep -vxF -f "$scratch/declared" | grep -v '[.]' >"$scratch/private" ||
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

# Versions of symbols are those of this machine's glibc. One that is newer than 2.31
# may be of a name that only moved to another library (pthread_create() in 2.34):
# then this glibc has it under an older version too, for programs of that time.
libc=$(ldd "$build/libsluice.so" | awk '$1 ~ /^libc\.so/ { print $3 }')
[ -r "$libc" ] || fail "no libc among what libsluice.so needs"
versions()
{
	sed -n 's/.* \([^ @]*\)@@*GLIBC_\([^ ]*\).*/\1 \2/p' | sort -u
}
nm -D --defined-only "$libc" | versions >"$scratch/libc"
nm -D --undefined-only "$build/libsluice.so" | versions >"$scratch/needed"
if ! [ -s "$scratch/libc" ] || ! [ -s "$scratch/needed" ]; then
	fail "no versions found"
fi
awk '
function is_newer(version, part)
{
	return split(version, part, ".") < 2 || part[1] != 2 || part[2] > 31
}
NR == FNR { old[$1] = old[$1] || !is_newer($2); next }
is_newer($2) && !old[$1]
' "$scratch/libc" "$scratch/needed" >"$scratch/newer"
[ ! -s "$scratch/newer" ] ||
	fail "newer than glibc 2.31: $(tr '\n' ' ' <"$scratch/newer")"
