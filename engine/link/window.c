/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/link/window_priv.h"

#define PACE_EVENTS 1024u

uint32_t window_first(const struct window_rule *rule, uint32_t capacity)
{
	uint32_t most = rule->most < capacity ? rule->most : capacity;

	return most < WINDOW_FIRST ? most : WINDOW_FIRST;
}

void window_credit(struct sluice_credit *credit, const struct window_rule *rule,
		   uint32_t events)
{
	/* Which no such window is refused. */
	int rc = sluice_credit_init(credit, events, rule->min, 0);

	(void)rc;
}

void window_begin(struct window *w, const struct window_rule *rule,
		  uint32_t capacity)
{
	*w = (struct window){.rule = *rule};
	if (w->rule.most > capacity)
		w->rule.most = capacity;
	w->least = w->rule.most < WINDOW_LEAST ? w->rule.most : WINDOW_LEAST;
	w->events = window_first(rule, capacity);
	w->wait_ns = (uint64_t)rule->wait_us * 1000;
	w->pace = UINT64_MAX;
	/* No position of a ring that begins. */
	for (uint32_t i = 0; i < WINDOW_GRANTS; i++)
		w->granted[i] = UINT64_MAX / 2;
}

/* ---- rows ---------------------------------------------------------------- */

static void window_row(struct window *w)
{
	w->epochs = 0;
	w->row_ns = 0;
	w->pace = UINT64_MAX;
}

static void window_change(struct window *w, uint32_t events)
{
	w->events = events;
	w->settling = 1;
}

/* The last change has cost more than it may. */
static void window_take_back(struct window *w, uint64_t now_ns)
{
	uint32_t *failed = &w->failed[w->way];

	window_change(w, w->before);
	w->before = 0;
	w->until_ns[w->way] = now_ns + (WINDOW_FAIL_NS << *failed);
	if (*failed < 6)
		++*failed;
}

/* The last change, if there was one, is kept. */
static void window_keep(struct window *w, uint64_t now_ns)
{
	if (w->before == 0)
		return;
	w->before = 0;
	w->failed[w->way] = 0;
	if (w->way == w->kept)
		w->swings = 0;
	else if (w->swings < 10)
		w->swings++;
	w->kept = w->way;
	w->until_ns[!w->way] = now_ns + (WINDOW_BACK_NS << w->swings);
}

static void window_try(struct window *w, enum window_way way)
{
	w->before = w->events;
	w->before_pace = w->pace;
	w->way = way;
	window_change(w, way == WINDOW_WIDEN ? w->events * 2 : w->events / 2);
}

/* A row is complete. Returns non-zero when the window has changed. */
static int window_judge(struct window *w, uint64_t now_ns)
{
	uint64_t wait_ns = w->events * w->pace / PACE_EVENTS;

	if (w->before != 0 && w->pace - w->pace / 8 > w->before_pace) {
		window_take_back(w, now_ns);
		return 1;
	}
	window_keep(w, now_ns);
	if (wait_ns > w->wait_ns && w->events > w->least &&
	    now_ns >= w->until_ns[WINDOW_NARROW]) {
		window_try(w, WINDOW_NARROW);
		return 1;
	}
	if (2 * wait_ns <= w->wait_ns / 4 * 3 && w->events < w->rule.most &&
	    now_ns >= w->until_ns[WINDOW_WIDEN]) {
		window_try(w, WINDOW_WIDEN);
		return 1;
	}
	return 0;
}

/* ---- epochs -------------------------------------------------------------- */

static int window_cut(struct window *w, uint64_t published)
{
	return *window_place(w, published) == published;
}

static void window_epoch(struct window *w, uint64_t from, uint64_t now_ns)
{
	w->begun = 1;
	w->looks = 0;
	w->cut = 0;
	w->from = from;
	w->since_ns = now_ns;
}

/* An epoch of @n events is over. Returns non-zero when the window has changed. */
static int window_count(struct window *w, uint64_t n, uint64_t now_ns)
{
	uint64_t took_ns = WINDOW_TOOK(now_ns - w->since_ns);
	uint64_t pace;
	int changed;

	if (w->cut * 4 < w->looks) {
		/* The window is not what there is to wait for: no matter how long
		 * it is. */
		w->begun = 0;
		window_keep(w, now_ns);
		window_row(w);
		return 0;
	}
	if (w->settling > 0) {
		w->settling = 0;
		return 0;
	}
	pace = took_ns * PACE_EVENTS / n;
	if (pace < w->pace)
		w->pace = pace;
	w->row_ns += took_ns;
	if (++w->epochs < WINDOW_ROW && w->row_ns < WINDOW_ROW_NS)
		return 0;
	changed = window_judge(w, now_ns);
	window_row(w);
	return changed;
}

/* There is something again. */
static void window_resume(struct window *w, uint64_t now_ns)
{
	uint64_t idle_ns = now_ns - w->idle_ns;

	if (idle_ns > w->idle_own_ns)
		w->since_ns += idle_ns - w->idle_own_ns;
	w->idle_ns = 0;
}

int window_look(struct window *w, uint64_t published, uint64_t acked,
		const struct sluice_wait_ops *ops)
{
	int cut = window_cut(w, published);
	uint64_t n = acked - w->from;
	uint64_t now_ns;
	int changed;

	if (!w->begun) {
		if (cut)
			window_epoch(w, acked, ops->now_ns(ops->ctx));
		return 0;
	}
	if (w->idle_ns != 0)
		window_resume(w, ops->now_ns(ops->ctx));
	w->looks++;
	w->cut += (uint32_t)cut;
	if (n < 2 * (uint64_t)w->events)
		return 0;
	now_ns = ops->now_ns(ops->ctx);
	changed = window_count(w, n, now_ns);
	if (w->begun)
		window_epoch(w, acked, now_ns);
	return changed;
}

void window_idle(struct window *w, uint64_t published,
		 const struct sluice_wait_ops *ops)
{
	int cut;

	if (!w->begun || w->idle_ns != 0)
		return;
	cut = window_cut(w, published);
	w->looks++;
	w->cut += (uint32_t)cut;
	w->idle_own_ns = cut ? WINDOW_TRIP_NS : 0;
	w->idle_ns = ops->now_ns(ops->ctx);
}
