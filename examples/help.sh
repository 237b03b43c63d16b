#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What a lesson says of itself: the comment on top of its source.
#
#   help.sh LESSON.c          as --help shows it
#   help.sh --title LESSON.c  its first sentence
#   help.sh --c LESSON.c      as a string of C
set -eu
how=
case $1 in
--*)
	how=$1
	shift
	;;
esac
name=${1##*/}
name=${name%.c}

# The second comment, without its marks.
comment()
{
	awk 'NR > 1 { print } NR > 1 && /\*\/$/ { exit }' "$1" |
		sed 's/^\/\*[[:space:]]*//; s/[[:space:]]*\*\/$//; s/^ \* \{0,1\}//' |
		sed '/./,$!d'
}

help()
{
	usage=$(comment "$1" | sed -n "s/^ *\($name\( .*\)\{0,1\}\)$/\1/p" | head -n 1)
	echo "usage: ${usage:-$name}"
	echo
	# The line of the usage goes, and one of the empty ones beside it.
	comment "$1" | sed "/^ *$name\( .*\)\{0,1\}$/d" | cat -s
}

case $how in
--title)
	comment "$1" | tr '\n' ' ' |
		sed 's/^Lesson [0-9]*: //; s/\([^.:]*\)[.:].*/\1/'
	;;
--c) help "$1" | sed 's/\\/\\\\/g; s/"/\\"/g; s/.*/"&\\n"/' ;;
*) help "$1" ;;
esac
