/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file copy.h
 * How payload gets into a slot.
 *
 * Where the two CPUs of a link are far apart the writer is the limit: a plain
 * store must first take the line from the reader's cache (8.8 ns measured). A
 * long `rep movsb` needs no ownership and moves 64-byte events 2.8 times as
 * fast far apart, 1.2 times near; so a staged batch is copied with one. Short
 * copies, and builds under a sanitizer (which cannot see the instruction), use
 * memcpy.
 */
#ifndef SLUICE_RING_COPY_H
#define SLUICE_RING_COPY_H

#include "base.h"

#include <string.h>

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SLUICE_COPY_PLAIN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer) ||     \
	__has_feature(memory_sanitizer)
#define SLUICE_COPY_PLAIN 1
#endif
#endif

SLUICE_BEGIN_DECLS

/** From this many bytes on a copy is one `rep movsb`. */
#define SLUICE_COPY_REP_BYTES 1024

/**
 * sluice_copy - copy @bytes from @from to @to; the two do not overlap.
 *
 * Order: none of its own; a later release store publishes the bytes. Stores of
 * a string instruction may become visible in any order among themselves, but
 * not after a later store (Intel SDM 3A 9.2.4, AMD APM 2 7.2).
 */
SLUICE_API inline void sluice_copy(void *to, const void *from, size_t bytes)
{
#if defined(__x86_64__) && !defined(SLUICE_COPY_PLAIN)
	if (bytes >= SLUICE_COPY_REP_BYTES) {
		__asm__ volatile("rep movsb"
				 : "+D"(to), "+S"(from), "+c"(bytes)
				 :
				 : "memory");
		return;
	}
#endif
	/* Hides where the two point: the compiler would warn of sizes below
	 * that a caller's small object never has. */
	__asm__("" : "+r"(to), "+r"(from));
	switch (bytes) { /* the common event sizes become register moves */
	case 8:
		memcpy(to, from, 8);
		return;
	case 16:
		memcpy(to, from, 16);
		return;
	case 32:
		memcpy(to, from, 32);
		return;
	case 64:
		memcpy(to, from, 64);
		return;
	default:
		memcpy(to, from, bytes);
		return;
	}
}

SLUICE_END_DECLS

#endif
