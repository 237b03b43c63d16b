/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim_priv.h"
#include "engine/control/door_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

#define STACK_BYTES  (128u * 1024u)
#define SWITCHES_MAX UINT64_C(2000000)
#define STEP_NS      50u
#define LEAPS_MAX    3000u
#define NO_LIMIT     UINT32_MAX

struct sim sim;
static unsigned char stacks[COROUTINES_MAX][STACK_BYTES];

/* SplitMix64 (Steele, Lea, Flood, OOPSLA 2014). */
uint64_t sim_next(void)
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

/* For a few events: what may wait for 100 us, say, is one window, or another. */
uint64_t sim_window_ns(void)
{
	return UINT64_C(1000) << sim_below(10);
}

/* Go on with @to. swapcontext() would ask the kernel for the signal mask each
 * time, which takes longer than all else; AddressSanitizer follows nothing but
 * that. */
static void sim_go(struct coroutine *from, struct coroutine *to)
{
#ifdef __SANITIZE_ADDRESS__
	(void)swapcontext(&from->context, &to->context);
#else
	if (_setjmp(from->jump) != 0)
		return;
	if (to->begun)
		_longjmp(to->jump, 1);
	to->begun = 1;
	(void)setcontext(&to->context);
#endif
}

static void sim_leave(enum sim_verdict verdict)
{
	sim.result.verdict = verdict;
	(void)swapcontext(&sim.coroutines[sim.current].context, &sim.outside);
}

/* The earliest deadline of all that sleep. */
static uint64_t sim_next_deadline(void)
{
	uint64_t next = NEVER;

	for (uint32_t i = 0; i < sim.count; i++)
		if (sim.coroutines[i].state == PARKED &&
		    sim.coroutines[i].deadline_ns < next)
			next = sim.coroutines[i].deadline_ns;
	return next;
}

/* Who may run now, those whose time has come included. Nobody: then the clock
 * leaps to the next deadline. No deadline either: then the machine is idle, and
 * those who wait for that go on. Returns how many there are. */
static uint32_t sim_find_runnable(uint32_t *runnable)
{
	for (;;) {
		uint64_t next = sim_next_deadline();
		uint32_t n = 0;

		if (next != NEVER && next > sim.result.now_ns &&
		    sim_below(sim.leap_one_in) == 0)
			sim.result.now_ns = next;
		for (uint32_t i = 0; i < sim.count; i++) {
			struct coroutine *c = &sim.coroutines[i];

			if (c->state == PARKED &&
			    c->deadline_ns <= sim.result.now_ns)
				c->state = RUNNABLE;
			if (c->state == RUNNABLE)
				runnable[n++] = i;
		}
		if (n > 0)
			return n;
		if (sim.asleep != NULL)
			sim.asleep(sim.result.now_ns);
		if (next != NEVER && sim.leaps_left > 0) {
			sim.leaps_left -= sim.leaps_left != NO_LIMIT;
			sim.result.now_ns = next;
			continue;
		}
		sim.leaps_left = NO_LIMIT;
		for (uint32_t i = 0; i < sim.count; i++)
			if (sim.coroutines[i].state == WAITING) {
				sim.coroutines[i].state = RUNNABLE;
				n++;
			}
		if (n == 0)
			return 0;
	}
}

/* Hand over to a runnable coroutine, chosen by chance. When there is none, and
 * no time that could pass, that is a stall. */
void sim_switch(void)
{
	uint32_t runnable[COROUTINES_MAX];
	uint32_t n = sim_find_runnable(runnable);
	uint32_t from = sim.current;
	uint32_t to;

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
	sim.coroutines[from].inside = door_thread_of;
	door_thread_of = sim.coroutines[to].inside;
	sim.current = to;
	sim_go(&sim.coroutines[from], &sim.coroutines[to]);
}

void sim_point(void)
{
	if (sim_self()->process != 0)
		sim_process_step(sim_self()->process);
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

void sim_slot_stream(void *to, const void *from, size_t bytes)
{
	struct streamed *streamed = &sim_self()->streamed;

	if (bytes > sizeof(streamed->bytes)) {
		sim_slot_copy(to, from, bytes);
		return;
	}
	memcpy(streamed->bytes, from, bytes);
	streamed->to = to;
	streamed->count = bytes;
}

void sim_stream_fence(void)
{
	struct streamed *streamed = &sim_self()->streamed;

	if (streamed->count > 0)
		sim_slot_copy(streamed->to, streamed->bytes, streamed->count);
	streamed->count = 0;
}

uint32_t sim_copy_method(void)
{
	static const uint32_t methods[] = {
		SLUICE_COPY_PLAIN, SLUICE_COPY_STREAM, SLUICE_COPY_IN_PLACE};

	return methods[sim_below(3)];
}

void sim_watch_sleep(void (*look)(uint64_t now_ns))
{
	sim.asleep = look;
}

void sim_yield(void)
{
	sim_switch();
}

void sim_apart(void (*run)(void *), void *arg)
{
	run(arg);
}

void sim_busy(void)
{
	if (sim.leaps_left != NO_LIMIT)
		sim.leaps_left = LEAPS_MAX;
}

void sim_await_idle(void)
{
	sim.coroutines[sim.current].state = WAITING;
	sim.leaps_left = LEAPS_MAX;
	sim_switch();
}

static void sim_main(void)
{
	struct coroutine *self = sim_self();

	self->run(self->arg);
	self->state = RETURNED;
	if (sim.current == 0)
		sim_leave(SIM_DONE);
	sim_switch();
}

/* One that has been joined, or one more; NULL when there are too many. */
static struct coroutine *sim_unused(void)
{
	for (uint32_t i = 0; i < sim.count; i++)
		if (sim.coroutines[i].state == UNUSED)
			return &sim.coroutines[i];
	return sim.count < COROUTINES_MAX ? &sim.coroutines[sim.count++] : NULL;
}

static int sim_prepare(struct coroutine *c)
{
	if (getcontext(&c->context) < 0)
		return -ENOMEM;
#ifdef __SANITIZE_ADDRESS__
	/* One that was killed has left it in the middle. */
	__asan_unpoison_memory_region(stacks[c - sim.coroutines], STACK_BYTES);
#endif
	c->context.uc_stack.ss_sp = stacks[c - sim.coroutines];
	c->context.uc_stack.ss_size = STACK_BYTES;
	c->context.uc_link = NULL;
	makecontext(&c->context, sim_main, 0);
	return 0;
}

struct coroutine *sim_add(void (*run)(void *), void *arg)
{
	struct coroutine *c = sim_unused();

	if (c == NULL || sim_prepare(c) < 0)
		return NULL;
	c->run = run;
	c->arg = arg;
	c->begun = 0;
	c->inside = NULL;
	c->process = sim_self()->process;
	c->other = NULL;
	c->streamed.count = 0;
	c->state = RUNNABLE;
	return c;
}

void sim_spawn(void (*run)(void *), void *arg)
{
	if (sim_add(run, arg) == NULL)
		abort();
}

int sim_sleep_on(const void *word, const void *other, uint64_t deadline_ns)
{
	struct coroutine *self = sim_self();

	if (deadline_ns <= sim.result.now_ns)
		return 1;
	sim.result.parks++;
	self->word = word;
	self->other = other;
	self->deadline_ns = deadline_ns;
	self->state = PARKED;
	sim_switch();
	return deadline_ns <= sim.result.now_ns;
}

int sim_sleep(const void *word, uint64_t deadline_ns)
{
	return sim_sleep_on(word, NULL, deadline_ns);
}

void sim_wake(const void *word, uint32_t most)
{
	for (uint32_t i = 0; i < sim.count; i++) {
		struct coroutine *c = &sim.coroutines[i];

		if (c->state != PARKED || (c->word != word && c->other != word))
			continue;
		c->state = RUNNABLE;
		if (--most == 0)
			break;
	}
}

struct sim_result sim_run(uint64_t seed, void (*run)(void *), void *arg)
{
	sim.random = seed;
	sim.count = 0;
	sim.current = 0;
	memset(&sim.result, 0, sizeof(sim.result));
	sim.spinning.value = 0;
	sim.switch_one_in = 1 + sim_below(24);
	sim.spurious_one_in = 2 + sim_below(30);
	sim.leap_one_in = 50 + sim_below(2000);
	sim.leaps_left = NO_LIMIT;
	sim.asleep = NULL;
	sim_scarce(0, 0);
	sim_forget_descriptors();
	sim_forget_processes();
	sim.coroutines[0].process = 0;
	if (sim_add(run, arg) == NULL)
		abort();
	sim.coroutines[0].begun = 1;
	door_thread_of = NULL;
	(void)swapcontext(&sim.outside, &sim.coroutines[0].context);
	sim.current = 0; /* nobody's memory is a process's any more */
	return sim.result;
}

void sim_print_trace(void)
{
	static const char *const names[] = {"unused", "runnable", "parked",
					    "waiting", "returned"};
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
			      names[sim.coroutines[i].state]);
	(void)fprintf(stderr, "\n");
}
