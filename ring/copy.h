/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file copy.h
 * The ways in which payload gets into a slot.
 *
 * Where the two CPUs of a link are far apart the writer is the limit: a plain
 * store must first take the line from the reader's cache (8.8 ns measured).
 * Other stores need no ownership, and which of them is fast is the machine's
 * business: a writer may find out (copier.h). Without that a long copy is one
 * `rep movsb`, a short one memcpy. Builds under a sanitizer, which cannot see
 * such stores, use memcpy throughout.
 */
#ifndef SLUICE_RING_COPY_H
#define SLUICE_RING_COPY_H

#include "base.h"

#include <string.h>

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SLUICE_COPY_VISIBLE 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer) ||     \
	__has_feature(memory_sanitizer)
#define SLUICE_COPY_VISIBLE 1
#endif
#endif

SLUICE_BEGIN_DECLS

/** From this many bytes on a copy is one `rep movsb`. */
#define SLUICE_COPY_REP_BYTES 1024

/** Copy @bytes by plain stores, through the cache. */
SLUICE_API inline void sluice_copy_plain(void *to, const void *from,
					 size_t bytes)
{
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

/** Copy @bytes by one `rep movsb`, however few; where there is none, memcpy. */
SLUICE_API inline void sluice_copy_string(void *to, const void *from,
					  size_t bytes)
{
#if defined(__x86_64__) && !defined(SLUICE_COPY_VISIBLE)
	__asm__ volatile("rep movsb"
			 : "+D"(to), "+S"(from), "+c"(bytes)
			 :
			 : "memory");
#else
	memcpy(to, from, bytes);
#endif
}

/** Copy one line of 64 bytes past the cache; @to is aligned to it. */
SLUICE_API inline void sluice_copy_line(unsigned char *to,
					const unsigned char *from, int direct)
{
#if defined(SLUICE_COPY_VISIBLE)
	(void)direct;
	memcpy(to, from, 64);
#elif defined(__x86_64__)
	/* movdir64b (%rsi), %rdi; spelt out for assemblers that do not know it. */
	if (direct)
		__asm__ volatile(".byte 0x66, 0x0f, 0x38, 0xf8, 0x3e"
				 :
				 : "D"(to), "S"(from)
				 : "memory");
	else
		__asm__ volatile("movdqu (%1), %%xmm0\n\t"
				 "movdqu 16(%1), %%xmm1\n\t"
				 "movdqu 32(%1), %%xmm2\n\t"
				 "movdqu 48(%1), %%xmm3\n\t"
				 "movntdq %%xmm0, (%0)\n\t"
				 "movntdq %%xmm1, 16(%0)\n\t"
				 "movntdq %%xmm2, 32(%0)\n\t"
				 "movntdq %%xmm3, 48(%0)"
				 :
				 : "r"(to), "r"(from)
				 : "xmm0", "xmm1", "xmm2", "xmm3", "memory");
#else
	(void)direct;
	__asm__ volatile("ldp q0, q1, [%1]\n\t"
			 "ldp q2, q3, [%1, #32]\n\t"
			 "stnp q0, q1, [%0]\n\t"
			 "stnp q2, q3, [%0, #32]"
			 :
			 : "r"(to), "r"(from)
			 : "v0", "v1", "v2", "v3", "memory");
#endif
}

/**
 * sluice_copy_stream - copy past the cache; head and tail that fill no line of 64
 * bytes, plainly.
 *
 * @direct  by movdir64b, which the machine has (copier.h)
 *
 * Order: none, not even of a later release store: sluice_copy_fence() comes between
 * (Intel SDM 3A 9.2.4, AMD APM 2 7.4.1). stnp of aarch64 is a hint, and in order as
 * any store is.
 */
SLUICE_API inline void sluice_copy_stream(unsigned char *to,
					  const unsigned char *from,
					  size_t bytes, int direct)
{
	size_t head = (64 - (SLUICE_ADDRESS(to) & 63)) & 63;

	if (head > bytes)
		head = bytes;
	memcpy(to, from, head);
	for (size_t end = head + ((bytes - head) & ~SLUICE_CAST(size_t, 63));
	     head < end; head += 64)
		sluice_copy_line(to + head, from + head, direct);
	memcpy(to + head, from + head, bytes - head);
}

/** What was streamed is there before any later store. */
SLUICE_API inline void sluice_copy_fence(void)
{
#if defined(__x86_64__)
	__asm__ volatile("sfence" ::: "memory");
#endif
}

/**
 * sluice_copy - copy @bytes from @from to @to; the two do not overlap.
 *
 * Order: none of its own; a later release store publishes the bytes. Stores of
 * a string instruction may become visible in any order among themselves, but
 * not after a later store (Intel SDM 3A 9.2.4, AMD APM 2 7.2).
 */
SLUICE_API inline void sluice_copy(void *to, const void *from, size_t bytes)
{
#if defined(__x86_64__) && !defined(SLUICE_COPY_VISIBLE)
	if (bytes >= SLUICE_COPY_REP_BYTES) {
		sluice_copy_string(to, from, bytes);
		return;
	}
#endif
	sluice_copy_plain(to, from, bytes);
}

SLUICE_END_DECLS

#endif
