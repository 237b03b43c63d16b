/* SPDX-License-Identifier: Apache-2.0 */
/* A worker, as a user makes one: passer PIPELINE NAME FROM TO attaches as that; without
 * arguments it is the program of a process stage. It passes on what comes, until that
 * ends. */
#include <sluice/sluice.h>

#include <errno.h>
#include <stdio.h>

static int pass_on(struct sluice_stage *port, const struct sluice_batch *batch)
{
	struct sluice_stage *out = sluice_port_sender(port);
	size_t bytes = sluice_port_event_bytes(port);
	const char *events = batch->events;

	for (uint32_t done = 0; done < batch->count;) {
		int n = sluice_send(out, events + done * bytes,
				    batch->count - done, SLUICE_FOREVER);

		if (n < 0)
			return n;
		done += (uint32_t)n;
	}
	return 0;
}

static int pass(struct sluice_stage *port)
{
	struct sluice_batch batch;
	int rc;

	while ((rc = sluice_recv(port, &batch, SLUICE_FOREVER)) > 0) {
		rc = pass_on(port, &batch);
		if (rc < 0)
			break;
	}
	return rc == -EPIPE ? sluice_detach(port, SLUICE_FOREVER) : rc;
}

int main(int argc, char **argv)
{
	int named = argc == 5;
	struct sluice_stage *port;
	int rc = sluice_attach(&port,
			       SLUICE_ATTACH(.pipeline = named ? argv[1] : NULL,
					     .name = named ? argv[2] : NULL,
					     .from = named ? argv[3] : NULL,
					     .to = named ? argv[4] : NULL));

	if (rc == 0)
		rc = pass(port);
	if (rc < 0)
		fprintf(stderr, "passer: %s\n", sluice_last_error());
	return rc < 0;
}
