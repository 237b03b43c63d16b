/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file copier.h
 * A writer that finds out how this machine likes its payload written.
 *
 * Which store is the fastest way into a slot depends on the CPU, on how far apart the
 * two CPUs of a link are, and on whether the lines stay in both caches; and a virtual
 * machine moves its CPUs within minutes, without a word. So the writer measures
 * the methods, on the copies that it makes anyway:
 *
 * Epochs     128 KiB of copies. What an epoch takes, by the clock, tells how fast the
 *            whole link is with this method: the reader's side of it, too.
 * Tries      Now and then another method is used for two epochs. The first does
 *            not count, for the lines are still as the method before has left
 *            them; nor does the first of the two epochs of the old method that
 *            follow. A method is chosen only when it is better than the epochs
 *            before and after it by a tenth, twice in a row.
 * Cost       The time to the next try is such that tries cost one part in a
 *            hundred, but no more than 15 ms; a try that is three times as slow
 *            is broken off.
 *            When the pace of the link changes, all methods are tried at once.
 * Light load An epoch that takes over 500 us has waited for events, and tells nothing:
 *            then stores are plain, with which an event is there soonest; or there is
 *            no copy at all, where the writer can leave it out.
 *
 * Copies of less than 512 bytes are plain, and do not count.
 *
 * Fence      Stores that bypass the cache may become visible after later stores, so
 *            each copy that makes some ends with a fence: what publishes it comes
 *            behind.
 */
#ifndef SLUICE_RING_COPIER_H
#define SLUICE_RING_COPIER_H

#include "layout.h"

SLUICE_BEGIN_DECLS

/** Copies of fewer bytes are plain. */
#ifndef SLUICE_COPIER_LEAST
#define SLUICE_COPIER_LEAST 512u
#endif

/** Private to the writer's thread. Zeroed memory is not one: sluice_copier_init(). */
struct sluice_copier {
	uint32_t method;  /* of the next copy: enum sluice_copy_method */
	uint32_t home;    /* the best so far */
	int64_t left;     /* bytes until the next look at the clock */
	uint32_t methods; /* a bit for each that may be chosen */
	uint32_t phase;
	uint32_t pieces; /* of this epoch, until now */
	uint32_t tried;
	uint64_t since_ns; /* the last look */
	uint64_t epoch_ns; /* of the epoch, until now */
	uint64_t home_ns;  /* an epoch of home takes; 0: not known */
	uint64_t cost_ns;  /* of the try, until now */
	uint64_t try_ns;   /* what the tried method took */
	uint64_t next_ns;  /* when another is tried */
	uint32_t wins;     /* of `tried`, in a row */
	uint32_t odd;      /* epochs of home in a row that were unlike it */
	uint32_t hurry;    /* so many tries come at once */
	uint32_t changes;  /* how often home was changed */
};

/** The methods of this machine, a bit for each: 1 << SLUICE_COPY_PLAIN and others.
 * SLUICE_COPY_IN_PLACE is none of a machine: see sluice_copier_offer(). */
SLUICE_API uint32_t sluice_copy_methods(void);

/** Its name: "plain", "string", "stream", "direct", "in_place"; "auto". */
SLUICE_API const char *sluice_copy_name(uint32_t method);

/**
 * sluice_copier_init - begin to choose.
 *
 * @method  SLUICE_COPY_AUTO, or the one that is always used
 *
 * Returns 0, or -EINVAL: there is no such method, or not on this machine.
 */
SLUICE_API int sluice_copier_init(struct sluice_copier *copier,
				  uint32_t method) SLUICE_MUST_CHECK;

/**
 * sluice_copier_offer - say whether the writer can leave out the copy.
 *
 * @in_place  non-zero: while the method is SLUICE_COPY_IN_PLACE, what is to be written
 *            is made where it will be read, and told by sluice_copier_made()
 *
 * One that chooses has it among its methods from then on, or no more. One whose
 * method is given stays with that. Threads: the writer.
 */
SLUICE_API void sluice_copier_offer(struct sluice_copier *copier, int in_place);

/** A piece has been copied, and it is @now_ns; for sluice_copier_copy(). */
SLUICE_API void sluice_copier_look(struct sluice_copier *copier,
				   uint64_t now_ns);
/** The same, by the clock. */
SLUICE_API void sluice_copier_turn(struct sluice_copier *copier);

/** So many bytes are written. */
SLUICE_API inline void sluice_copier_count(struct sluice_copier *copier,
					   uint64_t bytes)
{
	copier->left -= SLUICE_CAST(int64_t, bytes);
	if (SLUICE_UNLIKELY(copier->left <= 0))
		sluice_copier_turn(copier);
}

/** The copies that count: by the method of the moment. */
SLUICE_API inline void sluice_copier_by(struct sluice_copier *copier,
					sluice_slot *to,
					const sluice_private *from,
					uint64_t bytes)
{
	if (copier->method == SLUICE_COPY_PLAIN ||
	    copier->method == SLUICE_COPY_IN_PLACE) {
		sluice_slot_copy_plain(to, from, bytes);
	} else if (copier->method == SLUICE_COPY_STRING) {
		sluice_slot_copy_string(to, from, bytes);
	} else {
		sluice_slot_stream(to, from, bytes,
				   copier->method == SLUICE_COPY_DIRECT);
		sluice_stream_fence();
	}
	sluice_copier_count(copier, bytes);
}

/** The same out of line, so that small copies cost only what they must: inlined it
 * keeps all that calls sluice_copier_copy() from being (measured: single events to two
 * rings in turn 0.6 times as fast). */
SLUICE_API void sluice_copier_large(struct sluice_copier *copier,
				    sluice_slot *to, const sluice_private *from,
				    uint64_t bytes);

/**
 * sluice_copier_copy - copy @bytes into slots.
 *
 * @copier  NULL: as sluice_copy() does
 *
 * Threads: the writer.  Order: none of its own; a later release store publishes the
 * bytes, whatever the method.
 */
SLUICE_API inline void sluice_copier_copy(struct sluice_copier *copier,
					  sluice_slot *to,
					  const sluice_private *from,
					  uint64_t bytes)
{
	if (bytes < SLUICE_COPIER_LEAST || copier == NULL)
		sluice_slot_copy(to, from, bytes);
	else
		sluice_copier_large(copier, to, from, bytes);
}

/** @bytes were made in place. Threads: the writer. */
SLUICE_API inline void sluice_copier_made(struct sluice_copier *copier,
					  uint64_t bytes)
{
	if (bytes >= SLUICE_COPIER_LEAST && copier != NULL &&
	    copier->method == SLUICE_COPY_IN_PLACE)
		sluice_copier_count(copier, bytes);
}

SLUICE_END_DECLS

#endif
