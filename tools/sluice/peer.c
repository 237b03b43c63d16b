/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sluice/peer.h"
#include "tools/sluice/folder.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* ---- attaching -------------------------------------------------------------- */

int peer_refused(int rc)
{
	switch (rc) {
	case -ECONNREFUSED:
	case -ETIMEDOUT:
	case -EOWNERDEAD:
		return PEER_GONE;
	case -EINVAL:
	case -EACCES:
	case -EPERM:
	case -ENOENT:
	case -EEXIST:
	case -ENOSPC:
	case -ENOTSUP:
	case -EAGAIN:
	case -EPIPE:
	case -EPROTO:
		return PEER_REFUSED;
	default:
		return COMMAND_FAILED;
	}
}

static int peer_signals(struct peer *peer)
{
	sigset_t signals;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigemptyset(&signals);
	(void)sigaddset(&signals, SIGINT);
	(void)sigaddset(&signals, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &signals, NULL);
	peer->signals = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	return peer->signals < 0
		       ? cli_fail(-errno, "no descriptor: %s", strerror(errno))
		       : 0;
}

int peer_open(struct peer *peer, const struct options *options,
	      struct sluice_attach_opts *opts)
{
	char folder[FOLDER_BYTES];
	int rc = folder_absolute(folder, options->folder);

	*peer = (struct peer){.port = NULL, .signals = -1};
	if (rc < 0)
		return COMMAND_FAILED;
	opts->size = sizeof(*opts);
	opts->pipeline = options->line.word[0];
	opts->name = options->name;
	opts->folder = options->folder != NULL ? folder : NULL;
	opts->timeout_ms = options_ms(options->timeout_ns);
	if (options->wait)
		opts->flags |= SLUICE_ATTACH_WAIT;
	/* Until it is attached a signal ends the process, which loses nothing. */
	rc = cli_library(sluice_attach(&peer->port, opts));
	if (rc < 0)
		return peer_refused(rc);
	peer->event_bytes = sluice_port_event_bytes(peer->port);
	rc = cli_library(sluice_port_fd(peer->port, &peer->fd));
	if (rc == 0)
		rc = peer_signals(peer);
	return rc < 0 ? peer_close(peer, COMMAND_FAILED) : 0;
}

int peer_close(struct peer *peer, int rc)
{
	/* A sentence that is there stays. */
	int left = sluice_detach(peer->port, SLUICE_ATTACH_MS_DEFAULT);

	if (peer->signals >= 0)
		(void)close(peer->signals);
	if (rc != 0 || left == 0)
		return rc;
	(void)cli_library(left);
	return COMMAND_FAILED;
}

int peer_forgo(struct peer *peer, int rc)
{
	int ended = sluice_port_end(peer->port, SLUICE_REASON_ERROR);

	(void)ended; /* it may have ended before */
	return peer_close(peer, rc);
}

int peer_ended(const struct peer *peer, int rc)
{
	struct sluice_port_status status;

	(void)cli_library(rc);
	if (sluice_port_closed(peer->port, &status) == 0)
		return COMMAND_FAILED;
	if (status.reason == SLUICE_REASON_ERROR && status.code == EOWNERDEAD) {
		(void)cli_fail(rc, "the process of the pipeline has died");
		return PEER_GONE;
	}
	return rc == -EPIPE ? COMMAND_DONE : COMMAND_FAILED;
}

/* ---- waiting ---------------------------------------------------------------- */

uint32_t peer_came(struct peer *peer)
{
	struct signalfd_siginfo info;

	while (read(peer->signals, &info, sizeof(info)) > 0)
		peer->came++;
	return peer->came;
}

short peer_wait(struct peer *peer, int port, int fd, short events,
		int timeout_ms)
{
	struct pollfd polled[] = {
		{.fd = peer->signals, .events = POLLIN},
		{.fd = fd, .events = events},
		{.fd = port ? peer->fd : -1, .events = POLLIN},
	};

	if (port && sluice_port_arm(peer->port) != 0)
		return 0;
	if (poll(polled, 3, timeout_ms) <= 0)
		return 0;
	if (polled[0].revents != 0)
		(void)peer_came(peer);
	return polled[1].revents;
}
