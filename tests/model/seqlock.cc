/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ring/seqlock_priv.h: what a reader takes is of one version, and of none that it had not
 * looked at; a reader that meets the writer knows it.
 *
 * Each word of a version has its number. A reader looks a few times: what it sees may
 * be old for as long as it likes.
 */
#include "model.h"
#include "ring/seqlock_priv.h"

static const uint32_t WORDS = 2;
static const uint32_t LOOKS = 3;

template <uint32_t versions, uint32_t readers>
struct boards : rl::test_suite<boards<versions, readers>, 1 + readers> {
	sluice_a64 version;
	sluice_a64 words[WORDS];

	void write()
	{
		for (uint64_t n = 1; n <= versions; n++) {
			uint64_t begun = seqlock_begin(&version);

			for (uint32_t i = 0; i < WORDS; i++)
				seqlock_put(&words[i], n);
			seqlock_end(&version, begun);
		}
	}

	/* What it has *seen goes on, if it has read something. */
	void read(uint64_t *seen)
	{
		uint64_t looked = seqlock_look(&version);
		uint64_t taken[WORDS];

		if (looked % 2 != 0)
			return;
		for (uint32_t i = 0; i < WORDS; i++)
			taken[i] = seqlock_take(&words[i]);
		if (!seqlock_held(&version, looked))
			return;
		for (uint32_t i = 0; i < WORDS; i++)
			RL_ASSERT(taken[i] == looked / 2);
		RL_ASSERT(looked / 2 >= *seen);
		*seen = looked / 2;
	}

	void thread(unsigned index)
	{
		uint64_t seen = 0;

		if (index == 0)
			write();
		for (uint32_t i = 0; index != 0 && i < LOOKS; i++)
			read(&seen);
	}
};

int main(int argc, char **argv)
{
	struct model_range range = model_arguments(argc, argv, 100000);

	model_random<boards<2, 1>>("a sequence lock, one reader", range);
	model_random<boards<2, 2>>("a sequence lock, two readers", range);
	model_bounded<boards<1, 1>>("a sequence lock, one reader", 3);
	return 0;
}
