/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listener NAME: a socket where peers would find a pipeline of that name, in the
 * folder that the environment says, as the engine makes it. Prints its path when it
 * is there, closes each connection that comes, and goes, taking it away, when stdin
 * ends. Exit status: 0, or 1 with the reason on stderr.
 */
#include "engine/peer/address_priv.h"
#include "ring/base.h"

#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static void serve(int socket)
{
	struct pollfd polled[] = {{.fd = STDIN_FILENO, .events = POLLIN},
				  {.fd = socket, .events = POLLIN}};
	char byte;

	do {
		int fd = accept(socket, NULL, NULL);

		if (fd >= 0)
			(void)close(fd);
		(void)poll(polled, 2, -1);
	} while (polled[0].revents == 0 || read(STDIN_FILENO, &byte, 1) > 0);
}

int main(int argc, char **argv)
{
	const struct address_opts opts = {.mode = ADDRESS_MODE, .backlog = 8};
	struct address address = ADDRESS_NONE;
	int rc = argc == 2 ? address_find(&address, argv[1], NULL, 1) : -EINVAL;

	if (rc == 0)
		rc = address_take(&address);
	if (rc == 0)
		rc = address_listen(&address, &opts);
	if (rc < 0) {
		(void)fprintf(stderr, "listener: %s\n", sluice_last_error());
		address_leave(&address);
		return 1;
	}
	(void)puts(address.path);
	(void)fflush(stdout);
	serve(rc);
	address_leave(&address);
	return 0;
}
