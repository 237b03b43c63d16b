/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* fopencookie */
#include "tools/sluice/stream.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of what is no file. All are made before the pipeline starts. */
struct stream {
	struct stream *next;
	char stage[SLUICE_NAME_BYTES];
	int fd;
	int stop; /* eventfd: readable for good once the stage is to stop */
};

static struct stream *streams;

/* Until there is something to do. Returns 0 when the stage is to stop. */
static int stream_wait(const struct stream *stream, short events)
{
	struct pollfd fds[] = {{.fd = stream->fd, .events = events},
			       {.fd = stream->stop, .events = POLLIN}};

	while (poll(fds, 2, -1) < 0)
		if (errno != EINTR)
			return 0;
	return fds[1].revents == 0;
}

static ssize_t stream_read(void *cookie, char *into, size_t bytes)
{
	const struct stream *stream = cookie;

	return stream_wait(stream, POLLIN) ? read(stream->fd, into, bytes) : 0;
}

/* A pipe that is ready takes PIPE_BUF bytes without waiting. */
static ssize_t stream_write(void *cookie, const char *from, size_t bytes)
{
	const struct stream *stream = cookie;
	size_t done = 0;

	while (done < bytes) {
		size_t left = bytes - done;
		ssize_t n = -1;

		if (stream_wait(stream, POLLOUT))
			n = write(stream->fd, from + done,
				  left < PIPE_BUF ? left : PIPE_BUF);
		else
			errno = ECANCELED;
		if (n < 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

static int stream_end(void *cookie)
{
	struct stream *stream = cookie;
	struct stream **at = &streams;
	int rc = 0;

	while (*at != stream)
		at = &(*at)->next;
	*at = stream->next;
	if (stream->fd > STDOUT_FILENO)
		rc = close(stream->fd);
	(void)close(stream->stop);
	free(stream);
	return rc;
}

static FILE *stream_of(int fd, int writes, const char *stage)
{
	const cookie_io_functions_t calls = {.read = stream_read,
					     .write = stream_write,
					     .close = stream_end};
	struct stream *stream = calloc(1, sizeof(*stream));
	FILE *file;

	if (stream == NULL)
		return NULL;
	stream->fd = fd;
	(void)snprintf(stream->stage, sizeof(stream->stage), "%s", stage);
	stream->stop = eventfd(0, EFD_CLOEXEC);
	stream->next = streams;
	file = stream->stop < 0
		       ? NULL
		       : fopencookie(stream, writes ? "w" : "r", calls);
	if (file != NULL) {
		streams = stream;
		return file;
	}
	if (stream->stop >= 0)
		(void)close(stream->stop);
	free(stream);
	return NULL;
}

FILE *stream_open(const char *path, int writes, const char *stage)
{
	int how = writes ? O_WRONLY | O_CREAT | O_APPEND : O_RDONLY;
	int standard = writes ? STDOUT_FILENO : STDIN_FILENO;
	int fd = path != NULL ? open(path, how | O_CLOEXEC, 0666) : standard;
	struct stat is;
	FILE *file;

	if (fd < 0 || fstat(fd, &is) < 0)
		return NULL;
	if (!S_ISREG(is.st_mode))
		file = stream_of(fd, writes, stage);
	else if (path != NULL)
		file = fdopen(fd, writes ? "a" : "r");
	else
		file = writes ? stdout : stdin;
	if (file == NULL && path != NULL)
		(void)close(fd);
	return file;
}

int stream_truncate(FILE *stream)
{
	int fd = fileno(stream); /* of what is no file none */

	return fd > STDOUT_FILENO && ftruncate(fd, 0) < 0 ? -errno : 0;
}

int stream_close(FILE *stream)
{
	return stream != stdin && stream != stdout && fclose(stream) != 0
		       ? -errno
		       : 0;
}

void stream_on_stop(struct sluice_stage *self)
{
	const uint64_t one = 1;

	for (const struct stream *stream = streams; stream != NULL;
	     stream = stream->next)
		if (strcmp(stream->stage, sluice_stage_name(self)) == 0)
			(void)!write(stream->stop, &one, sizeof(one));
}
