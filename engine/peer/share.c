/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/peer/share_priv.h"
#include "ring/base_priv.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

/* ---- what lies where ------------------------------------------------------- */

struct share_object {
	enum sluice_object_kind kind;
	const char *name;
	size_t at; /* of its address in struct subscription_far */
	enum memory_writer writer[2]; /* by enum wire_side */
	uint32_t sides;               /* bits: which of them have it */
};

#define SIDE_FROM (1u << WIRE_FROM)
#define SIDE_TO   (1u << WIRE_TO)

static const struct share_object share_objects[] = {
	{.kind = SLUICE_OBJECT_TX_WORDS,
	 .name = "tx",
	 .at = offsetof(struct subscription_far, tx),
	 .writer = {MEMORY_OF_ENGINE, MEMORY_OF_PEER},
	 .sides = SIDE_FROM | SIDE_TO},
	{.kind = SLUICE_OBJECT_RX_WORDS,
	 .name = "rx",
	 .at = offsetof(struct subscription_far, rx),
	 .writer = {MEMORY_OF_PEER, MEMORY_OF_ENGINE},
	 .sides = SIDE_FROM | SIDE_TO},
	{.kind = SLUICE_OBJECT_SLOTS,
	 .name = "slots",
	 .at = offsetof(struct subscription_far, slots),
	 .writer = {MEMORY_OF_ENGINE, MEMORY_OF_PEER},
	 .sides = SIDE_FROM | SIDE_TO},
	{.kind = SLUICE_OBJECT_NOTES,
	 .name = "notes",
	 .at = offsetof(struct subscription_far, notes),
	 .writer = {MEMORY_OF_ENGINE, MEMORY_OF_ENGINE},
	 .sides = SIDE_FROM},
	{.kind = SLUICE_OBJECT_NOTES_READ,
	 .name = "notes_read",
	 .at = offsetof(struct subscription_far, notes_read),
	 .writer = {MEMORY_OF_PEER, MEMORY_OF_PEER},
	 .sides = SIDE_FROM},
};

#define SHARE_OBJECTS (sizeof(share_objects) / sizeof(share_objects[0]))

static int share_has(enum wire_side side, uint32_t i)
{
	return (share_objects[i].sides & 1u << side) != 0;
}

static uint64_t share_bytes(const struct wire_ring *ring,
			    enum sluice_object_kind kind)
{
	switch (kind) {
	case SLUICE_OBJECT_TX_WORDS:
		return sizeof(struct sluice_tx_words);
	case SLUICE_OBJECT_RX_WORDS:
		return sizeof(struct sluice_rx_words);
	case SLUICE_OBJECT_SLOTS:
		return sluice_spsc_slots_bytes(ring->capacity,
					       ring->slot_bytes);
	case SLUICE_OBJECT_NOTES:
		return sizeof(struct notes);
	case SLUICE_OBJECT_NOTES_READ:
		return sizeof(sluice_a32);
	case SLUICE_OBJECT_COUNTERS:
	case SLUICE_OBJECT_BELLS:
	case SLUICE_OBJECT_LATENCY:
	case SLUICE_OBJECT_FENCES:
		break;
	}
	return 0;
}

/* Where the end of a subscription looks for it. Pointers of several types, all of one
 * form (as POSIX has it). */
static void share_put(struct subscription_far *far, uint32_t i, void *address)
{
	memcpy((unsigned char *)far + share_objects[i].at, &address,
	       sizeof(address));
}

static unsigned char *share_get(const struct subscription_far *far, uint32_t i)
{
	void *address;

	memcpy(&address, (const unsigned char *)far + share_objects[i].at,
	       sizeof(address));
	return address;
}

/* ---- the engine ------------------------------------------------------------ */

/* One of its two parts, with its objects, each on pages of its own. */
static int share_part(struct share *share, enum memory_writer writer,
		      const char *owner)
{
	struct sluice_region *region = &share->part[writer];
	uint64_t page = sluice_region_page_bytes();
	uint64_t bytes = sluice_region_footprint(SHARE_OBJECTS);
	uint64_t offset;
	int rc;

	for (uint32_t i = 0; i < SHARE_OBJECTS; i++)
		if (share_has(share->side, i) &&
		    share_objects[i].writer[share->side] == writer)
			bytes += SLUICE_ALIGN_UP(
				share_bytes(&share->ring,
					    share_objects[i].kind),
				page);
	rc = memory_open(region, writer, owner, bytes, SHARE_OBJECTS);
	for (uint32_t i = 0; rc == 0 && i < SHARE_OBJECTS; i++) {
		const struct share_object *object = &share_objects[i];

		if (!share_has(share->side, i) ||
		    object->writer[share->side] != writer)
			continue;
		rc = sluice_region_alloc(
			region, object->kind, object->name,
			share_bytes(&share->ring, object->kind),
			object->kind == SLUICE_OBJECT_SLOTS
				? share->ring.slot_bytes
				: 1,
			page, &offset);
		if (rc == 0)
			share_put(&share->far, i,
				  sluice_region_at(region, offset));
	}
	return rc < 0 ? rc : sluice_region_seal(region);
}

int share_open(struct share *share, enum wire_side side, const char *owner,
	       uint32_t capacity, uint32_t event_bytes)
{
	int rc;

	*share = (struct share){
		.side = side,
		.ring = {.event_bytes = event_bytes,
			 .slot_bytes = event_bytes,
			 .capacity = capacity},
		.far = {.side = side == WIRE_FROM ? FAR_CONSUMER
						  : FAR_PRODUCER},
	};
	share->part[MEMORY_OF_ENGINE].fd = -1;
	share->part[MEMORY_OF_PEER].fd = -1;
	rc = share_part(share, MEMORY_OF_ENGINE, owner);
	if (rc == 0)
		rc = share_part(share, MEMORY_OF_PEER, owner);
	if (rc < 0)
		share_close(share);
	return rc;
}

void share_close(struct share *share)
{
	sluice_region_close(&share->part[MEMORY_OF_ENGINE]);
	sluice_region_close(&share->part[MEMORY_OF_PEER]);
}

static void share_tell_object(const struct share *share,
			      struct wire_welcome *welcome, uint32_t i,
			      uint32_t memory)
{
	const struct share_object *object = &share_objects[i];
	enum memory_writer writer = object->writer[share->side];
	struct wire_object *told = &welcome->object[welcome->object_count++];

	told->kind = object->kind;
	told->memory = memory;
	told->side = share->side;
	told->offset = (uint64_t)(share_get(&share->far, i) -
				  share->part[writer].base);
	told->bytes = share_bytes(&share->ring, object->kind);
}

int share_tell(const struct share *share, struct wire_welcome *welcome,
	       int fds[WIRE_MEMORY_MAX])
{
	uint32_t first = welcome->memory_count;

	for (uint32_t writer = 0; writer < 2; writer++) {
		int fd = memory_descriptor(&share->part[writer],
					   (enum memory_writer)writer);

		if (fd < 0)
			return fd;
		fds[welcome->memory_count] = fd;
		welcome->memory[welcome->memory_count++] = memory_told(
			&share->part[writer], (enum memory_writer)writer);
	}
	for (uint32_t i = 0; i < SHARE_OBJECTS; i++)
		if (share_has(share->side, i))
			share_tell_object(
				share, welcome, i,
				first + share_objects[i].writer[share->side]);
	welcome->ring[share->side] = share->ring;
	return 0;
}

/* ---- a peer ---------------------------------------------------------------- */

int share_find(struct subscription_far *far, const struct attach *attach,
	       enum wire_side side)
{
	/* An engine has nothing to gain: its events are not copied. */
	*far = (struct subscription_far){
		.side = side == WIRE_FROM ? FAR_PRODUCER : FAR_CONSUMER,
		.trusted = 1,
	};
	for (uint32_t i = 0; i < SHARE_OBJECTS; i++) {
		const struct wire_object *object = wire_object_find(
			&attach->welcome, side, share_objects[i].kind);

		/* An observer has no receipts. */
		if (object == NULL)
			continue;
		if (attach->maps[object->memory].base == NULL)
			return sluice_fail(-EPROTO,
					   "welcome: '%s' lies in what is no "
					   "memory",
					   share_objects[i].name);
		share_put(far, i,
			  attach->maps[object->memory].base + object->offset);
	}
	return 0;
}
