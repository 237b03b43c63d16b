# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# What tools/run, tools/test and tools/coverage share. Sourced, with the working folder at the
# top of the tree.

say()
{
	echo "== $*"
}

die()
{
	echo "${0##*/}: $*" >&2
	exit 1
}

# ---- packages ------------------------------------------------------------------

# The packages of sections $@ of tools/packages.
packages()
{
	for wanted; do
		section=
		while read -r line; do
			case $line in
			'#'* | '') ;;
			'['*']') section=$line ;;
			*) [ "$section" != "[$wanted]" ] || echo "$line" ;;
			esac
		done <tools/packages
	done
}

# Those of them that are not installed.
missing_packages()
{
	for package in $(packages "$@"); do
		status=$(dpkg-query -W -f='${db:Status-Status}' "$package" \
			2>/dev/null) || status=absent
		[ "$status" = installed ] || echo "$package"
	done
}

# Install what is missing of sections $@: as root, or with a sudo that asks
# nothing. What apt does is shown: it may take minutes.
install_packages()
{
	if ! command -v dpkg-query >/dev/null; then
		say "this is not Debian, so nothing is installed; needed are the" \
			"likes of" "$(packages "$@" | tr '\n' ' ')"
		return 0
	fi
	# Word splitting is meant, here and below: one word per package.
	# shellcheck disable=SC2046
	set -- $(missing_packages "$@")
	[ $# -gt 0 ] || return 0
	if [ "$(id -u)" -eq 0 ]; then
		as_root=
	elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
		as_root=sudo
	else
		die "these packages are missing, and only root may install" \
			"them: apt-get install $*"
	fi
	say "installing $#: $*"
	{
		$as_root apt-get update -q &&
			$as_root env DEBIAN_FRONTEND=noninteractive apt-get \
				install -y -q --no-install-recommends "$@"
	} || die "apt-get could not install: $*"
}

# ---- building ------------------------------------------------------------------

# From what ninja says: all of it to file $1, and how far it is to the user, on one
# line of a terminal, or a line for each tenth.
show_progress()
{
	tenth=-1
	while IFS= read -r line; do
		printf '%s\n' "$line" >>"$1"
		case $line in
		'[0/'*) continue ;;
		'['[0-9]*/[0-9]*']'*) ;;
		*) continue ;;
		esac
		if [ -t 1 ]; then
			printf '\r\033[K%.79s' "$line"
			continue
		fi
		done=${line#[}
		done=${done%%/*}
		all=${line#*/}
		all=${all%%]*}
		[ $((10 * done / all)) -gt $tenth ] || continue
		tenth=$((10 * done / all))
		echo "   $done of $all"
	done
	[ ! -t 1 ] || printf '\r\033[K'
}

# build_preset PRESET TARGET [OPTION...]: configure and build. In CI a warning is an
# error.
build_preset()
{
	preset=$1 target=$2
	shift 2

	say "building $preset"
	cmake --preset "$preset" -DSLUICE_WERROR="${CI:+ON}" "$@" \
		>"build/$preset.configure.log" 2>&1 ||
		{
			cat "build/$preset.configure.log" >&2
			die "configuring $preset failed"
		}
	: >"build/$preset.build.log"
	{
		rc=0
		cmake --build --preset "$preset" --target "$target" 2>&1 || rc=$?
		echo $rc >"build/$preset.status"
	} | show_progress "build/$preset.build.log"
	[ "$(cat "build/$preset.status")" -eq 0 ] || {
		tail -n 60 "build/$preset.build.log" >&2
		die "building $preset failed"
	}
}

# ---- the main job --------------------------------------------------------------

# Many consumers for @1 seconds, nothing lost or doubled; then the word count of a
# real file against the usual shell pipeline.
main_job()
{
	seconds=$1
	file=/usr/share/common-licenses/GPL-3
	examples=build/release/examples

	say "03_many_consumers: 12 consumers per CPU for $seconds s"
	"$examples/03_many_consumers" "$seconds" || die "events were lost"
	say "05_wordcount $file"
	"$examples/05_wordcount" "$file" >build/wordcount.out ||
		die "the word count failed"
	LC_ALL=C tr -cs A-Za-z '\n' <"$file" | LC_ALL=C tr A-Z a-z | grep . |
		LC_ALL=C sort | LC_ALL=C uniq -c >build/wordcount.expected
	cmp build/wordcount.expected build/wordcount.out ||
		die "the totals differ from those of tr | sort | uniq -c"
	LC_ALL=C sort -rn build/wordcount.out | head -n 3
	echo "$(wc -l <build/wordcount.out) words, totals equal to those of" \
		"tr | sort | uniq -c"
	if [ -x "$examples/15_tasks" ] && command -v sqlite3 >/dev/null; then
		tasks_job
	else
		say "15_tasks: not without libsqlite3-dev and sqlite3"
	fi
}

# What the database of the tasks says.
ask_tasks()
{
	sqlite3 -cmd '.timeout 10000' build/tasks.db "$1" 2>/dev/null
}

# Enqueue 200 tasks, and kill the pipeline that works them off when some are done.
# Fails when that came too late, for a busy machine.
tasks_killed()
{
	rm -f build/tasks.db build/tasks.db-wal build/tasks.db-shm
	yes 5 | head -n 200 | build/release/tools/sluice/sluice tasks enqueue \
		sqlite:build/tasks.db --lines >build/tasks.ids ||
		die "tasks cannot be enqueued"
	"$examples/15_tasks" build/tasks.db >build/tasks.out &
	worker=$!
	until [ "$(ask_tasks "SELECT count(*) FROM tasks WHERE status = 'done'" ||
		echo 0)" -ge 50 ]; do
		kill -0 $worker 2>/dev/null || return 1
	done
	kill -9 $worker 2>/dev/null || return 1
	wait $worker 2>/dev/null || :
	left=$(ask_tasks "SELECT count(*) FROM tasks WHERE status <> 'done'")
	[ "$left" -gt 0 ]
}

# Tasks in a file of SQLite; a pipeline that works them off, and is killed in the
# middle; another one that goes on. Each counts once.
tasks_job()
{
	say "15_tasks: 200 tasks in SQLite, killed once in the middle"
	tasks_killed || tasks_killed || tasks_killed ||
		die "15_tasks was done before it was killed"
	"$examples/15_tasks" build/tasks.db >build/tasks.out ||
		die "the tasks were not worked off"
	# It adds three of its own, and those again that were done already.
	ask_tasks "SELECT count(*) BETWEEN 203 AND 206
		AND count(*) = sum(status = 'done')
		AND count(*) = (SELECT count(*) FROM sums)
		AND count(*) = (SELECT count(DISTINCT s.id) FROM sums s
			JOIN tasks t ON t.id = s.id) FROM tasks" | grep -qx 1 ||
		die "the ledger of the tasks is wrong"
	echo "$(ask_tasks 'SELECT count(*) FROM sums') tasks, each once in the" \
		"ledger; $left were left when the first worker was killed"
}
