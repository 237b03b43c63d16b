/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Workers are killed, at random and at points of their own, and started again, while
 * others enqueue: in the end every task is done, the ledger in the store has each
 * exactly once, and the file that they write to besides each at least once.
 *
 *   test_tasks_kills lease|tx KILLS
 *
 * The points are calls of the store's library: before and after what makes a
 * transaction, which the linker leads through here.
 */
#include "tests/support/rng.h"
#include "tests/tasks/store.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#ifdef SLUICE_SQLITE
#include <sqlite3.h>
#endif
#ifdef SLUICE_POSTGRES
#include <libpq-fe.h>
#endif

#define WORKERS  3u
#define BATCH    8u
#define BACKLOG  400u
#define LEASE_MS 400u

static enum sluice_tasks_mode mode;
static uint32_t kills_wanted;

/* ---- points ------------------------------------------------------------------ */

/* In a worker: at the so-manyth of these calls, before or behind it. 0: never. */
static uint32_t point;
static bool point_behind;

static void die_before(void)
{
	if (point == 1 && !point_behind)
		(void)raise(SIGKILL);
}

static void die_behind(void)
{
	if (point == 1 && point_behind)
		(void)raise(SIGKILL);
	if (point > 0)
		point--;
}

#ifdef SLUICE_SQLITE
int __real_sqlite3_step(sqlite3_stmt *statement);
int __wrap_sqlite3_step(sqlite3_stmt *statement);
int __wrap_sqlite3_step(sqlite3_stmt *statement)
{
	int rc;

	die_before();
	rc = __real_sqlite3_step(statement);
	die_behind();
	return rc;
}
#endif

#ifdef SLUICE_POSTGRES
int __real_PQpipelineSync(PGconn *conn);
int __wrap_PQpipelineSync(PGconn *conn);
int __wrap_PQpipelineSync(PGconn *conn)
{
	int rc;

	die_before();
	rc = __real_PQpipelineSync(conn);
	die_behind();
	return rc;
}

PGresult *__real_PQgetResult(PGconn *conn);
PGresult *__wrap_PQgetResult(PGconn *conn);
PGresult *__wrap_PQgetResult(PGconn *conn)
{
	PGresult *result;

	die_before();
	result = __real_PQgetResult(conn);
	die_behind();
	return result;
}
#endif

/* ---- workers ----------------------------------------------------------------- */

struct worker {
	pid_t pid;
	bool has_point;
};

static const struct sluice_tasks_opts *opts(void)
{
	static struct sluice_tasks_opts opts;

	sluice_tasks_opts_init(&opts);
	opts.mode = mode;
	opts.lease_ms = LEASE_MS;
	opts.patience_ms = TEST_DEADLINE_MS;
	opts.prepare = "CREATE TABLE IF NOT EXISTS kills_ledger(id bigint)";
	opts.effect = "INSERT INTO kills_ledger SELECT id FROM finished";
	return &opts;
}

/* An effect outside of the store, of which the store knows nothing. */
static void handle(int log, int64_t id)
{
	char line[32];
	int n = snprintf(line, sizeof(line), "%lld\n", (long long)id);

	(void)!write(log, line, (size_t)n);
}

static void work(const char *queue, const char *log_path)
{
	struct sluice_task_result results[BATCH];
	const struct sluice_task *claimed;
	struct sluice_tasks *tasks = NULL;
	int log = open(log_path, O_WRONLY | O_APPEND);
	uint32_t count = 0;

	if (log < 0 || sluice_tasks_open(&tasks, test_store.url, opts()) < 0)
		_exit(9);
	for (;;) {
		uint32_t next_ms = 10;
		int n = sluice_tasks_exchange(tasks, queue, BATCH, results,
					      count, &claimed);

		if (n < 0) {
			(void)fprintf(stderr, "# %s\n", sluice_last_error());
			_exit(8);
		}
		memset(results, 0, sizeof(results));
		for (count = 0; count < (uint32_t)n; count++) {
			handle(log, claimed[count].id);
			results[count].id = claimed[count].id;
			results[count].attempt = claimed[count].attempt;
		}
		/* It is late if it has to be: not an error here. */
		(void)!sluice_tasks_tend(tasks, &next_ms);
		if (n == 0 &&
		    sluice_tasks_wait(tasks, next_ms < 100 ? next_ms : 100) < 0)
			_exit(7);
	}
}

static void start(struct worker *worker, struct rng *rng, const char *queue,
		  const char *log_path)
{
	bool has_point = rng_below(rng, 3) == 0;
	uint32_t at = rng_between(rng, 1, 200);
	bool behind = rng_below(rng, 2) == 1;

	worker->has_point = has_point;
	worker->pid = fork();
	if (worker->pid == 0) {
		point = has_point ? at : 0;
		point_behind = behind;
		work(queue, log_path);
	}
}

/* Those that have died at their point. */
static uint32_t collect(struct worker *workers)
{
	uint32_t dead = 0;

	for (uint32_t i = 0; i < WORKERS; i++) {
		int status;

		if (workers[i].pid == 0 ||
		    waitpid(workers[i].pid, &status, WNOHANG) <= 0)
			continue;
		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
			fail_msg("a worker ended with status %#x", status);
		workers[i].pid = 0;
		dead++;
	}
	return dead;
}

static void kill_one(struct worker *worker)
{
	int status;

	assert_int_equal(kill(worker->pid, SIGKILL), 0);
	assert_int_equal(waitpid(worker->pid, &status, 0), worker->pid);
	worker->pid = 0;
}

/* ---- what is there ----------------------------------------------------------- */

struct left {
	const char *queue;
	struct sluice_tasks_stat stat;
};

static int left_add(const struct sluice_tasks_stat *stat, void *ctx)
{
	struct left *left = ctx;

	if (strcmp(stat->queue, left->queue) == 0)
		left->stat = *stat;
	return 0;
}

static uint64_t live(struct sluice_tasks *tasks, struct left *left)
{
	if (sluice_tasks_stats(tasks, left_add, left) < 0)
		fail_msg("%s", sluice_last_error());
	return left->stat.count[SLUICE_TASK_IS_SCHEDULED] +
	       left->stat.count[SLUICE_TASK_IS_READY] +
	       left->stat.count[SLUICE_TASK_IS_RUNNING];
}

static void enqueue(struct sluice_tasks *tasks, const char *queue,
		    uint32_t count)
{
	static struct sluice_task_new add[BACKLOG];

	for (uint32_t i = 0; i < count; i++)
		add[i] = (struct sluice_task_new){.queue = queue,
						  .attempts_max = 1000000};
	if (sluice_tasks_enqueue(tasks, add, count, NULL) != (int)count)
		fail_msg("%s", sluice_last_error());
}

#define LEDGER                                                                 \
	"SELECT count(*), count(DISTINCT l.id), count(DISTINCT t.id) FROM"     \
	" kills_ledger l LEFT JOIN tasks t ON t.id = l.id AND t.status = "     \
	"'done'"

/* Rows of the ledger, tasks in it, and those of them that are done. */
static void ledger(unsigned long long numbers[3])
{
	char command[1024];
	char line[128] = "";
	FILE *out;

	if (test_is_sqlite())
		(void)snprintf(
			command, sizeof(command),
			"python3 -c \"import sqlite3; print(*sqlite3."
			"connect('%s').execute(\\\"%s\\\").fetchone())\"",
			test_store.url + 7, LEDGER);
	else
		(void)snprintf(command, sizeof(command),
			       "psql -qtA -F ' ' '%s' -c \"%s\"",
			       test_store.url, LEDGER);
	out = popen(command, "r");
	assert_non_null(out);
	(void)!fgets(line, sizeof(line), out);
	(void)pclose(out);
	if (sscanf(line, "%llu %llu %llu", &numbers[0], &numbers[1],
		   &numbers[2]) != 3)
		fail_msg("the ledger says '%s'", line);
}

static int order(const void *a, const void *b)
{
	const long long *x = a;
	const long long *y = b;

	return (*x > *y) - (*x < *y);
}

/* How many different tasks were handled; @lines: how often. */
static uint64_t handled(const char *path, uint64_t *lines)
{
	FILE *file = fopen(path, "r");
	size_t room = 1u << 20;
	long long *ids = malloc(room * sizeof(*ids));
	uint64_t different = 0;
	uint64_t n = 0;

	assert_non_null(file);
	assert_non_null(ids);
	while (n < room && fscanf(file, "%lld", &ids[n]) == 1)
		n++;
	(void)fclose(file);
	qsort(ids, n, sizeof(*ids), order);
	for (uint64_t i = 0; i < n; i++)
		different += i == 0 || ids[i] != ids[i - 1];
	free(ids);
	*lines = n;
	return different;
}

/* ---- the test ---------------------------------------------------------------- */

static void killing(struct sluice_tasks *tasks, struct worker *workers,
		    struct left *left, const char *log_path)
{
	struct rng rng = rng_start("kills");
	uint32_t kills = 0;
	uint32_t at_points = 0;

	while (kills < kills_wanted) {
		struct worker *one = &workers[rng_below(&rng, WORKERS)];
		uint32_t dead;

		for (uint32_t i = 0; i < WORKERS; i++)
			if (workers[i].pid == 0)
				start(&workers[i], &rng, left->queue, log_path);
		if (live(tasks, left) < BACKLOG / 2)
			enqueue(tasks, left->queue,
				rng_between(&rng, 1, BACKLOG));
		test_sleep_ms(rng_between(&rng, 0, 30));
		dead = collect(workers);
		at_points += dead;
		kills += dead;
		if (one->pid == 0 || one->has_point || rng_below(&rng, 2) == 0)
			continue;
		kill_one(one);
		kills++;
	}
	(void)fprintf(stderr, "# %u kills, %u of them at points\n", kills,
		      at_points);
}

static void every_task_is_done_whoever_is_killed(void **state)
{
	struct worker workers[WORKERS] = {{0}};
	struct left left = {.queue = test_queue()};
	struct rng rng = {.state = 1};
	struct sluice_tasks *tasks = NULL;
	unsigned long long numbers[3];
	uint64_t lines;
	uint64_t all;
	char log_path[128];
	int fd;

	(void)state;
	(void)snprintf(log_path, sizeof(log_path), "%s/log", test_store.folder);
	fd = open(log_path, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	(void)close(fd);
	if (sluice_tasks_open(&tasks, test_store.url,
			      SLUICE_TASKS(.patience_ms = TEST_DEADLINE_MS,
					   .prepare = opts()->prepare)) < 0)
		fail_msg("%s", sluice_last_error());
	killing(tasks, workers, &left, log_path);
	/* Without a point: these go on to the end. */
	for (uint32_t i = 0; i < WORKERS; i++) {
		if (workers[i].pid != 0)
			kill_one(&workers[i]);
		do {
			if (workers[i].pid != 0)
				kill_one(&workers[i]);
			start(&workers[i], &rng, left.queue, log_path);
		} while (workers[i].has_point);
	}
	for (uint32_t i = 0; i < TEST_DEADLINE_S * 20 && live(tasks, &left) > 0;
	     i++)
		test_sleep_ms(50);
	assert_int_equal(live(tasks, &left), 0);
	assert_int_equal(collect(workers), 0);
	for (uint32_t i = 0; i < WORKERS; i++)
		kill_one(&workers[i]);
	all = left.stat.count[SLUICE_TASK_ANY];
	assert_int_equal(left.stat.count[SLUICE_TASK_IS_DONE], all);
	ledger(numbers);
	(void)fprintf(stderr, "# %llu tasks, %llu in the ledger\n",
		      (unsigned long long)all, numbers[0]);
	assert_int_equal(numbers[0], all);
	assert_int_equal(numbers[1], all);
	assert_int_equal(numbers[2], all);
	assert_int_equal(handled(log_path, &lines), all);
	(void)fprintf(stderr, "# handled %llu times beyond the first\n",
		      (unsigned long long)(lines - all));
	sluice_tasks_close(tasks);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_task_is_done_whoever_is_killed),
	};

	if (argc != 3)
		return 2;
	mode = strcmp(argv[1], "tx") == 0 ? SLUICE_TASKS_TX
					  : SLUICE_TASKS_LEASE;
	kills_wanted = (uint32_t)strtoul(argv[2], NULL, 10);
	return cmocka_run_group_tests(tests, test_store_make,
				      test_store_remove);
}
