// SPDX-License-Identifier: Apache-2.0
// atomic_queue, made for one producer and one consumer where there is one of
// each. Events of one word lie in the kind whose slots are atomics, larger ones
// in the kind with a state beside each slot. It has no calls for a batch.
#include "bench/rivals/rival.hh"

#include <atomic_queue/atomic_queue.h>

#include <type_traits>

namespace
{

// A word that no event has marks an empty slot.
constexpr uint64_t NONE = UINT64_MAX;

using aq_words = atomic_queue::AtomicQueue<uint64_t, RING_CAPACITY, NONE, true,
					   true, false, true>;
template <class E>
using aq_slots =
	atomic_queue::AtomicQueue2<E, RING_CAPACITY, true, true, false, true>;

template <class E> class aq_spsc
{
      public:
	static constexpr bool bulk = false;

	size_t put(const E *events, size_t)
	{
		if constexpr (sizeof(E) == sizeof(uint64_t))
			return queue_.try_push(events->words[0]);
		else
			return queue_.try_push(*events);
	}
	size_t take(E *events, size_t)
	{
		if constexpr (sizeof(E) == sizeof(uint64_t))
			return queue_.try_pop(events->words[0]);
		else
			return queue_.try_pop(*events);
	}

      private:
	std::conditional_t<sizeof(E) == sizeof(uint64_t), aq_words, aq_slots<E>>
		queue_;
};

// The same two kinds for many.
using aq_many = atomic_queue::AtomicQueue<uint64_t, RING_CAPACITY, NONE>;
using aq_many2 = atomic_queue::AtomicQueue2<uint64_t, RING_CAPACITY>;

template <class Queue> void *aq_open(const mpmc_link *)
{
	void *memory = bench_memory(sizeof(Queue));

	return memory == nullptr ? nullptr : new (memory) Queue();
}

template <class Queue> void aq_close(void *ring)
{
	static_cast<Queue *>(ring)->~Queue();
	std::free(ring);
}

template <class Queue>
uint32_t aq_put(void *ring, const uint64_t *events, uint32_t n)
{
	auto *queue = static_cast<Queue *>(ring);
	uint32_t done = 0;

	while (done < n && queue->try_push(events[done]))
		done++;
	return done;
}

template <class Queue>
uint32_t aq_take(void *ring, uint64_t *events, uint32_t n)
{
	auto *queue = static_cast<Queue *>(ring);
	uint32_t done = 0;

	while (done < n && queue->try_pop(events[done]))
		done++;
	return done;
}

template <class Queue> void aq_produce(void *end)
{
	auto *self = static_cast<mpmc_end *>(end);

	mpmc_produce(self, self->link->ring, aq_put<Queue>);
}

template <class Queue> void aq_consume(void *end)
{
	auto *self = static_cast<mpmc_end *>(end);

	mpmc_consume(self, self->link->ring, aq_take<Queue>);
}

} // namespace

const ring_rival ring_aq = rival::describe<aq_spsc>("aq", "aq", RING_EAGER);
const ring_rival ring_aq_patient =
	rival::describe<aq_spsc>("aq_pat", "aq", RING_PATIENT);
const mpmc_rival mpmc_aq = {"aq",
			    "aq",
			    aq_open<aq_many>,
			    aq_close<aq_many>,
			    aq_produce<aq_many>,
			    aq_consume<aq_many>};
const mpmc_rival mpmc_aq2 = {"aq2",
			     "aq",
			     aq_open<aq_many2>,
			     aq_close<aq_many2>,
			     aq_produce<aq_many2>,
			     aq_consume<aq_many2>};
