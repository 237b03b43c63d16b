/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sluice/inspection.h"

#include <inttypes.h>
#include <string.h>

static void sub_ends(struct inspection *inspection, const struct text *of,
		     const struct sluice_snapshot *now,
		     const struct sluice_subscription_snapshot *row)
{
	const struct sluice_stage_snapshot *consumer =
		sluice_snapshot_stage(now, row->consumer);
	const struct sluice_stage_snapshot *producer =
		sluice_snapshot_stage(now, row->producer);

	/* Stages of one that has ended may have been removed. */
	if (row->phase == SLUICE_SUB_ENDED)
		return;
	check(inspection, of, consumer != NULL && stage_consumes(consumer),
	      "there is no consumer '%s'", row->consumer);
	check(inspection, of, producer != NULL && stage_produces(producer),
	      "there is no producer '%s'", row->producer);
}

static void sub_alone(struct inspection *inspection, const struct text *of,
		      const struct sluice_subscription_snapshot *row)
{
	const struct sluice_subscription_stats *c = &row->counts;
	const struct sluice_latency_stats *l = &row->latency;

	check(inspection, of, c->published - c->acked <= c->granted - c->acked,
	      "acked %" PRIu64 ", published %" PRIu64 ", granted %" PRIu64
	      " are not in this order",
	      c->acked, c->published, c->granted);
	check(inspection, of,
	      row->phase == SLUICE_SUB_ENDED ||
		      (c->depth == c->published - c->acked &&
		       c->credit == c->granted - c->published),
	      "depth %" PRIu64 " and credit %" PRIu64
	      " are not those of its positions",
	      c->depth, c->credit);
	check(inspection, of,
	      row->phase != SLUICE_SUB_ENDED ||
		      (c->depth == 0 && c->credit == 0 && c->waiting == 0),
	      "it has ended, and has depth, credit or events that wait");
	check(inspection, of,
	      row->phase != SLUICE_SUB_COMING || row->carried == 0,
	      "it has not begun, and carried %" PRIu64, row->carried);
	check(inspection, of, row->window > 0, "its window is 0");
	check(inspection, of,
	      row->window_most == 0 || row->window <= row->window_most,
	      "its window is %u, and %u at most", row->window,
	      row->window_most);
	check(inspection, of, c->batches == 0 || c->high > 0,
	      "%" PRIu64 " batches, and none was ever found waiting",
	      c->batches);
	check(inspection, of,
	      row->kind == SLUICE_SUB_DISPATCHED ||
		      (l->count == 0 && c->waiting == 0),
	      "it looks on, and has a latency or events that wait for it");
	check(inspection, of,
	      l->count == 0 ||
		      (l->p50_ns <= l->p90_ns && l->p90_ns <= l->p99_ns &&
		       l->p99_ns <= l->p999_ns && l->p999_ns <= l->max_ns),
	      "percentiles of its latency are not in order");
	check(inspection, of,
	      l->count > 0 || (l->p50_ns == 0 && l->max_ns == 0),
	      "a latency without a sample");
}

/* A reader of a broadcast has the positions of the stream; others count for
 * themselves. */
static void sub_carries(struct inspection *inspection, const struct text *of,
			const struct sluice_snapshot *now,
			const struct sluice_subscription_snapshot *row)
{
	const struct sluice_stage_snapshot *producer =
		sluice_snapshot_stage(now, row->producer);

	if (row->phase == SLUICE_SUB_ENDED || producer == NULL)
		return;
	if (row->kind == SLUICE_SUB_DISPATCHED &&
	    strcmp(producer->dispatcher, "broadcast") == 0)
		check_below(inspection, of, "carried", row->carried, "acked",
			    row->counts.acked);
	else
		check(inspection, of, row->carried == row->counts.acked,
		      "carried %" PRIu64 ", and acked %" PRIu64, row->carried,
		      row->counts.acked);
}

/* No two have one place, nor one inlet. */
static void sub_places(struct inspection *inspection, const struct text *of,
		       const struct sluice_snapshot *now,
		       const struct sluice_subscription_snapshot *row)
{
	for (uint32_t i = 0; i < now->subscription_count; i++) {
		const struct sluice_subscription_snapshot *other =
			now->subscriptions[i];

		if (other == row)
			continue;
		check(inspection, of, other->sub.index != row->sub.index,
		      "another subscription has its place");
		check(inspection, of,
		      row->phase == SLUICE_SUB_ENDED ||
			      other->phase == SLUICE_SUB_ENDED ||
			      other->inlet != row->inlet ||
			      strcmp(other->consumer, row->consumer) != 0,
		      "inlet %u of its consumer is that of '%s', too",
		      row->inlet, other->producer);
	}
}

/* A place that was kept goes on. */
static int sub_rank(enum sluice_sub_phase phase)
{
	switch (phase) {
	case SLUICE_SUB_COMING:
		return 0;
	case SLUICE_SUB_OPEN:
	case SLUICE_SUB_HELD:
		return 1;
	case SLUICE_SUB_CANCELLED:
		return 2;
	case SLUICE_SUB_ENDED:
		break;
	}
	return 3;
}

static void sub_since(struct inspection *inspection, const struct text *of,
		      const struct sluice_subscription_snapshot *before,
		      const struct sluice_subscription_snapshot *now)
{
	const struct sluice_subscription_stats *a = &before->counts;
	const struct sluice_subscription_stats *b = &now->counts;

	check(inspection, of, sub_rank(now->phase) >= sub_rank(before->phase),
	      "it went from phase %d back to %d", (int)before->phase,
	      (int)now->phase);
	check(inspection, of,
	      now->kind == before->kind && now->inlet == before->inlet &&
		      now->manual == before->manual &&
		      strcmp(now->consumer, before->consumer) == 0 &&
		      strcmp(now->producer, before->producer) == 0,
	      "what it was made as has changed");
	check(inspection, of,
	      before->phase != SLUICE_SUB_ENDED ||
		      (now->carried == before->carried &&
		       a->batches == b->batches &&
		       now->latency.count == before->latency.count),
	      "it has ended, and went on");
	check_grows(inspection, of, "the most events found,", a->high, b->high);
	check_grows(inspection, of, "the longest latency,",
		    before->latency.max_ns, now->latency.max_ns);
	check_below(inspection, of, "samples of its latency,",
		    before->latency.count, "events that it carried,",
		    now->carried);
	check_grows(inspection, of, "carried", before->carried, now->carried);
	check_grows(inspection, of, "batches", a->batches, b->batches);
	check_grows(inspection, of, "acked", a->acked, b->acked);
	check_grows(inspection, of, "samples of its latency",
		    before->latency.count, now->latency.count);
	/* Neither is taken back while it is open: at its end, what was not
	 * handled is. */
	if (now->phase == SLUICE_SUB_OPEN) {
		check_grows(inspection, of, "granted", a->granted, b->granted);
		check_grows(inspection, of, "published", a->published,
			    b->published);
	}
	/* What was granted under another window stays granted. */
	check(inspection, of,
	      now->window_most == 0 ||
		      now->window_most != before->window_most ||
		      a->granted == b->granted ||
		      b->granted - b->acked <= now->window_most,
	      "granted %" PRIu64 " beyond what is acknowledged, and its window "
	      "is %u at most",
	      b->granted - b->acked, now->window_most);
	check_below(inspection, of, "batches,", a->batches, "events in them,",
		    now->carried);
}

void sub_check(struct inspection *inspection,
	       const struct sluice_snapshot *before,
	       const struct sluice_snapshot *now,
	       const struct sluice_subscription_snapshot *row)
{
	struct text of =
		text_format("subscription %u, '%s' of '%s'", row->sub.index,
			    row->consumer, row->producer);
	const struct sluice_subscription_snapshot *was =
		sluice_snapshot_subscription(before, row->sub);

	sub_ends(inspection, &of, now, row);
	sub_alone(inspection, &of, row);
	sub_carries(inspection, &of, now, row);
	sub_places(inspection, &of, now, row);
	if (was != NULL)
		sub_since(inspection, &of, was, row);
}
