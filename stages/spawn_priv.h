/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A spawn stage has two halves: spawn.c is the stage, called by its worker and
 * by the user; spawn_pool.c is the tasks and the threads that run them. One
 * lock guards all of it: a task is worth a system call. Not installed.
 *
 *     free ──> queued ──> running ──> free
 *                ^           │ failed, to be tried again
 *                └─ waiting <┘
 *
 * Of spawn.c and spawn_pool.c.
 *
 * Knows      tasks, accounts (the tasks of one subscription), the pool's threads
 * Knows not  workers; where the stage's events come from
 */
#ifndef SLUICE_STAGES_SPAWN_PRIV_H
#define SLUICE_STAGES_SPAWN_PRIV_H

#include "../engine/stage/stage_priv.h"
#include "spawn.h"
#include "task_list_priv.h"

#include <pthread.h>

enum task_state {
	TASK_FREE = 0,
	TASK_QUEUED = 1,
	TASK_RUNNING = 2,
	TASK_WAITING = 3,
};

struct sluice_task {
	struct task_link link; /* in the list of its state; first */
	struct sluice_spawn *spawn;
	struct spawn_account *account;
	void *event;
	uint64_t id;
	uint64_t due_ns; /* waiting: when it is to run again */
	uint32_t attempt;
	enum task_state state;
	uint32_t cancelled; /* atomic: read by the task without the lock */
};

/* The tasks of one subscription, or those started by hand. There are as many as
 * it may have at once, so that credit is a free task. */
struct spawn_account {
	struct sluice_sub sub;
	uint32_t live;   /* non-zero: the subscription has not ended */
	uint32_t inlet;  /* live: its number */
	uint32_t active; /* tasks that are not free */
	uint32_t done;   /* tasks that ended since it last asked */
	struct task_list free;
	struct sluice_task *tasks; /* max_demand of them, or NULL */
	unsigned char *events;
};

enum spawn_phase {
	SPAWN_DECLARED = 0,
	SPAWN_RUNNING = 1,
	SPAWN_ENDING = 2, /* no more by hand; fini waits for the tasks */
	SPAWN_ENDED = 3,
};

#define SPAWN_BY_HAND  0u
#define SPAWN_ACCOUNTS (SLUICE_SPAWN_SUBSCRIPTIONS_MAX + 1)

struct sluice_spawn {
	struct sluice_pipeline *pipeline;
	struct sluice_stage *stage;
	/* The stage's own on_stop, of the options, is called as well. */
	void (*stage_on_stop)(struct sluice_stage *self);
	char name[SLUICE_NAME_BYTES];
	struct sluice_spawn_opts opts; /* defaults filled in */
	uint32_t event_bytes;
	uint32_t ask_events; /* ask when so many have ended */

	pthread_mutex_t lock;
	pthread_cond_t work; /* a task is queued, or will be; or quit */
	pthread_cond_t idle; /* there are no tasks */
	enum spawn_phase phase;
	uint32_t quit;
	uint32_t told;    /* on_stop has been called, or is */
	uint32_t resting; /* threads that wait for work */
	uint64_t last_id;
	struct spawn_account accounts[SPAWN_ACCOUNTS];
	struct task_list queued;  /* in order of arrival */
	struct task_list waiting; /* in order of due_ns */
	struct sluice_spawn_stats stats;
	pthread_t threads[SLUICE_SPAWN_THREADS_MAX];
};

/* ---- spawn_pool.c; with the lock held where it says so ------------------- */

/* Prepare lock and lists. Returns 0 or a negative errno. */
int pool_init(struct sluice_spawn *spawn);
/* The reverse of it, once the threads are gone; in a child of the process that
 * had them the lock may be held for ever: it is let be. */
void pool_free(struct sluice_spawn *spawn);
/* Call on_stop, unless that has been done. */
void pool_tell_stop(struct sluice_spawn *spawn);
/* Start the threads: all, or none and a negative errno. */
int pool_start(struct sluice_spawn *spawn);
/* Wait until there are no tasks, cancel them after @timeout_ms; then end the
 * threads. */
void pool_stop(struct sluice_spawn *spawn, uint32_t timeout_ms);

/* Give an account its tasks, unless it has them. Locked, and let go while they
 * are allocated: there may be a million. Returns 0 or -ENOMEM. */
int pool_account_open(struct sluice_spawn *spawn,
		      struct spawn_account *account);
/* Queue a task with a copy of @event; the account has one free. Returns its id.
 * Locked. */
uint64_t pool_task_queue(struct sluice_spawn *spawn,
			 struct spawn_account *account, const void *event);
/* Cancel the task @id, or all of them: 0. Returns how many. Locked. */
uint32_t pool_cancel(struct sluice_spawn *spawn, uint64_t id);

#endif
