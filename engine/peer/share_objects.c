/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/peer/share_objects_priv.h"

#include <stddef.h>
#include <string.h>

#define FROM_ONLY (1u << WIRE_FROM)
#define BOTH      (1u << WIRE_FROM | 1u << WIRE_TO)
#define ANY       (SHARE_OWN | SHARE_COMMON)

#define OBJECT(kind, name, sides, kinds)                                       \
	{                                                                      \
		(kind), #name, offsetof(struct share_words, name), (sides),    \
			(kinds)                                                \
	}

const struct share_object share_objects[SHARE_OBJECTS] = {
	OBJECT(SLUICE_OBJECT_TX_WORDS, tx, BOTH, SHARE_OWN),
	OBJECT(SLUICE_OBJECT_RX_WORDS, rx, BOTH, ANY),
	OBJECT(SLUICE_OBJECT_SLOTS, slots, BOTH, SHARE_OWN),
	OBJECT(SLUICE_OBJECT_NOTES, notes, FROM_ONLY, ANY),
	OBJECT(SLUICE_OBJECT_NOTES_READ, notes_read, FROM_ONLY, ANY),
	OBJECT(SLUICE_OBJECT_STREAM, stream, FROM_ONLY, SHARE_COMMON),
	OBJECT(SLUICE_OBJECT_RUNG, rung, BOTH, ANY),
	OBJECT(SLUICE_OBJECT_PEER_BELLS, bells, BOTH, ANY),
	OBJECT(SLUICE_OBJECT_PEER_FENCES, fences, BOTH, ANY),
};

/* There once for a peer. */
static int share_wakes(enum sluice_object_kind kind)
{
	return kind == SLUICE_OBJECT_RUNG || kind == SLUICE_OBJECT_PEER_BELLS ||
	       kind == SLUICE_OBJECT_PEER_FENCES;
}

int share_has(enum wire_side side, int first, uint32_t i)
{
	return (share_objects[i].sides >> side & 1) != 0 &&
	       (first || !share_wakes(share_objects[i].kind));
}

int share_holds(const struct share *share, uint32_t i)
{
	return share_has(share->side, share->first == NULL, i) &&
	       (share_objects[i].kinds &
		(share->common ? SHARE_COMMON : SHARE_OWN)) != 0;
}

enum memory_writer share_writer(const struct share *share, uint32_t i)
{
	return wire_object_is_peers(share->side, share_objects[i].kind)
		       ? MEMORY_OF_PEER
		       : MEMORY_OF_ENGINE;
}

/* Pointers of several types, all of one form (as POSIX has it). */
void share_put(struct share_words *words, uint32_t i, void *address)
{
	memcpy((unsigned char *)words + share_objects[i].at, &address,
	       sizeof(address));
}

unsigned char *share_get(const struct share_words *words, uint32_t i)
{
	void *address;

	memcpy(&address, (const unsigned char *)words + share_objects[i].at,
	       sizeof(address));
	return address;
}
