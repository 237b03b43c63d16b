/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables of sluice_wait_linux() and sluice_wait_linux_full(), for constant
 * tables that name them. Of wait.c. Not installed.
 *
 * Knows      futex and membarrier
 * Knows not  threads of a pipeline
 */
#ifndef SLUICE_RING_WAIT_PRIV_H
#define SLUICE_RING_WAIT_PRIV_H

#include "wait.h"

/* For use from the first call of sluice_wait_linux() on. */
extern const struct sluice_wait_ops sluice_wait_table;
extern const struct sluice_wait_ops sluice_wait_table_full;

#endif
