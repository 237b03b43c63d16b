/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between fork() and exec() a child has one thread, with the locks of all others as
 * they were: so nothing is called there that is not safe in a signal handler, and all
 * memory is made before.
 *
 * The child waits until its parent has a pidfd of it: a host may have its children
 * forgotten (SIGCHLD ignored), and a number be another's. Whether exec() has worked is
 * not waited for: what could be closed by it another child of the host may keep open.
 */
#define _GNU_SOURCE /* _SC_OPEN_MAX, socketpair with SOCK_CLOEXEC */
#include "engine/peer/exec_priv.h"
#include "engine/peer/pidfd_priv.h"
#include "ring/base_priv.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_close_range /* since Linux 5.9 */
#define SYS_close_range 436
#endif
#define WAIT_BY_PIDFD ((idtype_t)3) /* P_PIDFD, since Linux 5.4 */

/* As linux/pidfd.h has it, since 6.13; how it has exited since 6.15. */
struct pidfd_info {
	uint64_t mask;
	uint64_t cgroupid;
	uint32_t ids[11];
	int32_t exit_code;
};
#define PIDFD_GET_EXIT (_IOWR(0xFF, 11, struct pidfd_info))
#define PIDFD_HAS_EXIT UINT64_C(8)

/* ---- the program ---------------------------------------------------------------- */

static char *find_copy(const char *folder, size_t length, const char *name,
		       int *rc)
{
	size_t bytes = length + strlen(name) + 2;
	char *path = malloc(bytes);

	if (path == NULL)
		*rc = -ENOMEM;
	else if (length > 0)
		(void)snprintf(path, bytes, "%.*s/%s", (int)length, folder,
			       name);
	else
		(void)snprintf(path, bytes, "%s", name);
	return path;
}

/* Else errno says why not. A folder that may be entered is no program. */
static int find_may_run(const char *path)
{
	/* As glibc 2.31 can say it: its stat() is no symbol. */
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return access(path, X_OK) == 0;
	(void)close(fd);
	errno = EACCES;
	return 0;
}

/* In one folder, or as a path. What is there and may not be run is remembered. */
static char *find_at(const char *folder, size_t length, const char *name,
		     int *rc)
{
	char *path = find_copy(folder, length, name, rc);

	if (path == NULL || find_may_run(path))
		return path;
	if (*rc == -ENOENT && errno == EACCES)
		*rc = -EACCES;
	free(path);
	return NULL;
}

char *exec_find(const char *name, int *rc)
{
	SLUICE_KEEP_ERRNO;
	const char *folder = getenv("PATH");
	char *path = NULL;

	*rc = -ENOENT;
	if (strchr(name, '/') != NULL)
		return find_at("", 0, name, rc);
	if (name[0] == '\0' || folder == NULL)
		return NULL;
	while (path == NULL && *rc != -ENOMEM) {
		size_t length = strcspn(folder, ":");

		path = find_at(length > 0 ? folder : ".",
			       length > 0 ? length : 1, name, rc);
		if (folder[length] == '\0')
			break;
		folder += length + 1;
	}
	return path;
}

/* ---- in the child ------------------------------------------------------------------ */

static void child_signals(void)
{
	const struct sigaction plain = {.sa_handler = SIG_DFL};
	sigset_t none;

	/* Some are the C library's, and are left as they are. */
	for (int i = 1; i < NSIG; i++)
		(void)sigaction(i, &plain, NULL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static void child_close_from(int first)
{
	long limit = sysconf(_SC_OPEN_MAX); /* Linux has one always */

	if (syscall(SYS_close_range, (unsigned)first, ~0u, 0) == 0)
		return;
	for (int fd = first; fd < limit; fd++)
		(void)close(fd);
}

/* The socket at its place, and nothing behind it. *socket: where it is now; if it did
 * not get there, what is there is somebody else's. */
static int child_descriptors(int *socket)
{
	int before = *socket;

	if (before != EXEC_SOCKET && dup2(before, EXEC_SOCKET) < 0)
		return -1;
	*socket = EXEC_SOCKET;
	child_close_from(EXEC_SOCKET + 1);
	if (before < EXEC_SOCKET)
		return close(before); /* this process has no stdin, or so */
	return fcntl(EXEC_SOCKET, F_SETFD, 0);
}

static void child_run(const struct exec *exec, int gate, pid_t parent)
{
	int socket = exec->socket;
	char byte;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)setpgid(0, 0); /* nobody has asked a terminal for anything yet */
	if (getppid() != parent || recv(gate, &byte, 1, 0) != 1)
		_exit(EXEC_FAILED);
	child_signals();
	if (child_descriptors(&socket) == 0)
		(void)execve(exec->program, exec->argv, exec->env);
	*exec->error = -errno;
	/* What lies unread at a close throws away what was said before it. */
	(void)recv(socket, &byte, 1, MSG_DONTWAIT);
	(void)send(socket, exec->message, exec->bytes, MSG_NOSIGNAL);
	_exit(EXEC_FAILED);
}

/* ---- in the parent ------------------------------------------------------------------ */

/* A child that has not been let go ends by itself. */
static void start_forget(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
}

/* Returns the child; in the child it does not. */
static pid_t start_fork(const struct exec *exec, const int gate[2])
{
	pid_t parent = getpid();
	sigset_t all;
	sigset_t before;
	pid_t pid;

	/* No handler of this process runs in the child. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	pid = fork();
	if (pid == 0) {
		(void)close(gate[0]);
		child_run(exec, gate[1], parent);
	}
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return pid < 0 ? -errno : pid;
}

/* Returns its pidfd. */
static int start_let_go(pid_t pid, int gate)
{
	int pidfd = pidfd_of((int)pid);

	if (pidfd < 0)
		return pidfd;
	(void)send(gate, "g", 1, MSG_NOSIGNAL); /* it may have been killed */
	return pidfd;
}

int exec_start(const struct exec *exec, int *pidfd)
{
	SLUICE_KEEP_ERRNO;
	int gate[2];
	pid_t pid;
	int rc;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, gate) < 0)
		return -errno;
	pid = start_fork(exec, gate);
	(void)close(gate[1]);
	rc = pid > 0 ? start_let_go(pid, gate[0]) : (int)pid;
	(void)close(gate[0]);
	if (rc >= 0) {
		*pidfd = rc;
		return (int)pid;
	}
	if (pid > 0)
		start_forget(pid);
	return rc;
}

/* Whoever is in the group that has its number. @pid: that number, if nobody has waited for
 * it yet, so that it is no other's; else 0. */
static void kill_group(int pidfd, pid_t pid)
{
	int rc = pidfd_signal_group(pidfd, SIGKILL);

	if (rc < 0 && rc != -ESRCH && pid != 0) /* Linux before 6.9 */
		(void)kill(-pid, SIGKILL);
}

/* The program first: it starts nobody any more. */
void exec_kill(int pidfd)
{
	SLUICE_KEEP_ERRNO;

	pidfd_signal(pidfd, SIGKILL);
	kill_group(pidfd, 0);
}

/* ---- how it has ended ----------------------------------------------------------------- */

static struct exec_end end_of(int exited, int code)
{
	return (struct exec_end){
		.known = 1,
		.status = exited ? code : 0,
		.signal = exited ? 0 : code,
	};
}

/* Somebody else has waited for it. */
static struct exec_end end_of_reaped(int pidfd)
{
	struct pidfd_info info = {.mask = PIDFD_HAS_EXIT};

	/* Not by ioctl(): its second argument is an int with musl. */
	if (syscall(SYS_ioctl, pidfd, PIDFD_GET_EXIT, &info) < 0 ||
	    (info.mask & PIDFD_HAS_EXIT) == 0)
		return (struct exec_end){.known = 0};
	return end_of(WIFEXITED(info.exit_code),
		      WIFEXITED(info.exit_code) ? WEXITSTATUS(info.exit_code)
						: WTERMSIG(info.exit_code));
}

int exec_reap(int pidfd, struct exec_end *end)
{
	SLUICE_KEEP_ERRNO;
	siginfo_t info = {0};

	if (waitid(WAIT_BY_PIDFD, (id_t)pidfd, &info,
		   WEXITED | WNOHANG | WNOWAIT) == 0 &&
	    info.si_pid == 0)
		return 0;
	kill_group(pidfd, info.si_pid);
	info.si_pid = 0;
	if (waitid(WAIT_BY_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG) == 0 &&
	    info.si_pid != 0)
		*end = end_of(info.si_code == CLD_EXITED, info.si_status);
	else
		*end = end_of_reaped(pidfd);
	return 1;
}
