/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/link/answers_priv.h"
#include "engine/link/memory_priv.h"

#include <errno.h>

#define CELL_BITS    4u
#define CELL_MASK    UINT64_C(0xf)
#define CELL_ANSWERS UINT64_C(0xffffffff)
/* The same answer for all eight. */
#define CELL_EACH UINT64_C(0x11111111)

#define TAG_TURN_BITS 8u
#define TAG_LAP_BITS  24u

/* ---- memory -------------------------------------------------------------- */

int answers_open(struct answers *a, uint32_t slots)
{
	struct answer_cells *is = answers_cells(a);
	uint32_t count = 2 * slots / ANSWERS_A_CELL;
	struct answer_cells *cells;

	if (count < 2)
		count = 2;
	if (slots > a->slots) {
		free(a->times);
		a->slots = 0;
		a->times = line_calloc(slots, sizeof(*a->times));
		if (a->times == NULL)
			return -ENOMEM;
		a->slots = slots;
	}
	if (is != NULL && is->count >= count)
		return 0;
	cells = line_calloc(1, sizeof(*cells) + count * sizeof(cells->cell[0]));
	if (cells == NULL)
		return -ENOMEM;
	cells->older = is;
	cells->count = count;
	cells->shift = (uint32_t)__builtin_ctz(count);
	sluice_store_release(&a->cells_at, (uint64_t)(uintptr_t)cells);
	return 0;
}

void answers_close(struct answers *a)
{
	struct answer_cells *cells = answers_cells(a);

	while (cells != NULL) {
		struct answer_cells *older = cells->older;

		free(cells);
		cells = older;
	}
	free(a->times);
}

/* ---- cells --------------------------------------------------------------- */

/* Some events in a row, of one cell. */
struct span {
	sluice_a64 *cell;
	uint64_t tag;
	uint32_t shift; /* of the first */
	uint32_t n;
	uint64_t each; /* 1 for each of them */
};

static struct span span_at(const struct answers *a, uint32_t turn,
			   uint64_t position, uint64_t n)
{
	struct answer_cells *cells = answers_cells(a);
	uint64_t number = position / ANSWERS_A_CELL;
	uint64_t lap = number >> cells->shift;
	struct span s = {
		.cell = &cells->cell[number & (cells->count - 1)],
		.tag = ((uint64_t)(turn & ((1u << TAG_TURN_BITS) - 1))
				<< TAG_LAP_BITS |
			(lap & ((1u << TAG_LAP_BITS) - 1)))
		       << 32,
		.shift = (uint32_t)(position % ANSWERS_A_CELL) * CELL_BITS,
		.n = ANSWERS_A_CELL - (uint32_t)(position % ANSWERS_A_CELL),
	};

	if (s.n > n)
		s.n = (uint32_t)n;
	s.each = (CELL_EACH >> (ANSWERS_A_CELL - s.n) * CELL_BITS) << s.shift;
	return s;
}

/* What a cell says of the span; nothing, if it is another's. */
static uint64_t span_of(const struct span *s, uint64_t word)
{
	return (word & ~CELL_ANSWERS) == s->tag ? word & s->each * CELL_MASK
						: 0;
}

static uint64_t span_with(const struct span *s, uint64_t word, uint64_t bits)
{
	uint64_t others = (word & ~CELL_ANSWERS) == s->tag
				  ? word & CELL_ANSWERS & ~(s->each * CELL_MASK)
				  : 0;

	return s->tag | others | bits;
}

/* ---- any thread ---------------------------------------------------------- */

static uint64_t answer_out(uint32_t deliveries)
{
	return ANSWER_OUT + deliveries % ANSWER_DELIVERIES;
}

struct ticket {
	uint64_t from; /* the position nearest to those that are out */
	uint64_t out;  /* what its cell says */
	uint32_t turn; /* its lower bits */
};

static struct ticket ticket_read(uint64_t ticket, uint64_t taken)
{
	uint64_t from =
		taken + (uint64_t)((int64_t)((ticket - taken)
					     << (64 - TICKET_POSITION_BITS)) >>
				   (64 - TICKET_POSITION_BITS));
	uint32_t above = (uint32_t)((ticket - from) >> TICKET_POSITION_BITS);

	return (struct ticket){
		.from = from,
		.out = answer_out(above),
		.turn = above >> TICKET_DELIVERY_BITS,
	};
}

/* Why it is no event that is out. */
static int answers_refusal(const struct answers *a, const struct ticket *t,
			   uint32_t n)
{
	uint32_t turn = sluice_load_acquire(&a->turn);

	if (((turn ^ t->turn) & ((1u << TICKET_TURN_BITS) - 1)) != 0)
		return -ESTALE;
	if (!position_reached(sluice_load_acquire(&a->taken), t->from + n) ||
	    !position_reached(t->from, sluice_load_acquire(&a->first)))
		return -EINVAL;
	return -EALREADY;
}

/* @out: what the cell has to say until then. */
static int span_answer(const struct span *s, uint64_t out, uint64_t bits)
{
	uint64_t word = sluice_load_acquire(s->cell);

	do {
		if (span_of(s, word) != s->each * out)
			return 0;
	} while (!sluice_compare_exchange(s->cell, &word,
					  span_with(s, word, bits)));
	return 1;
}

int answers_give(struct answers *a, uint64_t ticket, uint32_t n,
		 enum answer what, struct answer_wrong *wrong)
{
	uint64_t taken = sluice_load_acquire(&a->taken);
	struct ticket t = ticket_read(ticket, taken);
	uint64_t to = t.from + n;
	struct span s;

	*wrong = (struct answer_wrong){.from = t.from, .taken = taken};
	if (n == 0 || !position_reached(taken, to))
		return answers_refusal(a, &t, n);
	/* All or nothing, unless somebody else answers for the same just now. */
	for (uint64_t at = t.from; at != to; at += s.n) {
		s = span_at(a, t.turn, at, to - at);
		if (span_of(&s, sluice_load_acquire(s.cell)) != s.each * t.out)
			return answers_refusal(a, &t, n);
	}
	for (uint64_t at = t.from; at != to; at += s.n) {
		s = span_at(a, t.turn, at, to - at);
		if (!span_answer(&s, t.out, s.each * what))
			return answers_refusal(a, &t, n);
		wrong->some += s.n;
	}
	return 0;
}

/* ---- the consumer's thread ----------------------------------------------- */

static uint32_t answers_turn_now(const struct answers *a)
{
	/* Relaxed: our own word. */
	return sluice_load_relaxed(&a->turn);
}

void answers_begin(struct answers *a, uint64_t position)
{
	sluice_store_release(&a->turn, answers_turn_now(a) + 1);
	sluice_store_release(&a->first, position);
	sluice_store_release(&a->taken, position);
	a->next = position;
	a->again = 0;
	a->again_at = position;
	a->nacks_seen = sluice_load_acquire(&a->nacks);
	(void)sluice_exchange(&a->failing, 0);
	(void)sluice_exchange(&a->ended, 0);
}

uint64_t answers_ticket(const struct answers *a, uint64_t position,
			uint32_t deliveries)
{
	uint64_t above = (uint64_t)answers_turn_now(a) << TICKET_DELIVERY_BITS |
			 deliveries % ANSWER_DELIVERIES;

	return (above << TICKET_POSITION_BITS) + position;
}

enum answer answers_at(const struct answers *a, uint64_t position)
{
	struct span s = span_at(a, answers_turn_now(a), position, 1);

	return (enum answer)(span_of(&s, sluice_load_acquire(s.cell)) >>
			     s.shift);
}

static void cells_put(struct answers *a, uint64_t position, uint32_t n,
		      uint64_t what)
{
	struct span s;

	for (uint64_t at = position; at != position + n; at += s.n) {
		uint64_t word;

		s = span_at(a, answers_turn_now(a), at, position + n - at);
		word = sluice_load_acquire(s.cell);
		while (!sluice_compare_exchange(
			s.cell, &word, span_with(&s, word, s.each * what)))
			;
	}
}

void answers_put(struct answers *a, uint64_t position, uint32_t n,
		 enum answer what)
{
	cells_put(a, position, n, what);
}

void answers_hand(struct answers *a, uint64_t position, uint32_t n,
		  uint32_t deliveries)
{
	cells_put(a, position, n, answer_out(deliveries));
}

void answers_rest(struct answers *a, uint64_t position, uint32_t n,
		  uint32_t deliveries, enum answer what)
{
	for (uint64_t at = position; at != position + n; at++) {
		struct span s = span_at(a, answers_turn_now(a), at, 1);

		(void)span_answer(&s, answer_out(deliveries), s.each * what);
	}
}

void answers_take(struct answers *a, uint64_t next)
{
	a->next = next;
	sluice_store_release(&a->taken, next);
}

struct answers_settled answers_settled(const struct answers *a, uint64_t acked)
{
	struct answers_settled settled = {0};

	for (uint64_t at = acked; at != a->next;) {
		struct span s =
			span_at(a, answers_turn_now(a), at, a->next - at);
		uint64_t word = span_of(&s, sluice_load_acquire(s.cell));

		if (word == s.each * ANSWER_OK) {
			settled.done += s.n;
			settled.all += s.n;
			at += s.n;
			continue;
		}
		switch ((int)(word >> s.shift & CELL_MASK)) {
		case ANSWER_OK:
			settled.done++;
			break;
		case ANSWER_REFUSED:
			settled.refused++;
			break;
		case ANSWER_DEAD:
			break;
		default:
			return settled;
		}
		settled.all++;
		at++;
	}
	return settled;
}

/* In a new cell's words. */
static uint64_t answers_anew(struct answers *a, const struct span *s,
			     uint64_t said)
{
	uint64_t bits = 0;

	for (uint32_t i = 0; i < s->n; i++) {
		uint32_t shift = s->shift + i * CELL_BITS;
		uint64_t one = said >> shift & CELL_MASK;

		if (one == ANSWER_RETRY || one == ANSWER_FAIL ||
		    one == ANSWER_AGAIN || one >= ANSWER_OUT) {
			one = ANSWER_AGAIN;
			a->again++;
		}
		bits |= one << shift;
	}
	return bits;
}

void answers_turn(struct answers *a, uint64_t acked)
{
	uint32_t old = answers_turn_now(a);
	struct span was;
	struct span is;

	/* Before the cells: who finds one changed finds out why. */
	sluice_store_release(&a->turn, old + 1);
	a->again = 0;
	a->again_at = acked;
	for (uint64_t at = acked; at != a->next; at += is.n) {
		uint64_t again = a->again;
		uint64_t word;

		was = span_at(a, old, at, a->next - at);
		is = span_at(a, old + 1, at, a->next - at);
		word = sluice_load_acquire(is.cell);
		do
			a->again = again;
		while (!sluice_compare_exchange(
			is.cell, &word,
			is.tag | answers_anew(a, &is, span_of(&was, word))));
	}
	(void)sluice_exchange(&a->failing, 0);
	(void)sluice_exchange(&a->ended, 0);
}
