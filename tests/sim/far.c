/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between processes of the simulated machine: the signals are those of the real
 * system, sockets and eventfds that are never waited for; who waits for them, or for a
 * rung word, does so on the simulated machine. The linker puts these before the real
 * ones (see CMakeLists.txt).
 */
#include "ring/far.h"
#include "tests/sim/far.h"
#include "tests/sim/sim.h"

#include <poll.h>

const struct sluice_far_ops *__real_sluice_far_linux(void);
const struct sluice_far_ops *__wrap_sluice_far_linux(void);
int __real_poll(struct pollfd *polled, nfds_t count, int timeout_ms);
int __wrap_poll(struct pollfd *polled, nfds_t count, int timeout_ms);

static const void *(*same_word)(const void *word);

void far_words_are(const void *(*same)(const void *word))
{
	same_word = same;
}

static void far_wake(void *ctx, sluice_a32 *rung)
{
	(void)ctx;
	sim_wake(rung, 0);
	sim_point();
}

static void far_park(void *ctx, const sluice_a32 *rung, uint32_t seen,
		     const sluice_a32 *parked, uint32_t armed,
		     uint64_t deadline_ns)
{
	(void)ctx;
	sim_point();
	if (rung->value == seen && parked->value == armed &&
	    sim_may_park(deadline_ns))
		(void)sim_sleep_on(same_word(rung), parked, deadline_ns);
}

static void far_signal(void *ctx, int fd)
{
	const struct sluice_far_ops *real = __real_sluice_far_linux();

	(void)ctx;
	sim_point();
	real->signal(real->ctx, fd);
	sim_wake(&sim_any_descriptor, 0);
}

static int far_take(void *ctx, int fd)
{
	const struct sluice_far_ops *real = __real_sluice_far_linux();

	(void)ctx;
	sim_point();
	return real->take(real->ctx, fd);
}

const struct sluice_far_ops *__wrap_sluice_far_linux(void)
{
	static const struct sluice_far_ops table = {
		.wake = far_wake,
		.park = far_park,
		.signal = far_signal,
		.take = far_take,
	};

	return &table;
}

/* ---- poll ---------------------------------------------------------------------- */

static int poll_one(struct pollfd *polled)
{
	int readable;

	polled->revents = 0;
	if (polled->fd < 0)
		return 0;
	readable = sim_is_readable(polled->fd);
	if (readable < 0)
		return __real_poll(polled, 1, 0) > 0;
	polled->revents = readable ? POLLIN : 0;
	return readable;
}

int __wrap_poll(struct pollfd *polled, nfds_t count, int timeout_ms)
{
	const struct sluice_wait_ops *wait = sim_platform()->wait;
	uint64_t deadline_ns = UINT64_MAX;

	if (timeout_ms >= 0)
		deadline_ns = wait->now_ns(wait->ctx) +
			      (uint64_t)timeout_ms * PLATFORM_NS_PER_MS;
	for (;;) {
		int n = 0;

		sim_point();
		for (nfds_t i = 0; i < count; i++)
			n += poll_one(&polled[i]);
		if (n > 0)
			return n;
		if (sim_sleep(&sim_any_descriptor, deadline_ns))
			return 0;
	}
}
