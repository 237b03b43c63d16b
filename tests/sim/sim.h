/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A simulated machine: coroutines instead of threads, a virtual clock, a seed
 * instead of chance. When all sleep, the clock leaps to the next deadline. It is
 * the engine's platform table, so a pipeline with all its workers and its
 * supervisor runs on the calling thread.
 */
#ifndef SLUICE_TESTS_SIM_SIM_H
#define SLUICE_TESTS_SIM_SIM_H

#include "engine/run/run_priv.h"
#include "engine/graph/platform_priv.h"

struct sim;

enum sim_verdict {
	SIM_DONE,     /* the main coroutine returned */
	SIM_STALL,    /* everybody sleeps, and nobody will wake anybody */
	SIM_LIVELOCK, /* too many switches */
};

struct sim_result {
	enum sim_verdict verdict;
	uint64_t switches;
	uint64_t parks;
	uint64_t now_ns;
};

/* Run @main(@arg) and what it spawns until it returns, or nothing can go on.
 * The same seed gives the same run. */
struct sim_result sim_run(uint64_t seed, void (*main)(void *arg), void *arg);

/* Inside a run: the platform for pipeline_open_on(). */
const struct platform *sim_platform(void);

/* Inside a run: a random number below @n; n >= 1. */
uint32_t sim_below(uint32_t n);
/* How a stage writes events: plainly, past the cache, or in place. */
uint32_t sim_copy_method(void);

/* Inside a run: start another coroutine, for foreign threads; it must return
 * before the main one does. */
void sim_spawn(void (*run)(void *arg), void *arg);

/* Inside a run: call @look each time that all sleep. It must not come to a point where
 * others could run. NULL: nobody. */
void sim_watch_sleep(void (*look)(uint64_t now_ns));

/* Inside a run: let others run. */
void sim_yield(void);
/* Inside a run, and inside the library: @run(@arg) while nobody else is outside it. */
void sim_apart(void (*run)(void *arg), void *arg);

/* Inside a run: sleep on @word until somebody wakes it, or the deadline. Returns
 * non-zero when that has passed. */
int sim_sleep(const void *word, uint64_t deadline_ns);
/* The same on two words. */
int sim_sleep_on(const void *word, const void *other, uint64_t deadline_ns);
/* Wake @most of those who sleep on @word; 0: all. */
void sim_wake(const void *word, uint32_t most);

/* Inside a run: sleep until everybody else sleeps without a deadline, or has
 * returned; or until so many deadlines have passed since sim_busy() that they
 * are only somebody who looks again and again. One at a time. */
void sim_await_idle(void);
void sim_busy(void);

/* Inside a run: sleep until a descriptor of the platform's is readable, or for @ms;
 * UINT32_MAX: for ever. Returns non-zero when it is. */
int sim_poll(int fd, uint32_t ms);
/* What somebody sleeps on who waits for several descriptors: whoever makes one readable
 * wakes him. */
extern const char sim_any_descriptor;
/* Is one that the platform has opened readable? -1: it has not. */
int sim_is_readable(int fd);
/* May a park begin that would end when that is woken? Sometimes not. */
int sim_may_park(uint64_t deadline_ns);

/* A descriptor of the test's: it is open, is made readable, and is read, by whoever waits
 * for it; which tells whether it was. */
int sim_beacon_open(void);
void sim_beacon_light(int fd);
int sim_beacon_take(int fd);
int sim_beacon_is_lit(int fd);
void sim_beacon_close(int fd);

/* Before a run: no descriptor is open. */
void sim_forget_descriptors(void);
/* Inside a run, of the platform: as event_open, event_clear and event_close there, and
 * notify of sluice_wait_ops. */
int sim_event_open(void *ctx);
void sim_event_clear(void *ctx, int fd);
void sim_event_close(void *ctx, int fd);
void sim_notify(void *ctx, int fd);
/* The same of sets of such descriptors. */
int sim_set_open(void *ctx);
int sim_set_add(void *ctx, int set, int fd, uint32_t events, uint64_t mark);
int sim_set_remove(void *ctx, int set, int fd);
uint32_t sim_set_take(void *ctx, int set, struct platform_ready *ready,
		      uint32_t n);
void sim_set_wait(void *ctx, int set, uint64_t deadline_ns);
void sim_set_close(void *ctx, int set);

/* Inside a run: the system refuses the @threads-th thread from now on, and the
 * @blocks-th block of memory or file; 0: none. */
void sim_scarce(uint32_t threads, uint32_t blocks);
/* For whoever stands before the system: is this the one? */
int sim_refuses_thread(void);

/* After a run that went wrong: the last choices of the schedule, oldest first,
 * on standard error. */
void sim_print_trace(void);

#endif
