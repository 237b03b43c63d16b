/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables of sluice_wait_linux() and sluice_wait_linux_full(), for constant
 * tables that name them; and how their calls enter the kernel, for far.c. Of wait.c.
 * Not installed.
 *
 * Knows      futex and membarrier
 * Knows not  threads of a pipeline
 */
#ifndef SLUICE_RING_WAIT_PRIV_H
#define SLUICE_RING_WAIT_PRIV_H

#include "wait.h"

#include <time.h>

/* For use from the first call of sluice_wait_linux() on. */
extern const struct sluice_wait_ops sluice_wait_table;
extern const struct sluice_wait_ops sluice_wait_table_full;

/* Every park returns at least this often: an error in waking would cost time,
 * not liveness. */
#define WAIT_TICK_NS UINT64_C(100000000)

/* None of these touches errno. */
struct timespec sluice_wait_time(uint64_t ns);
/* @deadline_ns, or @most_ns from now if that is earlier. */
uint64_t sluice_wait_until(uint64_t deadline_ns, uint64_t most_ns);
/* Sleep while *@word == @expected; wake all who do. @futex: the operation, for all
 * processes or this one alone. */
void sluice_wait_sleep(const sluice_a32 *word, int futex, uint32_t expected,
		       uint64_t deadline_ns);
void sluice_wait_rouse(sluice_a32 *word, int futex);
/* As sluice_wait_ops.notify. */
void sluice_wait_notify(void *ctx, int fd);

#endif
