/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/link/aside_priv.h"
#include "engine/link/memory_priv.h"
#include "engine/link/outlet_priv.h"

static int aside_conflate(struct aside *aside, uint32_t keys, uint32_t bytes)
{
	uint32_t places = sluice_pow2_at_least(keys);
	unsigned char *events = line_calloc(places, bytes);
	uint64_t *key = line_calloc(places, sizeof(*key));
	uint32_t *table = line_calloc(places, 2 * sizeof(*table));

	aside->conflate.events = events;
	aside->conflate.key = key;
	aside->conflate.table = table;
	if (!events || !key || !table)
		return -1;
	sluice_conflate_init(&aside->conflate, events, key, table, places,
			     bytes);
	return 0;
}

struct aside *aside_new(const struct subscription *sub)
{
	const struct sluice_subscription_opts *o = &sub->opts;
	struct aside *aside = line_calloc(1, sizeof(*aside));

	if (aside == NULL)
		return NULL;
	sluice_tee_init(&aside->tee, o->tee);
	aside->key_field = (struct key_field){o->key_offset, o->key_bytes};
	aside->key_of =
		o->key_of ? o->key_of
			  : key_fns_of(&aside->key_field, sub->event_bytes).one;
	if (o->conflate_keys &&
	    aside_conflate(aside, o->conflate_keys, sub->event_bytes) < 0) {
		aside_free(aside);
		return NULL;
	}
	return aside;
}

void aside_free(struct aside *aside)
{
	if (aside == NULL)
		return;
	free(aside->conflate.events);
	free(aside->conflate.key);
	free(aside->conflate.table);
	free(aside);
}

void aside_join(struct outlet *out, struct subscription *sub,
		struct sluice_bell *bell)
{
	struct aside *aside = sub->aside;

	aside->sub = sub;
	aside->bell = sub->far.side == FAR_CONSUMER ? NULL : bell;
	aside->ended = 0;
	aside->key_ctx = sub->opts.key_of ? sub->opts.key_ctx
					  : (void *)&aside->key_field;
	sluice_spsc_writer_attach(&aside->writer, sub->tx, sub->rx, sub->slots,
				  sub->capacity, out->event_bytes);
	aside->next = out->asides;
	out->asides = aside;
}

static void aside_ring(struct outlet *out, const struct aside *aside)
{
	if (aside->bell != NULL)
		helper_ring(out->helper, aside->bell, out->ops);
	else if (SLUICE_UNLIKELY(aside->sub->far.side == FAR_CONSUMER))
		subscription_ring_far(aside->sub);
}

/* What waits for it goes to nobody. */
static void aside_forget(struct outlet *out, struct aside *aside)
{
	uint32_t n = aside->conflate.count;

	if (n == 0)
		return;
	sluice_conflate_pop(&aside->conflate, n);
	out->asides_waiting -= n;
	sluice_counter_add(out->counters, SLUICE_COUNTER_PASSED_OVER, n);
}

void aside_leave(struct outlet *out, struct subscription *sub)
{
	struct aside **link = &out->asides;

	aside_forget(out, sub->aside);
	while (*link != NULL && *link != sub->aside)
		link = &(*link)->next;
	if (*link != NULL)
		*link = sub->aside->next;
}

void aside_close(struct outlet *out, struct aside *aside, uint32_t closed)
{
	aside_forget(out, aside);
	aside->ended = 1;
	sluice_spsc_close(&aside->writer, closed);
	aside_ring(out, aside);
}

static uint64_t aside_credit(struct aside *aside)
{
	uint64_t credit = sluice_spsc_credit(&aside->writer);

	return credit > 0 ? credit : sluice_spsc_refresh(&aside->writer);
}

static void aside_publish(struct outlet *out, struct aside *aside)
{
	if (aside->writer.reserved == aside->writer.published)
		return;
	sluice_spsc_publish(&aside->writer);
	aside_ring(out, aside);
}

static void aside_tee(struct outlet *out, struct aside *aside,
		      const unsigned char *events, uint32_t n)
{
	uint32_t missed = 0;

	for (uint32_t at = 0; sluice_tee_next(&aside->tee, &at, n); at++) {
		if (aside_credit(aside) == 0) {
			missed++;
			continue;
		}
		sluice_spsc_write(&aside->writer,
				  events + (size_t)at * out->event_bytes, 1);
	}
	sluice_counter_add(out->counters, SLUICE_COUNTER_PASSED_OVER, missed);
}

/* As many of those that wait as there is credit for. Returns how many. */
static uint32_t aside_send(struct aside *aside)
{
	uint32_t sent = 0;

	while (aside->conflate.count > 0) {
		uint64_t credit = aside_credit(aside);
		const unsigned char *first;
		uint32_t n = sluice_conflate_peek(&aside->conflate, &first);

		if (credit == 0)
			break;
		if (n > credit)
			n = (uint32_t)credit;
		sluice_spsc_write(&aside->writer, first, n);
		sluice_conflate_pop(&aside->conflate, n);
		sent += n;
	}
	return sent;
}

static void aside_latest(struct outlet *out, struct aside *aside,
			 const unsigned char *events, uint32_t n)
{
	struct sluice_conflate *c = &aside->conflate;
	uint64_t lost = c->replaced + c->dropped;
	uint32_t waited = c->count;

	for (uint32_t i = 0; i < n; i++, events += out->event_bytes) {
		uint64_t key =
			aside->key_of(events, out->event_bytes, aside->key_ctx);

		if (key == SLUICE_KEY_NONE)
			continue;
		/* Only what cannot go has to wait. */
		if (c->count == 0 && aside_credit(aside) > 0)
			sluice_spsc_write(&aside->writer, events, 1);
		else
			sluice_conflate_put(c, key, events);
	}
	(void)aside_send(aside);
	out->asides_waiting += c->count - waited;
	sluice_counter_add(out->counters, SLUICE_COUNTER_PASSED_OVER,
			   c->replaced + c->dropped - lost);
}

void asides_offer(struct outlet *out, const unsigned char *events, uint32_t n)
{
	for (struct aside *aside = out->asides; aside; aside = aside->next) {
		if (aside->ended)
			continue;
		if (aside->tee.every > 0)
			aside_tee(out, aside, events, n);
		else
			aside_latest(out, aside, events, n);
		aside_publish(out, aside);
	}
}

uint32_t asides_flush(struct outlet *out)
{
	uint32_t sent = 0;

	if (out->asides_waiting == 0)
		return 0;
	for (struct aside *aside = out->asides; aside; aside = aside->next) {
		if (aside->conflate.count == 0)
			continue;
		sent += aside_send(aside);
		aside_publish(out, aside);
	}
	out->asides_waiting -= sent;
	return sent;
}

int asides_hurry(struct outlet *out)
{
	int told = 0;

	for (struct aside *aside = out->asides; aside; aside = aside->next) {
		if (aside->ended || !subscription_hurry(aside->sub))
			continue;
		aside_ring(out, aside);
		told = 1;
	}
	return told;
}

int asides_busy(struct outlet *out)
{
	(void)asides_flush(out);
	for (struct aside *aside = out->asides; aside; aside = aside->next) {
		if (aside->ended || aside->sub->far.unawaited)
			continue;
		(void)sluice_spsc_refresh(&aside->writer);
		if (aside->conflate.count > 0 ||
		    aside->writer.acked != aside->writer.published)
			return 1;
	}
	return 0;
}
