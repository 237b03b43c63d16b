/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real threads behind the simulator's interface (tests/sim/sim.h), so that its
 * generator 2 and its ledger run on them as they are.
 *
 *   machine.c   threads, chance, the lock of the books
 *   enter.c     callbacks: each takes that lock; who has events reads them twice
 *   calls.c     calls that wait: none of them holds it
 *   sleep.c     the platform; who sleeps is woken, or sleeps on
 *   patience.c  when a pipeline that does not end by itself is drained
 *   watch.c     when a scenario hangs
 *
 * The ledger's files have one world and think that they are alone, as they are
 * under the simulator. Here every callback and foreign thread has the world's
 * lock, but where it lingers or waits; the engine between them runs at its own
 * pace, on as many threads as it has. Under ThreadSanitizer neither the ledger
 * nor the lock is instrumented: so the lock orders the books' accesses, and hides
 * no race of the engine's. What is read of events is read in enter.c, which is.
 */
#ifndef SLUICE_TESTS_STRESS_GRAPHS_MACHINE_H
#define SLUICE_TESTS_STRESS_GRAPHS_MACHINE_H

#include <stdint.h>

/* Take the world's lock, and give it back; a thread may have it already. */
void machine_enter(void);
void machine_leave(void);
/* Give it back however often it was taken, before a call that waits, and take it
 * again after it as often. */
uint32_t machine_let_go(void);
void machine_resume(uint32_t depth);

/* Wait for the threads of sim_spawn(), without the lock. */
void machine_join(void);
/* Sleep for about @us; the world goes on. */
void machine_nap(uint32_t us);
/* How often somebody was busy in this run, see sim_busy(). */
uint64_t machine_pulse(void);
uint64_t machine_now_ms(void);

/* A thread that looks on: in a scenario, between begin and end, something moves
 * within a test's deadline, or it tells the state and aborts. */
void watch_open(void);
void watch_begin(uint64_t seed);
void watch_end(void);

#endif
