/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors of the simulated machine, as the platform opens them for ports. */
#include "tests/sim/sim.h"

#include "engine/control.h"

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

/* Descriptors that somebody waits for at once. */
#define SETS_MAX  64u
#define SET_FIRST 5000
static struct set {
	uint32_t open;
	struct {
		uint32_t in;
		uint64_t mark;
	} member[POLLED_MAX];
} sets[SETS_MAX];

void sim_forget_descriptors(void)
{
	memset(polled, 0, sizeof(polled));
	for (uint32_t i = 0; i < SETS_MAX; i++)
		sets[i].open = 0;
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

/* ---- the test's own ---------------------------------------------------------- */

int sim_beacon_open(void)
{
	return sim_event_open(NULL);
}

void sim_beacon_light(int fd)
{
	sim_notify(NULL, fd);
}

int sim_beacon_take(int fd)
{
	int lit = sim_beacon_is_lit(fd);

	sim_event_clear(NULL, fd);
	return lit;
}

int sim_beacon_is_lit(int fd)
{
	return polled_of(fd)->readable != 0;
}

void sim_beacon_close(int fd)
{
	sim_event_close(NULL, fd);
}

/* ---- sets --------------------------------------------------------------------- */

static struct set *set_of(int set)
{
	uint32_t i = (uint32_t)(set - SET_FIRST);

	if (i >= SETS_MAX || !sets[i].open)
		abort();
	return &sets[i];
}

int sim_set_open(void *ctx)
{
	(void)ctx;
	sim_point();
	for (uint32_t i = 0; i < SETS_MAX; i++) {
		if (sets[i].open)
			continue;
		memset(&sets[i], 0, sizeof(sets[i]));
		sets[i].open = 1;
		return (int)i + SET_FIRST;
	}
	return -EMFILE;
}

int sim_set_add(void *ctx, int set, int fd, uint32_t events, uint64_t mark)
{
	uint32_t i = (uint32_t)(polled_of(fd) - polled);

	(void)ctx;
	(void)events; /* nobody writes to one of these */
	sim_point();
	if (set_of(set)->member[i].in)
		return -EEXIST;
	set_of(set)->member[i].in = 1;
	set_of(set)->member[i].mark = mark;
	return 0;
}

int sim_set_remove(void *ctx, int set, int fd)
{
	uint32_t i = (uint32_t)(polled_of(fd) - polled);

	(void)ctx;
	sim_point();
	if (!set_of(set)->member[i].in)
		return -ENOENT;
	set_of(set)->member[i].in = 0;
	return 0;
}

uint32_t sim_set_take(void *ctx, int set, struct platform_ready *ready,
		      uint32_t n)
{
	const struct set *s = set_of(set);
	uint32_t taken = 0;

	(void)ctx;
	sim_point();
	for (uint32_t i = 0; i < POLLED_MAX && taken < n; i++)
		if (s->member[i].in && polled[i].open && polled[i].readable)
			ready[taken++] = (struct platform_ready){
				s->member[i].mark, SLUICE_IO_READ};
	return taken;
}

void sim_set_wait(void *ctx, int set, uint64_t deadline_ns)
{
	struct platform_ready one;

	(void)ctx;
	if (sim_set_take(NULL, set, &one, 1) == 0 && sim_may_park(deadline_ns))
		(void)sim_sleep(&sim_any_descriptor, deadline_ns);
}

void sim_set_close(void *ctx, int set)
{
	(void)ctx;
	set_of(set)->open = 0;
}

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
