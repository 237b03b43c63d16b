#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A stranger's makefile finds an installed sluice with pkg-config, shared and
# static, wherever it was put: by --prefix, by DESTDIR, moved afterwards, below a
# folder with a space in its name, with absolute folders.
set -eu
build=$1 source=$2 scratch=$3

rm -rf "$scratch"
mkdir -p "$scratch"
fail()
{
	echo "pkg_config: $*" >&2
	exit 1
}

# Where sluice.pc lies below folder $1.
pc_dir()
{
	dirname "$(find "$1" -name sluice.pc)"
}

# flags PC_DIR OPTION...: what pkg-config says, nothing overridden.
flags()
{
	PKG_CONFIG_LIBDIR=$1
	export PKG_CONFIG_LIBDIR
	shift
	pkg-config "$@" sluice
}

# variable PC_DIR NAME: a folder that sluice.pc names.
variable()
{
	eval "printf '%s\n' $(flags "$1" --variable="$2")"
}

# It is below folder $1 that programs find what they need.
works_in()
{
	pc=$(pc_dir "$1")
	[ "$(flags "$pc" --modversion)" = "$(sed -n \
		's/.*SLUICE_VERSION_STRING "\(.*\)"/\1/p' "$source/ring/base.h")" ] ||
		fail "the version in $pc"
	[ -f "$(variable "$pc" includedir)/sluice/sluice.h" ] ||
		fail "no header in includedir of $pc"
	libdir=$(variable "$pc" libdir)
	[ -f "$libdir/libsluice.so" ] || fail "no library in libdir of $pc"
	# As a makefile does it: the shell splits what pkg-config has quoted.
	eval "set -- $(flags "$pc" --cflags --libs)"
	cc "$source/examples/01_counter.c" "$@" -o "$scratch/shared" ||
		fail "cannot link with $pc"
	# The library that is static, the others as they are.
	eval "set -- $(flags "$pc" --cflags --static --libs |
		sed 's/-lsluice/-l:libsluice.a/')"
	cc "$source/examples/01_counter.c" "$@" -o "$scratch/static" ||
		fail "cannot link statically with $pc"
	[ "$(LD_LIBRARY_PATH=$libdir "$scratch/shared" | wc -l)" -ge 1000 ] ||
		fail "the program fails with $pc"
	[ "$("$scratch/static" | wc -l)" -ge 1000 ] ||
		fail "the static program fails with $pc"
	[ ! -f "$libdir/libsluice-tasks.so" ] || tasks_work_in "$pc" "$libdir"
}

# A URL that is none is refused by a program that was linked with $1.
tasks_work_in()
{
	cat >"$scratch/tasks.c" <<'END'
#include <sluice/stages/tasks.h>
#include <string.h>
int main(void)
{
	struct sluice_tasks *tasks;

	return sluice_tasks_open(&tasks, "none:", NULL) != -EINVAL ||
	       strstr(sluice_last_error(), "is no store") == NULL;
}
END
	PKG_CONFIG_LIBDIR=$1 PKG_CONFIG_PATH=$(pkg-config --variable pc_path pkg-config)
	export PKG_CONFIG_LIBDIR PKG_CONFIG_PATH
	eval "set -- '$2' $(pkg-config --cflags --libs sluice-tasks)"
	LD=$1
	shift
	cc "$scratch/tasks.c" "$@" -o "$scratch/tasks" &&
		LD_LIBRARY_PATH=$LD "$scratch/tasks" ||
		fail "sluice-tasks in $LD"
	unset PKG_CONFIG_PATH
}

cmake --install "$build" --prefix "$scratch/root" >"$scratch/install.log"
works_in "$scratch/root"
mv "$scratch/root" "$scratch/moved elsewhere"
works_in "$scratch/moved elsewhere"
DESTDIR=$scratch/stage cmake --install "$build" --prefix /opt/sluice \
	>"$scratch/install.log"
[ -d "$scratch/stage/opt/sluice" ] || fail "DESTDIR was not heeded"
works_in "$scratch/stage"

# says PREFIX LIBDIR INCLUDEDIR WANTED_LIBDIR WANTED_INCLUDEDIR: configured with
# these folders, and installed to PREFIX, which is not the one configured. What is
# wanted begins with a / if it is absolute, and is below the prefix else.
says()
{
	name="folders of '$2' and '$3'"
	rm -rf "$scratch/configured"
	cmake -S "$source" -B "$scratch/configured" \
		-DCMAKE_INSTALL_PREFIX=/usr/local -DSLUICE_BUILD_TESTS=OFF \
		-DSLUICE_BUILD_BENCH=OFF -DSLUICE_BUILD_EXAMPLES=OFF \
		-DCMAKE_INSTALL_LIBDIR="$2" -DCMAKE_INSTALL_INCLUDEDIR="$3" \
		>"$scratch/configure.log"
	cmake -DCMAKE_INSTALL_PREFIX="$1" -P "$scratch/configured/sluice-pc.cmake"
	# Where it would be installed to; absolute folders are said as they are.
	at=$scratch/absolute/pkgconfig
	case $2 in
	"$1"/*) at=$2/pkgconfig ;;
	/*) ;;
	*) at=$1/$2/pkgconfig ;;
	esac
	mkdir -p "$at"
	cp "$scratch/configured/sluice.pc" "$at"
	for dir in libdir includedir; do
		wanted=$4
		[ $dir = libdir ] || wanted=$5
		case $wanted in
		/*) ;;
		*) wanted=$1/$wanted ;;
		esac
		said=$(variable "$at" $dir)
		[ "$(realpath -m "$said")" = "$(realpath -m "$wanted")" ] ||
			fail "$name: $dir is $said, not $wanted"
	done
	rm -r "$scratch/prefix" "$scratch/absolute" 2>/dev/null || true
}
p=$scratch/prefix a='/somewhere/else with spaces'
says "$p" lib include lib include
says "$p" lib64/some/triplet include/deep lib64/some/triplet include/deep
says "$p" . include . include
says "$p" "$a/lib" include "$a/lib" include
says "$p" lib "$a/include" lib "$a/include"
says "$p" "$a/lib" "$a/include" "$a/lib" "$a/include"
says "$p" "$p/lib/here" "$p/include" lib/here include
says "$p" lib ../beside lib "$scratch/beside"
