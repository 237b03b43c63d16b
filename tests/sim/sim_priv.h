/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated machine from the inside: sim.c runs coroutines in a seeded order,
 * platform.c is what the engine asks of it, process.c kills them. */
#ifndef SLUICE_TESTS_SIM_SIM_PRIV_H
#define SLUICE_TESTS_SIM_SIM_PRIV_H

/* A jump to another stack looks like a mistake to a fortified longjmp(). */
#undef _FORTIFY_SOURCE
#include "tests/sim/sim.h"

#include <setjmp.h>
#include <ucontext.h>

#define COROUTINES_MAX 112u
#define TRACE_LENGTH   200u
#define NEVER          UINT64_MAX

enum state { UNUSED, RUNNABLE, PARKED, WAITING, RETURNED };

/* Stores past the cache that no fence has made visible. */
struct streamed {
	void *to;
	size_t count;
	unsigned char bytes[4096];
};

struct coroutine {
	ucontext_t context; /* how it begins */
	jmp_buf jump;       /* where it goes on */
	int begun;
	void (*run)(void *arg);
	void *arg;
	enum state state;
	struct sluice_pipeline *inside; /* a thread's own, see door.c */
	uint32_t process;               /* 0: the engine's and the test's */
	const void *word;               /* parked on it */
	const void *other;              /* or on this one */
	uint64_t deadline_ns;           /* until then at the latest */
	struct streamed streamed;
};

struct sim {
	ucontext_t outside;
	struct coroutine coroutines[COROUTINES_MAX];
	uint32_t count;
	uint32_t current;
	uint64_t random;
	uint32_t switch_one_in; /* how restless this run's schedule is */
	uint32_t spurious_one_in;
	uint32_t leap_one_in; /* how often time passes while others run */
	sluice_a32 spinning;  /* as the platform's */
	void (*asleep)(uint64_t now_ns); /* or NULL */
	uint32_t leaps_left; /* before whoever waits thinks all is idle */
	struct sim_result result;
	uint8_t trace[TRACE_LENGTH];
};

extern struct sim sim; /* one simulated machine at a time: that is its point */

static inline struct coroutine *sim_self(void)
{
	return &sim.coroutines[sim.current];
}

/* ---- sim.c ---- */

/* A coroutine of the calling one's process; NULL when there are too many. */
struct coroutine *sim_add(void (*run)(void *arg), void *arg);
/* Hand over to a runnable one, chosen by chance. */
void sim_switch(void);
/* The seed's next number. */
uint64_t sim_next(void);

/* ---- process.c ---- */

/* Before a shared access of a process: it may be where that dies, and then this does
 * not return. */
void sim_process_step(uint32_t process);
void sim_forget_processes(void);

#endif
