/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes of the simulated machine. A process is the coroutines that its first one
 * has started, and what they hold of the system: memory, mappings, descriptors. One
 * may be doomed: before some access that others could see all of them stop for ever,
 * wherever they are. What it held is released when whoever looks after it says so, as
 * the kernel does: until then its memory can still be looked at.
 */
#ifndef SLUICE_TESTS_SIM_PROCESS_H
#define SLUICE_TESTS_SIM_PROCESS_H

#include <stdint.h>

#define PROCESSES_MAX 32u

enum process_state { PROCESS_NONE, PROCESS_RUNS, PROCESS_DEAD, PROCESS_OVER };

/* Inside a run: start @run(@arg) as the first coroutine of a process; it is over when
 * that returns, and all others have been joined by then. Returns its number. */
uint32_t process_start(void (*run)(void *arg), void *arg);

/* The caller's; 0: none. */
uint32_t process_self(void);
enum process_state process_state(uint32_t process);

/* The @accesses-th shared access of it from now on does not happen, nor anything after
 * it; 0: it lives. */
void process_doom(uint32_t process, uint32_t accesses);
/* All its coroutines but the calling one stop for ever. */
void process_alone(void);
/* Shared accesses that it has made. */
uint64_t process_accesses(uint32_t process);

/* Release what it still holds. Returns how many things those were: none, of one that
 * has ended by itself. */
uint32_t process_reap(uint32_t process);

/* For whoever gives it something of the system (scarce.c): the calling process, if it is
 * one, holds that from now on. NULL or a negative number: nothing. */
void process_holds_block(void *block);
void process_holds_file(int fd);

#endif
