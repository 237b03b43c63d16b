/* SPDX-License-Identifier: Apache-2.0 */
/* A flow's life, and what any thread may tell it. */
#include "stages/tasks/flow_priv.h"
#include "stages/tasks/store_priv.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

static int flow_range(const char *field, uint32_t *value, uint32_t high,
		      uint32_t by_default)
{
	if (*value == 0)
		*value = by_default;
	if (*value <= high)
		return 0;
	return sluice_fail(-EINVAL, "tasks flow: %s %u is not in [1, %u]",
			   field, *value, high);
}

static int flow_opts(struct sluice_tasks_flow *flow,
		     const struct sluice_tasks_flow_opts *opts)
{
	const char *queue;
	uint32_t batch;
	int rc;

	if (opts == NULL || opts->size < sizeof(*opts))
		return sluice_fail(-EINVAL,
				   "tasks flow: options are missing, or their "
				   "size is; fill them with "
				   "SLUICE_TASKS_FLOW()");
	if (opts->size > sizeof(*opts))
		return sluice_fail(-E2BIG,
				   "tasks flow: options of %u bytes; this "
				   "library knows %zu",
				   opts->size, sizeof(*opts));
	if (opts->flags & ~SLUICE_TASKS_FLOW_UNTIL_EMPTY)
		return sluice_fail(-EINVAL,
				   "tasks flow: flags %#x are not known",
				   opts->flags);
	for (uint32_t i = 0; i < 8; i++)
		if (opts->resv[i] != 0)
			return sluice_fail(-EINVAL,
					   "tasks flow: resv[%u] must be zero",
					   i);
	queue = opts->queue != NULL ? opts->queue : "default";
	rc = check_name("queue", queue);
	if (rc < 0)
		return rc;
	(void)strcpy(flow->queue, queue);
	flow->flags = opts->flags;
	flow->tasks_max = opts->tasks_max;
	rc = flow_range("tasks_max", &flow->tasks_max, SLUICE_TASKS_BATCH_MAX,
			1024);
	batch = flow->tasks_max < 256 ? flow->tasks_max : 256;
	flow->batch_max = opts->batch_max;
	if (rc == 0)
		rc = flow_range("batch_max", &flow->batch_max, flow->tasks_max,
				batch);
	return rc;
}

static void flow_free(struct sluice_tasks_flow *flow)
{
	sluice_tasks_close(flow->tasks);
	(void)pthread_mutex_destroy(&flow->lock);
	for (uint32_t i = 0; flow->reports != NULL && i < flow->tasks_max; i++)
		free(flow->reports[i].more);
	free(flow->reports);
	free(flow->taken);
	free(flow->results);
	free(flow->events);
	free(flow);
}

/* Signals are for the program's own threads. */
static int flow_start(struct sluice_tasks_flow *flow)
{
	sigset_t all;
	sigset_t before;
	int rc;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&flow->thread, NULL, flow_run, flow);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc == 0 ? 0 : sluice_fail(-rc, "tasks flow: no thread");
}

int sluice_tasks_flow_open(struct sluice_tasks_flow **out,
			   const struct sluice_tasks_flow_opts *opts)
{
	SLUICE_KEEP_ERRNO;
	struct sluice_tasks_flow *flow = calloc(1, sizeof(*flow));
	int rc;

	if (flow == NULL)
		return sluice_fail(-ENOMEM, "tasks flow: no memory");
	(void)pthread_mutex_init(&flow->lock, NULL);
	rc = flow_opts(flow, opts);
	if (rc == 0) {
		flow->reports = calloc(flow->tasks_max, sizeof(*flow->reports));
		flow->taken = calloc(flow->tasks_max, sizeof(*flow->taken));
		flow->results = calloc(flow->tasks_max, sizeof(*flow->results));
		if (flow->reports == NULL || flow->taken == NULL ||
		    flow->results == NULL)
			rc = sluice_fail(-ENOMEM, "tasks flow: no memory");
	}
	if (rc == 0)
		rc = sluice_tasks_open(&flow->tasks, opts->url, opts->store);
	flow->whole = opts != NULL && opts->store != NULL &&
		      opts->store->mode == SLUICE_TASKS_TX;
	if (rc == 0)
		rc = flow_start(flow);
	if (rc < 0) {
		flow_free(flow);
		return rc;
	}
	*out = flow;
	return 0;
}

void sluice_tasks_flow_close(struct sluice_tasks_flow *flow)
{
	SLUICE_KEEP_ERRNO;

	if (flow == NULL)
		return;
	flow_lock(flow);
	flow->quit = true;
	flow->stopping = true;
	flow_news(flow);
	flow_unlock(flow);
	(void)pthread_join(flow->thread, NULL);
	flow_free(flow);
}

/* ---- told by others ---------------------------------------------------------- */

static int flow_report_check(const struct sluice_task_report *report,
			     const void *text)
{
	if (report == NULL || report->end > SLUICE_TASK_RELEASED)
		return sluice_fail(-EINVAL, "tasks flow: end %u is none",
				   report != NULL ? report->end : 0);
	if (text == NULL && report->text_bytes > 0)
		return sluice_fail(-EINVAL,
				   "tasks flow: text is NULL, but text_bytes "
				   "is %u",
				   report->text_bytes);
	if (report->delay_us < 0 || report->delay_us > 31557600000000000)
		return sluice_fail(-EINVAL,
				   "tasks flow: delay_us %lld is not in "
				   "[0, 31557600000000000]",
				   (long long)report->delay_us);
	return 0;
}

int sluice_tasks_flow_report(struct sluice_tasks_flow *flow,
			     const struct sluice_task_report *report,
			     const void *text)
{
	SLUICE_KEEP_ERRNO;
	int rc = flow_report_check(report, text);
	unsigned char *more = NULL;
	struct flow_report *to;
	uint32_t bytes;

	if (rc < 0)
		return rc;
	bytes = report->text_bytes;
	/* Of an error no more is kept anyway. */
	if (report->end != SLUICE_TASK_DONE && bytes >= FLOW_TEXT_BYTES)
		bytes = FLOW_TEXT_BYTES - 1;
	if (bytes >= FLOW_TEXT_BYTES) {
		more = malloc(bytes);
		if (more == NULL)
			return sluice_fail(-ENOMEM, "tasks flow: no memory");
		memcpy(more, text, bytes);
	}
	flow_lock(flow);
	if (flow->reported < flow->tasks_max) {
		to = &flow->reports[flow->reported++];
		to->head = *report;
		to->head.text_bytes = bytes;
		to->more = more;
		if (more == NULL && bytes > 0)
			memcpy(to->text, text, bytes);
		if (more == NULL)
			to->text[bytes] = 0;
		flow_news(flow);
	} else {
		rc = -ENOSPC;
	}
	flow_unlock(flow);
	if (rc < 0) {
		free(more);
		return sluice_fail(rc,
				   "tasks flow: tasks_max %u reports wait "
				   "already",
				   flow->tasks_max);
	}
	return 0;
}

/* Its place, or that of a new one; NULL: there is no room. */
static struct flow_progress *flow_progress_at(struct sluice_tasks_flow *flow,
					      int64_t id, int32_t attempt)
{
	struct flow_progress *free_one = NULL;

	for (uint32_t i = 0; i < flow->progresses; i++) {
		struct flow_progress *one = &flow->progress[i];

		if (one->id == id && one->attempt == attempt)
			return one;
		if (one->id == 0)
			free_one = one;
	}
	if (free_one == NULL && flow->progresses < FLOW_PROGRESS_MAX)
		free_one = &flow->progress[flow->progresses++];
	if (free_one != NULL)
		*free_one = (struct flow_progress){
			.id = id, .attempt = attempt, .answer = -1};
	return free_one;
}

int sluice_tasks_flow_progress(struct sluice_tasks_flow *flow, int64_t id,
			       int32_t attempt, uint32_t permille)
{
	SLUICE_KEEP_ERRNO;
	struct flow_progress *one;
	int rc = 0;

	if (permille > 1000)
		return sluice_fail(-EINVAL,
				   "tasks flow: permille %u is not in "
				   "[0, 1000]",
				   permille);
	if (flow->whole)
		return sluice_fail(-ENOTSUP, "tasks flow: no progress in mode "
					     "SLUICE_TASKS_TX");
	flow_lock(flow);
	one = flow_progress_at(flow, id, attempt);
	if (one == NULL) {
		rc = -ENOSPC;
	} else {
		if (one->answer > 0 || one->answer == -ESTALE)
			rc = one->answer;
		one->permille = permille;
		one->changed = true;
		flow_news(flow);
	}
	flow_unlock(flow);
	if (rc == -ENOSPC)
		return sluice_fail(rc,
				   "tasks flow: more than %u tasks tell "
				   "of their progress",
				   FLOW_PROGRESS_MAX);
	if (rc == -ESTALE)
		return sluice_fail(rc,
				   "tasks flow: task %lld, attempt %d is not "
				   "this worker's any more",
				   (long long)id, attempt);
	return rc;
}

void sluice_tasks_flow_stat(struct sluice_tasks_flow *flow,
			    struct sluice_tasks_flow_stats *stat)
{
	flow_lock(flow);
	*stat = flow->stat;
	stat->held = flow->held;
	flow_unlock(flow);
}
