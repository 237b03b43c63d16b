/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* F_GET_SEALS, MADV_DONTFORK */
#include "engine/peer/file_priv.h"
#include "engine/peer/memory_priv.h"
#include "ring/base_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

int memory_hide(const char *call)
{
	SLUICE_KEEP_ERRNO;
	int rc;

	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0)
		return 0;
	rc = -errno;
	return sluice_fail(rc, "%s: PR_SET_DUMPABLE refused: %s", call,
			   sluice_errno_text(rc));
}

int memory_open(struct sluice_region *region, enum memory_writer writer,
		const char *owner, uint64_t bytes, uint32_t object_max)
{
	return writer == MEMORY_OF_PEER
		       ? sluice_region_open_foreign(region, owner, bytes,
						    object_max)
		       : sluice_region_open_shared(region, owner, bytes,
						   object_max);
}

int memory_take_over(struct sluice_region *region, struct sluice_region *next)
{
	struct sluice_region last = *region;

	if (mmap(region->base, region->bytes, PROT_READ,
		 MAP_SHARED | MAP_FIXED | MAP_POPULATE, next->fd,
		 0) == MAP_FAILED)
		return -errno;
	*region = *next;
	region->base = last.base;
	/* What is closed then is the one that nobody looks at. */
	last.base = next->base;
	*next = last;
	sluice_region_close(next);
	return 0;
}

/* A duplicate would be as writable as the engine's own. */
static int memory_reopen(const struct sluice_region *region)
{
	char path[48];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", region->fd);
	return open(path, O_RDONLY | O_CLOEXEC);
}

int memory_descriptor(const struct sluice_region *region,
		      enum memory_writer writer)
{
	SLUICE_KEEP_ERRNO;
	int fd;
	int rc;

	fd = writer == MEMORY_OF_PEER ? fcntl(region->fd, F_DUPFD_CLOEXEC, 0)
				      : memory_reopen(region);
	if (fd >= 0)
		return fd;
	rc = -errno;
	return sluice_fail(rc, "peers: no descriptor of memory: %s refused: %s",
			   writer == MEMORY_OF_PEER ? "dup"
						    : "open in /proc/self/fd",
			   sluice_errno_text(rc));
}

struct wire_memory memory_told(const struct sluice_region *region,
			       enum memory_writer writer)
{
	return (struct wire_memory){
		.kind = WIRE_MEMFD,
		.rights =
			WIRE_READ | (writer == MEMORY_OF_PEER ? WIRE_WRITE : 0),
		.bytes = region->bytes,
	};
}

int memory_tell(const struct sluice_region *region, enum memory_writer writer,
		struct wire_welcome *welcome, int fds[WIRE_MEMORY_MAX])
{
	int fd = memory_descriptor(region, writer);

	if (fd < 0)
		return fd;
	fds[welcome->memory_count] = fd;
	welcome->memory[welcome->memory_count++] = memory_told(region, writer);
	return 0;
}

/* ---- a peer ----------------------------------------------------------------- */

static int memory_check(int fd, const struct wire_memory *told)
{
	struct file is;
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals < 0 || file_of(&is, fd) < 0)
		return sluice_fail(-EPROTO,
				   "peers: a descriptor is of no memfd");
	if ((seals & (F_SEAL_SHRINK | F_SEAL_GROW)) !=
	    (F_SEAL_SHRINK | F_SEAL_GROW))
		return sluice_fail(-EPROTO,
				   "peers: memory has seals %#x, so its size "
				   "can change",
				   (unsigned)seals);
	if (is.bytes != told->bytes)
		return sluice_fail(
			-EPROTO,
			"peers: memory has %llu bytes, and %llu were "
			"told",
			(unsigned long long)is.bytes,
			(unsigned long long)told->bytes);
	return 0;
}

int memory_map(struct memory_map *map, int fd, const struct wire_memory *told)
{
	SLUICE_KEEP_ERRNO;
	int writes = (told->rights & WIRE_WRITE) != 0;
	void *base;
	int rc = memory_check(fd, told);

	*map = (struct memory_map){0};
	if (rc < 0)
		return rc;
	base = mmap(NULL, told->bytes, PROT_READ | (writes ? PROT_WRITE : 0),
		    MAP_SHARED | MAP_POPULATE, fd, 0);
	if (base == MAP_FAILED) {
		rc = -errno;
		return sluice_fail(rc, "peers: %llu bytes refused by mmap: %s",
				   (unsigned long long)told->bytes,
				   sluice_errno_text(rc));
	}
	(void)madvise(base, told->bytes, MADV_DONTFORK);
	*map = (struct memory_map){base, told->bytes};
	return 0;
}

void memory_unmap(struct memory_map *map)
{
	SLUICE_KEEP_ERRNO;

	if (map->base != NULL)
		(void)munmap(map->base, map->bytes);
	*map = (struct memory_map){0};
}
