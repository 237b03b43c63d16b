/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ours, in the two ways it can be used: in place, where the events are made in
 * the slots; and staged, as the engine does it, where they are made in private
 * memory and copied in. A batch is published once, however it was made. Each
 * with a patient reader, as the engine's are, and with an eager one.
 *
 * A reader that finds nothing waits as the engine's workers do, by
 * sluice_backoff_wait(); it never comes to the point of parking.
 */
#include "bench/rivals/ring.h"
#include "ring/spsc.h"
#include "ring/wait.h"

#include <stdlib.h>

struct sluice_ends {
	/* Each end on lines of its own, as in two stages. */
	struct sluice_spsc_writer writer __attribute__((aligned(128)));
	struct sluice_spsc_reader reader __attribute__((aligned(128)));
	struct sluice_tx_words *tx;
	struct sluice_rx_words *rx;
	unsigned char *slots;
	unsigned char *staged;
	struct sluice_copier copier;
};

static void sluice_close(void *ring)
{
	struct sluice_ends *ends = ring;

	free(ends->tx);
	free(ends->rx);
	free(ends->slots);
	free(ends->staged);
	free(ends);
}

static void *sluice_open(const struct ring_link *link)
{
	struct sluice_ends *ends = bench_memory(sizeof(*ends));
	struct sluice_credit credit;

	if (ends == NULL)
		return NULL;
	ends->tx = bench_memory(sizeof(*ends->tx));
	ends->rx = bench_memory(sizeof(*ends->rx));
	ends->slots = bench_memory((size_t)RING_CAPACITY * link->bytes);
	ends->staged = bench_memory((size_t)link->batch * link->bytes);
	/* The default policy, its window the whole ring. */
	if (!ends->tx || !ends->rx || !ends->slots || !ends->staged ||
	    sluice_credit_init(&credit, RING_CAPACITY, 0, 0) < 0) {
		sluice_close(ends);
		return NULL;
	}
	sluice_spsc_writer_attach(&ends->writer, ends->tx, ends->rx,
				  ends->slots, RING_CAPACITY, link->bytes);
	sluice_spsc_reader_attach(&ends->reader, ends->tx, ends->rx,
				  ends->slots, RING_CAPACITY, link->bytes,
				  &credit);
	(void)sluice_spsc_release(&ends->reader, 0);
	if (sluice_copier_init(&ends->copier, SLUICE_COPY_AUTO) == 0)
		ends->writer.copier = &ends->copier;
	return ends;
}

RING_INLINE void produce_in_place(struct ring_link *link, uint32_t bytes)
{
	struct sluice_ends *ends = link->ring;
	struct sluice_spsc_writer *w = &ends->writer;

	for (uint64_t seq = 0; seq < link->n;) {
		uint64_t left = link->n - seq;
		uint32_t want =
			left < link->batch ? (uint32_t)left : link->batch;
		unsigned char *slot;
		uint32_t got = sluice_spsc_reserve(w, want, &slot);

		if (got == 0) {
			bench_pause();
			continue;
		}
		for (uint32_t i = 0; i < got; i++)
			ring_fill(slot + (size_t)i * bytes, bytes, seq + i);
		sluice_spsc_commit(w, got);
		seq += got;
	}
}

RING_INLINE void produce_staged(struct ring_link *link, uint32_t bytes)
{
	struct sluice_ends *ends = link->ring;
	struct sluice_spsc_writer *w = &ends->writer;

	for (uint64_t seq = 0; seq < link->n;) {
		uint64_t left = link->n - seq;
		uint64_t want = left < link->batch ? left : link->batch;
		uint64_t credit = sluice_spsc_credit(w);

		if (credit < want)
			credit = sluice_spsc_refresh(w);
		if (credit < want)
			want = credit;
		if (want == 0) {
			bench_pause();
			continue;
		}
		for (uint64_t i = 0; i < want; i++)
			ring_fill(ends->staged + i * bytes, bytes, seq + i);
		/* Whole, however large: the longer the copy, the less it costs
		 * between far CPUs. */
		sluice_spsc_write(w, ends->staged, (uint32_t)want);
		sluice_spsc_publish(w);
		seq += want;
	}
}

RING_INLINE void consume_sum(struct ring_link *link, uint32_t bytes)
{
	struct sluice_ends *ends = link->ring;
	struct sluice_spsc_reader *r = &ends->reader;
	const struct sluice_wait_ops *ops = sluice_wait_linux();
	/* Spin only: each end has a CPU to itself. */
	const struct sluice_backoff_limits limits = {
		.spin_rounds = UINT32_MAX,
		.rest_pauses = link->pauses,
	};
	struct sluice_backoff backoff = {0};
	uint64_t sum = 0;

	for (uint64_t seen = 0; seen < link->n;) {
		const unsigned char *slot;
		uint32_t got = sluice_spsc_peek(r, link->batch, &slot);

		if (got == 0) {
			(void)sluice_spsc_idle(r);
			if (sluice_backoff_wait(&backoff, &limits, ops))
				backoff.rounds = 0;
			continue;
		}
		for (uint32_t i = 0; i < got; i++)
			sum += ring_sum(slot + (size_t)i * bytes, bytes);
		(void)sluice_spsc_release(r, got);
		backoff.rounds = 0;
		seen += got;
	}
	link->sum = sum;
}

#define SLUICE_ENDS(bytes)                                                     \
	static void in_place_##bytes(void *link)                               \
	{                                                                      \
		produce_in_place(link, bytes);                                 \
	}                                                                      \
	static void staged_##bytes(void *link)                                 \
	{                                                                      \
		produce_staged(link, bytes);                                   \
	}                                                                      \
	static void consume_##bytes(void *link)                                \
	{                                                                      \
		consume_sum(link, bytes);                                      \
	}
SLUICE_ENDS(8)
SLUICE_ENDS(64)
SLUICE_ENDS(256)

static int sluice_put(void *ring, uint64_t value)
{
	struct sluice_ends *ends = ring;
	unsigned char *slot;

	if (sluice_spsc_reserve(&ends->writer, 1, &slot) == 0)
		return 0;
	__builtin_memcpy(slot, &value, sizeof(value));
	sluice_spsc_commit(&ends->writer, 1);
	return 1;
}

static int sluice_take(void *ring, uint64_t *value)
{
	struct sluice_ends *ends = ring;
	const unsigned char *slot;

	if (sluice_spsc_peek(&ends->reader, 1, &slot) == 0)
		return 0;
	__builtin_memcpy(value, slot, sizeof(*value));
	(void)sluice_spsc_release(&ends->reader, 1);
	return 1;
}

static void sluice_ping(void *trip)
{
	ring_ping(trip, sluice_put, sluice_take);
}

static void sluice_pong(void *trip)
{
	ring_pong(trip, sluice_put, sluice_take);
}

#define SLUICE_RIVAL(symbol, text, rest, way, ping_body, pong_body)            \
	const struct ring_rival symbol = {                                     \
		.name = text,                                                  \
		.family = "sluice",                                            \
		.pauses = rest,                                                \
		.open = sluice_open,                                           \
		.close = sluice_close,                                         \
		.produce = {way##_8, way##_64, way##_256},                     \
		.consume = {consume_8, consume_64, consume_256},               \
		.ping = ping_body,                                             \
		.pong = pong_body,                                             \
	}
SLUICE_RIVAL(ring_in_place, "in_place", RING_PATIENT, in_place, NULL, NULL);
SLUICE_RIVAL(ring_in_place_eager, "in_pl_eager", RING_EAGER, in_place,
	     sluice_ping, sluice_pong);
SLUICE_RIVAL(ring_staged, "staged", RING_PATIENT, staged, NULL, NULL);
SLUICE_RIVAL(ring_staged_eager, "staged_eager", RING_EAGER, staged, NULL, NULL);
