/* SPDX-License-Identifier: Apache-2.0 */
/* What is to be done from time to time, what is told of a running task, and
 * waiting. */
#define _GNU_SOURCE
#include "stages/tasks/store_priv.h"

#include <poll.h>
#include <time.h>
#include <unistd.h>

#define IDLE_US     5000000 /* the longest between two looks */
#define RECHECK_US  50000   /* the shortest between two of what is due */
#define SETTLE_US   60000   /* who enqueues tells once in 50 ms */
#define LOOK_US     200     /* for a commit that is under way; doubled up to */
#define LOOK_US_MAX 50000
#define PROMOTE_MAX 1000
#define ROUNDS_MAX  64

/* ---- progress ---------------------------------------------------------------- */

int sluice_tasks_progress(struct sluice_tasks *tasks, int64_t id,
			  int32_t attempt, uint32_t permille)
{
	SLUICE_KEEP_ERRNO;
	const struct value params[] = {value_int(id), value_int(attempt),
				       value_int(tasks->owner),
				       value_int(permille)};
	int64_t asked = 0;
	int rc;

	if (permille > 1000)
		return sluice_fail(-EINVAL,
				   "tasks: permille %u is not in [0, 1000]",
				   permille);
	if (!is_leased(tasks))
		return sluice_fail(-ENOTSUP,
				   "tasks: no progress in mode "
				   "SLUICE_TASKS_TX: nobody sees what an open "
				   "transaction has written");
	rc = tasks_run(tasks, DO_PROGRESS, params, tasks_integer, &asked);
	if (rc == 0)
		return sluice_fail(-ESTALE,
				   "tasks: task %lld, attempt %d is not this "
				   "worker's any more",
				   (long long)id, attempt);
	return rc < 0 ? rc : asked != 0;
}

/* ---- tend -------------------------------------------------------------------- */

static int tend_due(struct sluice_tasks *tasks, int *ready)
{
	const struct value most = value_int(PROMOTE_MAX);
	int64_t us = -1;
	int rc = 0;

	for (uint32_t i = 0; i < ROUNDS_MAX; i++) {
		rc = tasks_run(tasks, DO_NEXT_DUE, NULL, tasks_integer, &us);
		if (rc < 0 || us != 0)
			break;
		rc = tasks_run(tasks, DO_PROMOTE, &most, NULL, NULL);
		if (rc < 0)
			return rc;
		*ready += rc;
		rc = cron_fire(tasks);
		if (rc < 0)
			return rc;
		*ready += rc;
	}
	if (rc < 0)
		return rc;
	tasks->due_stale = false;
	tasks->due_in_at = clock_mono_us();
	/* Of more than the longest wait nothing has to be known. */
	tasks->due_at = us < 0 || us > IDLE_US ? 0 : tasks->due_in_at + us;
	return 0;
}

static int tend_lost(struct sluice_tasks *tasks, int *ready)
{
	const struct value most = value_int(PROMOTE_MAX);
	int rc = PROMOTE_MAX;

	for (uint32_t i = 0; i < ROUNDS_MAX && rc == PROMOTE_MAX; i++) {
		rc = tasks_run(tasks, DO_REAP, &most, NULL, NULL);
		if (rc < 0)
			return rc;
		*ready += rc;
	}
	rc = tasks_run(tasks, DO_FORGET, NULL, NULL, NULL);
	tasks->reap_at = clock_mono_us();
	return rc < 0 ? rc : 0;
}

/* Everything of it that is to be done now. Returns 1, or 0 when the lease has
 * ended. */
static int tend_lease(struct sluice_tasks *tasks, void *ctx)
{
	int rc = 1;

	(void)ctx;
	if (tasks->held_count == 0 || tasks->owner == 0 ||
	    clock_mono_us() - tasks->lease_at < lease_us(tasks) / 3)
		return 1;
	rc = lease_renew(tasks);
	if (rc != 0)
		return rc;
	rc = lease_end(tasks);
	return rc < 0 ? rc : 0;
}

static uint32_t tend_next(const struct sluice_tasks *tasks)
{
	int64_t now = clock_mono_us();
	int64_t next = now + IDLE_US;

	if (tasks->due_at != 0 && tasks->due_at < next)
		next = tasks->due_at;
	if (tasks->due_stale && tasks->due_in_at + RECHECK_US < next)
		next = tasks->due_in_at + RECHECK_US;
	if (tasks->held_count > 0 && is_leased(tasks) &&
	    tasks->lease_at + lease_us(tasks) / 3 < next)
		next = tasks->lease_at + lease_us(tasks) / 3;
	if (tasks->reap_at + lease_us(tasks) / 3 < next)
		next = tasks->reap_at + lease_us(tasks) / 3;
	return next > now ? (uint32_t)((next - now + 999) / 1000) : 0;
}

int sluice_tasks_tend(struct sluice_tasks *tasks, uint32_t *next_ms)
{
	SLUICE_KEEP_ERRNO;
	int64_t now = clock_mono_us();
	int ready = 0;
	int rc = 1;

	if (next_ms != NULL)
		*next_ms = 1000;
	/* What is locked by an open transaction, others wait for. */
	if (!is_leased(tasks) && tasks->held_count > 0)
		return 0;
	if (is_leased(tasks))
		rc = tasks_try(tasks, tend_lease, NULL);
	if (rc == 0)
		return sluice_fail(
			-ESTALE,
			"tasks: nothing was heard of this worker for "
			"lease_ms, %u ms: its tasks are others'",
			tasks->opts.lease_ms);
	if (rc > 0)
		rc = 0;
	if (rc == 0 && now - tasks->reap_at >= lease_us(tasks) / 3)
		rc = tend_lost(tasks, &ready);
	if (rc == 0 &&
	    (tasks->due_in_at == 0 || now - tasks->due_in_at >= IDLE_US ||
	     (tasks->due_at != 0 && now >= tasks->due_at) ||
	     (tasks->due_stale && now - tasks->due_in_at >= RECHECK_US)))
		rc = tend_due(tasks, &ready);
	if (rc < 0)
		return rc;
	if (next_ms != NULL)
		*next_ms = tend_next(tasks);
	return ready;
}

/* ---- wait -------------------------------------------------------------------- */

static void wait_until(int64_t at, int64_t *until)
{
	if (at != 0 && at < *until)
		*until = at;
}

static int wait_watched(struct sluice_tasks *tasks)
{
	int rc = tasks->store->watched(tasks);

	if (rc == 2)
		tasks->look_us = LOOK_US;
	if (rc == 1) {
		tasks->look_us = 0;
		tasks->due_stale = true;
		tasks->settle_at = clock_mono_us() + SETTLE_US;
	}
	return rc == 2 ? 0 : rc;
}

/* Returns 1 when something was seen, 0 when not. */
static int wait_poll(struct sluice_tasks *tasks, int64_t until)
{
	int64_t us;
	struct pollfd fds[2] = {
		{.fd = tasks->wake_fd, .events = POLLIN},
		{.fd = tasks->store->watch(tasks), .events = POLLIN},
	};
	struct timespec time;
	uint64_t ignored;
	int rc;

	/* What came with the answer to a statement, or could not be seen. */
	rc = wait_watched(tasks);
	if (rc != 0)
		return rc;
	us = until - clock_mono_us();
	if (fds[1].fd < 0 && us > RECHECK_US)
		us = RECHECK_US;
	if (tasks->look_us > 0 && us > tasks->look_us)
		us = tasks->look_us;
	if (us < 0)
		us = 0;
	time.tv_sec = us / 1000000;
	time.tv_nsec = us % 1000000 * 1000;
	rc = ppoll(fds, 2, &time, NULL);
	if (rc < 0)
		return 0; /* a signal: the caller looks again */
	if (fds[0].revents != 0 &&
	    read(tasks->wake_fd, &ignored, sizeof(ignored)) > 0)
		return 1;
	if (rc == 0 && tasks->look_us > 0)
		tasks->look_us =
			tasks->look_us < LOOK_US_MAX ? 2 * tasks->look_us : 0;
	return rc > 0 ? wait_watched(tasks) : 0;
}

static int wait_once(struct sluice_tasks *tasks, void *ctx)
{
	int64_t end = *(int64_t *)ctx;

	for (;;) {
		int64_t until = end;
		int64_t now;
		int rc;

		wait_until(tasks->due_at, &until);
		wait_until(tasks->again_at, &until);
		wait_until(tasks->settle_at, &until);
		rc = wait_poll(tasks, until);
		if (rc != 0)
			return rc;
		now = clock_mono_us();
		if (tasks->settle_at != 0 && now >= tasks->settle_at) {
			tasks->settle_at = 0;
			return 1;
		}
		if (now >= until)
			return until < end;
	}
}

int sluice_tasks_wait(struct sluice_tasks *tasks, uint32_t timeout_ms)
{
	SLUICE_KEEP_ERRNO;
	int64_t end = clock_mono_us() + (int64_t)timeout_ms * 1000;

	return tasks_try(tasks, wait_once, &end);
}

void sluice_tasks_wake(struct sluice_tasks *tasks)
{
	SLUICE_KEEP_ERRNO;
	const uint64_t one = 1;

	(void)!write(tasks->wake_fd, &one, sizeof(one));
}

int64_t sluice_tasks_owner(const struct sluice_tasks *tasks)
{
	return tasks->owner;
}
