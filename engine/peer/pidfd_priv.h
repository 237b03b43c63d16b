/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls with a process's descriptor, for a C library that has none. Of this header
 * alone. Not installed.
 *
 * Knows      numbers of calls
 * Knows not  whose process it is
 */
#ifndef SLUICE_ENGINE_PIDFD_PRIV_H
#define SLUICE_ENGINE_PIDFD_PRIV_H

#include <errno.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_pidfd_send_signal /* since Linux 5.1 */
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_pidfd_open /* since Linux 5.3 */
#define SYS_pidfd_open 434
#endif
#define PIDFD_TO_GROUP 4u /* PIDFD_SIGNAL_PROCESS_GROUP, since Linux 6.9 */

/* The caller's to close; or a negative errno. */
static inline int pidfd_of(int pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	return fd < 0 ? -errno : fd;
}

/* To one that has ended: nothing. */
static inline void pidfd_signal(int pidfd, int signal)
{
	(void)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}

/* To all that are in the process group which has its number, also when it has ended and
 * was waited for: that is no other's number as long as one of them lives. Returns 0 or a
 * negative errno: -ESRCH, there is none. */
static inline int pidfd_signal_group(int pidfd, int signal)
{
	return syscall(SYS_pidfd_send_signal, pidfd, signal, NULL,
		       PIDFD_TO_GROUP) == 0
		       ? 0
		       : -errno;
}

#endif
