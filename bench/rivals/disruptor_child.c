/* SPDX-License-Identifier: Apache-2.0 */
/* A child that is asked by a line, and answers by one. */
#define _GNU_SOURCE
#include "bench/common/bench.h"
#include "bench/rivals/disruptor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* The longest that it is waited for: nothing that it does takes as long. */
#define CHILD_WAIT_MS 120000
#define CHILD_END_MS  5000
#define CHILD_SOURCE  3

/* There is one at a time. */
static struct {
	pid_t pid; /* 0: none */
	int fd;
	char text[512]; /* what it has said, and nobody has read */
	size_t bytes;
} child;

static int child_source(const char *source)
{
	int fd = memfd_create("harness", MFD_CLOEXEC);
	size_t bytes = strlen(source);

	if (fd >= 0 && write(fd, source, bytes) == (ssize_t)bytes)
		return fd;
	if (fd >= 0)
		(void)close(fd);
	return -EIO;
}

/* Between fork and exec. It ends with its parent. */
static void child_exec(char *const argv[], int end, int source, pid_t parent)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent ||
	    dup2(end, STDIN_FILENO) < 0 || dup2(end, STDOUT_FILENO) < 0)
		_exit(127);
	/* One that has the number already would be closed by exec. */
	source = source == CHILD_SOURCE ? dup(source) : source;
	if (dup2(source, CHILD_SOURCE) < 0)
		_exit(127);
	(void)execvp(argv[0], argv);
	_exit(127);
}

int child_open(char *const argv[], const char *source)
{
	pid_t parent = getpid();
	int ends[2];
	int fd;

	child.bytes = 0;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	fd = child_source(source);
	child.pid = fd < 0 ? -1 : fork();
	if (child.pid == 0)
		child_exec(argv, ends[1], fd, parent);
	(void)close(ends[1]);
	if (fd >= 0)
		(void)close(fd);
	child.fd = ends[0];
	if (child.pid > 0)
		return 0;
	child.pid = 0;
	(void)close(child.fd);
	return -EAGAIN;
}

int child_write(const char *line)
{
	size_t bytes = strlen(line);

	if (child.pid == 0 ||
	    send(child.fd, line, bytes, MSG_NOSIGNAL) != (ssize_t)bytes)
		return -EPIPE;
	return 0;
}

/* More of what it says. A line that is too long is no answer. */
static int child_fill(int64_t until_ns)
{
	struct pollfd at = {.fd = child.fd, .events = POLLIN};
	int64_t left_ms = (until_ns - bench_now_ns()) / 1000000;
	ssize_t got;

	if (child.bytes == sizeof(child.text))
		return -EMSGSIZE;
	if (left_ms <= 0 || poll(&at, 1, (int)left_ms) == 0)
		return -ETIMEDOUT;
	got = recv(child.fd, child.text + child.bytes,
		   sizeof(child.text) - child.bytes, 0);
	if (got < 0 && errno == EINTR)
		return 0;
	if (got <= 0)
		return -EPIPE;
	child.bytes += (size_t)got;
	return 0;
}

static int child_line(char *line, size_t bytes, int64_t until_ns)
{
	char *end;
	size_t n;
	int rc = 0;

	while (rc == 0 && (end = memchr(child.text, '\n', child.bytes)) == NULL)
		rc = child_fill(until_ns);
	if (rc < 0)
		return rc;
	n = (size_t)(end - child.text);
	(void)snprintf(line, bytes, "%.*s", (int)n, child.text);
	child.bytes -= n + 1;
	memmove(child.text, end + 1, child.bytes);
	return 0;
}

int child_read(char *line, size_t bytes, const char *const *words)
{
	int64_t until_ns = bench_now_ns() + CHILD_WAIT_MS * INT64_C(1000000);
	int rc;

	while ((rc = child_line(line, bytes, until_ns)) == 0) {
		for (size_t i = 0; words[i] != NULL; i++)
			if (strncmp(line, words[i], strlen(words[i])) == 0)
				return 0;
		(void)fprintf(stderr, "%s\n", line);
	}
	return rc;
}

void child_close(void)
{
	const struct timespec rest = {0, 1000000};
	int64_t until_ns = bench_now_ns() + CHILD_END_MS * INT64_C(1000000);

	if (child.pid == 0)
		return;
	(void)close(child.fd);
	while (waitpid(child.pid, NULL, WNOHANG) == 0) {
		if (bench_now_ns() > until_ns)
			(void)kill(child.pid, SIGKILL);
		(void)nanosleep(&rest, NULL);
	}
	child.pid = 0;
}
