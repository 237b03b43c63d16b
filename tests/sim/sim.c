/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#define COROUTINES_MAX 24u
#define STACK_BYTES    (128u * 1024u)
#define SWITCHES_MAX   UINT64_C(2000000)
#define TRACE_LENGTH   200u
#define STEP_NS        50u

enum state { UNUSED, RUNNABLE, PARKED, RETURNED };

struct coroutine {
	ucontext_t context;
	void (*run)(void *arg);
	void *arg;
	enum state state;
	const sluice_a32 *word; /* parked on it */
	unsigned char *stack;   /* kept from run to run */
};

struct sim {
	ucontext_t outside;
	struct coroutine coroutines[COROUTINES_MAX];
	uint32_t count;
	uint32_t current;
	uint64_t random;
	uint32_t switch_one_in; /* how restless this run's schedule is */
	uint32_t spurious_one_in;
	struct sim_result result;
	uint8_t trace[TRACE_LENGTH];
};

static struct sim sim; /* one simulated machine at a time: that is its point */

/* SplitMix64 (Steele, Lea, Flood, OOPSLA 2014). */
static uint64_t sim_next(void)
{
	uint64_t z = sim.random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

uint32_t sim_below(uint32_t n)
{
	return (uint32_t)((sim_next() >> 32) * n >> 32);
}

static void sim_leave(enum sim_verdict verdict)
{
	sim.result.verdict = verdict;
	(void)swapcontext(&sim.coroutines[sim.current].context, &sim.outside);
}

/* Hand over to a runnable coroutine, chosen by chance. Nobody runnable means
 * that only deadlines could help, and no deadline may be needed for progress:
 * that is a stall. */
static void sim_switch(void)
{
	uint32_t runnable[COROUTINES_MAX];
	uint32_t n = 0;
	uint32_t from = sim.current;
	uint32_t to;

	for (uint32_t i = 0; i < sim.count; i++)
		if (sim.coroutines[i].state == RUNNABLE)
			runnable[n++] = i;
	if (n == 0) {
		sim_leave(SIM_STALL);
		return;
	}
	if (sim.result.switches == SWITCHES_MAX) {
		sim_leave(SIM_LIVELOCK);
		return;
	}
	to = runnable[sim_below(n)];
	sim.trace[sim.result.switches++ % TRACE_LENGTH] = (uint8_t)to;
	sim.result.now_ns += STEP_NS;
	if (to == from)
		return;
	sim.current = to;
	(void)swapcontext(&sim.coroutines[from].context,
			  &sim.coroutines[to].context);
}

void sim_point(void)
{
	if (sim_below(sim.switch_one_in) == 0)
		sim_switch();
}

void sim_slot_copy(void *to, const void *from, size_t bytes)
{
	size_t half = bytes / 2;

	memcpy(to, from, half);
	sim_point();
	memcpy((unsigned char *)to + half, (const unsigned char *)from + half,
	       bytes - half);
}

void sim_yield(void)
{
	sim_switch();
}

static void sim_main(void)
{
	struct coroutine *self = &sim.coroutines[sim.current];

	self->run(self->arg);
	self->state = RETURNED;
	if (sim.current == 0)
		sim_leave(SIM_DONE);
	sim_switch();
}

static int sim_prepare(struct coroutine *c)
{
	if (c->stack == NULL)
		c->stack = malloc(STACK_BYTES);
	if (c->stack == NULL || getcontext(&c->context) < 0)
		return -ENOMEM;
	c->context.uc_stack.ss_sp = c->stack;
	c->context.uc_stack.ss_size = STACK_BYTES;
	c->context.uc_link = NULL;
	makecontext(&c->context, sim_main, 0);
	return 0;
}

static struct coroutine *sim_add(void (*run)(void *), void *arg)
{
	struct coroutine *c = &sim.coroutines[sim.count];

	if (sim.count == COROUTINES_MAX || sim_prepare(c) < 0)
		return NULL;
	c->run = run;
	c->arg = arg;
	c->state = RUNNABLE;
	sim.count++;
	return c;
}

void sim_spawn(void (*run)(void *), void *arg)
{
	if (sim_add(run, arg) == NULL)
		abort();
}

/* ---- the platform ---- */

static uint64_t op_now_ns(void *ctx)
{
	(void)ctx;
	return sim.result.now_ns;
}

static void op_barrier(void *ctx)
{
	(void)ctx;
	sim_point();
}

static void op_park(void *ctx, sluice_a32 *word, uint32_t expected,
		    uint64_t deadline_ns)
{
	struct coroutine *self = &sim.coroutines[sim.current];

	(void)ctx;
	(void)deadline_ns;
	sim_point();
	if (word->value != expected || sim_below(sim.spurious_one_in) == 0)
		return;
	sim.result.parks++;
	self->word = word;
	self->state = PARKED;
	sim_switch();
}

static void op_wake(void *ctx, sluice_a32 *word)
{
	(void)ctx;
	for (uint32_t i = 0; i < sim.count; i++)
		if (sim.coroutines[i].state == PARKED &&
		    sim.coroutines[i].word == word)
			sim.coroutines[i].state = RUNNABLE;
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
		    const char *name, int cpu)
{
	(void)ctx;
	(void)name;
	(void)cpu;
	*thread = sim_add(run, arg);
	return *thread ? 0 : -EAGAIN;
}

static void op_join(void *ctx, void *thread)
{
	const struct coroutine *c = thread;

	(void)ctx;
	while (c->state != RETURNED)
		sim_switch();
}

static uint32_t op_cpus(void *ctx, uint32_t *list, uint32_t max)
{
	uint32_t count = 1 + sim_below(3);

	(void)ctx;
	for (uint32_t i = 0; i < count && i < max; i++)
		list[i] = i;
	return count;
}

static uint64_t op_random(void *ctx)
{
	(void)ctx;
	return sim_next();
}

const struct platform *sim_platform(void)
{
	static const struct sluice_wait_ops wait = {
		.asymmetric = 1,
		.now_ns = op_now_ns,
		.barrier = op_barrier,
		.park = op_park,
		.wake = op_wake,
		.pause = op_pause,
		.yield = op_yield,
	};
	static const struct platform platform = {
		.wait = &wait,
		.spawn = op_spawn,
		.join = op_join,
		.cpus = op_cpus,
		.random = op_random,
	};

	return &platform;
}

struct sim_result sim_run(uint64_t seed, void (*run)(void *), void *arg)
{
	sim.random = seed;
	sim.count = 0;
	sim.current = 0;
	memset(&sim.result, 0, sizeof(sim.result));
	sim.switch_one_in = 1 + sim_below(24);
	sim.spurious_one_in = 2 + sim_below(30);
	if (sim_add(run, arg) == NULL)
		abort();
	(void)swapcontext(&sim.outside, &sim.coroutines[0].context);
	return sim.result;
}

void sim_print_trace(void)
{
	uint64_t from = sim.result.switches > TRACE_LENGTH
				? sim.result.switches - TRACE_LENGTH
				: 0;

	(void)fprintf(stderr, "last choices, of %llu:",
		      (unsigned long long)sim.result.switches);
	for (uint64_t i = from; i < sim.result.switches; i++)
		(void)fprintf(stderr, " %u", sim.trace[i % TRACE_LENGTH]);
	(void)fprintf(stderr, "\nstates:");
	for (uint32_t i = 0; i < sim.count; i++)
		(void)fprintf(stderr, " %u=%s", i,
			      sim.coroutines[i].state == PARKED ? "parked"
			      : sim.coroutines[i].state == RETURNED
				      ? "returned"
				      : "runnable");
	(void)fprintf(stderr, "\n");
}
