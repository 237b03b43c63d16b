/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sluice recv: the events of a stage of another process, to stdout. And sluice tap:
 * copies of them, which no stage waits for.
 *
 * A batch is acknowledged when all of it is written: by the next receive, or when it
 * is left cleanly. Who cannot write any more leaves without that, and the engine
 * gives to others what was not acknowledged, but counts no death.
 */
#include "tools/sluice/event.h"
#include "tools/sluice/peer.h"
#include "tools/cli/say.h"

#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Written at once, if events are small. */
#define RECV_BUFFER_BYTES (64u << 10)
/* After a signal, for a reader that takes nothing. */
#define RECV_PATIENCE_MS 1000

struct recv {
	struct peer peer;
	const struct options *options;
	uint64_t left; /* events that may still come */
	char *buffer;
	size_t bytes; /* that are in it */
	size_t room;
	size_t line_bytes; /* the most that an event takes there */
};

/* ---- an event --------------------------------------------------------------- */

static struct event_form recv_form(const struct recv *recv)
{
	return (struct event_form){&recv->options->fields,
				   recv->options->format,
				   recv->peer.event_bytes};
}

static size_t recv_line_bytes(const struct recv *recv)
{
	const struct options *options = recv->options;
	struct event_form form = recv_form(recv);

	if (options->json_lines)
		return event_bytes(&form);
	return options->fields.count > 0
		       ? fields_line_bytes(&options->fields)
		       : frame_bytes(options->format, recv->peer.event_bytes);
}

/* Event @i of its batch. */
static void recv_line(struct recv *recv, const struct sluice_batch *batch,
		      uint32_t i)
{
	const struct options *options = recv->options;
	const char *event = (const char *)batch->events +
			    (size_t)i * recv->peer.event_bytes;
	struct event_form form = recv_form(recv);
	char *line = recv->buffer + recv->bytes;

	if (options->json_lines)
		recv->bytes += event_write(
			&form, line, event, batch->seq + i,
			(batch->flags & SLUICE_BATCH_REDELIVERED) != 0);
	else if (options->fields.count > 0)
		recv->bytes += fields_write(&options->fields, line, event);
	else
		recv->bytes += frame_write(options->format, line, event,
					   recv->peer.event_bytes);
}

/* ---- stdout ----------------------------------------------------------------- */

static int recv_unwritable(int error)
{
	return cli_fail(-EIO, "stdout: %s; the rest is not acknowledged",
			strerror(error));
}

/* Returns 0; or -EIO: it is not to be written to any more. A pipe that is ready takes
 * PIPE_BUF bytes without waiting. */
static int recv_flush(struct recv *recv)
{
	const char *from = recv->buffer;

	while (recv->bytes > 0) {
		int patience = peer_came(&recv->peer) ? RECV_PATIENCE_MS : -1;
		short ready = peer_wait(&recv->peer, 0, STDOUT_FILENO, POLLOUT,
					patience);
		ssize_t n;

		if (ready == 0 && patience < 0)
			continue;
		if (ready == 0)
			return recv_unwritable(ECANCELED);
		n = write(STDOUT_FILENO, from,
			  recv->bytes < PIPE_BUF ? recv->bytes : PIPE_BUF);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return recv_unwritable(errno);
		if (n > 0) {
			from += n;
			recv->bytes -= (size_t)n;
		}
	}
	return 0;
}

static int recv_batch(struct recv *recv, const struct sluice_batch *batch)
{
	for (uint32_t i = 0; i < batch->count; i++) {
		recv_line(recv, batch, i);
		if (recv->room - recv->bytes < recv->line_bytes &&
		    recv_flush(recv) < 0)
			return -EIO;
	}
	return recv_flush(recv);
}

/* ---- events ----------------------------------------------------------------- */

/* Nothing is there: until there is, or a signal comes. Returns -EIO when nobody
 * reads stdout any more. */
static int recv_wait(struct recv *recv)
{
	short broken = peer_wait(&recv->peer, 1, STDOUT_FILENO, 0, -1);

	return broken & (POLLERR | POLLHUP | POLLNVAL) ? recv_unwritable(EPIPE)
						       : 0;
}

/* Returns an exit code, or -EIO. */
static int recv_all(struct recv *recv)
{
	struct sluice_batch batch;
	int rc = 0;

	while (rc == 0 && recv->left > 0 && !peer_came(&recv->peer)) {
		int n = sluice_recv(recv->peer.port, &batch, 0);

		if (n > 0) {
			rc = recv_batch(recv, &batch);
			recv->left -= (uint32_t)n;
		} else if (n == -EAGAIN) {
			rc = recv_wait(recv);
		} else {
			return peer_ended(&recv->peer, n);
		}
	}
	return rc;
}

static int recv_buffer(struct recv *recv)
{
	const struct fields *fields = &recv->options->fields;

	if (fields->bytes > recv->peer.event_bytes)
		return REFUSE(
			"--fields: they have %u bytes, and an event of '%s' "
			"has %u",
			fields->bytes, recv->options->from,
			recv->peer.event_bytes);
	recv->line_bytes = recv_line_bytes(recv);
	recv->room = RECV_BUFFER_BYTES + recv->line_bytes;
	recv->buffer = malloc(recv->room);
	return recv->buffer != NULL ? 0 : cli_fail(-ENOMEM, "no memory");
}

/* A limited number is asked for, so that not one more comes. */
static int recv_open(struct recv *recv)
{
	const struct options *options = recv->options;
	struct sluice_attach_opts opts = {.from = options->from,
					  .max_demand = options->max_demand,
					  .tee = options->tee};
	int rc;

	/* Of copies there is none. */
	if (options->tee == 0)
		opts.partition = SLUICE_PARTITION(options->partition);
	if (options->count > 0)
		opts.flags = SLUICE_ATTACH_MANUAL;
	rc = peer_open(&recv->peer, options, &opts);
	if (rc != 0)
		return rc;
	rc = recv_buffer(recv);
	if (rc == 0 && options->count > 0)
		rc = cli_library(sluice_ask(sluice_port_sub(recv->peer.port),
					    options->count));
	if (rc == -EINVAL)
		return peer_close(&recv->peer, COMMAND_USAGE);
	return rc < 0 ? peer_close(&recv->peer, COMMAND_FAILED) : 0;
}

int cmd_recv(const struct command *command, void *of)
{
	struct recv recv = {.options = of};
	int rc;

	recv.left = recv.options->count > 0 ? recv.options->count : UINT64_MAX;
	rc = recv_open(&recv);
	if (rc == 0) {
		rc = recv_all(&recv);
		rc = rc >= 0 ? peer_close(&recv.peer, rc)
			     : peer_forgo(&recv.peer, rc);
	}
	free(recv.buffer);
	if (rc > 0)
		command_complain(command, cli_error());
	return rc;
}
