#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Dependencies point down only: tools bench examples > stages > engine > dispatch
# > ring; bench > tools/cli; and in the engine: peer > run > control > graph > stage
# > link. An include of an upper folder from a lower one fails, and so does a call, with the
# folder of the library's objects as second argument.
set -eu
objects=${2:-}
cd "$1"

failed=0
check()
{
	lower=$1 upper=$2

	[ -d "$lower" ] || return 0
	if grep -nE "^[[:space:]]*#[[:space:]]*include[[:space:]]*[\"<]([a-z./]*/)?($upper)/" \
		-r "$lower" --include='*.[ch]' --include='*.def'; then
		echo "$lower/ may not include from $upper" >&2
		failed=1
	fi
}
check ring 'dispatch|engine|stages|bench|tools|examples|tests'
check dispatch 'engine|stages|bench|tools|examples|tests'
check engine 'stages|bench|tools|examples|tests'
check stages 'bench|tools|examples|tests'
# The tasks are a library of their own, which knows of the engine its headers only.
if grep -nE '#[[:space:]]*include.*stages/tasks' stages/*.[ch] | grep -v '^stages/tasks[a-z_]*\.h:'; then
	echo "stages/ may not include stages/tasks/" >&2
	failed=1
fi
if grep -nE '#[[:space:]]*include "(engine|dispatch|stages)/.*_priv\.h"' \
	-r stages/tasks --include='*.[ch]' | grep -v '"stages/tasks/'; then
	echo "stages/tasks/ uses public headers, and ring/base_priv.h" >&2
	failed=1
fi
if grep -nE '#[[:space:]]*include.*<(libpq|sqlite3)' -r ring dispatch engine stages/*.[ch]; then
	echo "only stages/tasks/ knows libpq and libsqlite3" >&2
	failed=1
fi
check examples 'bench|tools|tests'
check bench 'tools/[^c][a-z]*|examples|tests'
check tools 'bench|examples|tests'
if grep -nE '#[[:space:]]*include.*_priv\.h[">]' -r tools --include='*.[ch]'; then
	echo "tools/ uses public headers only" >&2
	failed=1
fi
# What all tools share knows of the library what each of its headers does.
if grep -n '#[[:space:]]*include "' -r tools/cli --include='*.[ch]' |
	grep -vE '"(tools/cli/[a-z]+|ring/base)\.h"'; then
	echo "tools/cli/ uses itself and ring/base.h" >&2
	failed=1
fi
check engine/link 'engine/(stage|graph|control|run|peer)'
check engine/stage 'engine/(graph|control|run|peer)'
check engine/graph 'engine/(control|run|peer)'
check engine/control 'engine/(run|peer)'
check engine/run 'engine/peer'
for header in engine/*; do
	case $header in
	*_priv.h | *.c)
		echo "$header: engine/ itself has the installed headers" >&2
		failed=1
		;;
	esac
done

# What a wing calls lies in the wing or below.
calls()
{
	scratch=$(mktemp -d)
	trap 'rm -rf "$scratch"' EXIT
	above=
	for wing in stages engine/peer engine/run engine/control engine/graph \
		engine/stage engine/link dispatch ring; do
		name=$(echo $wing | tr / _)
		for source in "$wing"/*.c; do
			nm -o "$objects/$source.o"
		done >"$scratch/all"
		awk '$2 ~ /^[A-TV-Z]$/ { print $3 }' "$scratch/all" |
			sort -u >"$scratch/$name.defined"
		awk '{ sub(/.*\//, "", $1) } $(NF - 1) == "U" { print $NF, $1 }' \
			"$scratch/all" | sort -u >"$scratch/$name.used"
		for upper in $above; do
			join "$scratch/$name.used" "$scratch/$upper.defined" \
				>"$scratch/wrong"
			[ -s "$scratch/wrong" ] || continue
			sed "s,^,$wing/ may not call into $upper: ," \
				"$scratch/wrong" >&2
			failed=1
		done
		above="$above $name"
	done
	# Nothing was compared? Then nothing was proved.
	[ -s "$scratch/engine_link.defined" ] && [ -s "$scratch/ring.defined" ] || {
		echo "$objects: no objects of the library" >&2
		failed=1
	}
}
[ -z "$objects" ] || calls

if grep -nE '#[[:space:]]*include.*[</"]sluice\.h[>"]' -r ring dispatch engine stages; then
	echo "the umbrella header is for users" >&2
	failed=1
fi

# Nothing in ring/ knows a thread; nothing in dispatch/ blocks or allocates.
if grep -nE 'pthread|<threads\.h>' -r ring; then
	echo "ring/ may not know threads" >&2
	failed=1
fi
if grep -nE '\b(malloc|calloc|realloc|free|syscall|pthread_[a-z]+|sluice_(load|store)_[a-z]+)\(' \
	-r dispatch; then
	echo "dispatch/ may not allocate, block or touch shared words" >&2
	failed=1
fi
# Public headers do without C11 atomics and without ck, for C++.
if grep -nE '_Atomic|<stdatomic\.h>|<ck_' sluice.h ring/*.h engine/*.h \
	stages/*.h; then
	echo "not in public headers" >&2
	failed=1
fi
# A private header says whose it is, what it knows and what it must not know; and
# the files that it names are there.
for header in engine/*/*_priv.h ring/*_priv.h stages/*_priv.h \
	stages/tasks/*_priv.h; do
	about=$(sed '/^#ifndef/q' "$header" | tr '\n' ' ')
	for word in 'Of ' 'Knows  ' 'Knows not '; do
		case $about in
		*"$word"*) ;;
		*)
			echo "$header: its first comment has no '$word'" >&2
			failed=1
			;;
		esac
	done
	for source in $(echo "$about" | grep -oE '[a-z_]+\.c\b' | sort -u); do
		[ -n "$(find engine ring stages -name "$source")" ] || {
			echo "$header: there is no $source" >&2
			failed=1
		}
	done
done
# What the page on memory order names is there: words, and the functions at the
# ends of its edges.
# shellcheck disable=SC2016
names=$(grep -oE '`[a-z_]+`' docs/memory-order.md | tr -d "\`" | sort -u)
for name in ${names:?docs/memory-order.md names nothing}; do
	grep -qrw "$name" ring dispatch engine || {
		echo "docs/memory-order.md: there is no $name" >&2
		failed=1
	}
done
# No test depends on speed: the deadline is the same for all.
if grep -nE 'TIMEOUT [0-9]' -r tests bench --include=CMakeLists.txt; then
	echo "a test's TIMEOUT is SLUICE_TEST_TIMEOUT" >&2
	failed=1
fi
exit $failed
