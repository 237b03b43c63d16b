#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Scripts are clean, and the tools answer a wrong call. 77: no shellcheck here.
set -eu
cd "$1"

command -v shellcheck >/dev/null || exit 77
shellcheck -S warning -x tools/run tools/test tools/coverage tools/common.sh .ci/run tests/*/*.sh
for tool in run test coverage; do
	tools/$tool --help | grep -q "^usage: tools/$tool"
	rc=0
	tools/$tool --nonsense >/dev/null 2>&1 || rc=$?
	[ $rc -eq 2 ] || {
		echo "tools/$tool --nonsense ends with $rc, not 2" >&2
		exit 1
	}
done
