/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A message over a socket, whole, with or without descriptors. Of packet.c. Not
 * installed.
 *
 * Knows      sockets of packets, descriptors
 * Knows not  what a message says
 */
#ifndef SLUICE_ENGINE_PACKET_PRIV_H
#define SLUICE_ENGINE_PACKET_PRIV_H

#include <poll.h>
#include <stddef.h>
#include <stdint.h>

/* Descriptors that one packet carries at most. */
#define PACKET_FDS_MAX 8u

/* Send @bytes and copies of @count descriptors. Does not wait, and raises no
 * signal. Returns 0, -EAGAIN when the other side does not read, or a negative
 * errno. */
int packet_send(int socket, const void *message, size_t bytes, const int *fds,
		uint32_t count);

/* Receive one packet of at most @room bytes. Returns its bytes; 0 when the other
 * side has closed (or has sent an empty one); -EAGAIN when there is none; -EPROTO
 * when it is longer, or carries descriptors: those are never taken, not for a
 * moment; or a negative errno. */
int packet_receive(int socket, void *message, size_t room);

/* The same, with the descriptors that come, up to PACKET_FDS_MAX, which are closed
 * by exec and then the caller's. -EPROTO when there are more; -EMFILE when this
 * process can have no more. After a failure none is left, and *count is 0. */
int packet_receive_with(int socket, void *message, size_t room,
			int fds[PACKET_FDS_MAX], uint32_t *count);

/* As poll(). Where the system refuses that, a sandbox or a limit on descriptors that
 * was lowered, it rests a moment, and says of each that is open that there may be
 * something to read: whoever looks there does not wait. Returns non-zero then. */
int packet_poll(struct pollfd *polled, uint32_t count, int timeout_ms);

#endif
