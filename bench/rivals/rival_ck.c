/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ck_ring of Concurrency Kit, events by value, in its two ways of use: enqueue,
 * which copies an event in, and reserve and commit, which makes it in its slot.
 *
 * Each way is there with a reader that looks again at once and with one that is
 * patient, since which of the two is faster depends on how far the CPUs are
 * apart; ours is compared with the best of the four.
 *
 * It has no calls for a batch: in every batch size its events go in and come
 * out one by one, each with its own publish. The ring keeps one slot free, so
 * it holds one event less than the others.
 */
#include "bench/rivals/ring.h"

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
	RING_INLINE void dequeue_##bytes##_wait(void *arg, uint32_t pauses)    \
	{                                                                      \
		struct ring_link *link = arg;                                  \
		const struct ck_ends *ends = link->ring;                       \
		struct event_##bytes event;                                    \
		uint64_t sum = 0;                                              \
                                                                               \
		for (uint64_t seen = 0; seen < link->n; seen++) {              \
			while (!ck_ring_dequeue_spsc_event_##bytes(            \
				ends->ring, ends->slots, &event))              \
				for (uint32_t i = 0; i < pauses; i++)          \
					bench_pause();                         \
			sum += ring_sum(&event, bytes);                        \
		}                                                              \
		link->sum = sum;                                               \
	}                                                                      \
	static void dequeue_##bytes(void *arg)                                 \
	{                                                                      \
		dequeue_##bytes##_wait(arg, 1);                                \
	}                                                                      \
	static void patient_##bytes(void *arg)                                 \
	{                                                                      \
		dequeue_##bytes##_wait(arg, RING_PATIENCE);                    \
	}
/* clang-format on */
CK_ENDS(8)
CK_ENDS(64)
CK_ENDS(256)

#define CK_RIVAL(name, text, produce, consume)                                 \
	const struct ring_rival name = {                                       \
		text,                                                          \
		ck_open,                                                       \
		ck_close,                                                      \
		{produce##_8, produce##_64, produce##_256},                    \
		{consume##_8, consume##_64, consume##_256},                    \
	}
CK_RIVAL(ring_ck_enqueue, "ck", enqueue, dequeue);
CK_RIVAL(ring_ck_enqueue_patient, "ck_pat", enqueue, patient);
CK_RIVAL(ring_ck_reserve, "ck_in_place", reserve, dequeue);
CK_RIVAL(ring_ck_reserve_patient, "ck_inpl_pat", reserve, patient);
