// SPDX-License-Identifier: Apache-2.0
// moodycamel::ConcurrentQueue, with a token for each end and its calls for a
// batch. It is used so that it never allocates: the blocks it was made with
// bound it, within a block or two of the capacity.
#include "bench/rivals/rival.hh"

#include <concurrentqueue/concurrentqueue.h>

namespace
{

template <class E> class cq_spsc
{
      public:
	static constexpr bool bulk = true;

	size_t put(const E *events, size_t n)
	{
		if (n == 1)
			return queue_.try_enqueue(producer_, *events);
		return queue_.try_enqueue_bulk(producer_, events, n) ? n : 0;
	}
	// There is one producer, so nothing else is searched.
	size_t take(E *events, size_t n)
	{
		if (n == 1)
			return queue_.try_dequeue_from_producer(producer_,
								*events);
		return queue_.try_dequeue_bulk_from_producer(producer_, events,
							     n);
	}

      private:
	moodycamel::ConcurrentQueue<E> queue_{RING_CAPACITY, 1, 0};
	moodycamel::ProducerToken producer_{queue_};
};

using cq_queue = moodycamel::ConcurrentQueue<uint64_t>;

// A thread's view of it.
struct cq_writer {
	cq_queue *queue;
	moodycamel::ProducerToken token;
};
struct cq_reader {
	cq_queue *queue;
	moodycamel::ConsumerToken token;
};

void *cq_open(const mpmc_link *link)
{
	void *memory = bench_memory(sizeof(cq_queue));

	return memory == nullptr
		       ? nullptr
		       : new (memory)
				 cq_queue(RING_CAPACITY, link->producers, 0);
}

void cq_close(void *ring)
{
	static_cast<cq_queue *>(ring)->~cq_queue();
	std::free(ring);
}

uint32_t cq_put(void *writer, const uint64_t *events, uint32_t n)
{
	auto *self = static_cast<cq_writer *>(writer);

	if (n == 1)
		return self->queue->try_enqueue(self->token, *events);
	return self->queue->try_enqueue_bulk(self->token, events, n) ? n : 0;
}

uint32_t cq_take(void *reader, uint64_t *events, uint32_t n)
{
	auto *self = static_cast<cq_reader *>(reader);

	if (n == 1)
		return self->queue->try_dequeue(self->token, *events);
	return static_cast<uint32_t>(
		self->queue->try_dequeue_bulk(self->token, events, n));
}

void cq_produce(void *end)
{
	auto *self = static_cast<mpmc_end *>(end);
	auto *queue = static_cast<cq_queue *>(self->link->ring);
	cq_writer writer = {queue, moodycamel::ProducerToken(*queue)};

	mpmc_produce(self, &writer, cq_put);
}

void cq_consume(void *end)
{
	auto *self = static_cast<mpmc_end *>(end);
	auto *queue = static_cast<cq_queue *>(self->link->ring);
	cq_reader reader = {queue, moodycamel::ConsumerToken(*queue)};

	mpmc_consume(self, &reader, cq_take);
}

} // namespace

const ring_rival ring_cq = rival::describe<cq_spsc>("cq", "cq", RING_EAGER);
const ring_rival ring_cq_patient =
	rival::describe<cq_spsc>("cq_pat", "cq", RING_PATIENT);
const mpmc_rival mpmc_cq = {"cq",     "cq",       cq_open,
			    cq_close, cq_produce, cq_consume};
