/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ring that all consumers of a stage take from, as both ends see it. Not
 * installed.
 *
 * Words     writer    readers    order    meaning
 * counts    producer  consumers  plain    how often what lies in a slot has been
 *                                         handed out; carried by the slots'
 *                                         sequences, as the events are (mpmc.h,
 *                                         R0 and R1)
 * marked    producer  consumers  relaxed  a position: what lies from there on
 *                                         has never been handed out
 * readers   producer  consumers  relaxed  how many take from it
 *
 * Stale     marked is stored before the event it is moved for is pushed, so who
 *           has claimed that event sees it. Seen too early it is too high, and
 *           says only that counts are to be looked at. readers is a hint: how
 *           much to leave to others.
 */
#ifndef SLUICE_ENGINE_SHARED_PRIV_H
#define SLUICE_ENGINE_SHARED_PRIV_H

#include "../ring/mpmc.h"

struct shared_ring {
	struct sluice_mpmc ring;
	uint32_t *counts; /* one per slot; right below `marked` */
	sluice_a64 marked;
	sluice_a32 readers;
} __attribute__((aligned(SLUICE_LINE_BYTES)));

#endif
