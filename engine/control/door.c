/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* MADV_WIPEONFORK */
#include "engine/control/door_priv.h"
#include "engine/stage/gate_priv.h"
#include "ring/base_priv.h"

#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>

#ifndef MADV_WIPEONFORK /* since Linux 4.14 */
#define MADV_WIPEONFORK 18
#endif

/* ---- whose process it is ------------------------------------------------- */

/* The page with the mark of this process, and how many marks there have been,
 * in its ancestors too: a child's is one that no pipeline it inherited has. */
static uint32_t *door_page;
static uint32_t door_marks;

/* For a kernel that does not wipe the page. */
static void door_in_child(void)
{
	__atomic_store_n(door_page, 0, __ATOMIC_RELAXED);
}

static uint32_t *door_page_make(void)
{
	size_t bytes = (size_t)sluice_region_page_bytes();
	uint32_t *none = NULL;
	void *page = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		return NULL;
	(void)madvise(page, bytes, MADV_WIPEONFORK);
	if (!__atomic_compare_exchange_n(&door_page, &none, page, 0,
					 __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
		(void)munmap(page, bytes);
		return none; /* another thread was faster */
	}
	(void)pthread_atfork(NULL, NULL, door_in_child);
	return page;
}

int door_mark(const uint32_t **where, uint32_t *mark)
{
	uint32_t *page = __atomic_load_n(&door_page, __ATOMIC_ACQUIRE);
	uint32_t none = 0;

	if (page == NULL)
		page = door_page_make();
	if (page == NULL)
		return -ENOMEM;
	*where = page;
	*mark = __atomic_load_n(page, __ATOMIC_ACQUIRE);
	if (*mark != 0)
		return 0;
	/* The first in this process. */
	*mark = __atomic_add_fetch(&door_marks, 1, __ATOMIC_RELAXED);
	if (!__atomic_compare_exchange_n(page, &none, *mark, 0,
					 __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		*mark = none;
	return 0;
}

int door_refuse(const struct sluice_pipeline *pipeline, const char *call,
		const char *what)
{
	if (pipeline == NULL)
		return sluice_fail(-EINVAL, "%s: %s is NULL%s", call, what,
				   strcmp(what, "stage") == 0
					   ? "; is its name spelled as it was "
					     "added?"
					   : "");
	return sluice_fail(-ECHILD,
			   "%s: pipeline '%s' belongs to the process that "
			   "opened it, and this is a child of that one",
			   call, pipeline->name);
}

int door_missing(const char *call, const char *argument)
{
	return sluice_fail(-EINVAL, "%s: %s is NULL", call, argument);
}

/* ---- who may wait -------------------------------------------------------- */

/* Threads of the platform are found by their workers: in the simulator all of
 * them are one. */
_Thread_local struct sluice_pipeline *door_thread_of;

void door_thread_begin(struct sluice_pipeline *pipeline)
{
	door_thread_of = pipeline;
}

int door_inside_but(struct sluice_pipeline *p, const struct worker *but)
{
	uint64_t self = p->platform->self(p->platform->ctx);
	int inside = door_thread_of == p ||
		     sluice_load_acquire(&p->owner) == self ||
		     sluice_load_acquire(&p->supervisor_self) == self;

	if (inside)
		return 1;
	if (gate_enter(&p->gate))
		for (uint32_t i = 0; !inside && i < pipeline_workers(p); i++)
			inside = &p->workers[i] != but &&
				 sluice_load_acquire(&p->workers[i].self) ==
					 self;
	gate_leave(&p->gate, p->host.wait);
	return inside;
}

int door_may_wait(struct sluice_pipeline *p, const char *call)
{
	if (!door_inside(p))
		return 0;
	return sluice_fail(
		-EDEADLK,
		"%s: pipeline '%s' would wait for the thread that "
		"calls, which is inside a callback, a hook or a task "
		"of it",
		call, p->name);
}
