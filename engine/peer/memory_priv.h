/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that an engine and a peer share: sealed memfds, each with one writer.
 * Seals are of a memfd, not of a descriptor, so what the engine writes and what a
 * peer writes are never in the same. Of memory.c. Not installed.
 *
 *                     engine's            a peer's
 *   the engine        reads and writes    reads
 *   the peer          reads               reads and writes
 *   seals             SHRINK GROW         SHRINK GROW
 *                     FUTURE_WRITE SEAL   SEAL
 *
 * Size      nobody can change it, so no access faults, on either side.
 * Writing   a read-only descriptor is no boundary, for it can be opened again
 *           (/proc/self/fd) by whoever may; F_SEAL_FUTURE_WRITE is one: only
 *           mappings made before it write, and these are the engine's own.
 * Holes     a peer may punch some into what it writes. They read as zeros, which
 *           the engine takes for a word as good as any other that a peer may
 *           store.
 *
 * Knows      memfds, seals, mappings
 * Knows not  what lies in them
 */
#ifndef SLUICE_ENGINE_PEER_MEMORY_PRIV_H
#define SLUICE_ENGINE_PEER_MEMORY_PRIV_H

#include "engine/peer/wire_priv.h"

enum memory_writer {
	MEMORY_OF_ENGINE = 0,
	MEMORY_OF_PEER = 1,
};

/* ---- both ------------------------------------------------------------------ */

/* Nobody but root may look at what else this process has in its memory, from now on.
 * @call: for the text. Returns 0 or a negative errno. */
int memory_hide(const char *call);

/* ---- the engine ------------------------------------------------------------ */

/* A region as sluice_region_open() makes it, with that writer. A peer's is the
 * engine's to fill until sluice_region_seal(), and can only be read from then
 * on. */
int memory_open(struct sluice_region *region, enum memory_writer writer,
		const char *owner, uint64_t bytes, uint32_t object_max);

/* Memory of a peer in place of another's, of the same size and at the same address, which
 * readers need not know: they see the one or the other. @next is empty then. Returns 0 or
 * a negative errno. */
int memory_take_over(struct sluice_region *region, struct sluice_region *next);

/* A descriptor of it for a peer, to read only or to write, as its writer says; the
 * caller's to close. Returns it or a negative errno. */
int memory_descriptor(const struct sluice_region *region,
		      enum memory_writer writer);

/* How it is told in a welcome. */
struct wire_memory memory_told(const struct sluice_region *region,
			       enum memory_writer writer);

/* Tell it in @welcome, and put a descriptor of it in @fds, as the next one. Returns 0, or
 * why there is no descriptor. */
int memory_tell(const struct sluice_region *region, enum memory_writer writer,
		struct wire_welcome *welcome, int fds[WIRE_MEMORY_MAX]);

/* ---- a peer ----------------------------------------------------------------- */

struct memory_map {
	unsigned char *base; /* NULL: none */
	uint64_t bytes;
};

/* Map what came with a welcome: its size is what was told, and nobody can change
 * it. A child of fork() does not have it. Returns 0, -EPROTO or a negative
 * errno. */
int memory_map(struct memory_map *map, int fd, const struct wire_memory *told);
/* Accepts one that is not mapped. */
void memory_unmap(struct memory_map *map);

#endif
