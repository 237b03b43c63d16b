// SPDX-License-Identifier: Apache-2.0
// Boost.Lockfree: spsc_queue, with its calls for a batch (a batch is one or two
// memcpys and one publish), and queue for many producers and consumers, which
// has none.
#include "bench/rivals/rival.hh"

#include <boost/lockfree/queue.hpp>
#include <boost/lockfree/spsc_queue.hpp>

namespace
{

namespace lockfree = boost::lockfree;

template <class E> class boost_spsc
{
      public:
	static constexpr bool bulk = true;

	size_t put(const E *events, size_t n)
	{
		return n == 1 ? queue_.push(*events) : queue_.push(events, n);
	}
	size_t take(E *events, size_t n)
	{
		return n == 1 ? queue_.pop(*events) : queue_.pop(events, n);
	}

      private:
	lockfree::spsc_queue<E, lockfree::capacity<RING_CAPACITY>> queue_;
};

// Its nodes come from a pool that never grows: the bound is the capacity.
using boost_queue =
	lockfree::queue<uint64_t, lockfree::capacity<RING_CAPACITY>>;

void *boost_open(const mpmc_link *)
{
	void *memory = bench_memory(sizeof(boost_queue));

	return memory == nullptr ? nullptr : new (memory) boost_queue();
}

void boost_close(void *ring)
{
	static_cast<boost_queue *>(ring)->~boost_queue();
	std::free(ring);
}

uint32_t boost_put(void *ring, const uint64_t *events, uint32_t n)
{
	auto *queue = static_cast<boost_queue *>(ring);
	uint32_t done = 0;

	while (done < n && queue->bounded_push(events[done]))
		done++;
	return done;
}

uint32_t boost_take(void *ring, uint64_t *events, uint32_t n)
{
	auto *queue = static_cast<boost_queue *>(ring);
	uint32_t done = 0;

	while (done < n && queue->pop(events[done]))
		done++;
	return done;
}

void boost_produce(void *end)
{
	auto *self = static_cast<mpmc_end *>(end);

	mpmc_produce(self, self->link->ring, boost_put);
}

void boost_consume(void *end)
{
	auto *self = static_cast<mpmc_end *>(end);

	mpmc_consume(self, self->link->ring, boost_take);
}

} // namespace

const ring_rival ring_boost =
	rival::describe<boost_spsc>("boost", "boost", RING_EAGER);
const ring_rival ring_boost_patient =
	rival::describe<boost_spsc>("boost_pat", "boost", RING_PATIENT);
const mpmc_rival mpmc_boost = {"boost",     "boost",       boost_open,
			       boost_close, boost_produce, boost_consume};
