/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* memfd_create, F_ADD_SEALS, fallocate */
#include "ring/region.h"
#include "ring/base_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL /* since Linux 6.3; glibc 2.36 does not name it */
#define MFD_NOEXEC_SEAL 0x0008U
#endif
#ifndef F_SEAL_FUTURE_WRITE /* since Linux 5.1 */
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

/* Allocated at a time. Older kernels give a call up at any signal and undo what
 * it has done: then smaller pieces get through between two of them. */
#define PIECE_BYTES (UINT64_C(64) << 20)

uint64_t sluice_region_page_bytes(void)
{
	return (uint64_t)sysconf(_SC_PAGESIZE);
}

uint64_t sluice_region_footprint(uint32_t object_max)
{
	uint64_t bytes = sizeof(struct sluice_region_header) +
			 object_max * sizeof(struct sluice_region_object);

	return SLUICE_ALIGN_UP(bytes, sluice_region_page_bytes());
}

/* An old kernel refuses the flag it does not know; the seal is then missing,
 * and memory that nobody maps executable is no worse for it. */
static int region_memfd(const char *owner)
{
	char name[SLUICE_NAME_BYTES + 8];
	int fd;

	(void)snprintf(name, sizeof(name), "sluice:%s", owner);
	fd = memfd_create(name,
			  MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
	if (fd < 0 && errno == EINVAL)
		fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return fd;
}

/* Else the kernel would send SIGXFSZ, which ends a program that is not ready for
 * it. */
static int region_check_limit(const char *owner, uint64_t bytes)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_FSIZE, &limit) < 0 ||
	    limit.rlim_cur == RLIM_INFINITY || bytes <= limit.rlim_cur)
		return 0;
	return sluice_fail(-EFBIG,
			   "region of '%s': %llu bytes are over the file size "
			   "limit of %llu (RLIMIT_FSIZE, ulimit -f)",
			   owner, (unsigned long long)bytes,
			   (unsigned long long)limit.rlim_cur);
}

static int region_resize(int fd, uint64_t bytes)
{
	int rc;

	do
		rc = ftruncate(fd, (off_t)bytes);
	while (rc < 0 && errno == EINTR);
	return rc;
}

static int region_fill(int fd, uint64_t bytes)
{
	uint64_t page = sluice_region_page_bytes();
	uint64_t piece = PIECE_BYTES;
	uint64_t at = 0;

	while (at < bytes) {
		uint64_t n = piece < bytes - at ? piece : bytes - at;

		if (fallocate(fd, 0, (off_t)at, (off_t)n) == 0)
			at += n;
		else if (errno != EINTR)
			return -1;
		else if (piece > page)
			piece /= 2;
	}
	return 0;
}

static void region_write_header(struct sluice_region *region, const char *owner)
{
	struct sluice_region_header *header = (void *)region->base;

	header->byte_order = SLUICE_REGION_BYTE_ORDER;
	header->format_major = SLUICE_REGION_FORMAT_MAJOR;
	header->format_minor = SLUICE_REGION_FORMAT_MINOR;
	header->header_bytes = (uint32_t)region->used;
	header->page_bytes = (uint32_t)sluice_region_page_bytes();
	header->line_bytes = SLUICE_LINE_BYTES;
	header->region_bytes = region->bytes;
	(void)snprintf(header->owner, sizeof(header->owner), "%s", owner);
}

/* What is ours nobody else can map writable from now on. */
static int region_seals(const struct sluice_region *region)
{
	return F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL |
	       (region->foreign ? 0 : F_SEAL_FUTURE_WRITE);
}

/* Allocate, map, seal. Returns NULL, or the step that failed, with its errno. */
static const char *region_map(struct sluice_region *region, const char *owner)
{
	void *base;

	region->fd = region_memfd(owner);
	if (region->fd < 0)
		return "memfd_create";
	if (region_resize(region->fd, region->bytes) < 0)
		return "ftruncate";
	/* Every page now, or a clear refusal: never SIGBUS in mid-flight. */
	if (region_fill(region->fd, region->bytes) < 0)
		return "fallocate";
	base = mmap(NULL, region->bytes, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_POPULATE, region->fd, 0);
	if (base == MAP_FAILED)
		return "mmap";
	region->base = base;
	if (fcntl(region->fd, F_ADD_SEALS, region_seals(region)) < 0)
		return "sealing";
	return NULL;
}

static void region_unmap(struct sluice_region *region)
{
	if (region->base != NULL)
		(void)munmap(region->base, region->bytes);
	if (region->fd >= 0)
		(void)close(region->fd);
	memset(region, 0, sizeof(*region));
	region->fd = -1;
}

static int region_open(struct sluice_region *region, const char *owner,
		       uint64_t bytes, uint32_t object_max, uint32_t foreign)
{
	uint64_t page = sluice_region_page_bytes();
	const char *step;
	int rc;

	if (region == NULL || owner == NULL)
		return sluice_fail(-EINVAL, "region: %s is NULL",
				   region ? "owner" : "region");
	memset(region, 0, sizeof(*region));
	region->fd = -1;
	if (object_max > SLUICE_REGION_OBJECTS_MAX)
		return sluice_fail(-EINVAL,
				   "region of '%s': a directory of %u objects "
				   "is over the limit of %u",
				   owner, object_max,
				   SLUICE_REGION_OBJECTS_MAX);
	region->used = sluice_region_footprint(object_max);
	region->object_max = object_max;
	region->foreign = foreign;
	if (bytes < region->used)
		bytes = region->used;
	region->bytes = SLUICE_ALIGN_UP(bytes, page);
	rc = region_check_limit(owner, region->bytes);
	if (rc < 0) {
		region_unmap(region);
		return rc;
	}
	step = region_map(region, owner);
	if (step == NULL) {
		region_write_header(region, owner);
		return 0;
	}
	rc = errno > 0 ? -errno : -ENOMEM;
	region_unmap(region);
	return sluice_fail(rc, "region of '%s': %llu bytes refused by %s: %s",
			   owner, (unsigned long long)bytes, step,
			   sluice_errno_text(rc));
}

int sluice_region_open_shared(struct sluice_region *region, const char *owner,
			      uint64_t bytes, uint32_t object_max)
{
	SLUICE_KEEP_ERRNO;

	return region_open(region, owner, bytes, object_max, 0);
}

int sluice_region_open_foreign(struct sluice_region *region, const char *owner,
			       uint64_t bytes, uint32_t object_max)
{
	SLUICE_KEEP_ERRNO;

	return region_open(region, owner, bytes, object_max, 1);
}

int sluice_region_open(struct sluice_region *region, const char *owner,
		       uint64_t bytes, uint32_t object_max)
{
	SLUICE_KEEP_ERRNO;
	int rc = region_open(region, owner, bytes, object_max, 0);

	if (rc == 0) {
		(void)close(region->fd); /* the mapping holds it */
		region->fd = -1;
	}
	return rc;
}

/* An open region, or none. */
static int region_check(const struct sluice_region *region)
{
	if (region != NULL && region->base != NULL)
		return 0;
	return sluice_fail(-EINVAL, "region: %s",
			   region ? "it is not open" : "region is NULL");
}

int sluice_region_alloc(struct sluice_region *region,
			enum sluice_object_kind kind, const char *name,
			uint64_t bytes, uint32_t unit, uint64_t align,
			uint64_t *offset)
{
	struct sluice_region_header *header;
	struct sluice_region_object *object;
	uint64_t at;
	int rc = region_check(region);

	if (rc == 0 && (name == NULL || offset == NULL))
		rc = sluice_fail(-EINVAL, "region: %s is NULL",
				 name ? "offset" : "name");
	if (rc < 0)
		return rc;
	header = (void *)region->base;
	at = SLUICE_ALIGN_UP(region->used, align);
	if (region->sealed)
		return sluice_fail(-EBUSY,
				   "region of '%.63s' is sealed: no '%s' can "
				   "be added",
				   header->owner, name);
	if (header->object_count == region->object_max)
		return sluice_fail(-ENOSPC,
				   "region of '%s': directory limit of %u "
				   "objects reached at '%s'",
				   header->owner, region->object_max, name);
	if (at > region->bytes || bytes > region->bytes - at)
		return sluice_fail(-ENOSPC,
				   "region of '%s': %llu bytes for '%s' are "
				   "over its limit of %llu",
				   header->owner, (unsigned long long)bytes,
				   name, (unsigned long long)region->bytes);
	object = (struct sluice_region_object *)(void *)(header + 1) +
		 header->object_count++;
	(void)snprintf(object->name, sizeof(object->name), "%s", name);
	object->kind = (uint32_t)kind;
	object->unit = unit;
	object->offset = at;
	object->bytes = bytes;
	region->used = at + bytes;
	*offset = at;
	return 0;
}

/* From now on another process writes, and this one reads. */
static int region_leave(const struct sluice_region *region)
{
	SLUICE_KEEP_ERRNO;
	int rc;

	if (mprotect(region->base, region->bytes, PROT_READ) == 0)
		return 0;
	rc = -errno;
	return sluice_fail(rc,
			   "region of another process refused by mprotect: %s",
			   sluice_errno_text(rc));
}

int sluice_region_seal(struct sluice_region *region)
{
	struct sluice_region_header *header;
	int rc = region_check(region);

	if (rc < 0)
		return rc;
	header = (void *)region->base;
	region->sealed = 1;
	/* A single release store: a reader that sees it sees the directory. */
	__atomic_store_n(&header->magic, SLUICE_REGION_MAGIC, __ATOMIC_RELEASE);
	return region->foreign ? region_leave(region) : 0;
}

static int region_verify_objects(const unsigned char *mem, uint64_t bytes,
				 const struct sluice_region_header *header)
{
	uint64_t room = header->header_bytes - sizeof(*header);

	if (header->object_count > room / sizeof(struct sluice_region_object))
		return sluice_fail(-EPROTO,
				   "region: %u objects do not fit its header",
				   header->object_count);
	for (uint32_t i = 0; i < header->object_count; i++) {
		struct sluice_region_object object;

		memcpy(&object, mem + sizeof(*header) + i * sizeof(object),
		       sizeof(object));
		if (object.offset < header->header_bytes ||
		    object.offset > bytes ||
		    object.bytes > bytes - object.offset)
			return sluice_fail(-EPROTO,
					   "region: object %u lies outside", i);
		if (memchr(object.name, 0, sizeof(object.name)) == NULL)
			return sluice_fail(-EPROTO,
					   "region: name of object %u has no "
					   "end",
					   i);
	}
	return 0;
}

/* In a live mapping the load acquires what the seal released. A copy, say out
 * of a core dump, may lie at any address and changes no more. */
static uint64_t region_magic(const void *mem)
{
	uint64_t magic;

	if ((uintptr_t)mem % sizeof(magic) == 0)
		return __atomic_load_n((const uint64_t *)mem, __ATOMIC_ACQUIRE);
	memcpy(&magic, mem, sizeof(magic));
	return magic;
}

int sluice_region_verify(const void *mem, uint64_t bytes)
{
	struct sluice_region_header header;

	if (mem == NULL)
		return sluice_fail(-EINVAL, "region: mem is NULL");
	if (bytes < sizeof(header))
		return sluice_fail(-EPROTO, "region: %llu bytes are no header",
				   (unsigned long long)bytes);
	if (region_magic(mem) != SLUICE_REGION_MAGIC)
		return sluice_fail(-EPROTO, "region: no sluice magic");
	memcpy(&header, mem, sizeof(header)); /* one look, then decide */
	if (header.byte_order != SLUICE_REGION_BYTE_ORDER)
		return sluice_fail(-EPROTO, "region: other byte order");
	if (header.format_major != SLUICE_REGION_FORMAT_MAJOR)
		return sluice_fail(-EPROTO, "region: format %u, not %u",
				   header.format_major,
				   SLUICE_REGION_FORMAT_MAJOR);
	if (header.features_required != 0)
		return sluice_fail(-EPROTO,
				   "region: needs unknown features %#x",
				   header.features_required);
	if (header.line_bytes != SLUICE_LINE_BYTES)
		return sluice_fail(-EPROTO, "region: lines of %u bytes, not %u",
				   header.line_bytes,
				   (unsigned)SLUICE_LINE_BYTES);
	if (header.region_bytes != bytes)
		return sluice_fail(-EPROTO, "region: says %llu bytes, has %llu",
				   (unsigned long long)header.region_bytes,
				   (unsigned long long)bytes);
	if (header.header_bytes < sizeof(header) || header.header_bytes > bytes)
		return sluice_fail(-EPROTO, "region: header of %u bytes",
				   header.header_bytes);
	if (memchr(header.owner, 0, sizeof(header.owner)) == NULL)
		return sluice_fail(-EPROTO, "region: owner's name has no end");
	return region_verify_objects(mem, bytes, &header);
}

void sluice_region_close(struct sluice_region *region)
{
	SLUICE_KEEP_ERRNO;

	if (region == NULL || region->base == NULL)
		return;
	region_unmap(region);
}
