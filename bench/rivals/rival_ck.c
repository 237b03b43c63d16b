/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ck_ring of Concurrency Kit, events by value, in its two ways of use: enqueue,
 * which copies an event in, and reserve and commit, which makes it in its slot.
 *
 * Each with an eager and with a patient reader; and its variant for many
 * producers and consumers.
 *
 * It has no calls for a batch: in every batch size its events go in and come
 * out one by one, each with its own publish. The ring keeps one slot free, so
 * it holds one event less than the others.
 */
#include "bench/rivals/mpmc.h"

#include <ck_ring.h>
#include <stdlib.h>

struct event_8 {
	uint64_t words[1];
};
struct event_64 {
	uint64_t words[8];
};
struct event_256 {
	uint64_t words[32];
};

CK_RING_PROTOTYPE(event_8, event_8)
CK_RING_PROTOTYPE(event_64, event_64)
CK_RING_PROTOTYPE(event_256, event_256)

struct ck_ends {
	struct ck_ring *ring;
	void *slots;
};

static void ck_close(void *ring)
{
	struct ck_ends *ends = ring;

	free(ends->ring);
	free(ends->slots);
	free(ends);
}

static void *ck_open(const struct ring_link *link)
{
	struct ck_ends *ends = bench_memory(sizeof(*ends));

	if (ends == NULL)
		return NULL;
	ends->ring = bench_memory(sizeof(*ends->ring));
	ends->slots = bench_memory((size_t)RING_CAPACITY * link->bytes);
	if (!ends->ring || !ends->slots) {
		ck_close(ends);
		return NULL;
	}
	ck_ring_init(ends->ring, RING_CAPACITY);
	return ends;
}

/* clang-format off */
#define CK_ENDS(bytes)                                                         \
	static void enqueue_##bytes(void *arg)                                 \
	{                                                                      \
		const struct ring_link *link = arg;                            \
		const struct ck_ends *ends = link->ring;                       \
		struct event_##bytes event;                                    \
                                                                               \
		for (uint64_t seq = 0; seq < link->n; seq++) {                 \
			ring_fill(&event, bytes, seq);                         \
			while (!ck_ring_enqueue_spsc_event_##bytes(            \
				ends->ring, ends->slots, &event))              \
				bench_pause();                                 \
		}                                                              \
	}                                                                      \
	static void reserve_##bytes(void *arg)                                 \
	{                                                                      \
		const struct ring_link *link = arg;                            \
		const struct ck_ends *ends = link->ring;                       \
                                                                               \
		for (uint64_t seq = 0; seq < link->n; seq++) {                 \
			struct event_##bytes *slot;                            \
                                                                               \
			while ((slot = ck_ring_enqueue_reserve_spsc_event_##bytes( \
					ends->ring, ends->slots)) == NULL)     \
				bench_pause();                                 \
			ring_fill(slot, bytes, seq);                           \
			ck_ring_enqueue_commit_spsc(ends->ring);               \
		}                                                              \
	}                                                                      \
	static void dequeue_##bytes(void *arg)                                 \
	{                                                                      \
		struct ring_link *link = arg;                                  \
		const struct ck_ends *ends = link->ring;                       \
		struct event_##bytes event;                                    \
		uint64_t sum = 0;                                              \
                                                                               \
		for (uint64_t seen = 0; seen < link->n; seen++) {              \
			while (!ck_ring_dequeue_spsc_event_##bytes(            \
				ends->ring, ends->slots, &event))              \
				ring_rest(link->pauses);                       \
			sum += ring_sum(&event, bytes);                        \
		}                                                              \
		link->sum = sum;                                               \
	}
/* clang-format on */
CK_ENDS(8)
CK_ENDS(64)
CK_ENDS(256)

static int ck_put(void *ring, uint64_t value)
{
	const struct ck_ends *ends = ring;
	struct event_8 event = {{value}};

	return ck_ring_enqueue_spsc_event_8(ends->ring, ends->slots, &event);
}

static int ck_take(void *ring, uint64_t *value)
{
	const struct ck_ends *ends = ring;
	struct event_8 event;

	if (!ck_ring_dequeue_spsc_event_8(ends->ring, ends->slots, &event))
		return 0;
	*value = event.words[0];
	return 1;
}

static void ck_ping(void *trip)
{
	ring_ping(trip, ck_put, ck_take);
}

static void ck_pong(void *trip)
{
	ring_pong(trip, ck_put, ck_take);
}

#define CK_RIVAL(symbol, text, rest, way, ping_body, pong_body)                \
	const struct ring_rival symbol = {                                     \
		.name = text,                                                  \
		.family = "ck",                                                \
		.pauses = rest,                                                \
		.open = ck_open,                                               \
		.close = ck_close,                                             \
		.produce = {way##_8, way##_64, way##_256},                     \
		.consume = {dequeue_8, dequeue_64, dequeue_256},               \
		.ping = ping_body,                                             \
		.pong = pong_body,                                             \
	}
CK_RIVAL(ring_ck_enqueue, "ck", RING_EAGER, enqueue, ck_ping, ck_pong);
CK_RIVAL(ring_ck_enqueue_patient, "ck_pat", RING_PATIENT, enqueue, NULL, NULL);
CK_RIVAL(ring_ck_reserve, "ck_in_place", RING_EAGER, reserve, NULL, NULL);
CK_RIVAL(ring_ck_reserve_patient, "ck_inpl_pat", RING_PATIENT, reserve, NULL,
	 NULL);

/* ---- many producers, many consumers ------------------------------------ */

static void *many_open(const struct mpmc_link *many)
{
	const struct ring_link link = {.bytes = 8, .batch = many->batch};

	return ck_open(&link);
}

static uint32_t many_put(void *ring, const uint64_t *events, uint32_t n)
{
	const struct ck_ends *ends = ring;
	uint32_t done = 0;

	for (; done < n; done++) {
		struct event_8 event = {{events[done]}};

		if (!ck_ring_enqueue_mpmc_event_8(ends->ring, ends->slots,
						  &event))
			break;
	}
	return done;
}

static uint32_t many_take(void *ring, uint64_t *events, uint32_t n)
{
	const struct ck_ends *ends = ring;
	uint32_t done = 0;

	for (; done < n; done++) {
		struct event_8 event;

		if (!ck_ring_dequeue_mpmc_event_8(ends->ring, ends->slots,
						  &event))
			break;
		events[done] = event.words[0];
	}
	return done;
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

const struct mpmc_rival mpmc_ck = {"ck",     "ck",         many_open,
				   ck_close, many_produce, many_consume};
