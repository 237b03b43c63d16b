/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file region.h
 * Shared memory with one writer: an anonymous sealed memfd.
 *
 * A region has no name, so nothing stale is left behind and no stranger can
 * open it. It is sealed against shrinking and growing, so no access can fault.
 * Every page is allocated at creation, so memory cannot run out later. The
 * first page holds a header and the directory of what follows, for tools and
 * for core dumps: sluice itself never reads it back, its geometry is private.
 *
 * A region is written by one party (a stage). The words of two writers are
 * therefore in two regions, and on separate pages.
 *
 * Life       open -> alloc ... -> seal -> (used) -> close
 *
 * The mapping keeps the memory alive, so the descriptor is closed as soon as
 * the region is mapped: a process with many stages needs no more descriptors
 * than one with few. None of these calls touches errno.
 */
#ifndef SLUICE_RING_REGION_H
#define SLUICE_RING_REGION_H

#include "layout.h"

SLUICE_BEGIN_DECLS

#define SLUICE_REGION_MAGIC        UINT64_C(0x31454349554c5301)
#define SLUICE_REGION_FORMAT_MAJOR 1u
#define SLUICE_REGION_FORMAT_MINOR 0u
#define SLUICE_REGION_BYTE_ORDER   UINT32_C(0x01020304)

/** Longest directory. */
#define SLUICE_REGION_OBJECTS_MAX 65536u

/** What an object in a region is. */
enum sluice_object_kind {
	SLUICE_OBJECT_TX_WORDS = 1,   /* struct sluice_tx_words */
	SLUICE_OBJECT_RX_WORDS = 2,   /* struct sluice_rx_words */
	SLUICE_OBJECT_SLOTS = 3,      /* capacity * slot_bytes bytes */
	SLUICE_OBJECT_COUNTERS = 4,   /* see counter.h */
	SLUICE_OBJECT_BELLS = 5,      /* see wait.h */
	SLUICE_OBJECT_LATENCY = 6,    /* struct sluice_latency */
	SLUICE_OBJECT_FENCES = 7,     /* of the bells; see wait.h */
	SLUICE_OBJECT_NOTES = 8,      /* marks of redelivery: docs/format.md */
	SLUICE_OBJECT_NOTES_READ = 9, /* one word: those that were taken up */
	SLUICE_OBJECT_RUNG = 10,      /* one word: rings of a peer; see far.h */
	SLUICE_OBJECT_PEER_BELLS = 11,
	SLUICE_OBJECT_PEER_FENCES = 12,
	SLUICE_OBJECT_BOARD = 13, /* for observers: docs/format.md */
	/* A reader's own stream in a ring that others read, too: docs/format.md */
	SLUICE_OBJECT_STREAM = 14,
};

/** One line of the directory. */
struct sluice_region_object {
	char name[SLUICE_NAME_BYTES];
	uint32_t kind;    /* enum sluice_object_kind */
	uint32_t unit;    /* bytes of one element: a slot, a counter */
	uint64_t offset;  /* from the start of the region */
	uint64_t bytes;   /* size */
	uint64_t resv[5]; /* zero */
};

/** The first bytes of every region. */
struct sluice_region_header {
	uint64_t magic; /* stored last, when the region is sealed */
	uint32_t byte_order;
	uint16_t format_major; /* must match */
	uint16_t format_minor;
	uint32_t features_required;
	uint32_t features_optional;
	uint32_t header_bytes; /* header and directory, whole pages */
	uint32_t page_bytes;
	uint32_t line_bytes;
	uint32_t object_count;
	uint64_t region_bytes;
	char owner[SLUICE_NAME_BYTES];
	uint64_t resv[9]; /* zero */
};

SLUICE_STATIC_ASSERT(sizeof(struct sluice_region_object) == 128,
		     "directory lines are part of the region format");
SLUICE_STATIC_ASSERT(sizeof(struct sluice_region_header) == 184,
		     "the header is part of the region format");

/** A region this process has created; private. */
struct sluice_region {
	unsigned char *base; /* NULL when closed */
	uint64_t bytes;      /* whole pages */
	uint64_t used;       /* next free offset */
	uint32_t object_max;
	uint32_t sealed;
	int fd;           /* -1, unless another process is to be given it */
	uint32_t foreign; /* that process writes */
};

/**
 * sluice_region_footprint - bytes for a header with @object_max directory
 * lines; objects come behind it.
 */
SLUICE_API uint64_t sluice_region_footprint(uint32_t object_max);

/** The size of a page here, bytes. */
SLUICE_API uint64_t sluice_region_page_bytes(void);

/**
 * sluice_region_open - allocate, map and prefault a region; forbid resizing and
 * any further writable mapping.
 *
 * @region      out
 * @owner       name of its one writer, shown to tools
 * @bytes       size with header, rounded up to whole pages
 * @object_max  directory lines, at most SLUICE_REGION_OBJECTS_MAX
 *
 * Returns 0; -EFBIG over RLIMIT_FSIZE, without a SIGXFSZ; or a negative errno
 * with the failed step in sluice_last_error(). After a failure no resource is
 * held.
 */
SLUICE_API int sluice_region_open(struct sluice_region *region,
				  const char *owner, uint64_t bytes,
				  uint32_t object_max) SLUICE_MUST_CHECK;

/**
 * sluice_region_open_shared - as sluice_region_open(), and keep the descriptor
 * until close, so that another process can be given it.
 */
SLUICE_API int sluice_region_open_shared(struct sluice_region *region,
					 const char *owner, uint64_t bytes,
					 uint32_t object_max) SLUICE_MUST_CHECK;

/**
 * sluice_region_open_foreign - the same, for a region whose one writer is to be
 * another process, which may map it writable.
 *
 * This process may write until sluice_region_seal(); from then on its mapping is
 * read-only, and what is there is whatever the other process has written: header
 * and directory too.
 */
SLUICE_API int
sluice_region_open_foreign(struct sluice_region *region, const char *owner,
			   uint64_t bytes,
			   uint32_t object_max) SLUICE_MUST_CHECK;

/**
 * sluice_region_alloc - set aside zeroed memory and enter it in the directory.
 *
 * @align   power of two, at most a page
 * @unit    bytes of one element, for the directory
 * @offset  out: where it lies
 *
 * Returns 0; -ENOSPC when the region or its directory is full; -EBUSY once it
 * is sealed.
 */
SLUICE_API int sluice_region_alloc(struct sluice_region *region,
				   enum sluice_object_kind kind,
				   const char *name, uint64_t bytes,
				   uint32_t unit, uint64_t align,
				   uint64_t *offset) SLUICE_MUST_CHECK;

/** The address of @offset in this process. */
static inline void *sluice_region_at(const struct sluice_region *region,
				     uint64_t offset)
{
	return region->base + offset;
}

/**
 * sluice_region_seal - no more objects: store the magic.
 *
 * Returns 0; or a negative errno when the system does not let a foreign region be
 * made read-only.
 */
SLUICE_API int
sluice_region_seal(struct sluice_region *region) SLUICE_MUST_CHECK;

/**
 * sluice_region_verify - is this memory a region that this library can read?
 *
 * @mem    start of a mapping, possibly written by a stranger
 * @bytes  its size
 *
 * Returns 0, or -EPROTO with the first thing wrong in sluice_last_error(). Does
 * not write.
 */
SLUICE_API int sluice_region_verify(const void *mem,
				    uint64_t bytes) SLUICE_MUST_CHECK;

/** Unmap and close. Accepts a closed or zeroed region. */
SLUICE_API void sluice_region_close(struct sluice_region *region);

SLUICE_END_DECLS

#endif
