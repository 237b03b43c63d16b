/* SPDX-License-Identifier: Apache-2.0 */
/* What a peer says, and what both say when they part: each field is checked, and what
 * is refused is named. */
#include "engine/subscription.h"
#include "ring/base.h"
#include "tests/support/unit.h"
#include "tests/unit/peer_messages.h"

#include <errno.h>

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
SPOIL(max_demand_auto, h->max_demand = SLUICE_DEMAND_AUTO)
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
SPOIL(resv_first, h->resv[0] = 1)
SPOIL(resv_last, h->resv[20] = 1)

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
	{"hello_from_none_watches", WIRE_OBSERVER, from_none, 0, NULL},
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
	{"hello_max_demand_auto", WIRE_WORKER, max_demand_auto, -EINVAL,
	 "max_demand SLUICE_DEMAND_AUTO is for subscriptions inside"},
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
	{"hello_resv_first", WIRE_CONSUMER, resv_first, -EINVAL, "resv[0]"},
	{"hello_resv_last", WIRE_CONSUMER, resv_last, -EINVAL, "resv[20]"},
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
	assert_int_equal(word_code(WIRE_END, -(int)SLUICE_CODE_MAX, 3), 0);
	assert_int_equal(word_code(WIRE_END, -(int)SLUICE_CODE_MAX - 1, 3),
			 -EINVAL);
	assert_text_has(sluice_last_error(),
			"end: code -16777216 is no "
			"negative number down to -16777215");
	assert_int_equal(word_code(WIRE_END, 1, 3), -EINVAL);
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

int main(void)
{
	static const struct CMUnitTest plain[] = {
		cmocka_unit_test(every_role_says_hello_and_is_welcome),
		cmocka_unit_test(a_message_may_lie_anywhere),
		cmocka_unit_test(a_hello_of_any_other_length_is_refused),
		cmocka_unit_test(a_refusal_has_a_code_and_an_end_a_reason),
		cmocka_unit_test(words_are_cut_and_shown_as_text),
		cmocka_unit_test(a_ready_says_its_epoch),
	};
	struct CMUnitTest tests[UNIT_COUNT(plain) + UNIT_COUNT(hello_rows)];
	size_t n = UNIT_ADD_ROWS(tests, 0, hellos, hello_rows);

	memcpy(tests + n, plain, sizeof(plain));
	return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
