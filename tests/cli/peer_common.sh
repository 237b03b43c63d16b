# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# What tests share that have pipelines and peers run beside them, in a folder of the
# test's own.
# shellcheck source=tests/cli/tool_common.sh
. "${0%/*}/tool_common.sh"

# For each step; a loaded machine keeps it.
# shellcheck disable=SC2034
deadline=60
SLUICE_DIR=$scratch/here
export SLUICE_DIR
unset XDG_RUNTIME_DIR

# What still runs when a part fails.
started=
clean_up()
{
	for one in $started; do
		kill -9 "$one" 2>/dev/null || :
	done
	rm -rf "$scratch"
}
trap clean_up EXIT
