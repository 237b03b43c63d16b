/* SPDX-License-Identifier: Apache-2.0 */
/* sluice send: lines or frames of stdin, to a stage of another process. */
#include "tools/sluice/frame.h"
#include "tools/sluice/peer.h"
#include "tools/cli/json.h"
#include "tools/cli/say.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Read at once, if events are small. */
#define SEND_BUFFER_BYTES (64u << 10)
/* So often is looked whether the pipeline is still there, while stdin is silent: a
 * port that has credit has nothing to wait for. */
#define SEND_LOOK_MS 100

struct send {
	struct peer peer;
	enum frame_format format;
	char *buffer; /* of stdin: its first bytes are a frame's */
	size_t bytes;
	size_t room;
	char *events;   /* that are read, and not sent yet */
	uint32_t count; /* of them */
	uint32_t most;
	int ended; /* stdin has */
	uint64_t line;
	uint64_t accepted; /* of peers of that name, before */
	uint64_t skip;
	uint64_t sent;
};

/* ---- what is read ----------------------------------------------------------- */

/* Where a frame ends and the next begins; NULL: it is not all there. */
static const char *send_frame(const struct send *send, const char *from,
			      size_t bytes, const char **next)
{
	const char *end;
	size_t whole = send->peer.event_bytes;

	if (send->format == FRAME_RAW) {
		if (bytes < whole && (!send->ended || bytes == 0))
			return NULL;
		return *next = from + (bytes < whole ? bytes : whole);
	}
	end = bytes > 0 ? memchr(from, '\n', bytes) : NULL;
	if (end != NULL) {
		*next = end + 1;
		return end;
	}
	/* One that is too long already is not waited for. */
	if (bytes > 0 && (send->ended ||
			  bytes >= frame_bytes(send->format, (uint32_t)whole)))
		return *next = from + bytes;
	return NULL;
}

static int send_wrong(const struct send *send)
{
	return cli_within("stdin: %s %llu: ",
			  send->format == FRAME_RAW ? "event" : "line",
			  (unsigned long long)send->line);
}

/* Frames of the buffer become events. Returns 1: there may be more; 0: there are none;
 * or -EINVAL with a sentence, and those before it are events. */
static int send_parse(struct send *send)
{
	const char *from = send->buffer;
	const char *end_of_all = from + send->bytes;
	const char *next;
	const char *end = NULL;
	int rc = 0;

	while (rc == 0 && send->count < send->most &&
	       (end = send_frame(send, from, (size_t)(end_of_all - from),
				 &next)) != NULL) {
		send->line++;
		rc = frame_read(send->format, from, (size_t)(end - from),
				send->events + (size_t)send->count *
						       send->peer.event_bytes,
				send->peer.event_bytes);
		if (rc < 0)
			(void)send_wrong(send);
		else if (send->skip > 0)
			send->skip--;
		else
			send->count++;
		from = next;
	}
	send->bytes = (size_t)(end_of_all - from);
	memmove(send->buffer, from, send->bytes);
	return rc < 0 ? rc : end != NULL;
}

/* Returns 0, or a negative errno. */
static int send_read(struct send *send)
{
	ssize_t n;

	if (peer_wait(&send->peer, 0, STDIN_FILENO, POLLIN, SEND_LOOK_MS) == 0)
		return 0;
	n = read(STDIN_FILENO, send->buffer + send->bytes,
		 send->room - send->bytes);
	if (n < 0)
		return errno == EINTR || errno == EAGAIN
			       ? 0
			       : cli_fail(-errno, "stdin: %s", strerror(errno));
	send->bytes += (size_t)n;
	send->ended = n == 0;
	return 0;
}

/* ---- what is sent ----------------------------------------------------------- */

/* A stream that ends here ends before ours. */
static int send_ended(const struct send *send, int rc)
{
	int code = peer_ended(&send->peer, rc);

	if (code != COMMAND_DONE)
		return code;
	(void)cli_fail(rc, "%s; %llu events were sent", sluice_last_error(),
		       (unsigned long long)send->sent);
	return COMMAND_FAILED;
}

/* Of what was read; what is no frame, and all behind it, is not counted. */
static uint64_t send_rest(struct send *send)
{
	uint64_t rest = send->count;
	int more;

	do {
		send->count = 0;
		more = send_parse(send);
		rest += send->count;
	} while (more > 0);
	return rest;
}

/* All that was read. Returns 0 or an exit code. */
static int send_events(struct send *send)
{
	const char *from = send->events;

	while (send->count > 0) {
		int n = sluice_send(send->peer.port, from, send->count, 0);

		if (n > 0) {
			send->sent += (uint32_t)n;
			send->count -= (uint32_t)n;
			from += (size_t)n * send->peer.event_bytes;
		} else if (n != -EAGAIN) {
			return send_ended(send, n);
		} else if (peer_came(&send->peer) > 1) {
			(void)cli_fail(
				-ECANCELED,
				"told to stop: %llu events that were read "
				"have found no credit, and were not sent",
				(unsigned long long)send_rest(send));
			return COMMAND_FAILED;
		} else {
			(void)peer_wait(&send->peer, 1, -1, 0, -1);
		}
	}
	return 0;
}

/* The sentence of what was wrong with stdin is made longer. */
static int send_refused(const struct send *send, const char *wrong)
{
	(void)cli_fail(-EINVAL, "%s; %llu events were sent", wrong,
		       (unsigned long long)send->sent);
	return COMMAND_FAILED;
}

/* What the buffer has. Returns 0, or an exit code. */
static int send_buffer(struct send *send)
{
	char wrong[512];
	int parsed;
	int rc;

	do {
		parsed = send_parse(send);
		(void)snprintf(wrong, sizeof(wrong), "%s", cli_error());
		rc = send_events(send);
	} while (rc == 0 && parsed > 0);
	return rc == 0 && parsed < 0 ? send_refused(send, wrong) : rc;
}

/* Until the end of stdin, or a signal: what has been read by then is sent. Returns an
 * exit code. */
static int send_all(struct send *send)
{
	int rc = 0;

	while (rc == 0 && !send->ended && !peer_came(&send->peer)) {
		/* Of no events: it says how the port has ended, in words. */
		int closed = sluice_send(send->peer.port, NULL, 0, 0);

		if (closed < 0)
			rc = send_ended(send, closed);
		else if (send_read(send) < 0)
			rc = COMMAND_FAILED;
		else
			rc = send_buffer(send);
	}
	return rc;
}

/* ---- the whole -------------------------------------------------------------- */

static int send_open(struct send *send, const struct options *options)
{
	struct sluice_attach_opts opts = {.to = options->to,
					  .ring_events = options->ring_events,
					  .accepted = &send->accepted};
	int rc = peer_open(&send->peer, options, &opts);
	uint32_t event_bytes = send->peer.event_bytes;

	if (rc != 0)
		return rc;
	send->skip = options->resume ? send->accepted : 0;
	send->room = SEND_BUFFER_BYTES + frame_bytes(send->format, event_bytes);
	send->most = 1 + SEND_BUFFER_BYTES / event_bytes;
	send->buffer = malloc(send->room);
	send->events = malloc((size_t)send->most * event_bytes);
	if (send->buffer != NULL && send->events != NULL)
		return 0;
	(void)cli_fail(-ENOMEM, "no memory");
	return peer_close(&send->peer, COMMAND_FAILED);
}

static json_t *send_json(const struct send *send, const struct options *options)
{
	return json_pack(
		"{s:i, s:s, s:o, s:o, s:I, s:I, s:I}", "schema", OPTIONS_SCHEMA,
		"command", "send", "pipeline", json_text(options->line.word[0]),
		"to", json_text(options->to), "event_bytes",
		(json_int_t)send->peer.event_bytes, "accepted",
		(json_int_t)send->accepted, "sent", (json_int_t)send->sent);
}

int cmd_send(const struct command *command, void *of)
{
	const struct options *options = of;
	struct send send = {.format = options->format};
	int rc = send_open(&send, options);

	if (rc == 0)
		rc = peer_close(&send.peer, send_all(&send));
	if (rc == 0 && options->json != NULL)
		rc = json_write(send_json(&send, options), options->json);
	free(send.buffer);
	free(send.events);
	if (rc > 0)
		command_complain(command, cli_error());
	return rc;
}
