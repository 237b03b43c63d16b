/* SPDX-License-Identifier: Apache-2.0 */
/* Lesson 8: things go wrong, and nothing is lost. A parser fails on one event
 * whenever it meets it, and once for no reason; it is restarted with the events
 * it had in hand, and the bad one goes to the dead letters, alone. A second
 * reader joins while events flow, and leaves again. */
#include <sluice/sluice.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define EVENTS 100000u
#define POISON 777u
#define MOODY  5000u

struct parser {
	uint64_t good;
	uint64_t dead;
	uint32_t inits;
};

static uint64_t read_total; /* both readers run on one worker here */

static int count(struct sluice_stage *self, uint32_t demand)
{
	uint64_t *next = sluice_stage_state(self);
	uint64_t left = EVENTS - *next;
	uint32_t n = left < demand ? (uint32_t)left : demand;
	uint64_t *out = sluice_emit(self, n);

	for (uint32_t i = 0; i < n; i++)
		out[i] = (*next)++;
	return *next < EVENTS ? SLUICE_OK : SLUICE_END;
}

static int begin(struct sluice_stage *self)
{
	struct parser *parser = sluice_stage_state(self);

	parser->inits++;
	return SLUICE_OK;
}

/* When it fails, nothing of the call has happened: its output is not sent. */
static int parse(struct sluice_stage *self, const struct sluice_batch *batch)
{
	struct parser *parser = sluice_stage_state(self);
	const uint64_t *events = SLUICE_EVENTS(batch, uint64_t);
	uint64_t *out = sluice_emit(self, batch->count);

	for (uint32_t i = 0; i < batch->count; i++) {
		if (events[i] == POISON ||
		    (events[i] == MOODY && batch->deliveries == 1))
			return -EBADMSG;
		out[i] = events[i];
	}
	parser->good += batch->count;
	return SLUICE_OK;
}

static void bury(struct sluice_stage *self,
		 const struct sluice_dead_letter *letter)
{
	struct parser *parser = sluice_stage_state(self);

	parser->dead++;
	printf("dead letter: event %" PRIu64 " after %u deliveries (%s)\n",
	       *(const uint64_t *)letter->event, letter->deliveries,
	       sluice_strerror(letter->code));
}

static int read_on(struct sluice_stage *self, const struct sluice_batch *batch)
{
	(void)self;
	read_total += batch->count;
	return SLUICE_OK;
}

static void tell(void *ctx, const char *text)
{
	(void)ctx;
	fprintf(stderr, "log: %s\n", text);
}

static int declare(struct sluice_pipeline *p, uint64_t *next,
		   struct parser *parser)
{
	static const char *const readers[] = {"reader", "visitor"};
	int rc = sluice_stage_add(
		p, SLUICE_STAGE(.name = "counter", .kind = SLUICE_PRODUCER,
				.out_bytes = sizeof(uint64_t),
				.handle_demand = count, .state = next));

	if (rc == 0)
		rc = sluice_stage_add(
			p, SLUICE_STAGE(.name = "parser",
					.kind = SLUICE_PRODUCER_CONSUMER,
					.in_bytes = sizeof(uint64_t),
					.out_bytes = sizeof(uint64_t),
					.init = begin, .handle_events = parse,
					.dead_letter = bury, .state = parser,
					.restart = SLUICE_RESTART_PERMANENT));
	for (int i = 0; rc == 0 && i < 2; i++)
		rc = sluice_stage_add(
			p, SLUICE_STAGE(.name = readers[i],
					.kind = SLUICE_CONSUMER,
					.in_bytes = sizeof(uint64_t),
					.handle_events = read_on,
					.on_idle = i ? SLUICE_IDLE_STAY
						     : SLUICE_IDLE_END));
	if (rc == 0)
		rc = sluice_subscribe(p, "parser", "counter", NULL);
	if (rc == 0)
		rc = sluice_subscribe(p, "reader", "parser", NULL);
	return rc;
}

/* A second reader comes, and goes: what it was sent it still handles. */
static int visit(struct sluice_pipeline *p)
{
	struct sluice_sub sub;
	int rc = sluice_subscribe(
		p, "visitor", "parser",
		SLUICE_SUBSCRIPTION(.max_demand = 100, .sub = &sub));

	if (rc == 0)
		rc = sluice_cancel(sub, SLUICE_REASON_NORMAL, 0);
	/* The stream may have ended meanwhile: then there is nothing to do. */
	return rc == -EPIPE || rc == -ENOENT ? 0 : rc;
}

int main(void)
{
	struct sluice_pipeline *p = NULL;
	struct parser parser = {0};
	uint64_t next = 0;
	int rc = sluice_pipeline_open(
		&p,
		SLUICE_PIPELINE(.workers = 1, .max_restarts = 10, .log = tell));

	if (rc == 0)
		rc = declare(p, &next, &parser);
	if (rc == 0)
		rc = sluice_pipeline_start(p);
	if (rc == 0)
		rc = visit(p);
	/* The visitor stays; the drain ends it when all streams have ended. */
	while (rc == 0) {
		struct sluice_stage_stats stats;

		rc = sluice_stage_stat(p, "parser", &stats);
		if (rc == 0 && stats.events_in + stats.dead_letters == EVENTS)
			break;
		rc = sluice_pipeline_join(p, 1);
		rc = rc == -ETIMEDOUT ? 0 : rc;
	}
	if (rc == 0)
		rc = sluice_pipeline_drain(p, 60000);
	if (rc < 0)
		fprintf(stderr, "08_supervised: %s\n", sluice_last_error());
	sluice_pipeline_close(p);
	printf("%u made, %" PRIu64 " read, %" PRIu64 " dead, %u starts\n",
	       EVENTS, read_total, parser.dead, parser.inits);
	return rc < 0 || read_total != EVENTS - 1 || parser.dead != 1;
}
