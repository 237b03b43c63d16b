/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Links whose calls wait by themselves: a port, and what the kernel has. A batch is
 * one call, and in the kernel one message; a pipe takes it whole as well, since it
 * is no longer than PIPE_BUF.
 */
#define _GNU_SOURCE
#include "bench/rivals/process_link.h"

#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* As many as whoever is not privileged may have in a queue. */
#define MQUEUE_MESSAGES 10

/* ---- opening ------------------------------------------------------------------- */

static int mqueue_pair(int here[PROCESS_FDS], int there[PROCESS_FDS])
{
	struct mq_attr attr = {.mq_maxmsg = MQUEUE_MESSAGES,
			       .mq_msgsize = PROCESS_BATCH_BYTES};
	int *const ends[2][2] = {{&here[0], &there[1]}, {&there[0], &here[1]}};

	for (uint32_t i = 0; i < 2; i++) {
		char name[40];

		(void)snprintf(name, sizeof(name), "/sluice-bench-%d-%u",
			       (int)getpid(), i);
		/* With 0 it is asked for one that is there already. */
		*ends[i][0] =
			mq_open(name, O_RDONLY | O_CREAT | O_EXCL, 0600, &attr);
		if (*ends[i][0] < 0)
			return -errno;
		*ends[i][1] = mq_open(name, O_WRONLY);
		(void)mq_unlink(name);
		if (*ends[i][1] < 0)
			return -errno;
	}
	return 0;
}

static int pipe_pair(int here[PROCESS_FDS], int there[PROCESS_FDS])
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	here[0] = ends[0];
	there[1] = ends[1];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	there[0] = ends[0];
	here[1] = ends[1];
	return 0;
}

static int socket_pair(int here[PROCESS_FDS], int there[PROCESS_FDS])
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	here[0] = ends[0];
	there[0] = ends[1];
	/* Each descriptor is closed once. */
	here[1] = fcntl(ends[0], F_DUPFD_CLOEXEC, 0);
	there[1] = fcntl(ends[1], F_DUPFD_CLOEXEC, 0);
	return here[1] < 0 || there[1] < 0 ? -errno : 0;
}

int process_link_open(enum process_link_kind kind, int here[PROCESS_FDS],
		      int there[PROCESS_FDS])
{
	here[0] = here[1] = there[0] = there[1] = -1;
	if (kind == PROCESS_PIPE)
		return pipe_pair(here, there);
	if (kind == PROCESS_SOCKET)
		return socket_pair(here, there);
	return kind == PROCESS_MQUEUE ? mqueue_pair(here, there) : 0;
}

void process_link_close(int fds[PROCESS_FDS])
{
	for (uint32_t i = 0; i < PROCESS_FDS; i++) {
		if (fds[i] >= 0)
			(void)close(fds[i]);
		fds[i] = -1;
	}
}

int process_link_works(enum process_link_kind kind)
{
	int here[PROCESS_FDS];
	int there[PROCESS_FDS];
	int rc = process_link_open(kind, here, there);

	process_link_close(here);
	process_link_close(there);
	return rc == 0;
}

/* ---- one call ------------------------------------------------------------------- */

static struct timespec mqueue_until(void)
{
	struct timespec until;

	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PROCESS_WAIT_MS / 1000;
	return until;
}

static ssize_t link_write(const struct process_end *end, size_t bytes)
{
	struct timespec until;

	if (end->kind != PROCESS_MQUEUE)
		return end->kind == PROCESS_PIPE
			       ? write(end->fd, end->events, bytes)
			       : send(end->fd, end->events, bytes,
				      MSG_NOSIGNAL);
	until = mqueue_until();
	return mq_timedsend(end->fd, (const char *)end->events, bytes, 0,
			    &until) < 0
		       ? -1
		       : (ssize_t)bytes;
}

static ssize_t link_read(struct process_end *end)
{
	struct timespec until;

	if (end->kind != PROCESS_MQUEUE)
		return read(end->fd, end->events, sizeof(end->events));
	until = mqueue_until();
	return mq_timedreceive(end->fd, (char *)end->events,
			       sizeof(end->events), NULL, &until);
}

/* @n events that lie in end->events. */
static void end_write(struct process_end *end, uint32_t n)
{
	size_t bytes = (size_t)n * end->bytes;

	for (uint32_t sent = 0; end->kind == PROCESS_PORT && sent < n;) {
		int rc = sluice_send(end->port,
				     end->events + (size_t)sent * end->bytes,
				     n - sent, PROCESS_WAIT_MS);

		if (rc < 0)
			end->code = rc;
		if (rc < 0)
			return;
		sent += (uint32_t)rc;
	}
	if (end->kind != PROCESS_PORT &&
	    link_write(end, bytes) != (ssize_t)bytes)
		end->code = -EPIPE;
}

/* Returns how many have come, and where they lie; 0: the end has failed. */
static uint32_t end_read(struct process_end *end, const unsigned char **events)
{
	struct sluice_batch batch;
	ssize_t got;

	if (end->kind == PROCESS_PORT) {
		int rc = sluice_recv(end->port, &batch, PROCESS_WAIT_MS);

		*events = batch.events;
		if (rc > 0)
			return (uint32_t)rc;
		end->code = rc;
		return 0;
	}
	got = link_read(end);
	*events = end->events;
	/* What was written whole is read whole. */
	if (got > 0 && got % end->bytes == 0)
		return (uint32_t)got / end->bytes;
	end->code = -EPIPE;
	return 0;
}

/* ---- all of a run ------------------------------------------------------------------ */

void process_count(struct process_meter *meter, uint64_t count, uint64_t sum)
{
	meter->seen += count;
	meter->sum += sum;
	if (meter->began_ns == 0) {
		if (meter->seen < meter->warm)
			return;
		meter->preempted = bench_thread_preempted();
		meter->timed = meter->n - meter->seen;
		meter->began_ns = bench_now_ns();
	} else if (meter->seen >= meter->n) {
		meter->ns = bench_now_ns() - meter->began_ns;
		meter->preempted = bench_thread_preempted() - meter->preempted;
	}
}

int process_rate(const struct process_meter *meter, uint32_t bytes,
		 double *rate)
{
	if (meter->seen != meter->n || meter->ns <= 0 ||
	    meter->sum != ring_sum_expected(meter->n, bytes))
		return -EBADMSG;
	*rate = (double)meter->timed * 1e3 / (double)meter->ns;
	return 0;
}

RING_INLINE void send_all(struct process_end *end, uint64_t n, uint32_t bytes)
{
	for (uint64_t seq = 0; seq < n && end->code == 0;) {
		uint32_t want = n - seq < PROCESS_BATCH ? (uint32_t)(n - seq)
							: PROCESS_BATCH;

		for (uint32_t i = 0; i < want; i++)
			ring_fill(end->events + (size_t)i * bytes, bytes,
				  seq + i);
		end_write(end, want);
		seq += want;
	}
}

void process_send(struct process_end *end, uint64_t n)
{
	if (end->bytes == 8)
		send_all(end, n, 8);
	else
		send_all(end, n, 64);
}

RING_INLINE void receive_all(struct process_end *end,
			     struct process_meter *meter, uint32_t bytes)
{
	while (meter->seen < meter->n && end->code == 0) {
		const unsigned char *events;
		uint32_t got = end_read(end, &events);
		uint64_t sum = 0;

		for (uint32_t i = 0; i < got; i++)
			sum += ring_sum(events + (size_t)i * bytes, bytes);
		process_count(meter, got, sum);
	}
}

void process_receive(struct process_end *end, struct process_meter *meter)
{
	if (end->bytes == 8)
		receive_all(end, meter, 8);
	else
		receive_all(end, meter, 64);
}

/* ---- one event --------------------------------------------------------------------- */

static int end_put(void *of, uint64_t value)
{
	struct process_end *end = of;

	ring_fill(end->events, end->bytes, value);
	if (end->code == 0)
		end_write(end, 1);
	return 1;
}

static int end_take(void *of, uint64_t *value)
{
	struct process_end *end = of;
	const unsigned char *events;

	if (end->code == 0 && end_read(end, &events) > 0)
		__builtin_memcpy(value, events, sizeof(*value));
	return 1;
}

void process_link_ping(void *trip)
{
	ring_ping(trip, end_put, end_take);
}

void process_link_pong(void *trip)
{
	ring_pong(trip, end_put, end_take);
}
