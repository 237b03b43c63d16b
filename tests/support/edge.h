/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calls by which a region comes to be, each with a wrapper that the linker
 * puts before it (--wrap, see CMakeLists.txt). A program includes this once and
 * says in edge_fails() which call fails, and leaves the errno.
 */
#ifndef SLUICE_TESTS_SUPPORT_EDGE_H
#define SLUICE_TESTS_SUPPORT_EDGE_H

#include <sys/types.h>

/* Does @call fail this time? */
static int edge_fails(const char *call);

/* Of the last memfd_create. */
static unsigned int edge_memfd_flags;
/* Of the fallocate that is made. */
static off_t edge_fallocate_bytes;

int __real_memfd_create(const char *name, unsigned int flags);
int __wrap_memfd_create(const char *name, unsigned int flags);
int __real_ftruncate(int fd, off_t bytes);
int __wrap_ftruncate(int fd, off_t bytes);
int __real_fallocate(int fd, int mode, off_t offset, off_t bytes);
int __wrap_fallocate(int fd, int mode, off_t offset, off_t bytes);
void *__real_mmap(void *at, size_t bytes, int protection, int flags, int fd,
		  off_t offset);
void *__wrap_mmap(void *at, size_t bytes, int protection, int flags, int fd,
		  off_t offset);

int __wrap_memfd_create(const char *name, unsigned int flags)
{
	edge_memfd_flags = flags;
	return edge_fails("memfd_create") ? -1
					  : __real_memfd_create(name, flags);
}

int __wrap_ftruncate(int fd, off_t bytes)
{
	return edge_fails("ftruncate") ? -1 : __real_ftruncate(fd, bytes);
}

int __wrap_fallocate(int fd, int mode, off_t offset, off_t bytes)
{
	edge_fallocate_bytes = bytes;
	return edge_fails("fallocate")
		       ? -1
		       : __real_fallocate(fd, mode, offset, bytes);
}

void *__wrap_mmap(void *at, size_t bytes, int protection, int flags, int fd,
		  off_t offset)
{
	/* MAP_FAILED, whose header wants another feature macro. */
	return edge_fails("mmap")
		       ? (void *)-1
		       : __real_mmap(at, bytes, protection, flags, fd, offset);
}

#endif
