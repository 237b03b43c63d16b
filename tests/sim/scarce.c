/* SPDX-License-Identifier: Apache-2.0 */
/* What the system refuses: threads, which the simulator makes, and memory and
 * files, whose calls the linker puts before the real ones (see CMakeLists.txt). */
#include "tests/sim/process.h"
#include "tests/sim/sim.h"

#include <errno.h>
#include <stdlib.h>

void *__real_malloc(size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__real_aligned_alloc(size_t align, size_t bytes);
void *__wrap_aligned_alloc(size_t align, size_t bytes);
int __real_memfd_create(const char *name, unsigned int flags);
int __wrap_memfd_create(const char *name, unsigned int flags);

static uint32_t threads_left; /* until one is refused; 0: none is */
static uint32_t blocks_left;

void sim_scarce(uint32_t threads, uint32_t blocks)
{
	threads_left = threads;
	blocks_left = blocks;
}

static int refuses(uint32_t *left)
{
	return *left > 0 && --*left == 0;
}

int sim_refuses_thread(void)
{
	return refuses(&threads_left);
}

static void *held(void *block)
{
	process_holds_block(block);
	return block;
}

void *__wrap_malloc(size_t bytes)
{
	return refuses(&blocks_left) ? NULL : held(__real_malloc(bytes));
}

void *__wrap_calloc(size_t count, size_t bytes)
{
	return refuses(&blocks_left) ? NULL : held(__real_calloc(count, bytes));
}

void *__wrap_aligned_alloc(size_t align, size_t bytes)
{
	return refuses(&blocks_left) ? NULL
				     : held(__real_aligned_alloc(align, bytes));
}

int __wrap_memfd_create(const char *name, unsigned int flags)
{
	int fd;

	if (refuses(&blocks_left)) {
		errno = EMFILE;
		return -1;
	}
	fd = __real_memfd_create(name, flags);
	process_holds_file(fd);
	return fd;
}
