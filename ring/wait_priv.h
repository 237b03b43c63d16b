/* SPDX-License-Identifier: Apache-2.0 */
/* The table of sluice_wait_linux(), for constant tables that name it. Not
 * installed. */
#ifndef SLUICE_RING_WAIT_PRIV_H
#define SLUICE_RING_WAIT_PRIV_H

#include "wait.h"

/* Complete from the first call of sluice_wait_linux() on. */
extern struct sluice_wait_ops sluice_wait_table;

#endif
