/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rte_ring of DPDK, by its calls for elements of any size. One producer and one
 * consumer: "burst", which copies events in and out, and "zero copy", which
 * makes and reads them in the slots. Many: its three kinds of synchronisation.
 *
 * The ring lies in plain memory: nothing else of DPDK is started. It keeps one
 * slot free, so it holds one event less than the others.
 */
#include "bench/rivals/mpmc.h"

#include <rte_ring.h>
#include <rte_ring_elem.h>
#include <rte_ring_peek_zc.h>
#include <stdlib.h>

struct rte_ends {
	struct rte_ring *ring;
	unsigned char *in;
	unsigned char *out;
};

static struct rte_ring *ring_make(uint32_t bytes, unsigned int flags)
{
	ssize_t size = rte_ring_get_memsize_elem(bytes, RING_CAPACITY);
	struct rte_ring *ring = size < 0 ? NULL : bench_memory((size_t)size);

	if (ring != NULL &&
	    rte_ring_init(ring, "bench", RING_CAPACITY, flags) < 0) {
		free(ring);
		return NULL;
	}
	return ring;
}

static void rte_close(void *ring)
{
	struct rte_ends *ends = ring;

	free(ends->ring);
	free(ends->in);
	free(ends->out);
	free(ends);
}

static void *rte_open(const struct ring_link *link)
{
	struct rte_ends *ends = bench_memory(sizeof(*ends));

	if (ends == NULL)
		return NULL;
	ends->ring = ring_make(link->bytes, RING_F_SP_ENQ | RING_F_SC_DEQ);
	ends->in = bench_memory((size_t)link->batch * link->bytes);
	ends->out = bench_memory((size_t)link->batch * link->bytes);
	if (!ends->ring || !ends->in || !ends->out) {
		rte_close(ends);
		return NULL;
	}
	return ends;
}

RING_INLINE void burst_produce(struct ring_link *link, uint32_t bytes)
{
	struct rte_ends *ends = link->ring;

	for (uint64_t seq = 0; seq < link->n;) {
		uint64_t left = link->n - seq;
		uint32_t want =
			left < link->batch ? (uint32_t)left : link->batch;

		for (uint32_t i = 0; i < want; i++)
			ring_fill(ends->in + (size_t)i * bytes, bytes, seq + i);
		for (uint32_t at = 0; at < want;) {
			uint32_t got = rte_ring_sp_enqueue_burst_elem(
				ends->ring, ends->in + (size_t)at * bytes,
				bytes, want - at, NULL);

			if (got == 0)
				bench_pause();
			at += got;
		}
		seq += want;
	}
}

RING_INLINE void burst_consume(struct ring_link *link, uint32_t bytes)
{
	struct rte_ends *ends = link->ring;
	uint64_t sum = 0;

	for (uint64_t seen = 0; seen < link->n;) {
		uint32_t got = rte_ring_sc_dequeue_burst_elem(
			ends->ring, ends->out, bytes, link->batch, NULL);

		if (got == 0)
			ring_rest(link->pauses);
		for (uint32_t i = 0; i < got; i++)
			sum += ring_sum(ends->out + (size_t)i * bytes, bytes);
		seen += got;
	}
	link->sum = sum;
}

RING_INLINE void zc_produce(struct ring_link *link, uint32_t bytes)
{
	struct rte_ends *ends = link->ring;

	for (uint64_t seq = 0; seq < link->n;) {
		uint64_t left = link->n - seq;
		uint32_t want =
			left < link->batch ? (uint32_t)left : link->batch;
		struct rte_ring_zc_data span = {0};
		uint32_t got = rte_ring_enqueue_zc_burst_elem_start(
			ends->ring, bytes, want, &span, NULL);
		unsigned char *slot = span.ptr1;
		uint32_t head = got < span.n1 ? got : span.n1;

		if (got == 0) {
			bench_pause();
			continue;
		}
		for (uint32_t i = 0; i < head; i++)
			ring_fill(slot + (size_t)i * bytes, bytes, seq + i);
		slot = span.ptr2;
		for (uint32_t i = head; i < got; i++)
			ring_fill(slot + (size_t)(i - head) * bytes, bytes,
				  seq + i);
		rte_ring_enqueue_zc_elem_finish(ends->ring, got);
		seq += got;
	}
}

RING_INLINE void zc_consume(struct ring_link *link, uint32_t bytes)
{
	struct rte_ends *ends = link->ring;
	uint64_t sum = 0;

	for (uint64_t seen = 0; seen < link->n;) {
		struct rte_ring_zc_data span = {0};
		uint32_t got = rte_ring_dequeue_zc_burst_elem_start(
			ends->ring, bytes, link->batch, &span, NULL);
		const unsigned char *slot = span.ptr1;
		uint32_t head = got < span.n1 ? got : span.n1;

		if (got == 0) {
			ring_rest(link->pauses);
			continue;
		}
		for (uint32_t i = 0; i < head; i++)
			sum += ring_sum(slot + (size_t)i * bytes, bytes);
		slot = span.ptr2;
		for (uint32_t i = head; i < got; i++)
			sum += ring_sum(slot + (size_t)(i - head) * bytes,
					bytes);
		rte_ring_dequeue_zc_elem_finish(ends->ring, got);
		seen += got;
	}
	link->sum = sum;
}

static int rte_put(void *ring, uint64_t value)
{
	struct rte_ends *ends = ring;

	return rte_ring_sp_enqueue_burst_elem(ends->ring, &value, 8, 1, NULL) ==
	       1;
}

static int rte_take(void *ring, uint64_t *value)
{
	struct rte_ends *ends = ring;

	return rte_ring_sc_dequeue_burst_elem(ends->ring, value, 8, 1, NULL) ==
	       1;
}

static void rte_ping(void *trip)
{
	ring_ping(trip, rte_put, rte_take);
}

static void rte_pong(void *trip)
{
	ring_pong(trip, rte_put, rte_take);
}

#define RTE_ENDS(way, bytes)                                                   \
	static void way##_produce_##bytes(void *link)                          \
	{                                                                      \
		way##_produce(link, bytes);                                    \
	}                                                                      \
	static void way##_consume_##bytes(void *link)                          \
	{                                                                      \
		way##_consume(link, bytes);                                    \
	}
RTE_ENDS(burst, 8)
RTE_ENDS(burst, 64)
RTE_ENDS(burst, 256)
RTE_ENDS(zc, 8)
RTE_ENDS(zc, 64)
RTE_ENDS(zc, 256)

#define RTE_RIVAL(symbol, text, rest, way, ping_body, pong_body)               \
	const struct ring_rival symbol = {                                     \
		.name = text,                                                  \
		.family = "rte",                                               \
		.pauses = rest,                                                \
		.open = rte_open,                                              \
		.close = rte_close,                                            \
		.produce = {way##_produce_8, way##_produce_64,                 \
			    way##_produce_256},                                \
		.consume = {way##_consume_8, way##_consume_64,                 \
			    way##_consume_256},                                \
		.ping = ping_body,                                             \
		.pong = pong_body,                                             \
	}
RTE_RIVAL(ring_rte, "rte", RING_EAGER, burst, rte_ping, rte_pong);
RTE_RIVAL(ring_rte_patient, "rte_pat", RING_PATIENT, burst, NULL, NULL);
RTE_RIVAL(ring_rte_zc, "rte_zc", RING_EAGER, zc, NULL, NULL);
RTE_RIVAL(ring_rte_zc_patient, "rte_zc_pat", RING_PATIENT, zc, NULL, NULL);

/* ---- many producers, many consumers ------------------------------------ */

static void *many_open(const struct mpmc_link *link)
{
	(void)link;
	return ring_make(8, 0);
}

static void *rts_open(const struct mpmc_link *link)
{
	(void)link;
	return ring_make(8, RING_F_MP_RTS_ENQ | RING_F_MC_RTS_DEQ);
}

static void *hts_open(const struct mpmc_link *link)
{
	(void)link;
	return ring_make(8, RING_F_MP_HTS_ENQ | RING_F_MC_HTS_DEQ);
}

static uint32_t many_put(void *ring, const uint64_t *events, uint32_t n)
{
	return rte_ring_enqueue_burst_elem(ring, events, 8, n, NULL);
}

static uint32_t many_take(void *ring, uint64_t *events, uint32_t n)
{
	return rte_ring_dequeue_burst_elem(ring, events, 8, n, NULL);
}

static void many_produce(void *end)
{
	struct mpmc_end *self = end;

	mpmc_produce(self, self->link->ring, many_put);
}

static void many_consume(void *end)
{
	struct mpmc_end *self = end;

	mpmc_consume(self, self->link->ring, many_take);
}

#define RTE_MANY(symbol, text, open_body)                                      \
	const struct mpmc_rival symbol = {text, "rte",        open_body,       \
					  free, many_produce, many_consume}
RTE_MANY(mpmc_rte, "rte", many_open);
RTE_MANY(mpmc_rte_rts, "rte_rts", rts_open);
RTE_MANY(mpmc_rte_hts, "rte_hts", hts_open);
