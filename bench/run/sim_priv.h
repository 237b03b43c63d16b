/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulation: virtual time, one thread, the strategies as they were compiled
 * for the engine. Nothing here looks at a clock or draws a number, so one trace
 * gives one result.
 *
 * The model. Each producer has a first-in-first-out queue of events that have
 * arrived and are not placed, and a strategy over the lanes to all consumers.
 * What is placed takes a hop to its consumer, waits there in one queue for all
 * producers, and is served; the receipt, and what credit returns with it by the
 * arithmetic of ring/credit.h, take a hop back. Placing is tried whenever an
 * event arrives or a receipt does, as many events as the strategy says it can
 * place. What is placed in a shared ring is seen there a hop later, and then taken
 * at once by whoever is idle, the longest idle first.
 */
#ifndef SLUICE_BENCH_RUN_SIM_PRIV_H
#define SLUICE_BENCH_RUN_SIM_PRIV_H

#include "bench/run/result.h"
#include "bench/run/sim_queue.h"
#include "dispatch/reorder.h"
#include "ring/credit.h"

/* Events that a strategy is shown at once. */
#define SIM_ROW 256u

/* What a strategy sees of an event. */
struct sim_row {
	uint64_t number; /* per producer: the sequence number of `ordered` */
	uint64_t key;
};

/* A lane: a producer's way to a consumer. */
struct sim_lane {
	struct sim_queue in_flight; /* sent and not finished, in order */
	struct sim_queue spill;
	uint64_t acked;   /* as the consumer knows it */
	uint64_t granted; /* likewise; the producer sees both a hop later */
	uint64_t seen_granted;
	uint32_t began; /* has been active */
};

struct sim_producer {
	void *state; /* the strategy's */
	struct sluice_lanes lanes;
	struct sim_lane *lane;
	struct sim_queue waiting; /* arrived, not placed */
	struct sim_queue orphans; /* taken back, placed first */
	struct sim_queue ring;    /* shared: placed, not taken */
	uint64_t numbered;
	uint32_t *number_event;
	struct sluice_reorder join; /* `ordered`: what comes back, by number */
};

struct sim_consumer {
	struct sim_queue waiting;  /* come, not started */
	struct sim_queue producer; /* whose each of them is */
	uint64_t stall_from;
	uint64_t stall_until;
	double factor;
	uint32_t alive;
	uint32_t busy; /* serving; or an event is on its way from the ring */
	uint32_t serving;
	uint32_t serving_producer;
	uint32_t life; /* what was sent to an earlier one does not count */
	uint64_t idle_since;
};

struct sim {
	const struct bench_plan *plan;
	const struct plan_strategy *ps;
	const struct trace *trace;
	struct run_result *result;
	struct sluice_credit credit;
	struct sim_heap heap;
	struct sim_producer *producer;
	struct sim_consumer *consumer;
	uint64_t now;
	uint64_t hop_ns;
	uint64_t *intended; /* arrival; closed: when it was let in */
	uint64_t *placed;
	uint64_t *started;
	uint32_t *number;   /* of each event, at its producer */
	uint32_t *key_last; /* one above the last event handled, by key */
	uint32_t keys;
	uint64_t done;
	uint64_t warm; /* events below it are not measured */
	uint64_t global_last;
	uint64_t next_arrival;
	uint64_t depth; /* waiting to be placed, and spilled */
	uint64_t depth_since;
	double depth_area;
	uint64_t last_end;
	int stalled; /* some event waits */
};

static inline int sim_stalled(const struct sim *sim,
			      const struct sim_consumer *consumer)
{
	return sim->now >= consumer->stall_from &&
	       sim->now < consumer->stall_until;
}

/* sim_dispatch.c: the producers' side. */
int sim_producers_open(struct sim *sim);
void sim_producers_close(struct sim *sim);
/* Event @e has arrived at its producer. */
void sim_arrive(struct sim *sim, uint32_t e);
/* A receipt has: what consumer @c has finished, and granted. */
void sim_receipt(struct sim *sim, uint32_t p, uint32_t c, uint64_t acked,
		 uint64_t granted);
void sim_place(struct sim *sim, uint32_t p);
/* Consumer @c is gone; or has come. */
void sim_lane_kill(struct sim *sim, uint32_t p, uint32_t c);
void sim_lane_join(struct sim *sim, uint32_t p, uint32_t c);
/* An idle consumer takes what lies in a shared ring. */
void sim_take(struct sim *sim, uint32_t c);
/* Event @e of producer @p is there to be taken. */
void sim_pushed(struct sim *sim, uint32_t p, uint32_t e);
void sim_depth(struct sim *sim, int64_t change);

/* sim.c: event @e of producer @p has left the engine. */
void sim_left(struct sim *sim, uint32_t e);

#endif
