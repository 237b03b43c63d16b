/* SPDX-License-Identifier: Apache-2.0 */
/* Signals are for the threads of the program; but a crash in a callback reaches
 * the program's handler, on whichever thread of the library it happens. */
#define _GNU_SOURCE
#include "stages/spawn.h"
#include "tests/unit/flow.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define HANDLED 3 /* exit status */

static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE,  SIGILL,
			     SIGTRAP, SIGSYS, SIGABRT, SIGPROF};

enum where {
	IN_WORKER,
	IN_BLOCKING,
	IN_SUPERVISOR,
	IN_TASK,
};

static enum where where;
static void (*act)(void);
static uint32_t acted;

static void act_in(enum where here)
{
	if (here == where && acted++ == 0)
		act();
}

static int on_demand(struct sluice_stage *self, uint32_t demand)
{
	uint64_t *event = sluice_emit(self, 1);

	(void)demand;
	if (event != NULL)
		*event = 1;
	return SLUICE_END;
}

static int on_events(struct sluice_stage *self,
		     const struct sluice_batch *batch)
{
	(void)self;
	(void)batch;
	act_in(IN_WORKER);
	return SLUICE_OK;
}

static int on_events_blocking(struct sluice_stage *self,
			      const struct sluice_batch *batch)
{
	(void)self;
	(void)batch;
	act_in(IN_BLOCKING);
	return SLUICE_OK;
}

static void on_stop(struct sluice_stage *self)
{
	(void)self;
	act_in(IN_SUPERVISOR);
}

static int on_task(struct sluice_task *task, const void *event)
{
	(void)task;
	(void)event;
	act_in(IN_TASK);
	return 0;
}

static void run_pipeline(void)
{
	struct sluice_pipeline *p = flow_open(1);
	struct sluice_spawn *spawn = NULL;

	acted = 0;
	flow_add(p, SLUICE_STAGE(.name = "a", .kind = SLUICE_PRODUCER,
				 .out_bytes = 8, .dispatcher = "broadcast",
				 .handle_demand = on_demand));
	flow_add(p, SLUICE_STAGE(.name = "c", .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .handle_events = on_events));
	flow_add(p, SLUICE_STAGE(.name = "b", .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .blocking = 1,
				 .handle_events = on_events_blocking));
	flow_add(p,
		 SLUICE_STAGE(.name = "s", .kind = SLUICE_CONSUMER,
			      .in_bytes = 8, .on_idle = SLUICE_IDLE_STAY,
			      .handle_events = on_events, .on_stop = on_stop));
	assert_int_equal(
		sluice_spawn_add(
			p, SLUICE_STAGE(.name = "spawn", .in_bytes = 8),
			SLUICE_SPAWN(.task = on_task, .max_demand = 1), &spawn),
		0);
	flow_subscribe(p, "c", "a", NULL);
	flow_subscribe(p, "b", "a", NULL);
	assert_int_equal(
		sluice_spawn_subscribe(spawn, "a", SLUICE_PERMANENT, NULL), 0);
	flow_start(p);
	if (where == IN_SUPERVISOR)
		sluice_pipeline_stop(p);
	else
		flow_wait_handled(p, "c", 1);
	assert_int_equal(sluice_pipeline_drain(p, FLOW_DEADLINE_MS),
			 where == IN_SUPERVISOR ? -ECANCELED : 0);
	sluice_pipeline_close(p);
}

static struct where_row {
	const char *name;
	enum where where;
} where_rows[] = {
	{"in_a_worker", IN_WORKER},
	{"in_a_blocking_stage", IN_BLOCKING},
	{"in_the_supervisor", IN_SUPERVISOR},
	{"in_a_task", IN_TASK},
};

/* ---- what is open --------------------------------------------------------- */

static sigset_t mask;

static void look(void)
{
	(void)pthread_sigmask(SIG_SETMASK, NULL, &mask);
}

static void mask_leaves_faults_open(void **state)
{
	const struct where_row *row = *state;
	sigset_t mine, after;

	where = row->where;
	act = look;
	(void)pthread_sigmask(SIG_SETMASK, NULL, &mine);
	run_pipeline();
	assert_int_equal(acted, 1);
	for (size_t i = 0; i < UNIT_COUNT(faults); i++)
		assert_int_equal(sigismember(&mask, faults[i]), 0);
	assert_int_equal(sigismember(&mask, SIGINT), 1);
	assert_int_equal(sigismember(&mask, SIGTERM), 1);
	assert_int_equal(sigismember(&mask, SIGALRM), 1);
	assert_int_equal(sigismember(&mask, SIGCHLD), 1);
	/* The caller's own is as it was. */
	(void)pthread_sigmask(SIG_SETMASK, NULL, &after);
	for (int i = 1; i < 32; i++)
		assert_int_equal(sigismember(&after, i), sigismember(&mine, i));
}

/* ---- a crash -------------------------------------------------------------- */

static void on_crash(int number)
{
	(void)number;
	_exit(HANDLED);
}

static void crash(void)
{
	int *volatile nowhere = (int *)(uintptr_t)8;

	*nowhere = 1;
}

static void crash_handler_runs(void **state)
{
	const struct where_row *row = *state;
	struct rlimit no_core = {0, 0};
	int status = -1;
	pid_t child = fork();

	if (child == 0) {
		(void)setrlimit(RLIMIT_CORE, &no_core);
		(void)signal(SIGSEGV, on_crash);
		(void)alarm(FLOW_DEADLINE_MS / 1000);
		where = row->where;
		act = crash;
		run_pipeline();
		_exit(0);
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), HANDLED);
}

int main(void)
{
	struct CMUnitTest all[2 * UNIT_COUNT(where_rows)];
	size_t at = UNIT_ADD_ROWS(all, 0, mask_leaves_faults_open, where_rows);

	(void)UNIT_ADD_ROWS(all, at, crash_handler_runs, where_rows);
	return cmocka_run_group_tests_name("signals", all, NULL, NULL);
}
