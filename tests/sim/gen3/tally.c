/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/gen3/visit.h"
#include "tests/sim/process.h"

#include <string.h>

enum cell_state { CELL_FREE, CELL_HELD, CELL_DONE };

/* Of one event at one level. */
struct cell {
	enum cell_state state;
	uint32_t holder;
	uint64_t at;      /* its position there */
	uint32_t orphan;  /* whoever had it has gone without finishing it */
	uint32_t deaths;  /* with it first of all in their hands; */
	uint32_t perhaps; /* or in front of them */
	uint32_t dead;    /* it was given up */
};

static struct cell cells[LEVELS][ORIGINS_MAX][EVENTS_MAX];

void tally_reset(void)
{
	memset(cells, 0, sizeof(cells));
}

static uint32_t check_of(const struct event *e)
{
	return (e->seq * 2654435761u) ^ ((uint32_t)e->origin << 24) ^
	       ((uint32_t)e->of << 16) ^ ((uint32_t)e->key << 8) ^ 0x5a5a5a5a;
}

struct event tally_event(uint32_t origin, uint32_t seq)
{
	return tally_result(origin, seq, 0);
}

struct event tally_result(uint32_t origin, uint32_t seq, uint32_t of)
{
	struct event e = {.origin = (uint8_t)origin,
			  .seq = (uint8_t)seq,
			  .of = (uint8_t)of,
			  .key = (uint8_t)((seq * 7 + origin) % KEYS)};

	e.check = check_of(&e);
	return e;
}

int tally_knows(const struct event *e)
{
	return e->origin < ORIGINS_MAX && e->seq < EVENTS_MAX &&
	       e->of < EVENTS_MAX && e->check == check_of(e);
}

static const char *name_of(uint32_t holder)
{
	return holder < VISITORS_MAX ? visit.visitors[holder].name : "a stage";
}

static int is_sound(const struct event *e, uint32_t holder)
{
	if (tally_knows(e))
		return 1;
	wrong("torn: %s has an event of origin %u, %u", name_of(holder),
	      e->origin, e->seq);
	return 0;
}

/* Is it finished? A visitor's receipt says so at once. */
static int is_done(const struct cell *cell)
{
	const struct visitor *v;

	if (cell->state != CELL_HELD || cell->holder >= VISITORS_MAX)
		return cell->state == CELL_DONE;
	v = &visit.visitors[cell->holder];
	return v->rx != NULL && v->rx->acked.value > cell->at;
}

enum level tally_level(enum place place)
{
	return place == PLACE_SOURCE && visit.works ? LEVEL_MIDDLE : LEVEL_LAST;
}

uint32_t tally_finisher(uint32_t seq)
{
	const struct cell *cell = &cells[LEVEL_MIDDLE][0][seq];

	return is_done(cell) ? cell->holder : HOLDER_NONE;
}

/* ---- taking ------------------------------------------------------------------- */

/* An outlaw that works, before anybody hears of it. */
static int may_be_sent_away(void)
{
	return visit.works && visit.outlaws;
}

/* Of its key nothing older is left, but what the same holder has. */
static void check_key(enum level level, const struct event *e, uint32_t holder)
{
	/* What an outlaw had it has finished, as far as it says. */
	for (uint32_t s = 0; s < e->seq && !visit.outlaws; s++) {
		const struct cell *cell = &cells[level][e->origin][s];

		if (tally_event(e->origin, s).key != e->key || is_done(cell) ||
		    (cell->state == CELL_HELD && cell->holder == holder))
			continue;
		wrong("order: %s has %u of origin %u, and %u of its key is "
		      "not finished",
		      name_of(holder), e->seq, e->origin, s);
	}
}

static void check_again(const struct cell *cell, const struct event *e,
			uint32_t holder, int flagged)
{
	if (is_done(cell))
		wrong("twice: %s has %u of origin %u, which %s has "
		      "finished",
		      name_of(holder), e->seq, e->origin,
		      name_of(cell->holder));
	else if (cell->state == CELL_HELD)
		wrong("in two hands: %s has %u of origin %u, and so has %s",
		      name_of(holder), e->seq, e->origin,
		      name_of(cell->holder));
	else if (cell->orphan && !flagged)
		wrong("again, without its flag: %s has %u of origin %u",
		      name_of(holder), e->seq, e->origin);
	else if (flagged && visit.readers == 0 && !may_be_sent_away())
		wrong("flagged: %u of origin %u, and nobody had it", e->seq,
		      e->origin);
}

static void check_line(struct line *line, const struct event *e, int flagged)
{
	/* What lay before one who has gone, and was not in his hands, comes late. */
	if (flagged || visit.readers > 0 || may_be_sent_away())
		return;
	if (e->seq < line->next[e->origin])
		wrong("order: %u of origin %u after %u", e->seq, e->origin,
		      line->next[e->origin] - 1);
	line->next[e->origin] = e->seq + 1;
}

void tally_take(struct line *line, enum level level, uint32_t holder,
		const struct sluice_batch *batch, int keyed)
{
	const struct event *events = batch->events;
	int flagged = (batch->flags & SLUICE_BATCH_REDELIVERED) != 0;

	if (flagged != (batch->deliveries > 1))
		wrong("flags %u, and deliveries %u", batch->flags,
		      batch->deliveries);
	for (uint32_t i = 0; i < batch->count; i++) {
		const struct event *e = &events[i];
		struct cell *cell;

		if (!is_sound(e, holder))
			return;
		cell = &cells[level][e->origin][e->seq];
		check_again(cell, e, holder, flagged);
		check_line(line, e, flagged);
		if (keyed)
			check_key(level, e, holder);
		if (cell->deaths > 0 && holder < VISITORS_MAX)
			killer_comes_again(name_of(holder), cell->deaths);
		cell->state = CELL_HELD;
		cell->holder = holder;
		cell->at = batch->seq + i;
		if (level == LEVEL_MIDDLE && e->origin == 0)
			results_hand(e->seq, holder);
	}
}

void tally_done(enum level level, uint32_t holder,
		const struct sluice_batch *batch)
{
	const struct event *events = batch->events;

	(void)holder;
	for (uint32_t i = 0; i < batch->count; i++)
		if (events[i].origin < ORIGINS_MAX &&
		    events[i].seq < EVENTS_MAX)
			cells[level][events[i].origin][events[i].seq].state =
				CELL_DONE;
}

void tally_copy(struct line *line, const struct sluice_batch *batch,
		int conflated)
{
	const struct event *events = batch->events;

	for (uint32_t i = 0; i < batch->count; i++) {
		if (!is_sound(&events[i], VISITORS_MAX))
			return;
		if (!conflated)
			check_line(line, &events[i], 0);
	}
}

/* ---- going ---------------------------------------------------------------------- */

/* What it has not finished others get. */
static void settle_cell(struct cell *cell, const struct visitor *v,
			uint64_t acked, uint32_t died)
{
	if (cell->state != CELL_HELD || cell->holder != v->index)
		return;
	cell->state = cell->at < acked ? CELL_DONE : CELL_FREE;
	cell->orphan = cell->at >= acked;
	cell->deaths += died && cell->at == acked;
}

/* Of the one that is next for it, whether it has been given that or not. */
static void settle_next(const struct visitor *v, uint64_t acked)
{
	uint64_t mask = v->grant.welcome.ring[WIRE_FROM].capacity - 1;
	struct event e;
	struct cell *cell;

	if (v->slots == NULL || v->dealt->published.value == acked)
		return;
	memcpy(&e, v->slots + (acked & mask) * sizeof(e), sizeof(e));
	cell = &cells[tally_level(v->place)][e.origin][e.seq];
	cell->perhaps++;
	cell->holder = v->index;
}

void tally_dead(enum place place, const struct sluice_dead_letter *letter)
{
	const struct event *e = letter->event;
	struct cell *cell;

	if (!is_sound(e, VISITORS_MAX))
		return;
	cell = &cells[tally_level(place)][e->origin][e->seq];
	if (cell->state != CELL_FREE)
		wrong("lost: %u of origin %u is given up, and %s has it",
		      e->seq, e->origin, name_of(cell->holder));
	killer_check(letter, cell->perhaps, name_of(cell->holder));
	cell->state = CELL_DONE;
	cell->dead = 1;
}

int tally_is_dead(uint32_t seq)
{
	return (int)cells[LEVEL_MIDDLE][0][seq].dead;
}

/* An outlaw's own words say nothing; the engine's do. */
static void settle_reader(struct visitor *v, uint64_t acked, uint32_t died)
{
	visit.readers++;
	common_settle(v);
	if (!died)
		v->heard.deaths = 0;
	if (v->outlaw) {
		/* With what it is sent until the engine heeds that it has gone. Of what
		 * all get it takes nothing from anybody. */
		if (v->dealt != NULL)
			visit.robbed +=
				v->dealt->published.value +
				v->grant.welcome.ring[WIRE_FROM].capacity;
		return;
	}
	for (uint32_t l = 0; l < LEVELS; l++)
		for (uint32_t o = 0; o < ORIGINS_MAX; o++)
			for (uint32_t s = 0; s < EVENTS_MAX; s++)
				settle_cell(&cells[l][o][s], v, acked, died);
	if (died)
		settle_next(v, acked);
}

/* @end: of its stream, if it feeds, from where it began. */
static void settle(struct visitor *v, uint32_t end, uint32_t died)
{
	v->settled = 1;
	v->drained = visit.draining;
	if (visitor_feeds(v)) {
		v->taken = end;
		v->most = (uint32_t)(v->tx->published.value - v->base);
	}
	if (v->role != ROLE_FEEDER)
		settle_reader(v, v->rx->acked.value, died);
	v->tx = v->dealt = NULL;
	v->rx = v->taker = NULL;
	v->slots = NULL;
	v->stream = NULL;
}

/* Nothing that it has not finished has a receipt, and when it has left all has that it
 * has. */
static void check_receipt(const struct visitor *v, const char *how, int all)
{
	uint64_t floor = common_floor(v);
	uint64_t done = v->finished > floor ? v->finished : floor;

	if (v->outlaw || !visitor_reads(v))
		return;
	if (v->rx->acked.value > done ||
	    (all && v->got > 0 && v->rx->acked.value != done))
		wrong("lost: %s has %s with a receipt for %llu, and had "
		      "finished %llu",
		      v->name, how, (unsigned long long)v->rx->acked.value,
		      (unsigned long long)done);
	if (v->role == ROLE_WORKER)
		worker_check(v);
}

static void settle_dead(struct visitor *v, uint32_t end, uint32_t died)
{
	check_receipt(v, "died", 0);
	settle(v, end, died);
	say("%s has died: %u taken", v->name, v->taken);
}

void tally_died(struct visitor *v, uint32_t end)
{
	settle_dead(v, end, 1);
}

void tally_left(struct visitor *v, uint32_t end)
{
	if (process_state(v->process) == PROCESS_DEAD) {
		settle_dead(v, end, 0); /* which is not known yet */
		return;
	}
	if (!v->outlaw && visitor_feeds(v) && !visit.draining &&
	    v->tx->published.value - v->base != v->sent)
		wrong("lost: %s has left, and %llu of %u are in its ring",
		      v->name,
		      (unsigned long long)(v->tx->published.value - v->base),
		      v->sent);
	check_receipt(v, "left", !v->failed);
	settle(v, end, 0);
	say("%s has left: %u taken", v->name, v->taken);
}

uint64_t tally_taken(const char *name)
{
	uint64_t taken = 0;

	for (uint32_t i = 0; i < visit.count; i++)
		if (visitor_feeds(&visit.visitors[i]) &&
		    strcmp(visit.visitors[i].name, name) == 0)
			taken += visit.visitors[i].taken;
	return taken;
}

/* ---- the end ----------------------------------------------------------------------- */

/* Below @count all are finished, from @most on nobody has seen one. Returns how many
 * are not. */
static uint32_t close_origin(enum level level, uint32_t origin, uint32_t count,
			     uint32_t most)
{
	uint32_t lost = 0;

	for (uint32_t s = 0; s < EVENTS_MAX; s++) {
		const struct cell *cell = &cells[level][origin][s];

		report.events += cell->state == CELL_DONE;
		if (s < count && cell->state != CELL_DONE) {
			lost++;
			say("not finished: %u of origin %u, level %d", s,
			    origin, (int)level);
		}
		if (s >= most && (cell->state != CELL_FREE || cell->orphan))
			wrong("%u of origin %u was handled, and it had "
			      "sent %u",
			      s, origin, most);
	}
	return lost;
}

/* Nothing behind what counts was read, whatever it has sent there; but the stage that a
 * drain ends may have more in hand. */
static uint32_t most_of(const struct visitor *v)
{
	if (!v->drained)
		return v->taken;
	return v->most > v->sent ? v->most : v->sent;
}

/* What visitors have sent. Returns how many are not finished; of those that the
 * middle was to have wrong() is told. */
static uint32_t close_visitors(void)
{
	uint32_t last = 0;
	uint32_t middle = 0;

	for (uint32_t i = 0; i < visit.count; i++) {
		const struct visitor *v = &visit.visitors[i];
		uint32_t taken = v->taken;
		enum place place = visitor_fed(v);

		if (!visitor_feeds(v) || v->outlaw)
			continue;
		/* A number is answered once, so some of it is dropped. */
		if (v->role == ROLE_WORKER &&
		    visit.spring[PLACE_SOURCE].ordered)
			taken = 0;
		if (place == PLACE_MIDDLE)
			middle += close_origin(LEVEL_MIDDLE, i + 1, taken,
					       most_of(v));
		if (place != PLACE_MIDDLE || !visit.spring[place].common)
			last += close_origin(LEVEL_LAST, i + 1, taken,
					     most_of(v));
	}
	if (middle > 0)
		wrong("lost: %u events in the middle", middle);
	return last;
}

void tally_close(void)
{
	uint32_t last = close_visitors();

	if (visit.works)
		last += results_lost();
	else if (!visit.spring[PLACE_SOURCE].common)
		last += close_origin(LEVEL_LAST, 0, visit.emitted,
				     visit.emitted);
	if (last > visit.robbed + visit.stranded)
		wrong("lost: %u events", last);
	common_close();
}
