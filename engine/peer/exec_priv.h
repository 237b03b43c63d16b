/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that is started, and what becomes of it. Of exec.c. Not installed.
 *
 * The program finds the default signal mask and dispositions, a process group of its
 * own, descriptors 0, 1 and 2 as this process has them, a socket at 3, and no other.
 * It is killed when the thread that has started it ends.
 *
 * What it starts itself is in its group, unless it sees to it otherwise, and goes with it:
 * that group is killed when it is, and when it has ended. On Linux before 6.9 that is done
 * only when it has ended, and not if others have waited for it: the number is all that there
 * is to kill a group by, and could be somebody else's then.
 *
 * Nobody needs to tell this process of it (SIGCHLD), and nothing here waits for other
 * children. If others wait for this one the kernel may still say how it ended; else
 * that is not known.
 *
 * Knows      processes, descriptors
 * Knows not  stages, handshakes
 */
#ifndef SLUICE_ENGINE_EXEC_PRIV_H
#define SLUICE_ENGINE_EXEC_PRIV_H

#include <stddef.h>
#include <stdint.h>

/* Where a program finds its socket, and what tells it so. */
#define EXEC_SOCKET 3
#define EXEC_FD     "SLUICE_FD"

struct exec {
	const char *program; /* a path */
	char *const *argv;
	char *const *env;
	int socket; /* the program's end, which the caller closes */
	/* What is said over it if it cannot become the program; *error lies in
	 * there, and is set to why: a negative errno. */
	const void *message;
	size_t bytes;
	int32_t *error;
};

/* What it exits with then. */
#define EXEC_FAILED 127

struct exec_end {
	int known;
	int status; /* that it has exited with; or */
	int signal; /* that has killed it, else 0 */
};

/* Where a program is found: what has a '/' is a path, other names are looked up in
 * $PATH. Returns memory that is the caller's; or NULL, and *rc says why: -ENOENT,
 * -EACCES, -ENOMEM. Reads the environment. */
char *exec_find(const char *name, int *rc);

/* Start it. Returns its number, and *pidfd; or a negative errno: there is no child, and
 * *pidfd is as it was. It does not wait until that is the program. */
int exec_start(const struct exec *exec, int *pidfd);

/* Kill it, and its group; it may be dead. */
void exec_kill(int pidfd);

/* Has it ended? Then *end says how, the rest of its group is killed, and the kernel forgets
 * it. Does not wait. */
int exec_reap(int pidfd, struct exec_end *end);

#endif
