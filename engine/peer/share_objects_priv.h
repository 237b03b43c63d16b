/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lies in the memory of one subscription with a peer, and who writes it: a table.
 * Of share_objects.c. Not installed.
 *
 * Knows      objects, sides
 * Knows not  how the memory is made, told or mapped
 */
#ifndef SLUICE_ENGINE_SHARE_OBJECTS_PRIV_H
#define SLUICE_ENGINE_SHARE_OBJECTS_PRIV_H

#include "engine/peer/share_priv.h"

#define SHARE_OBJECTS 9u

#define SHARE_OWN    1u /* the ring is the peer's and nobody else's */
#define SHARE_COMMON 2u

struct share_object {
	enum sluice_object_kind kind;
	const char *name;
	size_t at;      /* of its address in struct share_words */
	uint32_t sides; /* bits of enum wire_side */
	uint32_t kinds; /* of rings: SHARE_OWN, SHARE_COMMON */
};

extern const struct share_object share_objects[SHARE_OBJECTS];

/* Is object @i there? @first: of what a peer is given, it is the first. */
int share_has(enum wire_side side, int first, uint32_t i);
/* And in one of the two parts of @share? */
int share_holds(const struct share *share, uint32_t i);
enum memory_writer share_writer(const struct share *share, uint32_t i);
/* Its address, among those of all. */
void share_put(struct share_words *words, uint32_t i, void *address);
unsigned char *share_get(const struct share_words *words, uint32_t i);

#endif
