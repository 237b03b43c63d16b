/* SPDX-License-Identifier: Apache-2.0 */
/* What the two sides of the handshake say: each field is checked, and what is
 * refused is named. docs/format.md says where each lies. */
#include "engine/subscription.h"
#include "ring/base.h"
#include "tests/support/unit.h"
#include "tests/unit/peer_messages.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>

/* ---- what is accepted ------------------------------------------------------ */

static void every_role_says_hello_and_is_welcome(void **state)
{
	(void)state;
	for (int role = WIRE_PRODUCER; role <= WIRE_OBSERVER; role++) {
		struct wire_hello hello = peer_hello((enum wire_role)role);
		struct wire_welcome welcome =
			peer_welcome((enum wire_role)role);
		struct wire_hello heard;
		struct wire_welcome read;

		assert_int_equal(wire_hello_read(&heard, &hello, sizeof(hello)),
				 0);
		assert_memory_equal(&heard, &hello, sizeof(hello));
		assert_int_equal(wire_welcome_read(&read, &welcome,
						   sizeof(welcome),
						   (enum wire_role)role),
				 0);
		assert_memory_equal(&read, &welcome, sizeof(welcome));
		assert_int_equal(wire_kind_of(&hello, sizeof(hello)),
				 WIRE_HELLO);
	}
}

static void a_message_may_lie_anywhere(void **state)
{
	struct wire_hello hello = peer_hello(WIRE_WORKER);
	struct wire_hello heard;
	char odd[sizeof(hello) + 1];

	(void)state;
	memcpy(odd + 1, &hello, sizeof(hello));
	assert_int_equal(wire_hello_read(&heard, odd + 1, sizeof(hello)), 0);
}

/* ---- hello ----------------------------------------------------------------- */

struct hello_row {
	const char *test;
	enum wire_role role;
	void (*spoil)(struct wire_hello *hello);
	int code;
	const char *says;
};

#define SPOIL(name, statement)                                                 \
	static void name(struct wire_hello *h)                                 \
	{                                                                      \
		statement;                                                     \
	}

SPOIL(magic, h->head.magic[0] = 's')
SPOIL(order, h->head.byte_order = __builtin_bswap32(WIRE_BYTE_ORDER))
SPOIL(major, h->head.major = WIRE_MAJOR + 1)
SPOIL(minor, h->head.minor = WIRE_MINOR + 1)
SPOIL(features, h->head.features_required = 4)
SPOIL(optional, h->head.features_optional = 4)
SPOIL(kind, h->head.kind = WIRE_READY)
SPOIL(bytes, h->head.bytes++)
SPOIL(role_none, h->role = 0)
SPOIL(role_high, h->role = 5)
SPOIL(flags, h->flags = 4)
SPOIL(flags_known, h->flags = 3)
SPOIL(manual, h->flags = WIRE_MANUAL)
SPOIL(pipeline_none, h->pipeline[0] = '\0')
SPOIL(pipeline_long, memset(h->pipeline, 'a', sizeof(h->pipeline)))
SPOIL(peer_none, memset(h->peer, 0, sizeof(h->peer)))
SPOIL(peer_space, h->peer[1] = ' ')
SPOIL(peer_behind, h->peer[SLUICE_NAME_BYTES - 1] = 'x')
SPOIL(from_none, h->from[0] = h->from[1] = h->from[2] = '\0')
SPOIL(from_set, h->from[0] = 'x')
SPOIL(to_none, h->to[0] = h->to[1] = '\0')
SPOIL(to_set, h->to[0] = 'x')
SPOIL(from_bytes, h->from_bytes = SLUICE_EVENT_BYTES_MAX + 1)
SPOIL(from_bytes_most, h->from_bytes = SLUICE_EVENT_BYTES_MAX)
SPOIL(to_bytes, h->to_bytes = SLUICE_EVENT_BYTES_MAX + 1)
SPOIL(to_bytes_set, h->to_bytes = 1)
SPOIL(max_demand, h->max_demand = SLUICE_DEMAND_MAX + 1)
SPOIL(max_demand_set, h->max_demand = 1)
SPOIL(min_demand, h->min_demand = -1)
SPOIL(min_demand_high, h->min_demand = (int32_t)SLUICE_DEMAND_MAX)
SPOIL(min_demand_half, h->min_demand = SLUICE_MIN_HALF)
SPOIL(refill, h->refill_events = SLUICE_DEMAND_MAX + 1)
SPOIL(weight, h->weight = SLUICE_WEIGHT_MAX + 1)
SPOIL(partition, h->partition = SLUICE_CONSUMERS_MAX + 1)
SPOIL(tee_set, h->tee = 1)
SPOIL(keys, h->conflate_keys = SLUICE_CONFLATE_KEYS_MAX + 1)
SPOIL(key_offset, h->key_offset = SLUICE_EVENT_BYTES_MAX)
SPOIL(key_bytes, h->key_bytes = SLUICE_EVENT_BYTES_MAX + 1)
SPOIL(ring_events, h->ring_events = SLUICE_DEMAND_MAX + 1)
SPOIL(ring_events_set, h->ring_events = 1)
SPOIL(resume, h->resume = 1)
SPOIL(resv_first, h->resv[0] = 1)
SPOIL(resv_last, h->resv[18] = 1)

static struct hello_row hello_rows[] = {
	{"hello_magic", WIRE_CONSUMER, magic, -EPROTO, "magic"},
	{"hello_order", WIRE_CONSUMER, order, -EPROTO, "another byte order"},
	{"hello_major", WIRE_CONSUMER, major, -EPROTO,
	 "version is 2.0 and has to be 1.x"},
	{"hello_minor", WIRE_CONSUMER, minor, 0, NULL},
	{"hello_features", WIRE_CONSUMER, features, -EPROTO,
	 "features_required has 0x4"},
	{"hello_optional", WIRE_CONSUMER, optional, 0, NULL},
	{"hello_kind", WIRE_CONSUMER, kind, -EPROTO, "kind is 4"},
	{"hello_bytes", WIRE_CONSUMER, bytes, -EPROTO, "have to be 512"},
	{"hello_role_none", WIRE_CONSUMER, role_none, -EINVAL, "role 0"},
	{"hello_role_high", WIRE_CONSUMER, role_high, -EINVAL, "role 5"},
	{"hello_flags", WIRE_CONSUMER, flags, -EINVAL, "flags 0x4"},
	{"hello_flags_known", WIRE_CONSUMER, flags_known, 0, NULL},
	{"hello_manual", WIRE_OBSERVER, manual, -EINVAL,
	 "not for role observer"},
	{"hello_pipeline_none", WIRE_CONSUMER, pipeline_none, -EINVAL,
	 "pipeline"},
	{"hello_pipeline_long", WIRE_CONSUMER, pipeline_long, -EINVAL,
	 "pipeline is over the limit of 63"},
	{"hello_peer_none", WIRE_CONSUMER, peer_none, 0, NULL},
	{"hello_peer_space", WIRE_CONSUMER, peer_space, -EINVAL,
	 "peer may hold"},
	{"hello_peer_behind", WIRE_CONSUMER, peer_behind, -EINVAL,
	 "peer has bytes behind its end"},
	{"hello_from_none", WIRE_WORKER, from_none, -EINVAL, "from is missing"},
	{"hello_from_set", WIRE_PRODUCER, from_set, -EINVAL,
	 "from is set, and role producer has none"},
	{"hello_to_none", WIRE_WORKER, to_none, -EINVAL, "to is missing"},
	{"hello_to_set", WIRE_OBSERVER, to_set, -EINVAL,
	 "to is set, and role observer has none"},
	{"hello_from_bytes", WIRE_CONSUMER, from_bytes, -EINVAL,
	 "from_bytes 65537 is over the limit of 65536"},
	{"hello_from_bytes_most", WIRE_CONSUMER, from_bytes_most, 0, NULL},
	{"hello_to_bytes", WIRE_PRODUCER, to_bytes, -EINVAL, "to_bytes 65537"},
	{"hello_to_bytes_set", WIRE_CONSUMER, to_bytes_set, -EINVAL,
	 "to_bytes is set"},
	{"hello_max_demand", WIRE_CONSUMER, max_demand, -EINVAL,
	 "max_demand 1048577"},
	{"hello_max_demand_set", WIRE_OBSERVER, max_demand_set, -EINVAL,
	 "max_demand is set"},
	{"hello_min_demand", WIRE_CONSUMER, min_demand, -EINVAL,
	 "min_demand -1"},
	{"hello_min_demand_high", WIRE_CONSUMER, min_demand_high, -EINVAL,
	 "min_demand 1048576"},
	{"hello_min_demand_half", WIRE_CONSUMER, min_demand_half, 0, NULL},
	{"hello_refill", WIRE_WORKER, refill, -EINVAL, "refill_events"},
	{"hello_weight", WIRE_WORKER, weight, -EINVAL, "weight 1025"},
	{"hello_partition", WIRE_WORKER, partition, -EINVAL, "partition 4097"},
	{"hello_tee_set", WIRE_PRODUCER, tee_set, -EINVAL, "tee is set"},
	{"hello_keys", WIRE_CONSUMER, keys, -EINVAL, "conflate_keys"},
	{"hello_key_offset", WIRE_CONSUMER, key_offset, -EINVAL,
	 "key_offset 65536 is over the limit of 65535"},
	{"hello_key_bytes", WIRE_CONSUMER, key_bytes, -EINVAL, "key_bytes"},
	{"hello_ring_events", WIRE_PRODUCER, ring_events, -EINVAL,
	 "ring_events 1048577"},
	{"hello_ring_events_set", WIRE_CONSUMER, ring_events_set, -EINVAL,
	 "ring_events is set"},
	{"hello_resume", WIRE_PRODUCER, resume, -EINVAL, "resume"},
	{"hello_resv_first", WIRE_CONSUMER, resv_first, -EINVAL, "resv[0]"},
	{"hello_resv_last", WIRE_CONSUMER, resv_last, -EINVAL, "resv[18]"},
};

static void hellos(void **state)
{
	const struct hello_row *row = *state;
	struct wire_hello hello = peer_hello(row->role);
	struct wire_hello heard;

	row->spoil(&hello);
	assert_int_equal(wire_hello_read(&heard, &hello, sizeof(hello)),
			 row->code);
	if (row->says != NULL)
		assert_text_has(sluice_last_error(), row->says);
}

static void a_hello_of_any_other_length_is_refused(void **state)
{
	struct wire_hello hello = peer_hello(WIRE_CONSUMER);
	struct wire_hello heard;
	char longer[sizeof(hello) + 64] = {0};

	(void)state;
	memcpy(longer, &hello, sizeof(hello));
	for (size_t n = 0; n < sizeof(longer); n++)
		assert_int_equal(wire_hello_read(&heard, longer, n),
				 n == sizeof(hello) ? 0 : -EPROTO);
	(void)wire_hello_read(&heard, longer, 31);
	assert_text_has(sluice_last_error(), "31 bytes are too few");
	assert_int_equal(wire_kind_of(longer, 31), 0);
}

/* ---- welcome ---------------------------------------------------------------- */

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
SPOIL_W(w_memory_event, w->memory[0].kind = WIRE_EVENTFD)
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
SPOIL_W(w_object_memory, w->object[0].memory = 2)
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
	{"welcome_object_memory", WIRE_CONSUMER, w_object_memory, "memory 2"},
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

static void what_is_not_there_is_not_found(void **state)
{
	struct wire_welcome w = peer_welcome(WIRE_PRODUCER);

	(void)state;
	assert_null(wire_object_find(&w, WIRE_FROM, SLUICE_OBJECT_SLOTS));
	assert_null(wire_object_find(&w, WIRE_TO, SLUICE_OBJECT_BELLS));
	assert_ptr_equal(wire_object_find(&w, WIRE_TO, SLUICE_OBJECT_SLOTS),
			 &w.object[1]);
}

/* ---- refusal, end, ready ------------------------------------------------------ */

static int word_code(enum wire_kind kind, int code, uint32_t reason)
{
	struct wire_word word;
	struct wire_word read;

	wire_word_init(&word, kind, code, (enum sluice_reason)reason, "so");
	return wire_word_read(&read, &word, sizeof(word), kind);
}

static void a_refusal_has_a_code_and_an_end_a_reason(void **state)
{
	(void)state;
	assert_int_equal(word_code(WIRE_REFUSAL, -EINVAL, 0), 0);
	assert_int_equal(word_code(WIRE_REFUSAL, 0, 0), -EINVAL);
	assert_int_equal(word_code(WIRE_REFUSAL, 1, 0), -EINVAL);
	assert_int_equal(word_code(WIRE_REFUSAL, -4096, 0), -EINVAL);
	assert_int_equal(word_code(WIRE_REFUSAL, -4095, 0), 0);
	assert_int_equal(word_code(WIRE_REFUSAL, -EINVAL, 1), -EINVAL);
	assert_int_equal(word_code(WIRE_END, 0, 1), 0);
	assert_int_equal(word_code(WIRE_END, 0, 0), -EINVAL);
	assert_int_equal(word_code(WIRE_END, 0, 5), -EINVAL);
	assert_text_has(sluice_last_error(), "end: reason 5");
}

static void words_are_cut_and_shown_as_text(void **state)
{
	char text[600];
	struct wire_word word;
	struct wire_word read;

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	text[3] = '\x1b';
	text[4] = '\n';
	text[5] = '\xff';
	wire_word_init(&word, WIRE_REFUSAL, -EPERM, SLUICE_REASON_OPEN, text);
	assert_int_equal(
		wire_word_read(&read, &word, sizeof(word), WIRE_REFUSAL), 0);
	assert_int_equal(strlen(read.text), WIRE_TEXT_BYTES - 1);
	assert_memory_equal(read.text, "aaa???a", 7);
	word.text[WIRE_TEXT_BYTES - 1] = 'a';
	assert_int_equal(
		wire_word_read(&read, &word, sizeof(word), WIRE_REFUSAL),
		-EINVAL);
	assert_text_has(sluice_last_error(), "over the limit of 471");
}

static void a_ready_says_its_epoch(void **state)
{
	struct wire_ready ready;
	struct wire_ready read;

	(void)state;
	wire_init(&ready, WIRE_READY, sizeof(ready));
	ready.epoch = 9;
	assert_int_equal(wire_ready_read(&read, &ready, sizeof(ready)), 0);
	assert_int_equal(read.epoch, 9);
	ready.resv[2] = 1;
	assert_int_equal(wire_ready_read(&read, &ready, sizeof(ready)),
			 -EINVAL);
	assert_int_equal(wire_ready_read(&read, &ready, 1), -EPROTO);
}

/* ---- what was written down ----------------------------------------------------- */

struct format_row {
	const char *message;
	const char *field;
	size_t offset;
	size_t bytes;
};

#define FIELD(message, field)                                                  \
	{                                                                      \
#message, #field, offsetof(struct wire_##message, field),      \
			sizeof(((struct wire_##message *)0)->field)            \
	}

static const struct format_row format_rows[] = {
	FIELD(head, magic),
	FIELD(head, byte_order),
	FIELD(head, major),
	FIELD(head, minor),
	FIELD(head, kind),
	FIELD(head, bytes),
	FIELD(head, features_required),
	FIELD(head, features_optional),
	FIELD(hello, role),
	FIELD(hello, flags),
	FIELD(hello, pipeline),
	FIELD(hello, peer),
	FIELD(hello, from),
	FIELD(hello, to),
	FIELD(hello, from_bytes),
	FIELD(hello, to_bytes),
	FIELD(hello, max_demand),
	FIELD(hello, min_demand),
	FIELD(hello, refill_events),
	FIELD(hello, weight),
	FIELD(hello, partition),
	FIELD(hello, tee),
	FIELD(hello, conflate_keys),
	FIELD(hello, key_offset),
	FIELD(hello, key_bytes),
	FIELD(hello, ring_events),
	FIELD(hello, epoch),
	FIELD(hello, resume),
	FIELD(hello, resv),
	FIELD(welcome, epoch),
	FIELD(welcome, resume),
	FIELD(welcome, fences),
	FIELD(welcome, page_bytes),
	FIELD(welcome, memory_count),
	FIELD(welcome, object_count),
	FIELD(welcome, ring),
	FIELD(welcome, memory),
	FIELD(welcome, object),
	FIELD(welcome, resv),
	FIELD(ring, event_bytes),
	FIELD(ring, slot_bytes),
	FIELD(ring, capacity),
	FIELD(ring, resv),
	FIELD(ring, start),
	FIELD(memory, kind),
	FIELD(memory, rights),
	FIELD(memory, bytes),
	FIELD(object, kind),
	FIELD(object, memory),
	FIELD(object, side),
	FIELD(object, resv),
	FIELD(object, offset),
	FIELD(object, bytes),
	FIELD(word, code),
	FIELD(word, reason),
	FIELD(word, text),
	FIELD(ready, epoch),
	FIELD(ready, resv),
};

static char *file_read(const char *path)
{
	FILE *file = fopen(path, "re");
	static char text[1 << 16];
	size_t n;

	assert_non_null(file);
	n = fread(text, 1, sizeof(text) - 1, file);
	(void)fclose(file);
	text[n] = '\0';
	return text;
}

/* "### hello" and, behind it, "| 40 | 64 | `pipeline` |". */
static void the_page_has_every_byte(void **state)
{
	const char *page = file_read(SLUICE_SOURCE_DIR "/docs/format.md");

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(format_rows); i++) {
		const struct format_row *row = &format_rows[i];
		char line[128];
		const char *at;
		const char *end;
		const char *found;

		(void)snprintf(line, sizeof(line), "\n### %s", row->message);
		at = strstr(page, line);
		if (at == NULL)
			fail_msg("docs/format.md: no '%s'", row->message);
		end = strstr(at + 1, "\n### ");
		(void)snprintf(line, sizeof(line), "\n| %zu | %zu | `%s` |",
			       row->offset, row->bytes, row->field);
		found = strstr(at, line);
		if (found == NULL || (end != NULL && found > end))
			fail_msg("docs/format.md: %s has no line '%s'",
				 row->message, line + 1);
	}
}

/* A fuzzer begins with them. */
static void the_seeds_are_messages(void **state)
{
	DIR *dir = opendir(SLUICE_SOURCE_DIR "/tests/fuzz/wire");
	int count = 0;

	(void)state;
	assert_non_null(dir);
	for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
		struct wire_hello hello;
		struct wire_welcome welcome;
		char path[512];
		const char *seed;

		(void)snprintf(path, sizeof(path), "%s/tests/fuzz/wire/%s",
			       SLUICE_SOURCE_DIR, e->d_name);
		if (strncmp(e->d_name, "hello-", 6) == 0) {
			seed = file_read(path);
			assert_int_equal(wire_hello_read(&hello, seed + 1,
							 sizeof(hello)),
					 0);
			count++;
		} else if (strncmp(e->d_name, "welcome-", 8) == 0) {
			seed = file_read(path);
			assert_int_equal(
				wire_welcome_read(&welcome, seed + 1,
						  sizeof(welcome),
						  (enum wire_role)(*seed - 3)),
				0);
			count++;
		}
	}
	(void)closedir(dir);
	assert_int_equal(count, 8);
}

int main(void)
{
	static const struct CMUnitTest plain[] = {
		cmocka_unit_test(every_role_says_hello_and_is_welcome),
		cmocka_unit_test(a_message_may_lie_anywhere),
		cmocka_unit_test(a_hello_of_any_other_length_is_refused),
		cmocka_unit_test(an_observer_is_given_nothing_to_write),
		cmocka_unit_test(what_is_not_there_is_not_found),
		cmocka_unit_test(a_refusal_has_a_code_and_an_end_a_reason),
		cmocka_unit_test(words_are_cut_and_shown_as_text),
		cmocka_unit_test(a_ready_says_its_epoch),
		cmocka_unit_test(the_page_has_every_byte),
		cmocka_unit_test(the_seeds_are_messages),
	};
	struct CMUnitTest tests[UNIT_COUNT(plain) + UNIT_COUNT(hello_rows) +
				UNIT_COUNT(welcome_rows)];
	size_t n = UNIT_ADD_ROWS(tests, 0, hellos, hello_rows);

	n = UNIT_ADD_ROWS(tests, n, welcomes, welcome_rows);
	memcpy(tests + n, plain, sizeof(plain));
	return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
