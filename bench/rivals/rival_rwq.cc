// SPDX-License-Identifier: Apache-2.0
// moodycamel::ReaderWriterQueue, by value. It has no calls for a batch, and
// never allocates: try_enqueue() refuses when the blocks it was made with are
// full.
#include "bench/rivals/rival.hh"

#include <readerwriterqueue/readerwriterqueue.h>

namespace
{

template <class E> class rwq_spsc
{
      public:
	static constexpr bool bulk = false;

	size_t put(const E *events, size_t)
	{
		return queue_.try_enqueue(*events);
	}
	size_t take(E *events, size_t)
	{
		return queue_.try_dequeue(*events);
	}

      private:
	moodycamel::ReaderWriterQueue<E> queue_{RING_CAPACITY - 1};
};

} // namespace

const ring_rival ring_rwq = rival::describe<rwq_spsc>("rwq", "rwq", RING_EAGER);
const ring_rival ring_rwq_patient =
	rival::describe<rwq_spsc>("rwq_pat", "rwq", RING_PATIENT);
