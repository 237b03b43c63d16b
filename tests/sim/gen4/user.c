/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads that answer for what is out: any of it, some of a batch, with any verdict;
 * and now and then for what they should not answer for.
 */
#include "tests/sim/gen4/later.h"

#include <errno.h>

static int is_out(const struct item *item)
{
	for (uint32_t i = 0; !item->over && i < item->batch.count; i++)
		if (item->state[i] == ITEM_OUT)
			return 1;
	return 0;
}

static struct item *any_item(void)
{
	uint32_t n = 0;

	while (later.oldest < later.item_count &&
	       !is_out(&later.items[later.oldest]))
		later.oldest++;
	for (uint32_t i = later.oldest; i < later.item_count; i++)
		n += (uint32_t)is_out(&later.items[i]) &&
		     later.items[i].node->in_hand_max > 0;
	if (n == 0)
		return NULL;
	n = sim_below(n);
	for (uint32_t i = later.oldest;; i++)
		if (is_out(&later.items[i]) &&
		    later.items[i].node->in_hand_max > 0 && n-- == 0)
			return &later.items[i];
}

static int any_verdict(struct item *item)
{
	struct node *node = item->node;

	switch (sim_below(24)) {
	case 0:
	case 1:
		return SLUICE_RETRY;
	case 2:
		return SLUICE_SKIP;
	case 3:
		if (later.faults_left == 0 || !node->permanent)
			return SLUICE_RETRY;
		later.faults_left--;
		return sim_below(2) ? -EIO : SLUICE_FAIL;
	case 4:
		if (later.ends_left == 0)
			return SLUICE_OK;
		later.ends_left--;
		later.leaves = 1;
		return SLUICE_END;
	default:
		return SLUICE_OK;
	}
}

static int call(const struct item *item, uint32_t from, uint32_t n, int verdict)
{
	struct sluice_sub sub = item->edge->sub;
	uint64_t ticket = item->batch.ticket + from;

	return verdict == SLUICE_OK ? sluice_ack(sub, ticket, n)
				    : sluice_nack(sub, ticket, n, verdict);
}

/* For a row of those of @item that are out. */
static void answer(struct item *item)
{
	int verdict = any_verdict(item);
	uint32_t from = sim_below(item->batch.count);
	uint32_t n = 0;
	uint32_t most;
	int rc;

	while (item->state[from] != ITEM_OUT)
		from = (from + 1) % item->batch.count;
	if (sim_below(2))
		while (from > 0 && item->state[from - 1] == ITEM_OUT)
			from--;
	most = 1 + sim_below(item->batch.count);
	fates_look(item);
	for (; n < most && from + n < item->batch.count &&
	       item->state[from + n] == ITEM_OUT;
	     n++)
		fates_ask(item, from + n, verdict);
	say("answer %d for n%u/%u, %u of them", verdict,
	    item->first[from].origin, item->first[from].seq, n);
	rc = call(item, from, n, verdict);
	say("answer %d for n%u/%u comes to %d", verdict,
	    item->first[from].origin, item->first[from].seq, rc);
	for (uint32_t i = from; i < from + n; i++) {
		if (rc == 0)
			fates_accept(item, i, verdict);
		else
			fates_refuse(item, i, n, rc);
	}
}

/* What must be refused, whatever happens meanwhile. */
static void answer_wrongly(void)
{
	struct item *item;
	int rc;

	if (later.item_count == 0)
		return;
	item = &later.items[sim_below(later.item_count)];
	if (item->node->in_hand_max == 0)
		return;
	switch (sim_below(3)) {
	case 0: /* of another incarnation */
		if (item->inits == item->node->inits)
			return;
		rc = call(item, 0, item->batch.count, SLUICE_OK);
		if (rc != -ESTALE && rc != -ENOENT)
			wrong("%s: an answer of incarnation %u in %u: %d",
			      item->node->name, item->inits, item->node->inits,
			      rc);
		return;
	case 1: /* nobody has so many */
		rc = call(item, 0, 1u << 20, SLUICE_SKIP);
		if (rc != -EINVAL && rc != -ESTALE && rc != -ENOENT)
			wrong("%s: an answer for too many: %d",
			      item->node->name, rc);
		return;
	default:
		rc = call(item, 0, 0, SLUICE_RETRY);
		if (rc == 0)
			wrong("%s: an answer for none is taken",
			      item->node->name);
		return;
	}
}

void answers_run(void *unused)
{
	(void)unused;
	while (!later.over) {
		struct item *item = any_item();

		if (item == NULL || sim_below(12) == 0) {
			uint32_t news = later.news;

			answer_wrongly();
			if (item == NULL && any_item() == NULL &&
			    news == later.news && !later.over)
				(void)sim_sleep(&later.news, UINT64_MAX);
			continue;
		}
		sim_busy();
		answer(item);
		for (uint32_t n = sim_below(4) ? 0 : sim_below(20); n > 0; n--)
			sim_yield();
	}
	later.users--;
	sim_wake(&later.users, 0);
}
