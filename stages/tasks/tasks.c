/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A handle: which store its URL names, and what every call does when the store is
 * away, or busy: again, a little later each time, for as long as the caller's
 * patience.
 */
#include "stages/tasks/store_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define TASKS_PAUSE_US     1000
#define TASKS_PAUSE_US_MAX 250000

void sluice_tasks_opts_init(struct sluice_tasks_opts *opts)
{
	memset(opts, 0, sizeof(*opts));
	opts->size = sizeof(*opts);
}

/* ---- again ------------------------------------------------------------------- */

/* The connection is gone, and with it what it had locked. */
static void tasks_lost(struct sluice_tasks *tasks)
{
	tasks->store->close(tasks);
	tasks->lost = true;
	if (!is_leased(tasks))
		held_clear(tasks);
}

static int tasks_out_of_patience(struct sluice_tasks *tasks, int rc)
{
	return sluice_fail(rc == -EAGAIN ? -EBUSY : rc, "%.400s, for %u ms",
			   sluice_last_error(), tasks->opts.patience_ms);
}

int tasks_try(struct sluice_tasks *tasks, tasks_attempt_fn attempt, void *ctx)
{
	int64_t until =
		clock_mono_us() + (int64_t)tasks->opts.patience_ms * 1000;
	int64_t pause = TASKS_PAUSE_US;

	if (tasks->pid != getpid())
		return sluice_fail(-ECHILD, "tasks: the handle belongs to the "
					    "process that opened it");
	for (;;) {
		int rc = 0;

		if (tasks->db == NULL)
			rc = tasks->store->open(tasks);
		if (rc == 0 && attempt != NULL)
			rc = attempt(tasks, ctx);
		if (rc == -ECONNRESET && tasks->db != NULL)
			tasks_lost(tasks);
		if (rc != -EAGAIN && rc != -ECONNRESET)
			return rc;
		if (clock_mono_us() >= until)
			return tasks_out_of_patience(tasks, rc);
		/* By chance, so that two that are in each other's way are not
		 * again. */
		clock_sleep_us(pause / 2 +
			       (int64_t)(clock_random(&tasks->random) %
					 (uint64_t)pause));
		if (pause < TASKS_PAUSE_US_MAX)
			pause *= 2;
	}
}

struct tasks_statement {
	enum statement what;
	const struct value *params;
	store_row_fn row;
	void *ctx;
};

static int tasks_run_once(struct sluice_tasks *tasks, void *ctx)
{
	const struct tasks_statement *s = ctx;

	return tasks->store->run(tasks, s->what, s->params, s->row, s->ctx);
}

int tasks_run(struct sluice_tasks *tasks, enum statement what,
	      const struct value *params, store_row_fn row, void *ctx)
{
	struct tasks_statement s = {what, params, row, ctx};

	return tasks_try(tasks, tasks_run_once, &s);
}

int tasks_integer(struct sluice_tasks *tasks, struct store_row row, void *ctx)
{
	*(int64_t *)ctx = tasks->store->integer(row, 0);
	return 0;
}

/* ---- open and close ---------------------------------------------------------- */

static const struct {
	const char *scheme;
	const struct store *store; /* NULL: not built in */
	const char *what;
} tasks_stores[] = {
#ifdef SLUICE_SQLITE
	{"sqlite:", &store_sqlite, "SQLite"},
#else
	{"sqlite:", NULL, "SQLite"},
#endif
#ifdef SLUICE_POSTGRES
	{"postgres://", &store_postgres, "PostgreSQL"},
	{"postgresql://", &store_postgres, "PostgreSQL"},
#else
	{"postgres://", NULL, "PostgreSQL"},
	{"postgresql://", NULL, "PostgreSQL"},
#endif
};
#define TASKS_STORES (sizeof(tasks_stores) / sizeof(tasks_stores[0]))

/* Passwords are not told: only what is before the first of :// is. */
static int tasks_store(struct sluice_tasks *tasks, const char *url)
{
	for (size_t i = 0; i < TASKS_STORES; i++) {
		const char *scheme = tasks_stores[i].scheme;

		if (strncmp(url, scheme, strlen(scheme)) != 0)
			continue;
		tasks->store = tasks_stores[i].store;
		if (tasks->store == NULL)
			return sluice_fail(-ENOTSUP,
					   "tasks: '%s...': this library was "
					   "built without %s",
					   scheme, tasks_stores[i].what);
		return 0;
	}
	return sluice_fail(-EINVAL,
			   "tasks: '%.*s...' is no store: sqlite:PATH, "
			   "postgres://... or postgresql://...",
			   (int)strcspn(url, ":/@"), url);
}

/* The caller's text, for as long as the handle is there. */
static int tasks_keep(char **kept, const char **text)
{
	if (*text == NULL)
		return 0;
	*kept = strdup(*text);
	*text = *kept;
	return *kept != NULL ? 0 : sluice_fail(-ENOMEM, "tasks: no memory");
}

static int tasks_set_up(struct sluice_tasks *tasks, const char *url,
			const struct sluice_tasks_opts *opts)
{
	int rc = check_opts(&tasks->opts, opts);

	if (rc < 0)
		return rc;
	if (url == NULL)
		return sluice_fail(-EINVAL, "tasks: url is missing");
	if (strlen(url) >= sizeof(tasks->url))
		return sluice_fail(-EINVAL,
				   "tasks: url has more than %zu bytes",
				   sizeof(tasks->url) - 1);
	memcpy(tasks->url, url, strlen(url) + 1);
	rc = tasks_store(tasks, url);
	if (rc < 0)
		return rc;
	if (tasks->opts.mode == SLUICE_TASKS_TX && !tasks->store->has_tx)
		return sluice_fail(-ENOTSUP,
				   "tasks: mode SLUICE_TASKS_TX is not for %s, "
				   "which has one writer: an open transaction "
				   "would keep all others out",
				   tasks->store->name);
	if (tasks_keep(&tasks->effect, &tasks->opts.effect) < 0 ||
	    tasks_keep(&tasks->prepare, &tasks->opts.prepare) < 0)
		return -ENOMEM;
	tasks->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (tasks->wake_fd < 0)
		return sluice_fail(-errno, "tasks: no descriptor");
	return 0;
}

static void tasks_free(struct sluice_tasks *tasks)
{
	if (tasks->wake_fd >= 0)
		(void)close(tasks->wake_fd);
	free(tasks->effect);
	free(tasks->prepare);
	free(tasks->held);
	free(tasks->claimed);
	free(tasks);
}

int sluice_tasks_open(struct sluice_tasks **out, const char *url,
		      const struct sluice_tasks_opts *opts)
{
	SLUICE_KEEP_ERRNO;
	struct sluice_tasks *tasks = calloc(1, sizeof(*tasks));
	int rc;

	if (tasks == NULL)
		return sluice_fail(-ENOMEM, "tasks: no memory");
	tasks->wake_fd = -1;
	tasks->pid = getpid();
	tasks->random = (uint64_t)clock_mono_us() ^ (uint64_t)tasks->pid << 32 ^
			(uintptr_t)tasks;
	if (tasks->random == 0)
		tasks->random = 1;
	tasks->due_stale = true;
	rc = tasks_set_up(tasks, url, opts);
	if (rc == 0)
		rc = tasks_try(tasks, NULL, NULL);
	if (rc < 0) {
		tasks_free(tasks);
		return rc;
	}
	*out = tasks;
	return 0;
}

void sluice_tasks_close(struct sluice_tasks *tasks)
{
	SLUICE_KEEP_ERRNO;
	struct value owner;

	if (tasks == NULL)
		return;
	/* A child has but its copy: what it says to the store, the parent would
	 * be answered. */
	if (tasks->pid != getpid()) {
		tasks_free(tasks);
		return;
	}
	tasks_give_back(tasks);
	owner = value_int(tasks->owner);
	if (tasks->db != NULL && tasks->owner != 0)
		(void)tasks->store->run(tasks, DO_BURY, &owner, NULL, NULL);
	tasks->store->close(tasks);
	tasks_free(tasks);
}
