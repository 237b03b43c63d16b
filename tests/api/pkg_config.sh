#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A stranger's makefile finds an installed sluice with pkg-config, shared and
# static.
set -eu
build=$1 source=$2 scratch=$3

rm -rf "$scratch"
mkdir -p "$scratch"
cmake --install "$build" --prefix "$scratch/root" >"$scratch/install.log"
pc=$(find "$scratch/root" -name sluice.pc)
PKG_CONFIG_PATH=$(dirname "$pc")
export PKG_CONFIG_PATH
# The package says the prefix it was configured for; this one was moved.
set -- --define-variable=prefix="$scratch/root"
cflags=$(pkg-config "$@" --cflags sluice)
libs=$(pkg-config "$@" --libs sluice)
static=$(pkg-config "$@" --static --libs sluice)
libdir=$(pkg-config "$@" --variable=libdir sluice)
# Splitting into words is what a makefile does with them.
# shellcheck disable=SC2086
cc "$source/examples/01_counter.c" $cflags $libs -o "$scratch/shared"
# shellcheck disable=SC2086
cc "$source/examples/01_counter.c" $cflags -L"$libdir" -l:libsluice.a \
	${static##*-lsluice} -o "$scratch/static"
[ "$(LD_LIBRARY_PATH=$libdir "$scratch/shared" | wc -l)" -ge 1000 ]
[ "$("$scratch/static" | wc -l)" -ge 1000 ]
