/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which events are looked at for their latency, from when they are sent until they
 * are acknowledged: the producer writes beside `published` the position of one of
 * them, and when it was sent; the consumer reads that when it looks at `published`,
 * so the line is there, and takes the time again when it has acknowledged it. No
 * event has a field for it. Not installed.
 *
 * Every 2^k-th event of a ring is stamped, and k follows from how soon the next one
 * comes: at ten an hour each is, at 100 million a second one in some ten thousand.
 * Of a ring with many readers each takes what it finds, of a pool who gets that
 * event. Of the copies that onlookers get none is.
 *
 * Words        writer     readers    order        meaning
 * stamped      producer   consumers  (told only)  a position
 * stamped_ns   producer   consumers  (told only)  when that was sent; 0 while the
 *                                                 two change
 *
 * Stale      A stamp that has changed while it was read is none. One that is not
 *            read before the next is made is lost, and so is one whose event comes
 *            to another consumer.
 *
 * Knows      a ring's words, a clock
 * Knows not  strategies, stages
 */
#ifndef SLUICE_ENGINE_STAMP_PRIV_H
#define SLUICE_ENGINE_STAMP_PRIV_H

#include "ring/spsc.h"
#include "ring/wait.h"
#include "engine/link/position_priv.h"

/* Stamps are so far apart at least, and at most while there are events. */
#define STAMP_LEAST_NS UINT64_C(100000)
#define STAMP_MOST_NS  UINT64_C(1000000)
#define STAMP_BITS_MAX 16u

/* The producer's; zero before the first. */
struct stamper {
	uint64_t next;    /* to be stamped */
	uint64_t last_ns; /* when the one before was */
	uint32_t bits;    /* so many bits of a stamped position are 0 */
};

/* As a consumer has found it. */
struct stamp {
	uint64_t at;
	uint64_t ns; /* 0: there is none */
};

/* Events below @end are about to be sent, and the next stamp is for one of them. */
static inline void stamp_write(struct stamper *s, sluice_a64 *stamped,
			       sluice_a64 *stamped_ns, uint64_t end,
			       const struct sluice_wait_ops *ops)
{
	uint64_t now_ns = ops->now_ns(ops->ctx);
	uint64_t mask;

	sluice_store_stale(stamped_ns, 0);
	sluice_store_stale(stamped, s->next);
	sluice_store_stale(stamped_ns, now_ns);
	if (now_ns - s->last_ns < STAMP_LEAST_NS && s->bits < STAMP_BITS_MAX)
		s->bits++;
	else if (now_ns - s->last_ns > STAMP_MOST_NS && s->bits > 0)
		s->bits--;
	s->last_ns = now_ns;
	mask = (UINT64_C(1) << s->bits) - 1;
	s->next = (end + mask) & ~mask;
}

/* Before @w publishes. */
static inline void stamp_publish(struct stamper *s,
				 const struct sluice_spsc_writer *w,
				 const struct sluice_wait_ops *ops)
{
	if (SLUICE_UNLIKELY(position_reached(w->reserved, s->next + 1)))
		stamp_write(s, &w->tx->stamped, &w->tx->stamped_ns, w->reserved,
			    ops);
}

/* The stamp that lies there, if it is of one of the @n events from @first on. */
static inline struct stamp stamp_read(const sluice_a64 *stamped,
				      const sluice_a64 *stamped_ns,
				      uint64_t first, uint64_t n)
{
	uint64_t ns = sluice_load_stale(stamped_ns);
	uint64_t at = sluice_load_stale(stamped);

	if (ns == 0 || at - first >= n || sluice_load_stale(stamped_ns) != ns)
		return (struct stamp){0, 0};
	return (struct stamp){at, ns};
}

#endif
