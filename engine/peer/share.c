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
};

static const struct share_object share_objects[] = {
	{SLUICE_OBJECT_TX_WORDS, "tx", offsetof(struct subscription_far, tx)},
	{SLUICE_OBJECT_RX_WORDS, "rx", offsetof(struct subscription_far, rx)},
	{SLUICE_OBJECT_SLOTS, "slots",
	 offsetof(struct subscription_far, slots)},
	/* The last two only where the peer reads. */
	{SLUICE_OBJECT_NOTES, "notes",
	 offsetof(struct subscription_far, notes)},
	{SLUICE_OBJECT_NOTES_READ, "notes_read",
	 offsetof(struct subscription_far, notes_read)},
};

static uint32_t share_count(enum wire_side side)
{
	uint32_t all = sizeof(share_objects) / sizeof(share_objects[0]);

	return side == WIRE_FROM ? all : all - 2;
}

static enum memory_writer share_writer(const struct share *share, uint32_t i)
{
	return wire_object_is_peers(share->side, share_objects[i].kind)
		       ? MEMORY_OF_PEER
		       : MEMORY_OF_ENGINE;
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
	uint32_t count = share_count(share->side);
	uint64_t page = sluice_region_page_bytes();
	uint64_t bytes = sluice_region_footprint(count);
	uint64_t offset;
	int rc;

	for (uint32_t i = 0; i < count; i++)
		if (share_writer(share, i) == writer)
			bytes += SLUICE_ALIGN_UP(
				wire_object_bytes(&share->ring,
						  share_objects[i].kind),
				page);
	rc = memory_open(region, writer, owner, bytes, count);
	for (uint32_t i = 0; rc == 0 && i < count; i++) {
		const struct share_object *object = &share_objects[i];

		if (share_writer(share, i) != writer)
			continue;
		rc = sluice_region_alloc(
			region, object->kind, object->name,
			wire_object_bytes(&share->ring, object->kind),
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
			      uint32_t first)
{
	enum memory_writer writer = share_writer(share, i);

	welcome->object[welcome->object_count++] = (struct wire_object){
		.kind = share_objects[i].kind,
		.memory = first + writer,
		.side = share->side,
		.offset = (uint64_t)(share_get(&share->far, i) -
				     share->part[writer].base),
		.bytes = wire_object_bytes(&share->ring, share_objects[i].kind),
	};
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
	for (uint32_t i = 0; i < share_count(share->side); i++)
		share_tell_object(share, welcome, i, first);
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
	for (uint32_t i = 0; i < share_count(side); i++) {
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
