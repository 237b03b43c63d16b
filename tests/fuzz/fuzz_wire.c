/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever a stranger sends: the readers of the handshake touch nothing outside
 * of it, answer it or refuse it in words, and what they let pass is what the rest
 * of the engine relies on. The first byte picks the reader.
 */
#include "engine/peer/wire_priv.h"
#include "engine/subscription.h"
#include "ring/base.h"
#include "ring/wait.h"
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <string.h>

/* A refusal has a code of its own and words; its words may be sent. */
static void refused(int rc)
{
	MUST(rc == -EPROTO || rc == -EINVAL);
	MUST(strlen(sluice_last_error()) > 10);
}

static void name_is_one(const char name[SLUICE_NAME_BYTES])
{
	size_t length = strnlen(name, SLUICE_NAME_BYTES);

	MUST(length < SLUICE_NAME_BYTES);
	for (size_t i = 0; i < length; i++)
		MUST(name[i] > ' ' && name[i] != '/' && name[i] <= '~');
}

static void hello_is_one(const struct wire_hello *hello)
{
	MUST(wire_role_text(hello->role) != NULL);
	name_is_one(hello->pipeline);
	name_is_one(hello->peer);
	name_is_one(hello->from);
	name_is_one(hello->to);
	MUST(hello->pipeline[0] != '\0');
	/* An observer may watch the whole pipeline. */
	MUST(hello->role == WIRE_OBSERVER ||
	     (hello->from[0] != '\0') == wire_reads(hello->role));
	MUST((hello->to[0] != '\0') == wire_feeds(hello->role));
	MUST(hello->max_demand <= SLUICE_DEMAND_MAX);
	MUST(hello->ring_events <= SLUICE_DEMAND_MAX);
	MUST(hello->from_bytes <= SLUICE_EVENT_BYTES_MAX);
	MUST(hello->to_bytes <= SLUICE_EVENT_BYTES_MAX);
}

/* Each object lies in its memory, and slots hold the whole ring. */
static void welcome_is_one(const struct wire_welcome *w, uint32_t role)
{
	MUST(w->memory_count <= WIRE_MEMORY_MAX);
	MUST(w->object_count <= WIRE_OBJECTS_MAX);
	for (uint32_t i = 0; i < w->object_count; i++) {
		const struct wire_object *object = &w->object[i];
		const struct wire_memory *memory;

		MUST(object->memory < w->memory_count);
		memory = &w->memory[object->memory];
		MUST(memory->kind == WIRE_MEMFD);
		MUST(object->offset + object->bytes >= object->offset);
		MUST(object->offset + object->bytes <= memory->bytes);
	}
	for (int side = WIRE_FROM; side <= WIRE_TO; side++) {
		const struct wire_ring *ring = &w->ring[side];
		const struct wire_object *slots = wire_object_find(
			w, (enum wire_side)side, SLUICE_OBJECT_SLOTS);

		MUST((role == WIRE_OBSERVER && side == WIRE_FROM) ||
		     (ring->event_bytes != 0) == (side == WIRE_FROM
							  ? wire_reads(role)
							  : wire_feeds(role)));
		if (ring->event_bytes == 0)
			continue;
		MUST(slots != NULL);
		MUST(ring->capacity >= 1);
		MUST(slots->bytes / ring->capacity == ring->slot_bytes);
		MUST(ring->event_bytes <= ring->slot_bytes);
		/* A peer writes no slots that it reads. */
		MUST(((w->memory[slots->memory].rights & WIRE_WRITE) != 0) ==
		     (side == WIRE_TO));
	}
}

static void read_hello(const void *message, size_t n)
{
	struct wire_hello hello;
	int rc = wire_hello_read(&hello, message, n);

	if (rc < 0)
		refused(rc);
	else
		hello_is_one(&hello);
}

static void read_welcome(const void *message, size_t n, uint32_t role)
{
	struct wire_welcome welcome;
	int rc = wire_welcome_read(&welcome, message, n, (enum wire_role)role);

	if (rc < 0)
		refused(rc);
	else
		welcome_is_one(&welcome, role);
}

static void read_word(const void *message, size_t n, enum wire_kind kind)
{
	struct wire_word word;
	int rc = wire_word_read(&word, message, n, kind);

	if (rc < 0) {
		refused(rc);
		return;
	}
	MUST(strnlen(word.text, sizeof(word.text)) < sizeof(word.text));
	for (const char *c = word.text; *c != '\0'; c++)
		MUST(*c >= ' ' && *c <= '~');
	MUST(word.code <= 0);
}

static void read_ready(const void *message, size_t n)
{
	struct wire_ready ready;
	int rc = wire_ready_read(&ready, message, n);

	if (rc < 0)
		refused(rc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t which;

	if (size == 0)
		return 0;
	which = *data++ % 8;
	size--;
	(void)wire_kind_of(data, size);
	switch (which) {
	case 0:
		read_hello(data, size);
		break;
	case 1:
		read_ready(data, size);
		break;
	case 2:
		read_word(data, size, WIRE_REFUSAL);
		break;
	case 3:
		read_word(data, size, WIRE_END);
		break;
	default:
		read_welcome(data, size, which - 3);
		break;
	}
	return 0;
}
