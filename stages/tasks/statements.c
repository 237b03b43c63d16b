/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is asked of a store one statement at a time, in the words of both. The first
 * parameter is the time, microseconds since 1970: SQLite's, for which the process
 * is the clock. PostgreSQL has one clock for all machines, its own.
 *
 * A task's holder is fenced by id, attempt and owner, never by the status: with
 * that in the condition PostgreSQL chooses the index of running tasks, and halves
 * the rate.
 *
 * How many are changed at most is a parameter, of which a prepared plan assumes a tenth
 * of all: a join with those it would read the whole table for; an array's elements are
 * looked up by their index.
 *
 * Whatever makes a task ready tells those who wait (pg_notify); SQLite's watch the
 * file.
 */
#include "stages/tasks/store_priv.h"

#define SECONDS(us)  "make_interval(secs => " us "::float8 / 1000000)"
#define MICROS(time) "(extract(epoch FROM " time ") * 1000000)::bigint"
#define LIVE         "('scheduled','ready','running')"

/* Notify each queue of the tasks that "u" has changed. */
#define TELL                                                                   \
	", n AS (SELECT DISTINCT queue FROM u)"                                \
	" SELECT u.id, (SELECT count(pg_notify('" STORE_CHANNEL                \
	"', queue)) FROM n) FROM u"

/* What becomes of a task that is nobody's. */
#define LOST_STATUS                                                            \
	"CASE WHEN cancel_asked THEN 'cancelled'"                              \
	" WHEN attempt >= max_attempts THEN 'dead' ELSE 'ready' END"

/* clang-format off */
#define ROW_SQLITE                                                             \
	"SELECT id, queue, kind, last_error, payload, run_at, created_at,"     \
	" coalesce(finished_at, 0), coalesce(owner, 0), status, attempt,"      \
	" max_attempts, priority, progress, cancel_asked FROM tasks "
#define ROW_POSTGRES                                                           \
	"SELECT id, queue, kind, last_error, payload, " MICROS("run_at") ", "  \
	MICROS("created_at") ", coalesce(" MICROS("finished_at") ", 0),"       \
	" coalesce(owner, 0), status, attempt::bigint, max_attempts::bigint,"  \
	" priority::bigint, progress::bigint, cancel_asked::int::bigint"       \
	" FROM tasks "

const struct statement_text statements[STATEMENTS] = {
	[DO_ENLIST] = { /* host, pid, lease */
		"INSERT INTO tasks_workers(host, pid, started_at, lease_until)"
		" VALUES (?2, ?3, ?1, ?1 + ?4) RETURNING owner",
		"INSERT INTO tasks_workers(host, pid, lease_until)"
		" VALUES ($2, $3, now() + " SECONDS("$4") ") RETURNING owner", 4},
	[DO_HEARTBEAT] = { /* owner, lease */
		"UPDATE tasks_workers SET lease_until = ?1 + ?3"
		" WHERE owner = ?2 AND lease_until > ?1",
		"UPDATE tasks_workers SET lease_until = now() + " SECONDS("$3")
		" WHERE owner = $2 AND lease_until > now()", 3},
	[DO_BURY] = { /* owner */
		"UPDATE tasks_workers SET lease_until = 0 WHERE owner = ?2",
		"UPDATE tasks_workers SET lease_until = '-infinity'"
		" WHERE owner = $2", 2},
	[DO_MINE] = { /* owner */
		"SELECT id, attempt FROM tasks"
		" WHERE status = 'running' AND owner = ?2",
		"SELECT id, attempt::bigint FROM tasks"
		" WHERE status = 'running' AND owner = $2", 2},
	[DO_REAP] = { /* most */
		"UPDATE tasks SET owner = NULL, last_error = 'worker lost',"
		" status = " LOST_STATUS ", finished_at = CASE WHEN cancel_asked"
		" OR attempt >= max_attempts THEN ?1 END WHERE id IN"
		" (SELECT id FROM tasks WHERE status = 'running' AND NOT EXISTS"
		" (SELECT 1 FROM tasks_workers w WHERE w.owner = tasks.owner"
		" AND w.lease_until >= ?1) LIMIT ?2)",
		"WITH u AS (UPDATE tasks t SET owner = NULL,"
		" last_error = 'worker lost', status = " LOST_STATUS ","
		" finished_at = CASE WHEN cancel_asked"
		" OR attempt >= max_attempts THEN now() END"
		" WHERE t.id = ANY(ARRAY(SELECT id FROM tasks r"
		" WHERE status = 'running' AND NOT EXISTS (SELECT 1"
		" FROM tasks_workers w WHERE w.owner = r.owner"
		" AND w.lease_until >= now()) LIMIT $2"
		" FOR UPDATE SKIP LOCKED)) RETURNING t.id, t.queue)" TELL, 2},
	[DO_FORGET] = {
		"DELETE FROM tasks_workers WHERE lease_until < ?1 - 3600000000",
		"DELETE FROM tasks_workers"
		" WHERE lease_until < now() - interval '1 hour'", 1},
	[DO_PROMOTE] = { /* most */
		"UPDATE tasks SET status = 'ready' WHERE id IN"
		" (SELECT id FROM tasks WHERE status = 'scheduled'"
		" AND run_at <= ?1 ORDER BY run_at LIMIT ?2)",
		"WITH u AS (UPDATE tasks t SET status = 'ready'"
		" WHERE t.id = ANY(ARRAY(SELECT id FROM tasks"
		" WHERE status = 'scheduled' AND run_at <= now()"
		" ORDER BY run_at LIMIT $2 FOR UPDATE SKIP LOCKED))"
		" RETURNING t.id, t.queue)" TELL, 2},
	[DO_NEXT_DUE] = { /* how long until then; -1: never */
		"SELECT coalesce(max(0, coalesce(min(a, b), a, b) - ?1), -1)"
		" FROM (SELECT (SELECT min(run_at) FROM tasks"
		" WHERE status = 'scheduled') AS a,"
		" (SELECT min(next_at) FROM tasks_crons) AS b)",
		/* greatest() would take 0 rather than a NULL. */
		"SELECT CASE WHEN d IS NULL THEN -1 ELSE greatest(0, "
		MICROS("d - now()") ") END FROM (SELECT least("
		"(SELECT min(run_at) FROM tasks WHERE status = 'scheduled'),"
		" (SELECT min(next_at) FROM tasks_crons)) AS d) x", 1},
	[DO_PROGRESS] = { /* id, attempt, owner, permille */
		"UPDATE tasks SET progress = ?5"
		" WHERE id = ?2 AND attempt = ?3 AND owner = ?4"
		" RETURNING cancel_asked",
		"UPDATE tasks SET progress = $5"
		" WHERE id = $2 AND attempt = $3 AND owner = $4"
		" RETURNING cancel_asked::int::bigint", 5},
	[DO_CANCEL] = { /* id */
		"UPDATE tasks SET cancel_asked = 1, status = CASE status"
		" WHEN 'running' THEN status ELSE 'cancelled' END,"
		" finished_at = CASE status WHEN 'running' THEN NULL ELSE ?1 END"
		" WHERE id = ?2 AND status IN " LIVE
		" RETURNING CASE status WHEN 'running' THEN 2 ELSE 1 END",
		"WITH c AS (SELECT id FROM tasks WHERE id = $2"
		" AND status IN " LIVE " FOR UPDATE SKIP LOCKED)"
		" UPDATE tasks t SET cancel_asked = true, status = CASE status"
		" WHEN 'running' THEN status ELSE 'cancelled' END, finished_at ="
		" CASE status WHEN 'running' THEN NULL ELSE now() END"
		" FROM c WHERE t.id = c.id RETURNING"
		" CASE status WHEN 'running' THEN 2 ELSE 1 END::bigint", 2},
	[DO_STATUS] = { /* id: has it ended? */
		"SELECT status NOT IN " LIVE " FROM tasks WHERE id = ?2",
		"SELECT (status NOT IN " LIVE ")::int::bigint FROM tasks"
		" WHERE id = $2", 2},
	[DO_RETRY] = { /* id */
		"UPDATE tasks SET status = 'ready', run_at = ?1,"
		" finished_at = NULL, cancel_asked = 0, progress = 0,"
		" max_attempts = max(max_attempts, attempt + 1)"
		" WHERE id = ?2 AND status IN ('dead','cancelled')",
		"WITH u AS (UPDATE tasks SET status = 'ready', run_at = now(),"
		" finished_at = NULL, cancel_asked = false, progress = 0,"
		" max_attempts = greatest(max_attempts, attempt + 1)"
		" WHERE id = $2 AND status IN ('dead','cancelled')"
		" RETURNING id, queue)" TELL, 2},
	[DO_PRUNE] = { /* age, most */
		"DELETE FROM tasks WHERE id IN (SELECT id FROM tasks"
		" WHERE finished_at < ?1 - ?2 ORDER BY finished_at LIMIT ?3)",
		"DELETE FROM tasks WHERE id = ANY(ARRAY(SELECT id FROM tasks"
		" WHERE finished_at < now() - " SECONDS("$2")
		" ORDER BY finished_at LIMIT $3 FOR UPDATE SKIP LOCKED))", 3},
	[DO_LIST] = { /* queue, status, below, most */
		ROW_SQLITE "WHERE (?2 IS NULL OR queue = ?2)"
		" AND (?3 IS NULL OR status = ?3) AND id < ?4"
		" ORDER BY id DESC LIMIT ?5",
		ROW_POSTGRES "WHERE ($2::text IS NULL OR queue = $2)"
		" AND ($3::text IS NULL OR status = $3) AND id < $4"
		" ORDER BY id DESC LIMIT $5", 5},
	[DO_SHOW] = { /* id */
		ROW_SQLITE "WHERE id = ?2", ROW_POSTGRES "WHERE id = $2", 2},
	[DO_STATS] = {
		"SELECT queue, status, count(*), min(run_at) FROM tasks"
		" GROUP BY queue, status ORDER BY queue",
		"SELECT queue, status, count(*), " MICROS("min(run_at)")
		" FROM tasks GROUP BY queue, status"
		" ORDER BY queue COLLATE \"C\"", 1},
	[DO_LIMITS] = {
		"SELECT queue FROM tasks_limits LIMIT 64",
		"SELECT queue FROM tasks_limits LIMIT 64", 1},
	[DO_LIMIT_SET] = { /* queue, rate, burst */
		"INSERT INTO tasks_limits VALUES (?2, ?3, ?4, ?4, ?1)"
		" ON CONFLICT (queue) DO UPDATE SET rate = ?3, burst = ?4,"
		" tokens = min(tokens, ?4)",
		"INSERT INTO tasks_limits VALUES ($2, $3, $4, $4, now())"
		" ON CONFLICT (queue) DO UPDATE SET rate = $3, burst = $4,"
		" tokens = least(tasks_limits.tokens, $4)", 4},
	[DO_LIMIT_DROP] = { /* queue */
		"DELETE FROM tasks_limits WHERE queue = ?2",
		"DELETE FROM tasks_limits WHERE queue = $2", 2},
	[DO_LIMIT_WAIT] = { /* queue: how long until one may start */
		"SELECT CAST(max(0.0, (1.0 - tokens) / rate * 1000000.0 - (?1 - at))"
		" AS INTEGER) FROM tasks_limits WHERE queue = ?2",
		"SELECT least(60000000, greatest(0, (1 - tokens) / rate * 1000000"
		" - " MICROS("now() - at") "))::bigint FROM tasks_limits"
		" WHERE queue = $2", 2},
	[DO_CRON_DUE] = {
		"SELECT name, spec, next_at, ?1 FROM tasks_crons"
		" WHERE next_at <= ?1 LIMIT 64",
		"SELECT name, spec, " MICROS("next_at") ", " MICROS("now()")
		" FROM tasks_crons WHERE next_at <= now() LIMIT 64", 1},
	[DO_CRON_STEP] = { /* name, from, to */
		"UPDATE tasks_crons SET next_at = ?4"
		" WHERE name = ?2 AND next_at = ?3",
		"UPDATE tasks_crons SET next_at = '1970-01-01Z'::timestamptz + "
		SECONDS("$4") " WHERE name = $2 AND " MICROS("next_at") " = $3",
		4},
	[DO_CRON_ADD] = { /* name, key */
		"INSERT INTO tasks(queue, kind, payload, priority, max_attempts,"
		" run_at, created_at, unique_key) SELECT queue, kind, payload,"
		" priority, max_attempts, ?1, ?1, ?3 FROM tasks_crons"
		" WHERE name = ?2 ON CONFLICT DO NOTHING",
		"WITH u AS (INSERT INTO tasks(queue, kind, payload, priority,"
		" max_attempts, unique_key) SELECT queue, kind, payload,"
		" priority, max_attempts, $3 FROM tasks_crons WHERE name = $2"
		" ON CONFLICT DO NOTHING RETURNING id, queue)" TELL, 3},
	[DO_CRON_SET] = { /* name, spec, queue, kind, payload, priority,
			   * attempts, next */
		"INSERT INTO tasks_crons(name, spec, queue, kind, payload,"
		" priority, max_attempts, next_at)"
		" VALUES (?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
		" ON CONFLICT (name) DO UPDATE SET spec = ?3, queue = ?4,"
		" kind = ?5, payload = ?6, priority = ?7, max_attempts = ?8,"
		" next_at = ?9",
		"INSERT INTO tasks_crons(name, spec, queue, kind, payload,"
		" priority, max_attempts, next_at)"
		" VALUES ($2, $3, $4, $5, $6, $7, $8,"
		" '1970-01-01Z'::timestamptz + " SECONDS("$9") ")"
		" ON CONFLICT (name) DO UPDATE SET spec = $3, queue = $4,"
		" kind = $5, payload = $6, priority = $7, max_attempts = $8,"
		" next_at = '1970-01-01Z'::timestamptz + " SECONDS("$9"), 9},
	[DO_CRON_DROP] = { /* name */
		"DELETE FROM tasks_crons WHERE name = ?2",
		"DELETE FROM tasks_crons WHERE name = $2", 2},
};
/* clang-format on */
