/* SPDX-License-Identifier: Apache-2.0 */
/* What another process's end writes, looked at by itself: its marks of redelivery, and
 * its events. test_far.c and test_far_feeds.c have it in a pipeline. */
#include "engine/link/far_priv.h"
#include "engine/link/memory_priv.h"
#include "engine/link/rings_priv.h"
#include "tests/support/unit.h"

#include <stdlib.h>
#include <string.h>

#define WINDOW 16u

/* Of marks that it says it has read none was made, and the ring of marks is read no
 * further than it goes. */
static void it_lies_about_notes(void **state)
{
	struct subscription fake = {.notes_pending = 40};
	uint32_t seen[] = {41, 23, 0, UINT32_MAX};

	(void)state;
	for (uint32_t i = 0; i < 4; i++) {
		sluice_store_release(&fake.own_notes_read, seen[i]);
		assert_int_equal(far_notes_read(&fake), 40 - NOTES_MAX);
	}
	for (uint32_t read = 40 - NOTES_MAX; read <= 40; read++) {
		sluice_store_release(&fake.own_notes_read, read);
		assert_int_equal(far_notes_read(&fake), read);
	}
}

/* What this process reads the other one has made, and no row of it is counted here. */
static void it_makes_the_notes(void **state)
{
	struct subscription fake = {.far = {.side = FAR_PRODUCER}};

	(void)state;
	sluice_store_release(&fake.own_notes.filled, 5);
	for (uint32_t read = 0; read <= 5; read++) {
		sluice_store_release(&fake.own_notes_read, read);
		assert_int_equal(far_notes_made(&fake), 5);
		assert_int_equal(far_notes_read(&fake), read);
		assert_true(outlet_note_room(&fake));
	}
}

/* Of one that is away it counts what it had asked for when its producer looked last: in
 * its own words others may write. */
static void what_one_that_is_away_asks_for(void **state)
{
	struct sluice_rx_words theirs = {0};
	struct subscription fake = {.rx = &theirs};
	struct subscription *subs[] = {&fake};
	struct sluice_lane lane = {.state = SLUICE_LANE_ACTIVE};
	struct held_words held = {0};
	struct sluice_spsc_writer writer = {.rx = &held.rx, .granted = 5};
	struct outlet out = {.rings = &rings_separate,
			     .lanes = {.lane = &lane, .count = 1},
			     .writers = &writer,
			     .subs = subs};

	(void)state;
	sluice_store_release(&held.rx.granted, 7);
	sluice_store_release(&theirs.granted, 500);
	assert_int_equal(outlet_asks(&out), 7);
	assert_int_equal(outlet_asks_seen(&out), 5);
}

/* So many of @n that are alike from @at on, @deliveries times. */
static void check_row(struct handed *handed, uint64_t at, uint32_t deliveries,
		      uint64_t n)
{
	uint64_t alike = 100;

	assert_int_equal(handed_at(handed, at, &alike), deliveries);
	assert_int_equal(alike, n);
}

/* What has been handed out before it came to this process: as the marks say, and once
 * more if it had come to them, up to twice. */
static void marks_of_what_it_had(void **state)
{
	struct subscription fake = {.notes_pending = 4};
	struct handed handed = {0};

	(void)state;
	fake.own_notes.note[0] = (struct note){0, 5, 7}; /* behind */
	fake.own_notes.note[1] = (struct note){10, 12, 1};
	fake.own_notes.note[2] = (struct note){12, 14, 4};
	fake.own_notes.note[3] = (struct note){16, 17, 4};
	sluice_store_release(&fake.own_notes_read, 3);
	far_handed(&fake, 10, 20, &handed);
	check_row(&handed, 10, 2, 2);
	check_row(&handed, 12, 4, 2);
	check_row(&handed, 14, 1, 2);
	check_row(&handed, 16, 4, 1);
	check_row(&handed, 17, 1, 3);
	far_handed(&fake, 20, 20, &handed);
	assert_int_equal(handed.count, 0);
	/* It had come to none. */
	sluice_store_release(&fake.own_notes_read, 1);
	far_handed(&fake, 10, 20, &handed);
	check_row(&handed, 10, 1, 2);
	check_row(&handed, 12, 4, 2);
}

/* The one that it was at has its own count, once, however many rows there are; and
 * where there are too many what is too few is counted, never too many. */
static void the_one_that_it_was_at(void **state)
{
	struct subscription fake = {.notes_pending = 12};
	struct handed handed = {0};

	(void)state;
	fake.own_notes.note[0] = (struct note){0, 10, 4};
	for (uint32_t i = 1; i < 12; i++)
		fake.own_notes.note[i] = (struct note){
			UINT64_C(10) * i, UINT64_C(10) * (i + 1), 2 + i % 2};
	sluice_store_release(&fake.own_notes_read, 12);
	fake.first_handed = 5;
	far_handed(&fake, 0, 120, &handed);
	check_row(&handed, 0, 5, 1);
	for (uint64_t at = 1; at < 120; at++) {
		uint64_t alike = 1;
		uint32_t deliveries = handed_at(&handed, at, &alike);
		uint32_t was = at < 10 ? 4 : 2 + (uint32_t)(at / 10) % 2;

		assert_in_range(deliveries, 1, was);
	}
	far_handed(&fake, 0, 120, &handed);
	assert_true(handed_at(&handed, 0, &(uint64_t){1}) <= 4);
}

static struct {
	struct sluice_tx_words tx;
	struct sluice_rx_words rx;
	uint64_t slots[WINDOW];
} far;

static const struct sluice_credit credit = {
	.max_events = WINDOW, .min_events = WINDOW / 2, .batch_events = WINDOW};

/* Nothing has been sent, or asked for. */
static void attach_far(struct inlet_link *link)
{
	memset(&far, 0, sizeof(far));
	link->sub->rx = &far.rx;
	sluice_spsc_reader_attach(&link->reader, &far.tx, &far.rx,
				  (sluice_slot *)far.slots, WINDOW, 8, &credit);
}

/* It has acknowledged a ring, and been sent another, and says now that nothing was so:
 * what was sent had been asked for, and what lay there before finished. */
static void it_takes_its_receipts_back(void **state)
{
	struct subscription own = {0};
	struct inlet_link link = {.open = 1, .sub = &own};

	(void)state;
	attach_far(&link);
	link.reader.granted = 0;
	sluice_store_release(&far.tx.published, 2 * WINDOW);
	sluice_store_release(&far.rx.acked, 0);
	sluice_store_release(&far.rx.granted, 1);
	far_settle(&link);
	assert_int_equal(link.reader.acked, WINDOW);
	assert_int_equal(link.reader.granted, 2 * WINDOW);
	assert_int_equal(link.reader.published, 2 * WINDOW);
}

/* Others read that ring on. What it says of what lies behind its own end counts for
 * nothing, and when it has finished up to there it is over. */
static void it_reads_behind_its_end(void **state)
{
	uint32_t closed = SLUICE_CLOSED(SLUICE_REASON_SHUTDOWN, 0);
	struct subscription own = {0};
	struct inlet_link link = {.open = 1, .sub = &own};

	(void)state;
	attach_far(&link);
	sluice_store_release(&far.tx.published, 9);
	sluice_store_release(&own.by_producer.end, 5);
	sluice_store_release(&own.by_producer.closed, closed);
	sluice_store_release(&far.rx.acked, 6);
	assert_int_equal(far_over(&link), SLUICE_REASON_OPEN);
	assert_int_equal(link.reader.acked, 0);
	sluice_store_release(&far.rx.acked, 5);
	assert_int_equal(far_over(&link), closed);
}

/* The stream has ended, and its reader has not. */
static void what_is_not_finished_is_not_over(void **state)
{
	uint32_t closed = SLUICE_CLOSED(SLUICE_REASON_NORMAL, 0);
	struct subscription own = {0};
	struct inlet_link link = {.sub = &own};

	(void)state;
	attach_far(&link);
	sluice_store_release(&far.tx.published, 3);
	sluice_store_release(&far.rx.acked, 2);
	assert_int_equal(far_over(&link), SLUICE_REASON_OPEN);
	sluice_store_release(&far.tx.closed, closed);
	assert_int_equal(far_over(&link), SLUICE_REASON_OPEN);
	sluice_store_release(&far.rx.acked, 3);
	assert_int_equal(far_over(&link), closed);
}

/* What it writes, one event, and @in that reads it. */
static struct subscription *attach_feeder(struct inlet *in, uint64_t *gathered)
{
	struct subscription *fake = line_calloc(1, sizeof(*fake));
	uint64_t event = 7;

	memset(&far, 0, sizeof(far));
	assert_non_null(fake);
	*in = (struct inlet){.ops = sluice_wait_linux(), .tries_max = 5};
	assert_int_equal(inlet_open(in, 1), 0);
	*fake = (struct subscription){.tx = &far.tx,
				      .rx = &far.rx,
				      .slots = (sluice_slot *)far.slots,
				      .capacity = WINDOW,
				      .event_bytes = 8,
				      .credit = credit,
				      .gathered = (unsigned char *)gathered,
				      .far = {.side = FAR_PRODUCER}};
	inlet_meet(in, fake);
	inlet_attach(in, fake, 0, NULL);
	inlet_ask(in, 0);
	memcpy(far.slots, &event, 8);
	sluice_store_release(&far.tx.published, 1);
	return fake;
}

/* It may change what it has published; the handler sees one thing. */
static void it_writes_after_it_has_published(void **state)
{
	struct inlet in;
	uint64_t gathered[WINDOW];
	struct subscription *fake = attach_feeder(&in, gathered);
	struct sluice_batch batch = {0};

	(void)state;
	assert_int_equal(inlet_take(&in, 0, 8, &batch), 1);
	memset(far.slots, 0xff, 8);
	assert_int_equal(*SLUICE_EVENTS(&batch, uint64_t), 7);
	inlet_close(&in);
	free(fake);
}

/* ---- its place is kept -------------------------------------------------------------- */

static uint32_t rings;

static void count_signal(void *ctx, int fd)
{
	(void)ctx;
	(void)fd;
	rings++;
}

static int refreshes_nothing(struct outlet *out)
{
	(void)out;
	return 0;
}

static const struct rings_ops kept = {.resume = far_resume,
				      .refresh = refreshes_nothing};

/* Nobody is woken there while it is away; and who comes back is woken from a sleep that
 * looks like the last one of its predecessor. */
static void it_sleeps_as_the_one_before(void **state)
{
	static const struct sluice_far_ops ops = {.signal = count_signal};
	struct sluice_fences fences = {0};
	sluice_a32 parked = {0};
	struct subscription fake = {
		.rx = &far.rx,
		.far = {.side = FAR_CONSUMER,
			.bell = {.parked = &parked,
				 .fences = &fences,
				 .ops = &ops,
				 .fd = -1}},
	};
	struct subscription *subs[] = {&fake};
	struct sluice_spsc_writer writer = {0};
	struct outlet out = {.rings = &kept, .writers = &writer, .subs = subs};

	(void)state;
	rings = 0;
	sluice_store_release(&parked, 5);
	subscription_ring_far(&fake);
	assert_int_equal(rings, 1);
	sluice_store_release(&fake.by_producer.held, 1);
	sluice_store_release(&fake.by_control.hold, 1);
	sluice_store_release(&parked, 9);
	subscription_ring_far(&fake);
	assert_int_equal(rings, 1);
	sluice_store_release(&parked, 5);
	sluice_store_release(&fake.by_control.hold, 2);
	far_heed(&out, &fake, sluice_load_acquire(&fake.by_control.hold));
	assert_int_equal(rings, 2);
	assert_ptr_equal(writer.rx, &far.rx);
}

/* The same of who is fed by a worker. */
static void it_feeds_as_the_one_before(void **state)
{
	static const struct sluice_far_ops ops = {.signal = count_signal};
	struct sluice_fences fences = {0};
	sluice_a32 parked = {0};
	struct subscription fake = {
		.tx = &far.tx,
		.far = {.side = FAR_PRODUCER,
			.bell = {.parked = &parked,
				 .fences = &fences,
				 .ops = &ops,
				 .fd = -1}},
	};

	(void)state;
	rings = 0;
	assert_int_equal(far_feeder_wanted(&fake), 0);
	sluice_store_release(&parked, 5);
	subscription_ring_far(&fake);
	assert_int_equal(rings, 1);
	sluice_store_release(&fake.by_control.hold, 1);
	assert_int_equal(far_feeder_wanted(&fake), 1);
	far_feeder_heed(&fake, 1, 7);
	assert_int_equal(far_feeder_wanted(&fake), 0);
	assert_int_equal(fake.by_producer.held_at.published, 7);
	sluice_store_release(&parked, 9);
	subscription_ring_far(&fake);
	assert_int_equal(rings, 1);
	sluice_store_release(&parked, 5);
	sluice_store_release(&fake.by_control.hold, 2);
	far_feeder_heed(&fake, far_feeder_wanted(&fake), 9);
	assert_int_equal(fake.by_producer.held_at.published, 7);
	assert_int_equal(rings, 2);
	/* Its notes are its own. */
	sluice_store_release(&fake.by_producer.held, 3);
	assert_int_equal(far_notes_read(&fake), 0);
}

/* Where a worker is cut off: as far as that is possible, and not before what was seen. */
static void one_is_cut_off(void **state)
{
	static const struct {
		uint64_t published;
		uint64_t cut;
	} rows[] = {{10, 12}, {12, 12}, {15, 15}, {18, 18}, {19, 12}, {0, 12}};
	struct inlet_link link = {
		.reader = {.tx = &far.tx,
			   .acked = 10,
			   .published = 12,
			   .capacity = 8},
	};

	(void)state;
	for (uint32_t i = 0; i < UNIT_COUNT(rows); i++) {
		sluice_store_release(&far.tx.published, rows[i].published);
		assert_int_equal(far_feeder_cut(&link), rows[i].cut);
	}
}

/* While it is away nobody looks there; but as soon as another has come, which may have
 * sent something, and when its stream has been ended. */
static void it_is_looked_at(uint32_t held, uint32_t hold, uint32_t closed,
			    uint32_t events)
{
	struct inlet in;
	uint64_t gathered[WINDOW];
	struct subscription *fake = attach_feeder(&in, gathered);
	struct sluice_batch batch = {0};

	sluice_store_release(&fake->by_producer.held, held);
	sluice_store_release(&fake->by_control.hold, hold);
	sluice_store_release(&fake->by_producer.closing, closed != 0);
	sluice_store_release(&fake->by_producer.end, 1);
	sluice_store_release(&fake->by_producer.closed, closed);
	assert_int_equal(inlet_take(&in, 0, 8, &batch), events);
	if (events == 0) {
		sluice_store_release(&far.tx.published, 0);
		sluice_store_release(&far.tx.closed,
				     SLUICE_CLOSED(SLUICE_REASON_NORMAL, 0));
		assert_int_equal(inlet_idle(&in, 0), SLUICE_REASON_OPEN);
	}
	inlet_close(&in);
	free(fake);
}

static void it_is_away(void **state)
{
	(void)state;
	it_is_looked_at(0, 0, 0, 1);
	it_is_looked_at(0, 1, 0, 1);
	it_is_looked_at(1, 1, 0, 0);
	it_is_looked_at(1, 2, 0, 1);
	it_is_looked_at(1, 1, SLUICE_CLOSED(SLUICE_REASON_ERROR, 0), 1);
	it_is_looked_at(2, 2, 0, 1);
}

/* How its stream is ended from here: first that it is to be, then where. */
static void end_it(struct subscription *fake, uint64_t end, uint32_t closed)
{
	sluice_store_release(&fake->by_producer.closing, 1);
	sluice_store_release(&fake->by_producer.end, end);
	sluice_store_release(&fake->by_producer.closed, closed);
}

/* Until that is known nothing is taken that it publishes, and nothing is over. */
static void its_end_is_being_fixed(void **state)
{
	const uint32_t closed = SLUICE_CLOSED(SLUICE_REASON_SHUTDOWN, 0);
	struct inlet in;
	uint64_t gathered[WINDOW];
	struct subscription *fake = attach_feeder(&in, gathered);
	struct sluice_batch batch = {0};

	(void)state;
	sluice_store_release(&far.tx.published, 3);
	end_it(fake, 0, SLUICE_REASON_OPEN);
	assert_int_equal(inlet_take(&in, 0, 8, &batch), 0);
	assert_int_equal(inlet_idle(&in, 0), SLUICE_REASON_OPEN);
	assert_false(in.links[0].complete);
	end_it(fake, 2, closed);
	assert_int_equal(inlet_take(&in, 0, 8, &batch), 2);
	inlet_ack(&in, 0, 2);
	assert_int_equal(inlet_take(&in, 0, 8, &batch), 0);
	assert_int_equal(inlet_idle(&in, 0), closed);
	inlet_close(&in);
	free(fake);
}

/* It has said that its stream is over, and meanwhile that was ended before the last that
 * it has published. */
static void it_ends_itself_and_is_ended(void **state)
{
	const uint32_t closed = SLUICE_CLOSED(SLUICE_REASON_NORMAL, 0);
	struct inlet in;
	uint64_t gathered[WINDOW];
	struct subscription *fake = attach_feeder(&in, gathered);
	struct sluice_batch batch = {0};

	(void)state;
	sluice_store_release(&far.tx.published, 0);
	assert_int_equal(inlet_take(&in, 0, 8, &batch), 0);
	sluice_store_release(&far.tx.published, 3);
	sluice_store_release(&far.tx.closed, closed);
	assert_int_equal(inlet_idle(&in, 0), SLUICE_REASON_OPEN);
	end_it(fake, 1, closed);
	assert_int_equal(inlet_take(&in, 0, 8, &batch), 1);
	inlet_ack(&in, 0, 1);
	assert_int_equal(inlet_take(&in, 0, 8, &batch), 0);
	assert_int_equal(inlet_idle(&in, 0), closed);
	inlet_close(&in);
	free(fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(its_end_is_being_fixed),
		cmocka_unit_test(it_ends_itself_and_is_ended),
		cmocka_unit_test(it_lies_about_notes),
		cmocka_unit_test(it_makes_the_notes),
		cmocka_unit_test(it_takes_its_receipts_back),
		cmocka_unit_test(it_reads_behind_its_end),
		cmocka_unit_test(what_one_that_is_away_asks_for),
		cmocka_unit_test(marks_of_what_it_had),
		cmocka_unit_test(the_one_that_it_was_at),
		cmocka_unit_test(what_is_not_finished_is_not_over),
		cmocka_unit_test(it_writes_after_it_has_published),
		cmocka_unit_test(it_sleeps_as_the_one_before),
		cmocka_unit_test(it_feeds_as_the_one_before),
		cmocka_unit_test(one_is_cut_off),
		cmocka_unit_test(it_is_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
