/* SPDX-License-Identifier: Apache-2.0 */
/* What the simulation has no load for: modifiers, and the strategy that chooses
 * nobody; each is of 1024 events. Of verify_alone.c. Knows strategies; not runs. */
#ifndef SLUICE_BENCH_VERIFY_H
#define SLUICE_BENCH_VERIFY_H

/* To three that have credit and one that is joining: events of each. */
double verify_broadcast(void);
/* In turn between two, of which the first has a weight of 3: how many it gets. */
double verify_rr(void);
/* An onlooker of one in ten: how many it sees. */
double verify_tee(void);
/* Of few keys, then of many: events that wait and are the last of their key. */
double verify_conflate(void);
/* One consumer with two subscriptions that have events, of which the first has a
 * weight of 3: how many are the first's. */
double verify_weight(void);

#endif
