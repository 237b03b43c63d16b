/* SPDX-License-Identifier: Apache-2.0 */
/* A handful of timers: looking at each is as fast as keeping them in order. */
#include "engine/stage/timer_priv.h"

/* UINT64_MAX is as good as never. */
static uint64_t timer_after(uint64_t at_ns, uint64_t delay_ns)
{
	return delay_ns > UINT64_MAX - at_ns ? UINT64_MAX : at_ns + delay_ns;
}

void timer_set(struct timers *t, uint32_t index, uint64_t now_ns,
	       uint64_t delay_ns, uint64_t period_ns)
{
	t->slot[index].due_ns = timer_after(now_ns, delay_ns);
	t->slot[index].period_ns = period_ns;
	t->armed |= UINT32_C(1) << index;
}

void timer_clear(struct timers *t, uint32_t index)
{
	t->armed &= ~(UINT32_C(1) << index);
}

/* The armed timer that is due first, -1 when there is none. */
static int timer_first(const struct timers *t)
{
	int first = -1;

	for (uint32_t left = t->armed; left != 0; left &= left - 1) {
		int i = __builtin_ctz(left);

		if (first < 0 || t->slot[i].due_ns < t->slot[first].due_ns)
			first = i;
	}
	return first;
}

uint64_t timer_next(const struct timers *t)
{
	int first = timer_first(t);

	return first < 0 ? UINT64_MAX : t->slot[first].due_ns;
}

int timer_take(struct timers *t, uint64_t now_ns)
{
	int first = timer_first(t);
	uint64_t due;
	uint64_t period;

	if (first < 0 || t->slot[first].due_ns > now_ns)
		return -1;
	due = t->slot[first].due_ns;
	period = t->slot[first].period_ns;
	if (period > 0) {
		/* Its last time up to now, and one period more. */
		due = timer_after(now_ns - (now_ns - due) % period, period);
		t->slot[first].due_ns = due;
	}
	/* Once, or there is no time after now. */
	if (due <= now_ns)
		timer_clear(t, (uint32_t)first);
	return first;
}
