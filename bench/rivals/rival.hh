// SPDX-License-Identifier: Apache-2.0
// The bodies of a C++ rival, made from one small class per way of use:
//
//   template <class E> struct some_queue {
//           static constexpr bool bulk = true;     // has calls for a batch
//           size_t put(const E *events, size_t n); // returns how many
//           size_t take(E *events, size_t n);
//   };
//
// Events are copied in from private memory and out into private memory. A queue
// without calls for a batch is given its events one by one in every cell.
#ifndef SLUICE_BENCH_RIVAL_HH
#define SLUICE_BENCH_RIVAL_HH

#include "bench/rivals/mpmc.h"
#include "bench/rivals/ring.h"

#include <cstddef>
#include <cstdlib>
#include <new>

namespace rival
{

template <uint32_t Bytes> struct event {
	uint64_t words[Bytes / 8];
};

// The queue and the private memory at its two ends.
template <class Queue, class E> struct ends {
	// First: close() knows nothing else of what it is given.
	void (*destroy)(void *ends);
	Queue *queue;
	E *in;
	E *out;
};

template <template <class> class Queue, class E> void close_ends(void *ring)
{
	auto *e = static_cast<ends<Queue<E>, E> *>(ring);

	if (e->queue != nullptr)
		e->queue->~Queue<E>();
	std::free(e->queue);
	std::free(e->in);
	std::free(e->out);
	std::free(e);
}

template <template <class> class Queue, class E>
void *open_ends(const ring_link *link)
{
	auto *e = static_cast<ends<Queue<E>, E> *>(
		bench_memory(sizeof(ends<Queue<E>, E>)));
	void *queue = bench_memory(sizeof(Queue<E>));

	if (e == nullptr || queue == nullptr) {
		std::free(e);
		std::free(queue);
		return nullptr;
	}
	e->destroy = close_ends<Queue, E>;
	e->queue = new (queue) Queue<E>();
	e->in = static_cast<E *>(bench_memory(link->batch * sizeof(E)));
	e->out = static_cast<E *>(bench_memory(link->batch * sizeof(E)));
	if (e->in == nullptr || e->out == nullptr) {
		close_ends<Queue, E>(e);
		return nullptr;
	}
	return e;
}

template <template <class> class Queue> void *open(const ring_link *link)
{
	switch (link->bytes) {
	case 8:
		return open_ends<Queue, event<8>>(link);
	case 64:
		return open_ends<Queue, event<64>>(link);
	default:
		return open_ends<Queue, event<256>>(link);
	}
}

template <class Queue, class E> void produce_single(ring_link *link, Queue &q)
{
	E one;

	for (uint64_t seq = 0; seq < link->n; seq++) {
		ring_fill(&one, sizeof(E), seq);
		while (q.put(&one, 1) == 0)
			bench_pause();
	}
}

template <template <class> class Queue, class E> void produce(void *arg)
{
	auto *link = static_cast<ring_link *>(arg);
	auto *e = static_cast<ends<Queue<E>, E> *>(link->ring);

	if (!Queue<E>::bulk || link->batch == 1) {
		produce_single<Queue<E>, E>(link, *e->queue);
		return;
	}
	for (uint64_t seq = 0; seq < link->n;) {
		uint64_t left = link->n - seq;
		uint64_t want = left < link->batch ? left : link->batch;

		for (uint64_t i = 0; i < want; i++)
			ring_fill(&e->in[i], sizeof(E), seq + i);
		for (uint64_t at = 0; at < want;) {
			uint64_t got = e->queue->put(e->in + at, want - at);

			if (got == 0)
				bench_pause();
			at += got;
		}
		seq += want;
	}
}

template <class Queue, class E> void consume_single(ring_link *link, Queue &q)
{
	uint64_t sum = 0;
	E one;

	for (uint64_t seen = 0; seen < link->n; seen++) {
		while (q.take(&one, 1) == 0)
			ring_rest(link->pauses);
		sum += ring_sum(&one, sizeof(E));
	}
	link->sum = sum;
}

template <template <class> class Queue, class E> void consume(void *arg)
{
	auto *link = static_cast<ring_link *>(arg);
	auto *e = static_cast<ends<Queue<E>, E> *>(link->ring);
	uint64_t sum = 0;

	if (!Queue<E>::bulk || link->batch == 1) {
		consume_single<Queue<E>, E>(link, *e->queue);
		return;
	}
	for (uint64_t seen = 0; seen < link->n;) {
		uint64_t got = e->queue->take(e->out, link->batch);

		if (got == 0)
			ring_rest(link->pauses);
		for (uint64_t i = 0; i < got; i++)
			sum += ring_sum(&e->out[i], sizeof(E));
		seen += got;
	}
	link->sum = sum;
}

inline void close(void *ring)
{
	auto *destroy = static_cast<void (**)(void *)>(ring);

	(*destroy)(ring);
}

template <template <class> class Queue> int put_one(void *ring, uint64_t value)
{
	using E = event<8>;
	auto *e = static_cast<ends<Queue<E>, E> *>(ring);
	E one = {{value}};

	return e->queue->put(&one, 1) == 1;
}

template <template <class> class Queue>
int take_one(void *ring, uint64_t *value)
{
	using E = event<8>;
	auto *e = static_cast<ends<Queue<E>, E> *>(ring);
	E one;

	if (e->queue->take(&one, 1) == 0)
		return 0;
	*value = one.words[0];
	return 1;
}

template <template <class> class Queue> void ping(void *trip)
{
	ring_ping(trip, put_one<Queue>, take_one<Queue>);
}

template <template <class> class Queue> void pong(void *trip)
{
	ring_pong(trip, put_one<Queue>, take_one<Queue>);
}

// The table entry of one way of use.
template <template <class> class Queue>
constexpr ring_rival describe(const char *name, const char *family,
			      uint32_t pauses)
{
	return {name,
		family,
		pauses,
		open<Queue>,
		close,
		{produce<Queue, event<8>>, produce<Queue, event<64>>,
		 produce<Queue, event<256>>},
		{consume<Queue, event<8>>, consume<Queue, event<64>>,
		 consume<Queue, event<256>>},
		// A round trip is eager at both ends.
		pauses == RING_EAGER ? ping<Queue> : nullptr,
		pauses == RING_EAGER ? pong<Queue> : nullptr};
}

} // namespace rival

#endif
