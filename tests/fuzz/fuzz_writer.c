/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever a process that feeds writes into its page, and into its slots, at whatever
 * moment: the engine's end of the subscription reads no slot that there is not, is in
 * step with itself, and shows a handler events that stay as they are.
 *
 * Each byte of the input is a move; those of the process take their words from what
 * follows.
 */
#include "engine/link/far_priv.h"
#include "engine/link/memory_priv.h"
#include "tests/fuzz/moves.h"

#define CLOSED SLUICE_CLOSED(SLUICE_REASON_ERROR, 5)

static struct {
	struct sluice_tx_words *tx; /* all of these are the process's */
	sluice_slot *slots;
	struct sluice_rx_words rx;
	struct inlet in;
	struct subscription *sub;
	struct outlet out;
	struct sluice_spsc_writer writer; /* of the stand-in */
	struct subscription *subs[1];
	struct sluice_bell *bells[1];
	unsigned char gathered[WINDOW * SLOT_BYTES];
	unsigned char shown[WINDOW * SLOT_BYTES];
	struct sluice_batch batch;
	uint32_t taken; /* slots of the batch in hand */
	uint64_t acked;
} f;

static void begin(void)
{
	memset(&f, 0, sizeof(f));
	f.tx = line_calloc(1, sizeof(*f.tx));
	f.slots = malloc(WINDOW * SLOT_BYTES);
	f.sub = line_calloc(1, sizeof(*f.sub));
	MUST(f.tx != NULL && f.slots != NULL && f.sub != NULL);
	MUST(inlet_open(&f.in, 1) == 0);
	memset(f.slots, 0, WINDOW * SLOT_BYTES);
	f.in.ops = sluice_wait_linux_full();
	f.in.tries_max = 5;
	*f.sub = (struct subscription){
		.tx = f.tx,
		.rx = &f.rx,
		.slots = f.slots,
		.capacity = WINDOW,
		.event_bytes = SLOT_BYTES,
		.credit = {.max_events = WINDOW,
			   .min_events = WINDOW / 2,
			   .batch_events = WINDOW},
		.gathered = f.gathered,
		.rings = SLUICE_RINGS_SEPARATE,
		.far = {.side = FAR_PRODUCER},
	};
	inlet_meet(&f.in, f.sub);
	inlet_attach(&f.in, f.sub, 0, NULL);
	inlet_ask(&f.in, 0);
	sluice_spsc_writer_attach(&f.writer, f.tx, &f.rx, f.slots, WINDOW,
				  SLOT_BYTES);
	f.subs[0] = f.sub;
	f.out.writers = &f.writer;
	f.out.subs = f.subs;
	f.out.bells = f.bells;
	f.out.ops = f.in.ops;
	f.out.lanes.count = 1;
	f.out.far = 1;
}

static void end(void)
{
	inlet_close(&f.in);
	free(f.sub);
	free(f.slots);
	free(f.tx);
}

/* ---- the engine ------------------------------------------------------------ */

static void is_in_step(void)
{
	const struct sluice_spsc_reader *r = &f.in.links[0].reader;

	MUST(sluice_spsc_depth(r) <= WINDOW);
	/* Who sends more than was asked for uses slots that are free, no others. */
	MUST((int64_t)(r->granted - r->acked) <= (int64_t)WINDOW);
	MUST(r->acked - f.acked <= WINDOW); /* and no step back */
	f.acked = r->acked;
	MUST(sluice_load_acquire(&f.rx.acked) == r->acked);
	MUST(sluice_load_acquire(&f.rx.granted) == r->granted);
}

static void take(uint32_t limit)
{
	if (f.taken > 0)
		return;
	f.taken = inlet_take(&f.in, 0, limit, &f.batch);
	if (f.taken == 0) {
		(void)inlet_idle(&f.in, 0);
		return;
	}
	MUST(f.batch.count == f.taken && f.taken <= limit);
	/* What the handler looks at is private, all of it. */
	MUST((const unsigned char *)f.batch.events >= f.gathered);
	MUST((const unsigned char *)f.batch.events + f.taken * SLOT_BYTES <=
	     f.gathered + sizeof(f.gathered));
	memcpy(f.shown, f.batch.events, f.taken * SLOT_BYTES);
}

static void acknowledge(void)
{
	if (f.taken == 0)
		return;
	MUST(memcmp(f.shown, f.batch.events, f.taken * SLOT_BYTES) == 0);
	inlet_ack(&f.in, 0, f.taken);
	f.taken = 0;
}

/* The process has gone. Nothing is read that it writes later. */
static void close_it(void)
{
	uint64_t end_at;

	if (sluice_load_acquire(&f.sub->by_producer.closed) != 0)
		return;
	far_close(&f.out, 0, CLOSED);
	end_at = sluice_load_acquire(&f.sub->by_producer.end);
	MUST(end_at - f.acked <= WINDOW);
	MUST(sluice_load_acquire(&f.sub->by_producer.closed) != 0);
}

/* ---- moves ----------------------------------------------------------------- */

static void move(struct moves *m)
{
	uint8_t what = moves_byte(m);

	switch (what % 8) {
	case 0:
		sluice_store_release(&f.tx->published, moves_near(m, f.acked));
		break;
	case 1:
		sluice_store_release(&f.tx->closed, (uint32_t)moves_word(m));
		break;
	case 2:
		memset(f.slots + moves_byte(m) % WINDOW * SLOT_BYTES,
		       moves_byte(m), SLOT_BYTES);
		break;
	case 3:
	case 4:
		take(1 + what / 8 % WINDOW);
		break;
	case 5:
		acknowledge();
		break;
	case 6:
		far_refresh(&f.out, 0);
		MUST(f.writer.published - f.acked <= WINDOW);
		break;
	default:
		if (what == 255)
			close_it();
		break;
	}
	is_in_step();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct moves m = {data, size};

	begin();
	while (m.left > 0)
		move(&m);
	acknowledge();
	end();
	return 0;
}
