/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine: threads of the program, chance by thread, and the lock. All of it
 * without what ThreadSanitizer would take for order between threads; see
 * machine.h.
 */
#include "tests/stress/graphs/machine.h"
#include "tests/sim/gen2/world.h"
#include "tests/support/rng.h"

#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define THREADS_MAX (2 * NODES_MAX + 8u)

struct thread {
	pthread_t id;
	void (*run)(void *arg);
	void *arg;
	uint64_t seed;
};

/* 0 free, 1 taken, 2 taken and somebody sleeps on it */
static uint32_t lock;
static _Thread_local uint32_t depth;

static _Thread_local struct rng chance_of;
static _Thread_local int has_chance;
static uint64_t run_seed;
static uint64_t run_threads;

static struct thread threads[THREADS_MAX];
static uint32_t thread_count;
static uint64_t pulse;

/* ---- the lock -------------------------------------------------------------- */

static void take(void)
{
	uint32_t seen = 0;

	if (__atomic_compare_exchange_n(&lock, &seen, 1, 0, __ATOMIC_ACQUIRE,
					__ATOMIC_RELAXED))
		return;
	while (__atomic_exchange_n(&lock, 2, __ATOMIC_ACQUIRE) != 0)
		(void)syscall(SYS_futex, &lock, FUTEX_WAIT_PRIVATE, 2, NULL);
}

static void give(void)
{
	if (__atomic_exchange_n(&lock, 0, __ATOMIC_RELEASE) == 2)
		(void)syscall(SYS_futex, &lock, FUTEX_WAKE_PRIVATE, 1);
}

void machine_enter(void)
{
	if (depth++ == 0)
		take();
}

void machine_leave(void)
{
	if (--depth == 0)
		give();
}

uint32_t machine_let_go(void)
{
	uint32_t was = depth;

	depth = 0;
	if (was > 0)
		give();
	return was;
}

void machine_resume(uint32_t was)
{
	if (was > 0)
		take();
	depth = was;
}

/* ---- chance and time --------------------------------------------------------- */

/* Threads of the engine have no beginning that we see. */
static struct rng *chance_here(void)
{
	if (!has_chance) {
		chance_of.state =
			run_seed +
			(__atomic_add_fetch(&run_threads, 1, __ATOMIC_RELAXED)
			 << 48);
		has_chance = 1;
	}
	return &chance_of;
}

uint32_t sim_below(uint32_t n)
{
	return (uint32_t)rng_below(chance_here(), n);
}

/* Whatever the machine likes: its stores are the real ones here. */
uint32_t sim_copy_method(void)
{
	static const uint32_t methods[] = {SLUICE_COPY_AUTO, SLUICE_COPY_STREAM,
					   SLUICE_COPY_IN_PLACE};

	return methods[sim_below(3)];
}

uint64_t machine_now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void machine_nap(uint32_t us)
{
	struct timespec time = {0, (long)us * 1000};
	uint32_t was = machine_let_go();

	(void)nanosleep(&time, NULL);
	machine_resume(was);
}

void sim_yield(void)
{
	uint32_t was;

	if (sim_below(64) == 0) {
		machine_nap(1 + sim_below(100));
		return;
	}
	was = machine_let_go();
	if (sim_below(4) == 0)
		(void)sched_yield();
	machine_resume(was);
}

int sim_poll(int fd, uint32_t ms)
{
	struct pollfd polled = {.fd = fd, .events = POLLIN};
	uint32_t was = machine_let_go();
	int n = poll(&polled, 1, ms == UINT32_MAX ? -1 : (int)ms);

	machine_resume(was);
	return n > 0;
}

int sim_beacon_open(void)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	return fd < 0 ? -errno : fd;
}

void sim_beacon_light(int fd)
{
	uint64_t one = 1;

	/* Not by write(): the tools see its descriptor, and not the lock that is ours. */
	(void)syscall(SYS_write, fd, &one, sizeof(one));
}

int sim_beacon_take(int fd)
{
	uint64_t count;

	return read(fd, &count, sizeof(count)) == sizeof(count);
}

int sim_beacon_is_lit(int fd)
{
	struct pollfd polled = {.fd = fd, .events = POLLIN};

	return poll(&polled, 1, 0) == 1;
}

void sim_beacon_close(int fd)
{
	(void)close(fd);
}

void sim_watch_sleep(void (*look)(uint64_t now_ns))
{
	(void)look;
}

void sim_busy(void)
{
	pulse++;
}

void sim_apart(void (*run)(void *), void *arg)
{
	machine_enter();
	run(arg);
	machine_leave();
}

uint64_t machine_pulse(void)
{
	return pulse;
}

void sim_await_idle(void)
{
	while (world.foreign > 0)
		machine_nap(100);
}

/* The system is what it is. */
void sim_scarce(uint32_t refuse_threads, uint32_t refuse_blocks)
{
	(void)refuse_threads;
	(void)refuse_blocks;
}

/* ---- threads --------------------------------------------------------------- */

static void *thread_main(void *arg)
{
	struct thread *thread = arg;

	chance_of.state = thread->seed;
	has_chance = 1;
	machine_enter();
	thread->run(thread->arg);
	machine_leave();
	return NULL;
}

void sim_spawn(void (*run)(void *arg), void *arg)
{
	struct thread *thread = &threads[thread_count];

	*thread = (struct thread){
		.run = run,
		.arg = arg,
		.seed = run_seed ^ ((uint64_t)(thread_count + 1) << 40),
	};
	if (thread_count == THREADS_MAX ||
	    pthread_create(&thread->id, NULL, thread_main, thread) != 0) {
		(void)fprintf(stderr, "stress_graphs: no thread\n");
		exit(1);
	}
	thread_count++;
}

void machine_join(void)
{
	while (thread_count > 0)
		(void)pthread_join(threads[--thread_count].id, NULL);
}

struct sim_result sim_run(uint64_t seed, void (*main)(void *arg), void *arg)
{
	run_seed = seed * UINT64_C(0x9e3779b97f4a7c15);
	run_threads = 0;
	chance_of.state = run_seed;
	has_chance = 1;
	pulse = 0;
	machine_enter();
	main(arg);
	machine_leave();
	machine_join();
	return (struct sim_result){.verdict = SIM_DONE};
}
