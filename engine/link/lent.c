/* SPDX-License-Identifier: Apache-2.0 */
/* Slots of a ring that the stage's user fills in place, before it is known how many
 * of them will be events. */
#include "engine/link/lent_priv.h"
#include "engine/link/outlet_priv.h"
#include "engine/link/rings_priv.h"

/* Of a strategy that is ours, and looks at no event, all are for the only lane there
 * is, and none is dropped. */
uint32_t lent_suits(const struct sluice_strategy *strategy)
{
	if (strategy->rings == SLUICE_RINGS_COMMON)
		return 1;
	return strategy->rings == SLUICE_RINGS_SEPARATE &&
	       (strategy->needs & (SLUICE_NEEDS_SPILL | SLUICE_NEEDS_KEYS |
				   SLUICE_NEEDS_ORDER)) == 0 &&
	       sluice_strategy_find(strategy->name) == strategy;
}

/* The ring that whatever comes next goes to; NULL: that depends. *sub: whose it is;
 * NULL: the outlet's own. */
static struct sluice_spsc_writer *lent_ring(struct outlet *out,
					    struct subscription **sub)
{
	*sub = NULL;
	if (!out->lends)
		return NULL;
	if (!out->rings->own)
		return &out->common.base;
	if (out->joined != 1)
		return NULL;
	for (uint32_t i = 0; i < out->lanes.count; i++) {
		if (out->lanes.lane[i].state != SLUICE_LANE_ACTIVE)
			continue;
		*sub = out->subs[i];
		return &out->writers[i];
	}
	return NULL;
}

uint32_t outlet_lend(struct outlet *out, uint32_t n)
{
	struct subscription *sub;
	const struct sluice_spsc_writer *w = lent_ring(out, &sub);
	uint64_t room;
	uint64_t row;

	if (w == NULL)
		return 0;
	room = outlet_room(out);
	row = w->capacity - (w->reserved & (w->capacity - 1));
	if (room < row)
		row = room;
	if (row < n)
		n = (uint32_t)row;
	if (n > 0)
		out->lent = (struct lent){
			.slots = lent_next(w), .sub = sub, .room = room};
	return n;
}

void outlet_offer(struct outlet *out)
{
	sluice_copier_offer(&out->copier,
			    out->emits && out->lends &&
				    (!out->rings->own || out->joined == 1));
}

/* Between stages of one worker lines stay where they are. */
void outlet_lend_emission(struct outlet *out, uint32_t n)
{
	struct subscription *sub;
	const struct sluice_spsc_writer *w = lent_ring(out, &sub);

	if (w == NULL ||
	    (w->copier != NULL && w->copier->method != SLUICE_COPY_IN_PLACE))
		return;
	out->lent.left = outlet_lend(out, n);
}

int outlet_lent_fits(struct outlet *out)
{
	struct subscription *sub;
	const struct sluice_spsc_writer *w = lent_ring(out, &sub);

	return w != NULL && lent_next(w) == out->lent.slots;
}

void outlet_lent_over(struct outlet *out)
{
	struct lent lent = out->lent;

	out->lent = (struct lent){0};
	if (lent.released)
		outlet_release(out, lent.sub);
}
