# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# For bash: commands and options of sluice and sluice-bench, as the program itself
# tells them in its --help. Behind a "=", and where a FILE stands, files.
_sluice()
{
	local program=$1 word=$2 before=$3 words

	COMPREPLY=()
	if [[ $word == = || $before == = ]]; then
		mapfile -t COMPREPLY < <(compgen -f -- "${word#=}")
		return
	fi
	if [[ $COMP_CWORD -eq 1 ]]; then
		words=$("$program" --help 2>/dev/null |
			awk 'NF == 0 { block++ } block == 1 && NF { print $1 }')
		words+=" --help --version"
	elif [[ $word == -* ]]; then
		words=$("$program" "${COMP_WORDS[1]}" --help 2>/dev/null |
			grep -oE '^  --[a-z-]+=?')
		compopt -o nospace 2>/dev/null
	else
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		return
	fi
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
complete -o filenames -F _sluice sluice sluice-bench
