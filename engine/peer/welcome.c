/* SPDX-License-Identifier: Apache-2.0 */
/* What a peer is told of the memory it is given: looked at before it is mapped. */
#include "engine/link/subscription_priv.h"
#include "engine/peer/wire_priv.h"
#include "ring/base_priv.h"
#include "ring/wait.h"

#include <string.h>

const struct wire_object *wire_object_find(const struct wire_welcome *welcome,
					   enum wire_side side,
					   enum sluice_object_kind kind)
{
	for (uint32_t i = 0; i < welcome->object_count; i++)
		if (welcome->object[i].side == (uint32_t)side &&
		    welcome->object[i].kind == (uint32_t)kind)
			return &welcome->object[i];
	return NULL;
}

/* Rows that are not in use are zero. */
static int unused_check(const void *rows, size_t row_bytes, uint32_t used,
			uint32_t most, const char *field)
{
	const unsigned char *bytes = rows;

	if (used > most)
		return sluice_fail(-EINVAL,
				   "welcome: %s_count %u is over the limit of "
				   "%u",
				   field, used, most);
	for (size_t i = used * row_bytes; i < most * row_bytes; i++)
		if (bytes[i] != 0)
			return sluice_fail(-EINVAL,
					   "welcome: %s[%zu] is set, and there "
					   "are %u",
					   field, i / row_bytes, used);
	return 0;
}

static int memory_check(const struct wire_welcome *w, uint32_t i)
{
	const struct wire_memory *memory = &w->memory[i];

	if (memory->kind != WIRE_MEMFD && memory->kind != WIRE_SIGNAL)
		return sluice_fail(-EINVAL,
				   "welcome: memory[%u] has kind %u, which is "
				   "not known",
				   i, memory->kind);
	if (memory->rights != WIRE_READ &&
	    memory->rights != (WIRE_READ | WIRE_WRITE))
		return sluice_fail(-EINVAL,
				   "welcome: memory[%u] has rights %u, which "
				   "are not known",
				   i, memory->rights);
	if ((memory->kind == WIRE_MEMFD) != (memory->bytes > 0) ||
	    memory->bytes % w->page_bytes != 0 || memory->bytes > INT64_MAX)
		return sluice_fail(-EINVAL,
				   "welcome: memory[%u] of %llu bytes is not "
				   "of whole pages of %u",
				   i, (unsigned long long)memory->bytes,
				   w->page_bytes);
	return 0;
}

static int ring_check(const struct wire_ring *ring, uint32_t side, int wanted)
{
	static const struct wire_ring none;
	const char *name = side == WIRE_FROM ? "from" : "to";

	if (!wanted)
		return memcmp(ring, &none, sizeof(none)) == 0
			       ? 0
			       : sluice_fail(-EINVAL,
					     "welcome: ring %s is set, and the "
					     "role has none",
					     name);
	if (ring->event_bytes == 0 ||
	    ring->event_bytes > SLUICE_EVENT_BYTES_MAX)
		return sluice_fail(-EINVAL,
				   "welcome: ring %s has events of %u bytes, "
				   "and the limit is %u",
				   name, ring->event_bytes,
				   SLUICE_EVENT_BYTES_MAX);
	if (ring->slot_bytes < ring->event_bytes ||
	    ring->slot_bytes > SLUICE_EVENT_BYTES_MAX)
		return sluice_fail(-EINVAL,
				   "welcome: ring %s has slots of %u bytes for "
				   "events of %u",
				   name, ring->slot_bytes, ring->event_bytes);
	if (ring->capacity == 0 || ring->capacity > SLUICE_DEMAND_MAX ||
	    (ring->capacity & (ring->capacity - 1)) != 0 || ring->resv != 0)
		return sluice_fail(
			-EINVAL,
			"welcome: ring %s has %u slots, which are no "
			"power of two up to %u",
			name, ring->capacity, SLUICE_DEMAND_MAX);
	return 0;
}

/* ---- objects --------------------------------------------------------------- */

uint64_t wire_object_bytes(const struct wire_ring *ring,
			   enum sluice_object_kind kind)
{
	switch (kind) {
	case SLUICE_OBJECT_TX_WORDS:
		return sizeof(struct sluice_tx_words);
	case SLUICE_OBJECT_RX_WORDS:
		return sizeof(struct sluice_rx_words);
	case SLUICE_OBJECT_SLOTS:
		return (uint64_t)ring->capacity * ring->slot_bytes;
	case SLUICE_OBJECT_NOTES:
		return sizeof(struct notes);
	case SLUICE_OBJECT_NOTES_READ:
	case SLUICE_OBJECT_RUNG:
		return sizeof(sluice_a32);
	case SLUICE_OBJECT_STREAM:
		return sizeof(struct far_stream);
	case SLUICE_OBJECT_BELLS: /* one of them */
		return sizeof(struct sluice_bell);
	case SLUICE_OBJECT_PEER_BELLS:
		return WIRE_BELLS * sizeof(struct sluice_bell);
	case SLUICE_OBJECT_FENCES:
	case SLUICE_OBJECT_PEER_FENCES:
		return sizeof(struct sluice_fences);
	case SLUICE_OBJECT_COUNTERS:
	case SLUICE_OBJECT_LATENCY:
	case SLUICE_OBJECT_BOARD:
		break;
	}
	return 0;
}

int wire_object_is_peers(enum wire_side side, enum sluice_object_kind kind)
{
	if (kind == SLUICE_OBJECT_PEER_BELLS ||
	    kind == SLUICE_OBJECT_PEER_FENCES)
		return 1;
	if (side == WIRE_FROM)
		return kind == SLUICE_OBJECT_RX_WORDS ||
		       kind == SLUICE_OBJECT_NOTES_READ;
	return kind == SLUICE_OBJECT_TX_WORDS || kind == SLUICE_OBJECT_SLOTS;
}

static int object_check_place(const struct wire_welcome *w, uint32_t i)
{
	const struct wire_object *object = &w->object[i];
	const struct wire_memory *memory;
	uint64_t bytes;

	if (object->kind < SLUICE_OBJECT_TX_WORDS ||
	    object->kind > SLUICE_OBJECT_STREAM || object->side > WIRE_TO ||
	    object->memory >= w->memory_count || object->resv != 0)
		return sluice_fail(-EINVAL,
				   "welcome: object[%u] is of kind %u, side "
				   "%u, memory %u, which is not possible",
				   i, object->kind, object->side,
				   object->memory);
	memory = &w->memory[object->memory];
	if (object->bytes == 0 || object->bytes > memory->bytes ||
	    object->offset > memory->bytes - object->bytes ||
	    object->offset % SLUICE_LINE_BYTES != 0)
		return sluice_fail(-EINVAL,
				   "welcome: object[%u], %llu bytes from %llu "
				   "on, does not lie in its memory of %llu",
				   i, (unsigned long long)object->bytes,
				   (unsigned long long)object->offset,
				   (unsigned long long)memory->bytes);
	bytes = wire_object_bytes(&w->ring[object->side],
				  (enum sluice_object_kind)object->kind);
	if (bytes != 0 && object->bytes != bytes)
		return sluice_fail(-EINVAL,
				   "welcome: object[%u] has %llu bytes and its "
				   "ring needs %llu",
				   i, (unsigned long long)object->bytes,
				   (unsigned long long)bytes);
	return 0;
}

/* Nothing of the engine's ring lies in a memory that a peer may write, nor the other
 * way round. */
static int object_check_rights(const struct wire_welcome *w, uint32_t i)
{
	const struct wire_object *object = &w->object[i];
	enum sluice_object_kind kind = (enum sluice_object_kind)object->kind;
	int writes = (w->memory[object->memory].rights & WIRE_WRITE) != 0;

	if (kind == SLUICE_OBJECT_COUNTERS || kind == SLUICE_OBJECT_LATENCY ||
	    writes == wire_object_is_peers((enum wire_side)object->side, kind))
		return 0;
	return sluice_fail(-EINVAL,
			   "welcome: object[%u], of kind %u, lies in a memory "
			   "that the peer %s",
			   i, object->kind,
			   writes ? "may write" : "may only read");
}

static int object_check(const struct wire_welcome *w, uint32_t i)
{
	const struct wire_object *object = &w->object[i];
	int rc = object_check_place(w, i);

	if (rc == 0)
		rc = object_check_rights(w, i);
	if (rc == 0 &&
	    wire_object_find(w, (enum wire_side)object->side,
			     (enum sluice_object_kind)object->kind) != object)
		rc = sluice_fail(-EINVAL,
				 "welcome: object[%u], of kind %u, is there "
				 "twice",
				 i, object->kind);
	return rc;
}

static int object_there(const struct wire_welcome *w, enum wire_side side,
			enum sluice_object_kind kind)
{
	return wire_object_find(w, side, kind) != NULL;
}

/* The bell of the stage at the other end, and on the first side of a peer what it is
 * woken by itself. */
static int side_wakes(const struct wire_welcome *w, enum wire_side side,
		      int receipts)
{
	int first = receipts &&
		    (side == WIRE_FROM || w->ring[WIRE_FROM].event_bytes == 0);

	return object_there(w, side, SLUICE_OBJECT_BELLS) == receipts &&
	       object_there(w, side, SLUICE_OBJECT_FENCES) == receipts &&
	       object_there(w, side, SLUICE_OBJECT_RUNG) == first &&
	       object_there(w, side, SLUICE_OBJECT_PEER_BELLS) == first &&
	       object_there(w, side, SLUICE_OBJECT_PEER_FENCES) == first;
}

/* Is all there that an end of the ring needs? An observer has no receipts, and wakes
 * nobody; and marks of redelivery has only who reads, and perhaps a stream of its own in
 * a ring for all. */
static int side_check(const struct wire_welcome *w, enum wire_side side,
		      int receipts)
{
	int marks = receipts && side == WIRE_FROM;

	if (w->ring[side].event_bytes == 0)
		return 0;
	if (object_there(w, side, SLUICE_OBJECT_TX_WORDS) &&
	    object_there(w, side, SLUICE_OBJECT_SLOTS) &&
	    object_there(w, side, SLUICE_OBJECT_RX_WORDS) == receipts &&
	    object_there(w, side, SLUICE_OBJECT_NOTES) == marks &&
	    object_there(w, side, SLUICE_OBJECT_NOTES_READ) == marks &&
	    object_there(w, side, SLUICE_OBJECT_STREAM) <= marks &&
	    side_wakes(w, side, receipts))
		return 0;
	return sluice_fail(-EINVAL,
			   "welcome: ring %s has not the objects that it "
			   "needs, and no others",
			   side == WIRE_FROM ? "from" : "to");
}

/* For whoever watches the pipeline, and nobody else. */
static int board_check(const struct wire_welcome *w, enum wire_role role)
{
	int wanted =
		role == WIRE_OBSERVER && w->ring[WIRE_FROM].event_bytes == 0;

	if (object_there(w, WIRE_FROM, SLUICE_OBJECT_BOARD) == wanted &&
	    !object_there(w, WIRE_TO, SLUICE_OBJECT_BOARD))
		return 0;
	return sluice_fail(-EINVAL, "welcome: there is %s board",
			   wanted ? "no" : "a");
}

/* Does the role read a ring? An observer does, or has a board instead. */
static int welcome_reads(const struct wire_welcome *w, enum wire_role role)
{
	return role == WIRE_OBSERVER ? w->ring[WIRE_FROM].event_bytes != 0
				     : wire_reads(role);
}

/* A signal each way; none for an observer. */
static int signals_check(const struct wire_welcome *w, int wanted)
{
	int there[2] = {0, 0};

	for (uint32_t i = 0; i < w->memory_count; i++)
		if (w->memory[i].kind == WIRE_SIGNAL)
			there[(w->memory[i].rights & WIRE_WRITE) != 0]++;
	if (there[0] == wanted && there[1] == wanted)
		return 0;
	return sluice_fail(
		-EINVAL,
		"welcome: %d and %d descriptors to be signalled by and "
		"to signal, and the role has %d of each",
		there[0], there[1], wanted);
}

/* ---- all of it -------------------------------------------------------------- */

static int welcome_check_counts(const struct wire_welcome *w)
{
	int rc = 0;

	if (w->page_bytes != sluice_region_page_bytes())
		rc = sluice_fail(
			-EINVAL, "welcome: page_bytes are %u, and here %llu",
			w->page_bytes,
			(unsigned long long)sluice_region_page_bytes());
	if (rc == 0 && w->fences != SLUICE_FENCES_FULL &&
	    w->fences != SLUICE_FENCES_SPLIT)
		rc = sluice_fail(-EINVAL,
				 "welcome: fences are %u, which is not known",
				 w->fences);
	if (rc == 0)
		rc = unused_check(w->memory, sizeof(w->memory[0]),
				  w->memory_count, WIRE_MEMORY_MAX, "memory");
	if (rc == 0)
		rc = unused_check(w->object, sizeof(w->object[0]),
				  w->object_count, WIRE_OBJECTS_MAX, "object");
	return rc < 0 ? rc : opts_check_resv(w->resv, 34, "welcome");
}

int wire_welcome_read(struct wire_welcome *out, const void *message, size_t n,
		      enum wire_role role)
{
	struct wire_welcome *w = out;
	int rc = wire_head_check(message, n, WIRE_WELCOME, sizeof(*w));

	if (rc < 0)
		return rc;
	memcpy(w, message, sizeof(*w));
	rc = welcome_check_counts(w);
	for (uint32_t i = 0; rc == 0 && i < w->memory_count; i++)
		rc = memory_check(w, i);
	if (rc == 0)
		rc = ring_check(&w->ring[WIRE_FROM], WIRE_FROM,
				welcome_reads(w, role));
	if (rc == 0)
		rc = ring_check(&w->ring[WIRE_TO], WIRE_TO, wire_feeds(role));
	for (uint32_t i = 0; rc == 0 && i < w->object_count; i++)
		rc = object_check(w, i);
	if (rc == 0)
		rc = side_check(w, WIRE_FROM, role != WIRE_OBSERVER);
	if (rc == 0)
		rc = side_check(w, WIRE_TO, 1);
	if (rc == 0)
		rc = board_check(w, role);
	return rc < 0 ? rc : signals_check(w, role != WIRE_OBSERVER);
}
