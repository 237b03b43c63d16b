/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever a process that consumes writes into its page, at whatever moment: the
 * engine never writes over what has not been acknowledged, nor beyond the ring, and
 * what it takes back when the process has gone is what lies there, each event marked.
 *
 * Each byte of the input is a move; those of the process take their words from what
 * follows.
 */
#include "engine/link/far_priv.h"
#include "engine/link/memory_priv.h"
#include "tests/fuzz/moves.h"

static struct {
	struct sluice_rx_words *rx; /* these two are the process's */
	sluice_a32 *notes_read;
	struct sluice_tx_words tx;
	sluice_slot *slots;
	struct subscription *sub;
	struct inlet in; /* of the stand-in */
	struct sluice_spsc_writer writer;
	uint64_t settled; /* by the stand-in */
} f;

static void begin(void)
{
	memset(&f, 0, sizeof(f));
	f.rx = line_calloc(1, sizeof(*f.rx));
	f.notes_read = calloc(1, sizeof(*f.notes_read));
	f.slots = malloc(WINDOW * SLOT_BYTES);
	f.sub = line_calloc(1, sizeof(*f.sub));
	MUST(f.rx != NULL && f.notes_read != NULL && f.slots != NULL &&
	     f.sub != NULL);
	MUST(inlet_open(&f.in, 1) == 0);
	f.in.ops = sluice_wait_linux_full();
	*f.sub = (struct subscription){
		.tx = &f.tx,
		.rx = f.rx,
		.slots = f.slots,
		.capacity = WINDOW,
		.event_bytes = SLOT_BYTES,
		.credit = {.max_events = WINDOW,
			   .min_events = WINDOW / 2,
			   .batch_events = WINDOW},
		.rings = SLUICE_RINGS_SEPARATE,
		.far = {.side = FAR_CONSUMER, .notes_read = f.notes_read},
	};
	inlet_meet(&f.in, f.sub);
	far_attach(&f.in, f.sub, 0);
	sluice_spsc_writer_attach(&f.writer, &f.tx, f.rx, f.slots, WINDOW,
				  SLOT_BYTES);
}

static void end(void)
{
	inlet_close(&f.in);
	free(f.sub);
	free(f.slots);
	free(f.notes_read);
	free(f.rx);
}

/* ---- the engine ------------------------------------------------------------ */

static void is_in_step(void)
{
	const struct sluice_spsc_writer *w = &f.writer;

	MUST(w->published - w->acked <= WINDOW);
	MUST(w->granted - w->acked <= WINDOW);
	MUST(w->granted - w->reserved <= WINDOW);
}

/* As much as there is credit for, of @n; marked if @again. */
static void emit(uint32_t n, uint32_t again)
{
	unsigned char events[WINDOW * SLOT_BYTES];
	uint64_t credit = sluice_spsc_refresh(&f.writer);

	memset(events, (int)n, sizeof(events));
	if (n > credit)
		n = (uint32_t)credit;
	if (n == 0)
		return;
	if (again && outlet_note_room(f.sub)) {
		outlet_note(f.sub, f.writer.reserved, n, again);
		sluice_store_release(&subscription_notes(f.sub)->filled,
				     f.sub->notes_pending);
	}
	sluice_spsc_write(&f.writer, events, n);
	sluice_spsc_publish(&f.writer);
}

static void settle(void)
{
	struct inlet_link *link = &f.in.links[0];
	uint64_t published = f.writer.published;

	far_settle(link);
	MUST(published - link->reader.acked <= WINDOW);
	MUST(published - link->reader.acked <= published - f.settled);
	MUST(link->reader.granted - published <= WINDOW);
	MUST(link->reader.granted - link->reader.acked <= WINDOW);
	f.settled = link->reader.acked;
	(void)far_over(link);
}

/* It has gone: what it left is handed out again, all of it, and each marked. */
static void take_back(void)
{
	struct handed handed;
	uint64_t to = f.writer.published;
	uint64_t at;

	settle();
	(void)sluice_spsc_refresh(&f.writer);
	at = f.writer.acked;
	far_handed(f.sub, at, to, &handed);
	while (at != to) {
		uint64_t n = to - at;

		MUST(handed_at(&handed, at, &n) >= 1);
		MUST(n >= 1 && n <= to - at);
		at += n;
	}
	MUST(far_notes_made(f.sub) - far_notes_read(f.sub) <= NOTES_MAX);
}

/* ---- moves ----------------------------------------------------------------- */

static void move(struct moves *m)
{
	uint8_t what = moves_byte(m);

	switch (what % 8) {
	case 0:
		sluice_store_release(&f.rx->acked,
				     moves_near(m, f.writer.acked));
		break;
	case 1:
		sluice_store_release(&f.rx->granted,
				     moves_near(m, f.writer.granted));
		break;
	case 2:
		sluice_store_release(
			f.notes_read,
			(uint32_t)moves_near(m, f.sub->notes_pending));
		break;
	case 3:
	case 4:
		emit(1 + what / 8 % WINDOW, 0);
		break;
	case 5:
		emit(1 + what / 8 % WINDOW, 1 + what / 64);
		break;
	case 6:
		settle();
		break;
	default:
		take_back();
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
	take_back();
	end();
	return 0;
}
