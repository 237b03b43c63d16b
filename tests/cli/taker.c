/* SPDX-License-Identifier: Apache-2.0 */
/* A program of a process stage, as a user makes one: taker FILE appends the events that
 * it is given to FILE. With $TAKER_DIES it is killed on its way, when FILE was empty. */
#include <sluice/sluice.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static int take(struct sluice_stage *port, FILE *file)
{
	size_t bytes = sluice_port_event_bytes(port);
	int dies = getenv("TAKER_DIES") != NULL &&
		   fseek(file, 0, SEEK_END) == 0 && ftell(file) == 0;
	struct sluice_batch batch;
	int rc;

	while ((rc = sluice_recv(port, &batch, SLUICE_FOREVER)) > 0) {
		if (dies && batch.seq > 200)
			(void)raise(SIGKILL);
		if (fwrite(batch.events, bytes, batch.count, file) !=
			    batch.count ||
		    fflush(file) != 0)
			return -EIO;
	}
	return rc == -EPIPE ? sluice_detach(port, 1000) : rc;
}

int main(int argc, char **argv)
{
	struct sluice_stage *port;
	FILE *file = argc == 2 ? fopen(argv[1], "a") : NULL;
	int rc = file != NULL ? sluice_attach(&port, SLUICE_ATTACH()) : -EINVAL;

	if (rc == 0)
		rc = take(port, file);
	if (rc < 0)
		fprintf(stderr, "taker: %s\n", sluice_last_error());
	return rc < 0;
}
