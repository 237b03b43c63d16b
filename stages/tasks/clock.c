/* SPDX-License-Identifier: Apache-2.0 */
/* Time, sleep and chance, and how long a task that has failed waits. */
#include "stages/tasks/store_priv.h"

#include <time.h>

static int64_t clock_read(clockid_t id)
{
	struct timespec now;

	(void)clock_gettime(id, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_us(void)
{
	return clock_read(CLOCK_REALTIME);
}

int64_t clock_mono_us(void)
{
	return clock_read(CLOCK_MONOTONIC);
}

void clock_sleep_us(int64_t us)
{
	struct timespec left = {.tv_sec = us / 1000000,
				.tv_nsec = us % 1000000 * 1000};

	while (nanosleep(&left, &left) != 0 && errno == EINTR)
		continue;
}

/* xorshift64*; the state is never 0. */
uint64_t clock_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dull;
}

int64_t backoff_us(const struct sluice_tasks_opts *opts, int32_t attempt,
		   uint64_t *random)
{
	int64_t cap = (int64_t)opts->backoff_cap_ms * 1000;
	int64_t us = (int64_t)opts->backoff_base_ms * 1000;
	double by;

	for (int32_t i = 1; i < attempt && us < cap; i++)
		us *= 2;
	if (us > cap)
		us = cap;
	/* So that those that failed together do not come again together. */
	by = 0.9 +
	     0.2 * ((double)(clock_random(random) >> 11) / 9007199254740992.0);
	return (int64_t)((double)us * by);
}
