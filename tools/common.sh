# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# What tools/run and tools/test share. Sourced, with the working folder at the
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

# Packages of tools/packages that are not installed, on one line.
missing_packages()
{
	for package in $(sed 's/#.*//' tools/packages); do
		status=$(dpkg-query -W -f='${db:Status-Status}' "$package" \
			2>/dev/null) || status=absent
		[ "$status" = installed ] || printf '%s ' "$package"
	done
}

# Install what is missing: as root, or with a sudo that asks nothing.
install_packages()
{
	command -v dpkg-query >/dev/null ||
		die "this is not Debian; install the likes of:" \
			"$(sed 's/#.*//' tools/packages | tr '\n' ' ')"
	missing=$(missing_packages)
	[ -n "$missing" ] || return 0
	if [ "$(id -u)" -eq 0 ]; then
		as_root=
	elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
		as_root=sudo
	else
		die "these packages are missing, and only root may install" \
			"them: apt-get install $missing"
	fi
	say "installing $missing"
	# Word splitting is meant: one word per package.
	# shellcheck disable=SC2086
	{
		$as_root apt-get update -qq &&
			$as_root env DEBIAN_FRONTEND=noninteractive apt-get \
				install -y -qq --no-install-recommends \
				$missing >/dev/null
	} || die "apt-get could not install: $missing"
}

# Configure and build one preset. In CI a warning is an error.
build_preset()
{
	preset=$1
	shift

	say "building $preset"
	cmake --preset "$preset" -DSLUICE_WERROR="${CI:+ON}" "$@" \
		>"build/$preset.configure.log" 2>&1 ||
		{
			cat "build/$preset.configure.log" >&2
			die "configuring $preset failed"
		}
	cmake --build --preset "$preset" >"build/$preset.build.log" 2>&1 ||
		{
			tail -n 60 "build/$preset.build.log" >&2
			die "building $preset failed"
		}
}

# The main job: many consumers for @1 seconds, nothing lost or doubled; then the
# word count of a real file against the usual shell pipeline.
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
}
