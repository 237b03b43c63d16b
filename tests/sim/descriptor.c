/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors of the simulated machine, as the platform opens them for ports. */
#include "tests/sim/sim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define POLLED_MAX   256u
#define POLLED_FIRST 1000 /* so that no other number passes for one */

/* What a descriptor stands for. */
static struct polled {
	uint32_t open;
	uint32_t readable;
} polled[POLLED_MAX];

void sim_forget_descriptors(void)
{
	memset(polled, 0, sizeof(polled));
}

static struct polled *polled_of(int fd)
{
	uint32_t i = (uint32_t)(fd - POLLED_FIRST);

	/* In the real world it would be another's file. */
	if (i >= POLLED_MAX || !polled[i].open)
		abort();
	return &polled[i];
}

int sim_event_open(void *ctx)
{
	(void)ctx;
	sim_point();
	for (uint32_t i = 0; i < POLLED_MAX; i++) {
		if (polled[i].open)
			continue;
		polled[i] = (struct polled){.open = 1};
		return (int)i + POLLED_FIRST;
	}
	return -EMFILE;
}

void sim_event_clear(void *ctx, int fd)
{
	(void)ctx;
	sim_point();
	polled_of(fd)->readable = 0;
}

void sim_event_close(void *ctx, int fd)
{
	(void)ctx;
	polled_of(fd)->open = 0;
}

void sim_notify(void *ctx, int fd)
{
	(void)ctx;
	sim_point();
	polled_of(fd)->readable = 1;
	sim_wake(polled_of(fd), 0);
	sim_wake(&sim_any_descriptor, 0);
}

const char sim_any_descriptor = 0;

int sim_is_readable(int fd)
{
	uint32_t i = (uint32_t)(fd - POLLED_FIRST);

	if (fd < POLLED_FIRST || i >= POLLED_MAX)
		return -1;
	return polled_of(fd)->readable != 0;
}

int sim_poll(int fd, uint32_t ms)
{
	const struct sluice_wait_ops *wait = sim_platform()->wait;
	const struct polled *of = polled_of(fd);
	uint64_t deadline_ns = UINT64_MAX;

	sim_point();
	if (ms != UINT32_MAX)
		deadline_ns = wait->now_ns(wait->ctx) + ms * PLATFORM_NS_PER_MS;
	while (!of->readable && !sim_sleep(of, deadline_ns))
		;
	return of->readable != 0;
}
