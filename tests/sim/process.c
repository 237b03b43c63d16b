/* SPDX-License-Identifier: Apache-2.0 */
/* What a process holds is written down by those who stand before the system
 * (CMakeLists.txt): here free, mmap, munmap and close, and in scarce.c the rest. */
#include "tests/sim/process.h"
#include "tests/sim/sim_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define THINGS_MAX 1024u

void __real_free(void *block);
void __wrap_free(void *block);
void *__real_mmap(void *at, size_t bytes, int rights, int flags, int fd,
		  off_t offset);
void *__wrap_mmap(void *at, size_t bytes, int rights, int flags, int fd,
		  off_t offset);
int __real_munmap(void *at, size_t bytes);
int __wrap_munmap(void *at, size_t bytes);
int __real_close(int fd);
int __wrap_close(int fd);

enum thing_kind { THING_BLOCK, THING_MAP, THING_FILE };

/* A block, a mapping of so many bytes, or a descriptor. */
struct thing {
	enum thing_kind kind;
	uintptr_t at;
	size_t bytes;
};

static struct process {
	enum process_state state;
	void (*run)(void *arg);
	void *arg;
	uint32_t doom; /* accesses left; 0: no end */
	uint64_t accesses;
	uint32_t held;
	struct thing things[THINGS_MAX];
} processes[PROCESSES_MAX];
static uint32_t process_count;

/* ---- what it holds ----------------------------------------------------------- */

static struct process *process_of(uint32_t process)
{
	if (process == 0 || process > process_count)
		abort();
	return &processes[process - 1];
}

static void hold(enum thing_kind kind, uintptr_t at, size_t bytes)
{
	uint32_t self = process_self();
	struct process *p;

	if (self == 0)
		return;
	p = process_of(self);
	if (p->held == THINGS_MAX)
		abort();
	p->things[p->held++] = (struct thing){kind, at, bytes};
}

static void let_go(enum thing_kind kind, uintptr_t at)
{
	uint32_t self = process_self();
	struct process *p;

	if (self == 0)
		return;
	p = process_of(self);
	for (uint32_t i = p->held; i-- > 0;)
		if (p->things[i].kind == kind && p->things[i].at == at) {
			p->things[i] = p->things[--p->held];
			return;
		}
}

void process_holds_block(void *block)
{
	if (block != NULL)
		hold(THING_BLOCK, (uintptr_t)block, 0);
}

void process_holds_file(int fd)
{
	if (fd >= 0)
		hold(THING_FILE, (uintptr_t)fd, 0);
}

void __wrap_free(void *block)
{
	let_go(THING_BLOCK, (uintptr_t)block);
	__real_free(block);
}

void *__wrap_mmap(void *at, size_t bytes, int rights, int flags, int fd,
		  off_t offset)
{
	void *base = __real_mmap(at, bytes, rights, flags, fd, offset);

	if (base != MAP_FAILED)
		hold(THING_MAP, (uintptr_t)base, bytes);
	return base;
}

int __wrap_munmap(void *at, size_t bytes)
{
	let_go(THING_MAP, (uintptr_t)at);
	return __real_munmap(at, bytes);
}

int __wrap_close(int fd)
{
	let_go(THING_FILE, (uintptr_t)fd);
	return __real_close(fd);
}

/* ---- its life ------------------------------------------------------------------ */

uint32_t process_self(void)
{
	return sim_self()->process;
}

enum process_state process_state(uint32_t process)
{
	return process == 0 ? PROCESS_NONE : process_of(process)->state;
}

static void process_main(void *arg)
{
	struct process *p = arg;

	p->run(p->arg);
	p->state = PROCESS_OVER;
}

uint32_t process_start(void (*run)(void *), void *arg)
{
	struct process *p = &processes[process_count];
	struct coroutine *first;

	if (process_count == PROCESSES_MAX)
		abort();
	*p = (struct process){.state = PROCESS_RUNS, .run = run, .arg = arg};
	first = sim_add(process_main, p);
	if (first == NULL)
		abort();
	first->process = ++process_count;
	return process_count;
}

void process_doom(uint32_t process, uint32_t accesses)
{
	process_of(process)->doom = accesses;
}

uint64_t process_accesses(uint32_t process)
{
	return process_of(process)->accesses;
}

/* Not to be scheduled again; the places are others' from now on. */
static void kill_all(uint32_t process, uint32_t but)
{
	for (uint32_t i = 0; i < sim.count; i++)
		if (sim.coroutines[i].process == process && i != but)
			sim.coroutines[i].state = UNUSED;
}

void process_alone(void)
{
	kill_all(process_self(), sim.current);
}

static void process_die(uint32_t process)
{
	process_of(process)->state = PROCESS_DEAD;
	kill_all(process, COROUTINES_MAX);
	sim_switch();
	abort();
}

void sim_process_step(uint32_t process)
{
	struct process *p = process_of(process);

	p->accesses++;
	if (p->doom > 0 && --p->doom == 0)
		process_die(process);
}

static void thing_release(const struct thing *thing)
{
	switch (thing->kind) {
	case THING_BLOCK:
		__real_free((void *)thing->at);
		break;
	case THING_MAP:
		(void)__real_munmap((void *)thing->at, thing->bytes);
		break;
	case THING_FILE:
		(void)__real_close((int)thing->at);
		break;
	default:
		break;
	}
}

uint32_t process_reap(uint32_t process)
{
	struct process *p = process_of(process);
	uint32_t held = p->held;

	for (; p->held > 0; p->held--)
		thing_release(&p->things[p->held - 1]);
	return held;
}

void sim_forget_processes(void)
{
	for (uint32_t i = 0; i < process_count; i++)
		(void)process_reap(i + 1);
	process_count = 0;
}
