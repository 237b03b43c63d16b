/* SPDX-License-Identifier: Apache-2.0 */
/* Lesson 11: the other side of 11_listen, a process that attaches to its pipeline.
 * It has two ports there, for the calls of any port: one receives numbers, one sends
 * their squares. The events lie in memory that both processes see.
 *
 * A batch is acknowledged by the next sluice_recv(), and by then its squares are
 * sent: so if this process dies nothing is lost. */
#include <sluice/sluice.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

struct square {
	uint64_t number;
	uint64_t square;
};

static int send_all(struct sluice_stage *port, const struct square *squares,
		    uint32_t n)
{
	for (uint32_t sent = 0; sent < n;) {
		int rc = sluice_send(port, squares + sent, n - sent,
				     SLUICE_FOREVER);
		if (rc < 0)
			return rc;
		sent += (uint32_t)rc;
	}
	return 0;
}

static int square(struct sluice_stage *out, const struct sluice_batch *batch)
{
	const uint64_t *in = SLUICE_EVENTS(batch, uint64_t);
	struct square squares[64];
	uint32_t n = 0;
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < batch->count; i++) {
		squares[n].number = in[i];
		squares[n++].square = in[i] * in[i];
		if (n == 64 || i + 1 == batch->count) {
			rc = send_all(out, squares, n);
			n = 0;
		}
	}
	return rc;
}

/* Until the streams have ended: -EPIPE is a clean end. */
static int work(struct sluice_stage *in, struct sluice_stage *out)
{
	struct sluice_batch batch;
	uint64_t done = 0;
	int rc;

	while ((rc = sluice_recv(in, &batch, SLUICE_FOREVER)) > 0) {
		rc = square(out, &batch);
		if (rc < 0)
			break;
		done += batch.count;
	}
	if (rc != -EPIPE)
		return rc;
	printf("%" PRIu64 " numbers were squared here\n", done);
	return 0;
}

int main(void)
{
	struct sluice_stage *in = NULL;
	struct sluice_stage *out = NULL;
	int rc = sluice_attach(
		&in, SLUICE_ATTACH(.pipeline = "lesson", .from = "numbers"));

	if (rc == 0)
		rc = sluice_attach(&out, SLUICE_ATTACH(.pipeline = "lesson",
						       .to = "squares"));
	if (rc == 0)
		rc = work(in, out);
	if (rc < 0)
		fprintf(stderr, "11_attach: %s\n", sluice_last_error());
	if (out != NULL && sluice_detach(out, 1000) < 0)
		rc = -1;
	if (in != NULL && sluice_detach(in, 1000) < 0)
		rc = -1;
	return rc < 0;
}
