/* SPDX-License-Identifier: Apache-2.0 */
/* The system's calls that may be refused, as the linker puts them before the
 * real ones (see CMakeLists.txt). */
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

void *__wrap_malloc(size_t bytes)
{
	return sim_refuses_block() ? NULL : __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t bytes)
{
	return sim_refuses_block() ? NULL : __real_calloc(count, bytes);
}

void *__wrap_aligned_alloc(size_t align, size_t bytes)
{
	return sim_refuses_block() ? NULL : __real_aligned_alloc(align, bytes);
}

int __wrap_memfd_create(const char *name, unsigned int flags)
{
	if (!sim_refuses_block())
		return __real_memfd_create(name, flags);
	errno = EMFILE;
	return -1;
}
