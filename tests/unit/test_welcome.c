/* SPDX-License-Identifier: Apache-2.0 */
/* What an engine answers: a peer checks each field before it maps anything. */
#include "ring/base.h"
#include "tests/support/unit.h"
#include "tests/unit/peer_messages.h"

#include <errno.h>

struct welcome_row {
	const char *test;
	enum wire_role role;
	void (*spoil)(struct wire_welcome *welcome);
	const char *says;
};

#define SPOIL_W(name, statement)                                               \
	static void name(struct wire_welcome *w)                               \
	{                                                                      \
		statement;                                                     \
	}

SPOIL_W(w_fences, w->fences = SLUICE_FENCES_LEAVING)
SPOIL_W(w_page, w->page_bytes = 512)
SPOIL_W(w_memories, w->memory_count = WIRE_MEMORY_MAX + 1)
SPOIL_W(w_objects, w->object_count = WIRE_OBJECTS_MAX + 1)
SPOIL_W(w_more_memory, w->memory[7].bytes = 1)
SPOIL_W(w_more_objects, w->object[15].resv = 1)
SPOIL_W(w_memory_kind, w->memory[0].kind = 3)
SPOIL_W(w_memory_rights, w->memory[0].rights = WIRE_WRITE)
SPOIL_W(w_memory_bytes, w->memory[0].bytes++)
SPOIL_W(w_memory_empty, w->memory[0].bytes = 0)
SPOIL_W(w_memory_event, w->memory[0].kind = WIRE_SIGNAL)
SPOIL_W(w_event_bytes, w->ring[WIRE_FROM].event_bytes = 65537)
SPOIL_W(w_no_ring, w->ring[WIRE_FROM].event_bytes = 0)
SPOIL_W(w_slot_bytes, w->ring[WIRE_FROM].slot_bytes = 15)
SPOIL_W(w_capacity, w->ring[WIRE_FROM].capacity = 127)
SPOIL_W(w_capacity_none, w->ring[WIRE_FROM].capacity = 0)
SPOIL_W(w_capacity_high, w->ring[WIRE_FROM].capacity = 1u << 21)
SPOIL_W(w_ring_resv, w->ring[WIRE_FROM].resv = 1)
SPOIL_W(w_other_ring, w->ring[WIRE_TO].start = 1)
SPOIL_W(w_object_kind, w->object[0].kind = 0)
SPOIL_W(w_object_side, w->object[0].side = 2)
SPOIL_W(w_object_memory, w->object[0].memory = 4)
SPOIL_W(w_object_resv, w->object[0].resv = 2)
SPOIL_W(w_outside, w->object[1].offset = w->memory[0].bytes)
SPOIL_W(w_over_the_end, w->object[1].offset = UINT64_MAX - 127)
SPOIL_W(w_too_long, w->object[0].bytes = w->memory[0].bytes + 1)
SPOIL_W(w_crooked, w->object[0].offset = 64)
SPOIL_W(w_slots_short, w->object[1].bytes--)
SPOIL_W(w_words_short, w->object[0].bytes = 64)
SPOIL_W(w_twice, w->object[1].kind = SLUICE_OBJECT_TX_WORDS;
	w->object[1].bytes = sizeof(struct sluice_tx_words))
SPOIL_W(w_missing, w->object_count--;
	w->object[w->object_count] = (struct wire_object){0})
SPOIL_W(w_may_write, w->memory[0].rights = WIRE_READ | WIRE_WRITE)
SPOIL_W(w_may_not, w->memory[1].rights = WIRE_READ)
static void w_spoil_object(struct wire_welcome *w, uint32_t kind)
{
	for (uint32_t i = 0; i < w->object_count; i++)
		if (w->object[i].kind == kind)
			w->object[i].kind = SLUICE_OBJECT_LATENCY;
}
SPOIL_W(w_no_rung, w_spoil_object(w, SLUICE_OBJECT_RUNG))
SPOIL_W(w_no_bell, w_spoil_object(w, SLUICE_OBJECT_BELLS))
SPOIL_W(w_no_fences, w_spoil_object(w, SLUICE_OBJECT_FENCES))
SPOIL_W(w_no_signal, w->memory_count--;
	w->memory[w->memory_count] = (struct wire_memory){0})
SPOIL_W(w_signals_alike, w->memory[w->memory_count - 1].rights = WIRE_READ)
SPOIL_W(w_resv_first, w->resv[0] = 1)
SPOIL_W(w_resv_last, w->resv[33] = 1)

static struct welcome_row welcome_rows[] = {
	{"welcome_fences", WIRE_CONSUMER, w_fences, "fences are 2"},
	{"welcome_page", WIRE_CONSUMER, w_page, "page_bytes are 512"},
	{"welcome_memories", WIRE_CONSUMER, w_memories, "memory_count 9"},
	{"welcome_objects", WIRE_CONSUMER, w_objects, "object_count 17"},
	{"welcome_more_memory", WIRE_CONSUMER, w_more_memory,
	 "memory[7] is set"},
	{"welcome_more_objects", WIRE_CONSUMER, w_more_objects,
	 "object[15] is set"},
	{"welcome_memory_kind", WIRE_CONSUMER, w_memory_kind, "kind 3"},
	{"welcome_memory_rights", WIRE_CONSUMER, w_memory_rights, "rights 2"},
	{"welcome_memory_bytes", WIRE_CONSUMER, w_memory_bytes,
	 "not of whole pages"},
	{"welcome_memory_empty", WIRE_CONSUMER, w_memory_empty,
	 "not of whole pages"},
	{"welcome_memory_event", WIRE_CONSUMER, w_memory_event,
	 "not of whole pages"},
	{"welcome_event_bytes", WIRE_CONSUMER, w_event_bytes,
	 "events of 65537 bytes"},
	{"welcome_no_ring", WIRE_CONSUMER, w_no_ring, "events of 0 bytes"},
	{"welcome_slot_bytes", WIRE_CONSUMER, w_slot_bytes,
	 "slots of 15 bytes for events of 16"},
	{"welcome_capacity", WIRE_CONSUMER, w_capacity, "127 slots"},
	{"welcome_capacity_none", WIRE_CONSUMER, w_capacity_none, "0 slots"},
	{"welcome_capacity_high", WIRE_CONSUMER, w_capacity_high,
	 "2097152 slots"},
	{"welcome_ring_resv", WIRE_CONSUMER, w_ring_resv, "128 slots"},
	{"welcome_other_ring", WIRE_CONSUMER, w_other_ring,
	 "ring to is set, and the role has none"},
	{"welcome_object_kind", WIRE_CONSUMER, w_object_kind, "of kind 0"},
	{"welcome_object_side", WIRE_CONSUMER, w_object_side, "side 2"},
	{"welcome_object_memory", WIRE_CONSUMER, w_object_memory, "memory 4"},
	{"welcome_object_resv", WIRE_CONSUMER, w_object_resv, "object[0]"},
	{"welcome_outside", WIRE_CONSUMER, w_outside, "does not lie in"},
	{"welcome_over_the_end", WIRE_CONSUMER, w_over_the_end,
	 "does not lie in"},
	{"welcome_too_long", WIRE_CONSUMER, w_too_long, "does not lie in"},
	{"welcome_crooked", WIRE_CONSUMER, w_crooked, "does not lie in"},
	{"welcome_slots_short", WIRE_CONSUMER, w_slots_short,
	 "has 2047 bytes and its ring needs 2048"},
	{"welcome_words_short", WIRE_CONSUMER, w_words_short,
	 "its ring needs 128"},
	{"welcome_twice", WIRE_CONSUMER, w_twice, "is there twice"},
	{"welcome_missing", WIRE_CONSUMER, w_missing,
	 "ring from has not the objects"},
	{"welcome_receipts", WIRE_PRODUCER, w_missing,
	 "ring to has not the objects"},
	{"welcome_may_write", WIRE_CONSUMER, w_may_write,
	 "in a memory that the peer may write"},
	{"welcome_may_write_to", WIRE_PRODUCER, w_may_write,
	 "in a memory that the peer may write"},
	{"welcome_may_not", WIRE_CONSUMER, w_may_not,
	 "in a memory that the peer may only read"},
	{"welcome_no_rung", WIRE_CONSUMER, w_no_rung,
	 "ring from has not the objects"},
	{"welcome_no_bell", WIRE_PRODUCER, w_no_bell,
	 "ring to has not the objects"},
	{"welcome_no_fences", WIRE_CONSUMER, w_no_fences,
	 "ring from has not the objects"},
	{"welcome_no_signal", WIRE_CONSUMER, w_no_signal,
	 "1 and 0 descriptors"},
	{"welcome_signals_alike", WIRE_PRODUCER, w_signals_alike,
	 "2 and 0 descriptors"},
	{"welcome_resv_first", WIRE_CONSUMER, w_resv_first, "resv[0]"},
	{"welcome_resv_last", WIRE_CONSUMER, w_resv_last, "resv[33]"},
};

static void welcomes(void **state)
{
	const struct welcome_row *row = *state;
	struct wire_welcome welcome = peer_welcome(row->role);
	struct wire_welcome read;

	row->spoil(&welcome);
	assert_int_equal(
		wire_welcome_read(&read, &welcome, sizeof(welcome), row->role),
		-EINVAL);
	assert_text_has(sluice_last_error(), row->says);
}

/* Its receipts would have an engine wait for it. */
static void an_observer_is_given_nothing_to_write(void **state)
{
	struct wire_welcome welcome = peer_welcome(WIRE_CONSUMER);
	struct wire_welcome read;

	(void)state;
	assert_int_equal(wire_welcome_read(&read, &welcome, sizeof(welcome),
					   WIRE_OBSERVER),
			 -EINVAL);
}

/* Instead of a ring; no other has one. */
static void who_watches_has_a_board(void **state)
{
	struct wire_welcome w = peer_welcome(WIRE_OBSERVER);
	struct wire_welcome read;

	(void)state;
	memset(w.ring, 0, sizeof(w.ring));
	assert_int_equal(wire_welcome_read(&read, &w, sizeof(w), WIRE_OBSERVER),
			 -EINVAL);
	assert_text_has(sluice_last_error(), "there is no board");
	w.object[0].kind = SLUICE_OBJECT_BOARD;
	assert_int_equal(wire_welcome_read(&read, &w, sizeof(w), WIRE_OBSERVER),
			 0);
	w = peer_welcome(WIRE_CONSUMER);
	peer_object(&w, SLUICE_OBJECT_BOARD, 0, WIRE_FROM, 128);
	assert_int_equal(wire_welcome_read(&read, &w, sizeof(w), WIRE_CONSUMER),
			 -EINVAL);
	assert_text_has(sluice_last_error(), "there is a board");
}

/* Where others read the ring, too; none of those fills it. */
static void who_reads_may_have_a_stream(void **state)
{
	struct wire_welcome w = peer_welcome(WIRE_CONSUMER);
	struct wire_welcome read;

	(void)state;
	peer_object(&w, SLUICE_OBJECT_STREAM, 0, WIRE_FROM,
		    sizeof(struct far_stream));
	assert_int_equal(wire_welcome_read(&read, &w, sizeof(w), WIRE_CONSUMER),
			 0);
	w.object[w.object_count - 1].memory = 1;
	w.object[w.object_count - 1].offset = 0;
	assert_int_equal(wire_welcome_read(&read, &w, sizeof(w), WIRE_CONSUMER),
			 -EINVAL);
	assert_text_has(sluice_last_error(), "that the peer may write");
	w = peer_welcome(WIRE_PRODUCER);
	peer_object(&w, SLUICE_OBJECT_STREAM, 0, WIRE_TO,
		    sizeof(struct far_stream));
	assert_int_equal(wire_welcome_read(&read, &w, sizeof(w), WIRE_PRODUCER),
			 -EINVAL);
	assert_text_has(sluice_last_error(), "ring to has not the objects");
}

static void what_is_not_there_is_not_found(void **state)
{
	struct wire_welcome w = peer_welcome(WIRE_PRODUCER);

	(void)state;
	assert_null(wire_object_find(&w, WIRE_FROM, SLUICE_OBJECT_SLOTS));
	assert_null(wire_object_find(&w, WIRE_TO, SLUICE_OBJECT_NOTES));
	assert_ptr_equal(wire_object_find(&w, WIRE_TO, SLUICE_OBJECT_SLOTS),
			 &w.object[1]);
}

int main(void)
{
	static const struct CMUnitTest plain[] = {
		cmocka_unit_test(an_observer_is_given_nothing_to_write),
		cmocka_unit_test(who_watches_has_a_board),
		cmocka_unit_test(who_reads_may_have_a_stream),
		cmocka_unit_test(what_is_not_there_is_not_found),
	};
	struct CMUnitTest tests[UNIT_COUNT(plain) + UNIT_COUNT(welcome_rows)];
	size_t n = UNIT_ADD_ROWS(tests, 0, welcomes, welcome_rows);

	memcpy(tests + n, plain, sizeof(plain));
	return cmocka_run_group_tests_name("welcome", tests, NULL, NULL);
}
