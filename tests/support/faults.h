/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calls by which the library asks the system for something, each with a wrapper
 * that the linker puts before it (sluice_unit_faults() in unit/CMakeLists.txt): the
 * n-th of one kind is refused, or each. A program includes this once.
 *
 *     for (n = 1, refused = 1; refused; n++) {
 *             fault_arm("mmap", ENOMEM, n, FAULT_MINE);
 *             rc = ...;
 *             refused = fault_disarm();
 *             ...
 *     }
 */
#ifndef SLUICE_TESTS_SUPPORT_FAULTS_H
#define SLUICE_TESTS_SUPPORT_FAULTS_H

#include "tests/support/edge.h"
#include "tests/support/pthread_create.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* In place of a number: each of them. */
#define FAULT_EACH 0u
/* In place of the name of a thread: that which arms, or any. */
#define FAULT_MINE NULL
#define FAULT_ANY  ""

/* Armed by one thread, while others call. */
static struct {
	const char *call;   /* the one that is refused, NULL for none */
	const char *thread; /* of whom */
	pthread_t mine;
	int error;
	uint32_t at; /* which one, from 1 */
	uint32_t seen;
	uint32_t refused;
	int64_t live; /* blocks on the heap that were allocated through here */
} fault;

#define FAULT_LOAD(word) __atomic_load_n(&fault.word, __ATOMIC_ACQUIRE)
#define FAULT_STORE(word, value)                                               \
	__atomic_store_n(&fault.word, value, __ATOMIC_RELEASE)

static inline void fault_arm(const char *call, int error, uint32_t at,
			     const char *thread)
{
	FAULT_STORE(thread, thread);
	FAULT_STORE(mine, pthread_self());
	FAULT_STORE(error, error);
	FAULT_STORE(at, at);
	FAULT_STORE(seen, 0);
	FAULT_STORE(refused, 0);
	FAULT_STORE(call, call);
}

/* How many were refused. */
static inline uint32_t fault_disarm(void)
{
	FAULT_STORE(call, NULL);
	return FAULT_LOAD(refused);
}

static inline int64_t fault_live(void)
{
	return FAULT_LOAD(live);
}

static inline int fault_is_here(void)
{
	const char *thread = FAULT_LOAD(thread);
	char name[16] = "";

	if (thread == FAULT_MINE)
		return pthread_equal(FAULT_LOAD(mine), pthread_self());
	(void)prctl(PR_GET_NAME, name, 0, 0, 0);
	return thread[0] == '\0' || strcmp(name, thread) == 0;
}

static int edge_fails(const char *call)
{
	const char *armed = FAULT_LOAD(call);
	uint32_t at;

	if (armed == NULL || strcmp(call, armed) != 0 || !fault_is_here())
		return 0;
	at = FAULT_LOAD(at);
	if (__atomic_add_fetch(&fault.seen, 1, __ATOMIC_ACQ_REL) != at &&
	    at != FAULT_EACH)
		return 0;
	(void)__atomic_add_fetch(&fault.refused, 1, __ATOMIC_ACQ_REL);
	errno = FAULT_LOAD(error);
	return 1;
}

/* A call that returns an int, -1 for an error. */
#define FAULT_WRAP(call, parameters, arguments)                                \
	int __real_##call parameters;                                          \
	int __wrap_##call parameters;                                          \
	int __wrap_##call parameters                                           \
	{                                                                      \
		return edge_fails(#call) ? -1 : __real_##call arguments;       \
	}

/* ---- files and sockets --------------------------------------------------------- */

FAULT_WRAP(fcntl, (int fd, int command, int arg), (fd, command, arg))
FAULT_WRAP(open, (const char *path, int flags, mode_t mode),
	   (path, flags, mode))
FAULT_WRAP(mkdir, (const char *path, mode_t mode), (path, mode))
FAULT_WRAP(chmod, (const char *path, mode_t mode), (path, mode))
FAULT_WRAP(chown, (const char *path, uid_t uid, gid_t gid), (path, uid, gid))
FAULT_WRAP(flock, (int fd, int operation), (fd, operation))
FAULT_WRAP(unlink, (const char *path), (path))
FAULT_WRAP(socket, (int family, int type, int protocol),
	   (family, type, protocol))
FAULT_WRAP(socketpair, (int family, int type, int protocol, int ends[2]),
	   (family, type, protocol, ends))
FAULT_WRAP(bind, (int fd, const struct sockaddr *name, socklen_t bytes),
	   (fd, name, bytes))
FAULT_WRAP(listen, (int fd, int backlog), (fd, backlog))
FAULT_WRAP(connect, (int fd, const struct sockaddr *name, socklen_t bytes),
	   (fd, name, bytes))
FAULT_WRAP(accept4,
	   (int fd, struct sockaddr *name, socklen_t *bytes, int flags),
	   (fd, name, bytes, flags))
FAULT_WRAP(setsockopt,
	   (int fd, int level, int option, const void *value, socklen_t bytes),
	   (fd, level, option, value, bytes))
FAULT_WRAP(getsockopt,
	   (int fd, int level, int option, void *value, socklen_t *bytes),
	   (fd, level, option, value, bytes))
FAULT_WRAP(poll, (struct pollfd * fds, nfds_t count, int timeout_ms),
	   (fds, count, timeout_ms))
FAULT_WRAP(eventfd, (unsigned int count, int flags), (count, flags))

ssize_t __real_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
	return edge_fails("sendmsg") ? -1 : __real_sendmsg(fd, message, flags);
}

ssize_t __real_recvmsg(int fd, struct msghdr *message, int flags);
ssize_t __wrap_recvmsg(int fd, struct msghdr *message, int flags);
ssize_t __wrap_recvmsg(int fd, struct msghdr *message, int flags)
{
	return edge_fails("recvmsg") ? -1 : __real_recvmsg(fd, message, flags);
}

/* Those that libc has no name for, or not everywhere. */
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
static inline int fault_of_number(long number, long flags)
{
	if (number == SYS_statx)
		return edge_fails("statx") || (flags & AT_SYMLINK_NOFOLLOW &&
					       edge_fails("statx_itself"));
	if (number == SYS_close_range)
		return edge_fails("close_range");
	if (number == SYS_ioctl)
		return edge_fails("ioctl");
	return number == SYS_pidfd_open && edge_fails("pidfd_open");
}

long __real_syscall(long number, long a, long b, long c, long d, long e,
		    long f);
long __wrap_syscall(long number, long a, long b, long c, long d, long e,
		    long f);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	return fault_of_number(number, c)
		       ? -1
		       : __real_syscall(number, a, b, c, d, e, f);
}

/* ---- processes --------------------------------------------------------------------- */

/* A child is armed as its parent was, and counts on alone. */
FAULT_WRAP(fork, (void), ())
FAULT_WRAP(dup2, (int fd, int at), (fd, at))

/* ---- threads and memory ---------------------------------------------------------- */

int __wrap_pthread_create(pthread_t *id, const pthread_attr_t *attr,
			  void *(*run)(void *), void *arg)
{
	return edge_fails("pthread_create")
		       ? FAULT_LOAD(error)
		       : __real_pthread_create(id, attr, run, arg);
}

static inline void *fault_block(void *block)
{
	if (block != NULL)
		(void)__atomic_add_fetch(&fault.live, 1, __ATOMIC_ACQ_REL);
	return block;
}

void *__real_malloc(size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__real_realloc(void *block, size_t bytes);
void *__wrap_realloc(void *block, size_t bytes);
void *__real_aligned_alloc(size_t align, size_t bytes);
void *__wrap_aligned_alloc(size_t align, size_t bytes);
char *__real_strdup(const char *text);
char *__wrap_strdup(const char *text);
void __real_free(void *block);
void __wrap_free(void *block);

/* Either is "heap": a compiler makes a calloc of a malloc that is zeroed. */
void *__wrap_malloc(size_t bytes)
{
	return edge_fails("malloc") || edge_fails("heap")
		       ? NULL
		       : fault_block(__real_malloc(bytes));
}

void *__wrap_calloc(size_t count, size_t bytes)
{
	return edge_fails("calloc") || edge_fails("heap")
		       ? NULL
		       : fault_block(__real_calloc(count, bytes));
}

void *__wrap_realloc(void *block, size_t bytes)
{
	if (edge_fails("realloc"))
		return NULL;
	if (block == NULL)
		return fault_block(__real_realloc(NULL, bytes));
	return __real_realloc(block, bytes);
}

void *__wrap_aligned_alloc(size_t align, size_t bytes)
{
	return edge_fails("aligned_alloc")
		       ? NULL
		       : fault_block(__real_aligned_alloc(align, bytes));
}

char *__wrap_strdup(const char *text)
{
	return edge_fails("strdup") ? NULL : fault_block(__real_strdup(text));
}

void __wrap_free(void *block)
{
	if (block != NULL)
		(void)__atomic_sub_fetch(&fault.live, 1, __ATOMIC_ACQ_REL);
	__real_free(block);
}

#endif
