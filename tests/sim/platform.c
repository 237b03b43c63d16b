/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's platform table on the simulated machine. */
#include "tests/sim/sim_priv.h"

#include <errno.h>
#include <stdlib.h>

static uint64_t op_now_ns(void *ctx)
{
	(void)ctx;
	return sim.result.now_ns;
}

static int op_barrier(void *ctx)
{
	(void)ctx;
	sim_point();
	return 0;
}

int sim_may_park(uint64_t deadline_ns)
{
	return deadline_ns > sim.result.now_ns &&
	       sim_below(sim.spurious_one_in) != 0;
}

static void op_park(void *ctx, sluice_a32 *word, uint32_t expected,
		    uint64_t deadline_ns)
{
	(void)ctx;
	sim_point();
	if (word->value != expected || !sim_may_park(deadline_ns))
		return;
	(void)sim_sleep(word, deadline_ns);
}

static void op_wake(void *ctx, sluice_a32 *word)
{
	(void)ctx;
	sim_wake(word, 0);
	sim_point();
}

static void op_pause(void *ctx, uint32_t n)
{
	(void)ctx;
	(void)n;
	sim_switch();
}

static void op_yield(void *ctx)
{
	(void)ctx;
	sim_switch();
}

static int op_spawn(void *ctx, void **thread, void (*run)(void *), void *arg,
		    const char *name, struct platform_place place)
{
	(void)ctx;
	(void)name;
	(void)place;
	*thread = sim_refuses_thread() ? NULL : sim_add(run, arg);
	return *thread ? 0 : -EAGAIN;
}

static void op_join(void *ctx, void *thread)
{
	struct coroutine *c = thread;

	(void)ctx;
	while (c->state != RETURNED)
		sim_switch();
	c->state = UNUSED;
}

/* To get it, to wait for it and to give it back are points of the schedule; who
 * gets it next is chance. */
struct mutex {
	sluice_a32 held;
};

static int op_mutex_open(void *ctx, void **out)
{
	struct mutex *mutex = calloc(1, sizeof(*mutex));

	(void)ctx;
	*out = mutex;
	return mutex ? 0 : -ENOMEM;
}

static void op_mutex_close(void *ctx, void *mutex)
{
	(void)ctx;
	free(mutex);
}

static void op_mutex_lock(void *ctx, void *arg)
{
	struct mutex *mutex = arg;
	struct coroutine *self = sim_self();

	(void)ctx;
	sim_point();
	while (mutex->held.value) {
		self->word = &mutex->held;
		self->other = NULL;
		self->deadline_ns = NEVER;
		self->state = PARKED;
		sim_switch();
	}
	mutex->held.value = 1;
}

static void op_mutex_unlock(void *ctx, void *arg)
{
	struct mutex *mutex = arg;

	mutex->held.value = 0;
	op_wake(ctx, &mutex->held);
}

static void op_cpus(void *ctx, struct platform_cpus *cpus)
{
	(void)ctx;
	cpus->refused = 0;
	cpus->count = cpus->time = 1 + sim_below(3);
	for (uint32_t i = 0; i < cpus->count; i++)
		cpus->list[i] = i;
}

/* Nobody is pinned here: it may be on any. */
static int op_cpu(void *ctx)
{
	(void)ctx;
	return (int)sim_below(3);
}

static uint32_t op_turns(void *ctx, uint32_t n)
{
	(void)ctx;
	(void)n;
	return 0;
}

static uint64_t op_random(void *ctx)
{
	(void)ctx;
	return sim_next();
}

static uint64_t op_self(void *ctx)
{
	(void)ctx;
	return sim.current + 1;
}

const struct platform *sim_platform(void)
{
	static struct sluice_fences fences = {.kind = {SLUICE_FENCES_SPLIT}};
	static const struct sluice_wait_ops wait = {
		.fences = &fences,
		.now_ns = op_now_ns,
		.barrier = op_barrier,
		.park = op_park,
		.wake = op_wake,
		.pause = op_pause,
		.yield = op_yield,
		.notify = sim_notify,
	};
	static const struct platform platform = {
		.wait = &wait,
		.spawn = op_spawn,
		.join = op_join,
		.mutex_open = op_mutex_open,
		.mutex_close = op_mutex_close,
		.mutex_lock = op_mutex_lock,
		.mutex_unlock = op_mutex_unlock,
		.cpus = op_cpus,
		.cpu = op_cpu,
		.turns = op_turns,
		.spinning = &sim.spinning,
		.random = op_random,
		.self = op_self,
		.event_open = sim_event_open,
		.event_clear = sim_event_clear,
		.event_close = sim_event_close,
		.set_open = sim_set_open,
		.set_add = sim_set_add,
		.set_remove = sim_set_remove,
		.set_take = sim_set_take,
		.set_wait = sim_set_wait,
		.set_close = sim_set_close,
	};

	return &platform;
}
