/* SPDX-License-Identifier: Apache-2.0 */
/* One that writes what it likes wherever it may, and dies of it in the end. */
#include "tests/sim/gen3/visit.h"
#include "tests/sim/process.h"
#include "tests/sim/sim.h"

#include <string.h>

#define ROUNDS_MAX 400u

/* Values that mean something nearly, and some that mean nothing. */
static uint64_t wild(uint64_t was)
{
	static const uint64_t edges[] = {0, 1, UINT32_MAX, UINT64_MAX,
					 UINT64_C(1) << 63};

	switch (sim_below(4)) {
	case 0:
		return edges[sim_below(5)];
	case 1:
		return was + sim_below(64);
	case 2:
		return was - sim_below(64);
	default:
		return (uint64_t)sim_below(UINT32_MAX) << 32 |
		       sim_below(UINT32_MAX);
	}
}

/* Any of its own words, aligned. */
static void scribble_object(const struct visitor *v)
{
	const struct wire_welcome *w = &v->grant.welcome;
	const struct wire_object *o = &w->object[sim_below(w->object_count)];
	unsigned char *at;
	uint64_t word;

	if ((w->memory[o->memory].rights & WIRE_WRITE) == 0)
		return;
	at = v->maps[o->memory].base + o->offset +
	     8 * (uint64_t)sim_below((uint32_t)(o->bytes / 8));
	memcpy(&word, at, sizeof(word));
	word = wild(word);
	memcpy(at, &word, sim_below(4) ? sizeof(word) : 4);
}

static void *mapped(const struct visitor *v, enum wire_side side,
		    enum sluice_object_kind kind)
{
	const struct wire_object *o =
		wire_object_find(&v->grant.welcome, side, kind);

	return v->maps[o->memory].base + o->offset;
}

/* And those that matter most. */
static void scribble_words(const struct visitor *v)
{
	enum wire_side side =
		v->role == ROLE_FEEDER ||
				(v->role == ROLE_WORKER && sim_below(2))
			? WIRE_TO
			: WIRE_FROM;
	struct sluice_tx_words *tx = mapped(v, side, SLUICE_OBJECT_TX_WORDS);
	struct sluice_rx_words *rx = mapped(v, side, SLUICE_OBJECT_RX_WORDS);

	if (side == WIRE_TO)
		tx->published.value = wild(tx->published.value);
	else if (sim_below(2))
		rx->acked.value = wild(tx->published.value);
	else
		rx->granted.value = wild(rx->granted.value);
}

static void signal_engine(const struct visitor *v)
{
	const struct sluice_far_ops *far = sluice_far_linux();

	for (uint32_t i = 0; i < v->grant.welcome.memory_count; i++)
		if (v->grant.welcome.memory[i].kind == WIRE_SIGNAL &&
		    v->grant.welcome.memory[i].rights & WIRE_WRITE)
			far->signal(far->ctx, v->grant.fds[i]);
}

void outlaw_run(struct visitor *v)
{
	process_alone(); /* what it does to itself is no matter */
	for (uint32_t n = sim_below(ROUNDS_MAX); n > 0; n--) {
		sim_point();
		if (sim_below(2))
			scribble_words(v);
		else
			scribble_object(v);
		if (sim_below(4) == 0)
			signal_engine(v);
		if (sim_below(6) == 0)
			sim_yield();
	}
	process_doom(process_self(), 1);
	sim_point();
}
