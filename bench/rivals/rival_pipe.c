/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pipe of the kernel: a batch is one write and one read. It holds as many
 * bytes as the rings do, at least a page; the kernel lets both ends sleep.
 */
#define _GNU_SOURCE
#include "bench/rivals/ring.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

struct pipe_ends {
	int fd[2];
	unsigned char *in;
	unsigned char *out;
};

static void pipe_close(void *ring)
{
	struct pipe_ends *ends = ring;

	for (int i = 0; i < 2; i++)
		if (ends->fd[i] >= 0)
			(void)close(ends->fd[i]);
	free(ends->in);
	free(ends->out);
	free(ends);
}

static void *pipe_open(const struct ring_link *link)
{
	struct pipe_ends *ends = bench_memory(sizeof(*ends));

	if (ends == NULL)
		return NULL;
	ends->in = bench_memory((size_t)link->batch * link->bytes);
	ends->out = bench_memory((size_t)link->batch * link->bytes);
	if (pipe2(ends->fd, O_CLOEXEC) < 0)
		ends->fd[0] = ends->fd[1] = -1;
	if (!ends->in || !ends->out || ends->fd[0] < 0) {
		pipe_close(ends);
		return NULL;
	}
	/* Refused above the user's limit: then it keeps its 64 KiB. */
	(void)fcntl(ends->fd[1], F_SETPIPE_SZ,
		    (int)(RING_CAPACITY * link->bytes));
	return ends;
}

/* All @bytes, in as many calls as the kernel wants; a pipe that both threads
 * hold open has no errors. */
static void pipe_write(int fd, const unsigned char *from, size_t bytes)
{
	while (bytes > 0) {
		ssize_t n = write(fd, from, bytes);

		if (n <= 0)
			abort();
		from += n;
		bytes -= (size_t)n;
	}
}

/* At least one whole event, at most @bytes. */
static size_t pipe_read(int fd, unsigned char *to, size_t bytes, size_t event)
{
	size_t got = 0;

	do {
		size_t want = got == 0 ? bytes : event - got % event;
		ssize_t n = read(fd, to + got, want);

		if (n <= 0)
			abort();
		got += (size_t)n;
	} while (got % event != 0);
	return got;
}

RING_INLINE void pipe_produce(struct ring_link *link, uint32_t bytes)
{
	const struct pipe_ends *ends = link->ring;

	for (uint64_t seq = 0; seq < link->n;) {
		uint64_t left = link->n - seq;
		uint64_t want = left < link->batch ? left : link->batch;

		for (uint64_t i = 0; i < want; i++)
			ring_fill(ends->in + i * bytes, bytes, seq + i);
		pipe_write(ends->fd[1], ends->in, want * bytes);
		seq += want;
	}
}

RING_INLINE void pipe_consume(struct ring_link *link, uint32_t bytes)
{
	const struct pipe_ends *ends = link->ring;
	uint64_t sum = 0;

	for (uint64_t seen = 0; seen < link->n;) {
		size_t got = pipe_read(ends->fd[0], ends->out,
				       (size_t)link->batch * bytes, bytes);

		for (size_t at = 0; at < got; at += bytes)
			sum += ring_sum(ends->out + at, bytes);
		seen += got / bytes;
	}
	link->sum = sum;
}

static int pipe_put(void *ring, uint64_t value)
{
	const struct pipe_ends *ends = ring;

	pipe_write(ends->fd[1], (const unsigned char *)&value, sizeof(value));
	return 1;
}

static int pipe_take(void *ring, uint64_t *value)
{
	const struct pipe_ends *ends = ring;

	(void)pipe_read(ends->fd[0], (unsigned char *)value, sizeof(*value),
			sizeof(*value));
	return 1;
}

static void pipe_ping(void *trip)
{
	ring_ping(trip, pipe_put, pipe_take);
}

static void pipe_pong(void *trip)
{
	ring_pong(trip, pipe_put, pipe_take);
}

#define PIPE_ENDS(bytes)                                                       \
	static void produce_##bytes(void *link)                                \
	{                                                                      \
		pipe_produce(link, bytes);                                     \
	}                                                                      \
	static void consume_##bytes(void *link)                                \
	{                                                                      \
		pipe_consume(link, bytes);                                     \
	}
PIPE_ENDS(8)
PIPE_ENDS(64)
PIPE_ENDS(256)
const struct ring_rival ring_pipe = {
	.name = "pipe",
	.family = "pipe",
	.open = pipe_open,
	.close = pipe_close,
	.produce = {produce_8, produce_64, produce_256},
	.consume = {consume_8, consume_64, consume_256},
	.ping = pipe_ping,
	.pong = pipe_pong,
};
