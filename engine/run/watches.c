/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/run/watches_priv.h"
#include "engine/run/clock_priv.h"
#include "engine/stage/watch_priv.h"
#include "ring/base_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Of those that are ready at once; the others are in the next look. */
#define READY_MOST 64u
#define ROOM_FIRST 16u

/* What the platform tells of the bell. */
#define WATCH_BELL UINT64_MAX

static uint64_t watch_mark(const struct watches *w, uint32_t index)
{
	return (uint64_t)w->row[index].turn << 32 | index;
}

/* ---- made by need ----------------------------------------------------------- */

static int watches_open_set(struct watches *w, const struct platform *platform)
{
	int set = platform->set_open(platform->ctx);
	int rc;

	if (set < 0)
		return set;
	rc = platform->set_add(platform->ctx, set, w->bell, SLUICE_IO_READ,
			       WATCH_BELL);
	if (rc < 0) {
		platform->set_close(platform->ctx, set);
		return rc;
	}
	w->set = set;
	return 0;
}

static int watches_open(struct worker *worker)
{
	const struct platform *platform = worker->pipeline->platform;
	struct watches *w;
	int rc;

	if (worker->watches != NULL)
		return 0;
	w = calloc(1, sizeof(*w));
	if (w == NULL)
		return -ENOMEM;
	w->bell = platform->event_open(platform->ctx);
	rc = w->bell < 0 ? w->bell : watches_open_set(w, platform);
	if (rc < 0) {
		if (w->bell >= 0)
			platform->event_close(platform->ctx, w->bell);
		free(w);
		return rc;
	}
	worker->watches = w;
	return 0;
}

/* A row that is free; UINT32_MAX: there is no memory. */
static uint32_t watches_place(struct watches *w)
{
	uint32_t room = w->room ? 2 * w->room : ROOM_FIRST;
	struct watch *row;
	uint32_t place;

	for (uint32_t i = 0; i < w->room; i++)
		if (w->row[i].stage == NULL)
			return i;
	row = calloc(room, sizeof(*row));
	if (row == NULL)
		return UINT32_MAX;
	if (w->row != NULL)
		memcpy(row, w->row, w->room * sizeof(*row));
	free(w->row);
	w->row = row;
	place = w->room;
	w->room = room;
	return place;
}

/* ---- what stages ask for ------------------------------------------------------ */

static void watch_drop(struct watches *w, struct watch *watch)
{
	watch->stage = NULL;
	w->count--;
	w->removed++;
}

/* NULL: nobody watches @fd here. */
static struct watch *watches_find(struct watches *w, int fd)
{
	for (uint32_t i = 0; w != NULL && i < w->room; i++)
		if (w->row[i].stage != NULL && w->row[i].fd == fd)
			return &w->row[i];
	return NULL;
}

static int watches_refused(const struct sluice_stage *stage, struct watches *w,
			   int fd, int rc)
{
	const struct watch *watch = watches_find(w, fd);

	if (rc == -EEXIST && watch != NULL)
		return sluice_fail(rc,
				   "stage '%s': descriptor %d is watched "
				   "already, by '%s'",
				   stage->name, fd, watch->stage->name);
	if (rc == -EPERM)
		return sluice_fail(
			rc,
			"stage '%s': descriptor %d cannot be "
			"watched: a file or a folder is always ready",
			stage->name, fd);
	return sluice_fail(rc,
			   "stage '%s': descriptor %d cannot be watched: %s",
			   stage->name, fd, sluice_errno_text(rc));
}

static uint32_t watches_of(const struct watches *w,
			   const struct sluice_stage *stage)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < w->room; i++)
		n += w->row[i].stage == stage;
	return n;
}

/* It is the worker's own thread, in a callback. */
static int watches_are_own(const struct sluice_stage *stage)
{
	const struct platform *platform = stage->pipeline->platform;

	/* Relaxed: of this thread, if it is what is looked for. */
	return stage->worker != NULL &&
	       sluice_load_relaxed(&stage->worker->self) ==
		       platform->self(platform->ctx);
}

static int watches_not_own(const struct sluice_stage *stage)
{
	return sluice_fail(-EPERM,
			   "stage '%s': descriptors are watched from inside of "
			   "its callbacks",
			   stage->name);
}

int watches_add(struct sluice_stage *stage, int fd, uint32_t events)
{
	const struct platform *platform = stage->pipeline->platform;
	struct watches *w;
	struct watch *before;
	uint32_t index;
	int rc;

	if (!watches_are_own(stage))
		return watches_not_own(stage);
	if (stage->run.phase >= STAGE_ENDING)
		return sluice_fail(-EPIPE,
				   "stage '%s' is ending, and watches nothing "
				   "any more",
				   stage->name);
	rc = watches_open(stage->worker);
	w = stage->worker->watches;
	if (rc < 0)
		return watches_refused(stage, NULL, fd, rc);
	if (watches_of(w, stage) >= SLUICE_WATCHES_MAX)
		return sluice_fail(-ENOSPC,
				   "stage '%s': it watches %u descriptors, the "
				   "limit",
				   stage->name, SLUICE_WATCHES_MAX);
	index = watches_place(w);
	if (index == UINT32_MAX)
		return watches_refused(stage, NULL, fd, -ENOMEM);
	w->turn++;
	w->row[index].turn = w->turn;
	rc = platform->set_add(platform->ctx, w->set, fd, events,
			       watch_mark(w, index));
	if (rc < 0)
		return watches_refused(stage, w, fd, rc);
	/* One that was closed while it was watched: its number is another's now. */
	before = watches_find(w, fd);
	if (before != NULL)
		watch_drop(w, before);
	w->row[index].stage = stage;
	w->row[index].fd = fd;
	w->row[index].events = events;
	w->count++;
	return 0;
}

int watches_remove(struct sluice_stage *stage, int fd)
{
	const struct platform *platform = stage->pipeline->platform;
	struct watch *watch;

	if (!watches_are_own(stage))
		return watches_not_own(stage);
	watch = watches_find(stage->worker->watches, fd);
	if (watch == NULL || watch->stage != stage)
		return sluice_fail(-ENOENT,
				   "stage '%s': descriptor %d is not watched",
				   stage->name, fd);
	/* One that was closed is in no set any more. */
	(void)platform->set_remove(platform->ctx, stage->worker->watches->set,
				   fd);
	watch_drop(stage->worker->watches, watch);
	return 0;
}

void watches_remove_all(struct sluice_stage *stage)
{
	struct watches *w = stage->worker ? stage->worker->watches : NULL;
	const struct platform *platform = stage->pipeline->platform;

	for (uint32_t i = 0; w != NULL && i < w->room; i++) {
		if (w->row[i].stage != stage)
			continue;
		(void)platform->set_remove(platform->ctx, w->set, w->row[i].fd);
		watch_drop(w, &w->row[i]);
	}
}

/* ---- the worker ---------------------------------------------------------------- */

/* Something is ready that nobody watches: a descriptor was closed, and its file lives on
 * by another number. It can be got rid of with the whole set only. */
static void watches_renew(struct worker *worker)
{
	const struct platform *platform = worker->pipeline->platform;
	struct watches *w = worker->watches;
	int old = w->set;

	if (watches_open_set(w, platform) < 0)
		return; /* it is tried again */
	for (uint32_t i = 0; i < w->room; i++)
		if (w->row[i].stage != NULL &&
		    platform->set_add(platform->ctx, w->set, w->row[i].fd,
				      w->row[i].events, watch_mark(w, i)) < 0)
			watch_drop(w, &w->row[i]);
	platform->set_close(platform->ctx, old);
}

/* Returns zero when nobody watches what is ready. */
static int watches_tell(struct worker *worker, const struct platform_ready *r)
{
	const struct watches *w = worker->watches;
	uint32_t index = (uint32_t)r->mark;
	struct sluice_stage *stage;

	if (index >= w->room || w->row[index].stage == NULL ||
	    watch_mark(w, index) != r->mark)
		return 0;
	stage = w->row[index].stage;
	stage_enter(stage);
	stage_io(stage, w->row[index].fd,
		 r->events & SLUICE_IO_ERROR ? r->events | w->row[index].events
					     : r->events);
	stage_leave(stage);
	clock_step(worker, stage, 1);
	return 1;
}

int watches_round(struct worker *worker)
{
	const struct platform *platform = worker->pipeline->platform;
	struct watches *w = worker->watches;
	struct platform_ready ready[READY_MOST];
	uint32_t removed;
	uint32_t n;
	int lost = 0;
	int told = 0;

	if (w == NULL || w->count == 0 ||
	    (w->busy && ++w->rounds < WATCHES_ROUNDS))
		return 0;
	w->rounds = 0;
	n = platform->set_take(platform->ctx, w->set, ready, READY_MOST);
	removed = w->removed;
	for (uint32_t i = 0; i < n; i++) {
		if (ready[i].mark == WATCH_BELL)
			w->told = 1;
		else if (watches_tell(worker, &ready[i]))
			told = 1;
		else
			lost = 1;
	}
	/* Unless a callback has just unwatched it. */
	if (SLUICE_UNLIKELY(lost) && removed == w->removed)
		watches_renew(worker);
	return told;
}

int watches_park(struct worker *worker, int (*ready)(void *ctx),
		 uint64_t deadline_ns)
{
	const struct platform *platform = worker->pipeline->platform;
	const struct sluice_wait_ops *ops = worker->pipeline->host.wait;
	struct watches *w = worker->watches;
	int armed;
	int found;

	/* Before it is armed: so what is written for this arming stays. */
	if (w->told)
		platform->event_clear(platform->ctx, w->bell);
	w->told = 0;
	armed = sluice_bell_arm(worker->bell, w->bell, ops);
	if (SLUICE_UNLIKELY(!armed)) {
		uint64_t soon_ns =
			ops->now_ns(ops->ctx) + SLUICE_FENCES_SLEEP_NS;

		deadline_ns = deadline_ns < soon_ns ? deadline_ns : soon_ns;
	}
	found = ready(worker);
	if (!found)
		platform->set_wait(platform->ctx, w->set, deadline_ns);
	if (armed && sluice_bell_disarm(worker->bell))
		w->told = 1;
	return found;
}
