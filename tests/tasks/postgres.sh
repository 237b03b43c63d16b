#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Run a program beside a PostgreSQL cluster of its own: in a folder of its own, reached
# by a socket there and by a port of the loopback, gone when the program has ended.
#
#   postgres.sh PROGRAM [ARGUMENT...]
#
# The program finds SLUICE_TASKS_URL, and for what it does to the server
# SLUICE_POSTGRES_CTL: a script that is given start, stop, kill or restart.
set -eu

fail()
{
	echo "postgres: $*" >&2
	exit 1
}

# Debian's own place, the newest; nothing is skipped, for the package is asked for.
bin=
for dir in /usr/lib/postgresql/*/bin; do
	[ ! -x "$dir/initdb" ] || bin=$dir
done
[ -n "$bin" ] || bin=$(dirname "$(command -v initdb)") ||
	fail "no initdb; install postgresql"

folder=$(mktemp -d /tmp/sluice-pg-XXXXXX)
chmod 755 "$folder"
# initdb refuses root: then it is the package's user.
as=
if [ "$(id -u)" -eq 0 ]; then
	chown postgres "$folder"
	as="runuser -u postgres --"
fi
port=$(awk 'BEGIN { srand(); print 20000 + int(rand() * 30000) }')
port=$((20000 + (port + $$ * 7) % 30000))
cat >"$folder/ctl" <<END
#!/bin/sh
cd / || exit 1
case \$1 in
start) $as $bin/pg_ctl -D $folder/data -l $folder/log -s -w -t 170 start ;;
stop) $as $bin/pg_ctl -D $folder/data -s -m fast -w -t 170 stop ;;
kill) $as $bin/pg_ctl -D $folder/data -s -m immediate -w -t 170 stop ;;
restart) $as $bin/pg_ctl -D $folder/data -l $folder/log -s -m immediate -w -t 170 restart ;;
esac
END
chmod 755 "$folder/ctl"

clean_up()
{
	"$folder/ctl" kill >/dev/null 2>&1 || true
	rm -rf "$folder"
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM

cd /
# Word splitting is meant.
# shellcheck disable=SC2086
$as "$bin/initdb" -D "$folder/data" -U postgres -A trust -E UTF8 --locale=C \
	--no-sync >"$folder/initdb.log" 2>&1 || {
	cat "$folder/initdb.log" >&2
	fail "initdb"
}
cat >>"$folder/data/postgresql.conf" <<END
listen_addresses = '127.0.0.1'
port = $port
unix_socket_directories = '$folder'
shared_buffers = 32MB
max_connections = 60
END
"$folder/ctl" start || {
	cat "$folder/log" >&2
	fail "the server does not start"
}
SLUICE_TASKS_URL="postgres://postgres@/postgres?host=$folder&port=$port"
SLUICE_TASKS_URL_TCP="postgres://postgres@127.0.0.1:$port/postgres"
SLUICE_POSTGRES_CTL=$folder/ctl
export SLUICE_TASKS_URL SLUICE_TASKS_URL_TCP SLUICE_POSTGRES_CTL
rc=0
"$@" || rc=$?
[ "$rc" -eq 0 ] || tail -20 "$folder/log" >&2
exit "$rc"
