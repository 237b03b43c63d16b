/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* MSG_CMSG_CLOEXEC */
#include "engine/peer/packet_priv.h"
#include "ring/base_priv.h"

#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* How long to rest when there is no polling. */
#define BLIND_NS 10000000L

/* Aligned as a cmsghdr has to be. One more than is taken, to see that there are
 * more; or two, as it is padded. */
union control {
	struct cmsghdr head;
	char bytes[CMSG_SPACE((PACKET_FDS_MAX + 1) * sizeof(int))];
};

#define FDS_ROOM ((sizeof(union control) - CMSG_LEN(0)) / sizeof(int))

int packet_send(int socket, const void *message, size_t bytes, const int *fds,
		uint32_t count)
{
	SLUICE_KEEP_ERRNO;
	union control control = {.bytes = {0}};
	char copy[2048];
	struct iovec part = {copy, bytes};
	struct msghdr packet = {.msg_iov = &part, .msg_iovlen = 1};
	ssize_t sent;

	SLUICE_ASSERT(bytes <= sizeof(copy) && count <= PACKET_FDS_MAX);
	memcpy(copy, message, bytes); /* iov_base is not const */
	if (count > 0) {
		size_t length = count * sizeof(int);

		packet.msg_control = control.bytes;
		/* musl has these as a socklen_t. */
		packet.msg_controllen = (socklen_t)CMSG_SPACE(length);
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = (socklen_t)CMSG_LEN(length);
		memcpy(CMSG_DATA(&control.head), fds, length);
	}
	do
		sent = sendmsg(socket, &packet, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : 0;
}

static int packet_read(int socket, struct msghdr *packet)
{
	ssize_t n;

	do
		n = recvmsg(socket, packet, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : (int)n;
}

int packet_receive(int socket, void *message, size_t room)
{
	SLUICE_KEEP_ERRNO;
	struct iovec part = {message, room};
	/* Without room for descriptors the kernel drops them, and says so. */
	struct msghdr packet = {.msg_iov = &part, .msg_iovlen = 1};
	int n = packet_read(socket, &packet);

	if (n < 0)
		return n;
	if (packet.msg_flags & MSG_CTRUNC)
		return sluice_fail(-EPROTO,
				   "a message with descriptors, and none are "
				   "taken");
	if (packet.msg_flags & MSG_TRUNC)
		return sluice_fail(-EPROTO, "a message of more than %zu bytes",
				   room);
	return n;
}

/* Those that came. */
static uint32_t packet_fds(struct msghdr *packet, int fds[FDS_ROOM])
{
	const struct cmsghdr *c = CMSG_FIRSTHDR(packet);
	size_t bytes;

	if (c == NULL || c->cmsg_level != SOL_SOCKET ||
	    c->cmsg_type != SCM_RIGHTS)
		return 0;
	bytes = c->cmsg_len - CMSG_LEN(0);
	memcpy(fds, CMSG_DATA(c), bytes);
	return (uint32_t)(bytes / sizeof(int));
}

static int packet_check(const struct msghdr *packet, size_t room, uint32_t came)
{
	if (packet->msg_flags & MSG_TRUNC)
		return sluice_fail(-EPROTO, "a message of more than %zu bytes",
				   room);
	if (came > PACKET_FDS_MAX)
		return sluice_fail(-EPROTO,
				   "a message with more than %u descriptors",
				   PACKET_FDS_MAX);
	if (packet->msg_flags & MSG_CTRUNC)
		return sluice_fail(-EMFILE,
				   "a message whose descriptors, but for %u, "
				   "this process has no room for "
				   "(RLIMIT_NOFILE, ulimit -n)",
				   came);
	return 0;
}

int packet_receive_with(int socket, void *message, size_t room,
			int fds[PACKET_FDS_MAX], uint32_t *count)
{
	SLUICE_KEEP_ERRNO;
	union control control = {.bytes = {0}};
	struct iovec part = {message, room};
	struct msghdr packet = {.msg_iov = &part,
				.msg_iovlen = 1,
				.msg_control = control.bytes,
				.msg_controllen = sizeof(control.bytes)};
	int came[FDS_ROOM];
	uint32_t n;
	int bytes = packet_read(socket, &packet);
	int rc;

	*count = 0;
	if (bytes < 0)
		return bytes;
	n = packet_fds(&packet, came);
	rc = packet_check(&packet, room, n);
	if (rc < 0) {
		for (uint32_t i = 0; i < n; i++)
			(void)close(came[i]);
		return rc;
	}
	memcpy(fds, came, n * sizeof(int));
	*count = n;
	return bytes;
}

int packet_poll(struct pollfd *polled, uint32_t count, int timeout_ms)
{
	SLUICE_KEEP_ERRNO;
	const struct timespec rest = {.tv_nsec = BLIND_NS};
	int blind;

	for (uint32_t i = 0; i < count; i++)
		polled[i].revents = 0;
	blind = poll(polled, count, timeout_ms) < 0 && errno != EINTR;
	if (!blind)
		return 0;
	(void)nanosleep(&rest, NULL);
	for (uint32_t i = 0; i < count; i++)
		polled[i].revents = polled[i].fd >= 0 ? POLLIN : 0;
	return 1;
}
