/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* memfd_create, F_ADD_SEALS, fallocate */
#include "ring/region.h"
#include "ring/base_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL /* since Linux 6.3; glibc 2.36 does not name it */
#define MFD_NOEXEC_SEAL 0x0008U
#endif
#ifndef F_SEAL_FUTURE_WRITE /* since Linux 5.1 */
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

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

int sluice_region_open(struct sluice_region *region, const char *owner,
		       uint64_t bytes, uint32_t object_max)
{
	uint64_t page = sluice_region_page_bytes();
	const char *step;
	void *base;
	int rc;

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
	if (bytes < region->used)
		bytes = region->used;
	region->bytes = SLUICE_ALIGN_UP(bytes, page);

	step = "memfd_create";
	region->fd = region_memfd(owner);
	if (region->fd < 0)
		goto failed;
	step = "ftruncate";
	if (ftruncate(region->fd, (off_t)region->bytes) < 0)
		goto failed;
	/* Every page now, or a clear refusal: never SIGBUS in mid-flight. */
	step = "fallocate";
	if (fallocate(region->fd, 0, 0, (off_t)region->bytes) < 0)
		goto failed;
	step = "mmap";
	base = mmap(NULL, region->bytes, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_POPULATE, region->fd, 0);
	if (base == MAP_FAILED)
		goto failed;
	region->base = base;
	region_write_header(region, owner);
	return 0;

failed:
	rc = errno > 0 ? -errno : -ENOMEM;
	if (region->fd >= 0)
		(void)close(region->fd);
	memset(region, 0, sizeof(*region));
	region->fd = -1;
	return sluice_fail(rc, "region of '%s': %llu bytes refused by %s: %s",
			   owner, (unsigned long long)bytes, step,
			   strerror(-rc));
}

int sluice_region_alloc(struct sluice_region *region,
			enum sluice_object_kind kind, const char *name,
			uint64_t bytes, uint32_t unit, uint64_t align,
			uint64_t *offset)
{
	struct sluice_region_header *header = (void *)region->base;
	struct sluice_region_object *object;
	uint64_t at = SLUICE_ALIGN_UP(region->used, align);

	if (region->sealed)
		return sluice_fail(-EBUSY,
				   "region of '%s' is sealed: no '%s' can be "
				   "added",
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

int sluice_region_seal(struct sluice_region *region)
{
	struct sluice_region_header *header = (void *)region->base;

	if (fcntl(region->fd, F_ADD_SEALS,
		  F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE |
			  F_SEAL_SEAL) < 0) {
		int rc = -errno;

		return sluice_fail(rc, "region of '%s': sealing refused: %s",
				   header->owner, strerror(-rc));
	}
	region->sealed = 1;
	/* A single release store: a reader that sees it sees the directory. */
	__atomic_store_n(&header->magic, SLUICE_REGION_MAGIC, __ATOMIC_RELEASE);
	return 0;
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
	if (region->base == NULL)
		return;
	(void)munmap(region->base, region->bytes);
	(void)close(region->fd);
	memset(region, 0, sizeof(*region));
	region->fd = -1;
}
