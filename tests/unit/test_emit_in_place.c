/* SPDX-License-Identifier: Apache-2.0 */
/* A callback that emits writes where its events will be read, if it is known where
 * that is; and nobody sees what it has not kept. Events are large enough for that, and
 * the one worker steps all stages in turn. */
#include "flow.h"

#define WORDS   64u /* of an event */
#define EVENTS  640u
#define WINDOW  16u
#define EMITS   64u /* emissions whose place is noted */
#define TOLD_MS 20000u

struct event {
	uint64_t word[WORDS];
};

/* Where an emission was written, or a batch read. */
struct place {
	uint64_t first;
	const void *events;
};

struct maker {
	struct flow_end ended;
	uint64_t next;
	uint64_t end;
	uint32_t most;       /* events per call */
	uint32_t pieces;     /* calls of sluice_emit() for them, 0: one */
	uint32_t trims;      /* so many more it makes room for, and trims */
	uint32_t fails_each; /* so many calls, having emitted */
	uint32_t retries_each;
	uint32_t calls;
	uint32_t places;
	struct place place[EMITS];
};

struct reader {
	struct flow_end ended;
	uint64_t next;
	uint64_t events;
	uint32_t wrong;    /* words */
	uint32_t disorder; /* events not above the one before */
	uint32_t
		in_place; /* emissions that were read where they were written */
	const struct maker *of;
};

static void event_fill(struct event *event, uint64_t value)
{
	for (uint32_t i = 0; i < WORDS; i++)
		event->word[i] = value + i;
}

/* Returns SLUICE_OK, or -ENOBUFS. */
static int maker_emit(struct sluice_stage *self, struct maker *m, uint32_t n)
{
	struct event *events = sluice_emit(self, n + m->trims);

	if (events == NULL)
		return -ENOBUFS;
	if (sluice_emit_trim(self, m->trims) < 0)
		return -EBADMSG;
	if (m->places < EMITS) {
		m->place[m->places] = (struct place){m->next, events};
		/* A reader may have a thread of its own. */
		__atomic_store_n(&m->places, m->places + 1, __ATOMIC_RELEASE);
	}
	for (uint32_t i = 0; i < n; i++)
		event_fill(&events[i], m->next++);
	return SLUICE_OK;
}

static int maker_demand(struct sluice_stage *self, uint32_t demand)
{
	struct maker *m = sluice_stage_state(self);
	struct maker before = *m;
	uint64_t left = m->end - m->next;
	uint32_t n = demand < m->most ? demand : m->most;
	uint32_t piece;
	int rc = SLUICE_OK;

	if (left < n)
		n = (uint32_t)left;
	piece = m->pieces > 0 && n >= m->pieces ? n / m->pieces : n;
	for (uint32_t done = 0; rc == SLUICE_OK && done < n; done += piece) {
		if (n - done < piece)
			piece = n - done;
		rc = maker_emit(self, m, piece);
	}
	m->calls++;
	before.calls = m->calls;
	if (m->fails_each > 0 && m->calls % m->fails_each == 0) {
		*m = before;
		return -EIO;
	}
	if (m->retries_each > 0 && m->calls % m->retries_each == 0) {
		*m = before;
		return SLUICE_RETRY;
	}
	if (rc != SLUICE_OK)
		return rc;
	return m->next == m->end ? SLUICE_END : SLUICE_OK;
}

/* Is @events where event @first was written? */
static int written_there(const struct maker *m, uint64_t first,
			 const void *events)
{
	uint32_t places = __atomic_load_n(&m->places, __ATOMIC_ACQUIRE);

	for (uint32_t i = 0; i < places; i++)
		if (m->place[i].first == first)
			return m->place[i].events == events;
	return 0;
}

static int reader_handle(struct sluice_stage *self,
			 const struct sluice_batch *batch)
{
	struct reader *r = sluice_stage_state(self);
	const struct event *events = SLUICE_EVENTS(batch, struct event);

	for (uint32_t i = 0; i < batch->count; i++) {
		uint64_t value = events[i].word[0];

		for (uint32_t k = 0; k < WORDS; k++)
			r->wrong += events[i].word[k] != value + k;
		r->in_place +=
			written_there(r->of, value, &events[i]) ? 1u : 0u;
		r->disorder += value < r->next;
		r->next = value + 1;
	}
	r->events += batch->count;
	return SLUICE_OK;
}

/* ---- building ------------------------------------------------------------- */

struct setup {
	const char *dispatcher;
	uint32_t readers;
	uint32_t apart; /* they have threads of their own */
	uint32_t copy_method;
	enum sluice_restart restart;
};

static struct sluice_pipeline *setup_open(const struct setup *s,
					  struct maker *m, struct reader *r)
{
	struct sluice_pipeline *p = NULL;

	assert_int_equal(
		sluice_pipeline_open(&p, SLUICE_PIPELINE(.workers = 1,
							 .max_restarts = 1000,
							 .backoff_ms = 1,
							 .backoff_max_ms = 1)),
		0);
	flow_add(p, SLUICE_STAGE(.name = "maker", .kind = SLUICE_PRODUCER,
				 .out_bytes = sizeof(struct event),
				 .dispatcher = s->dispatcher,
				 .copy_method = s->copy_method,
				 .restart = s->restart,
				 .handle_demand = maker_demand,
				 .fini = flow_fini, .state = m));
	for (uint32_t i = 0; i < s->readers; i++) {
		char name[24];

		(void)snprintf(name, sizeof(name), "reader%u", i);
		r[i].of = m;
		flow_add(p, SLUICE_STAGE(.name = name, .kind = SLUICE_CONSUMER,
					 .in_bytes = sizeof(struct event),
					 .blocking = s->apart,
					 .handle_events = reader_handle,
					 .fini = flow_fini, .state = &r[i]));
		flow_subscribe(p, name, "maker",
			       SLUICE_SUBSCRIPTION(.max_demand = WINDOW));
	}
	return p;
}

static void setup_run(const struct setup *s, struct maker *m, struct reader *r)
{
	struct sluice_pipeline *p = setup_open(s, m, r);

	flow_start(p);
	assert_int_equal(flow_join(p), 0);
	sluice_pipeline_close(p);
	for (uint32_t i = 0; i < s->readers; i++) {
		assert_int_equal(r[i].wrong, 0);
		assert_int_equal(r[i].disorder, 0);
	}
}

/* ---- where it is written --------------------------------------------------- */

static void an_only_consumer_reads_what_was_written(void **state)
{
	struct maker m = {.end = EVENTS, .most = 8};
	struct reader r = {0};
	struct setup s = {.readers = 1};

	(void)state;
	setup_run(&s, &m, &r);
	assert_int_equal(r.events, EVENTS);
	/* Of the first emission it is not known yet how large it is. */
	assert_true(r.in_place >= EMITS - 1);
}

static void so_do_all_of_a_broadcast(void **state)
{
	struct maker m = {.end = EVENTS, .most = 8};
	struct reader r[3] = {{.next = 0}};
	struct setup s = {.readers = 3,
			  .dispatcher = "broadcast",
			  .copy_method = SLUICE_COPY_IN_PLACE};

	(void)state;
	setup_run(&s, &m, r);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(r[i].events, EVENTS);
		assert_true(r[i].in_place >= EMITS / 2);
	}
}

/* On another thread, until a copy is found to be faster. */
static void so_does_one_elsewhere(void **state)
{
	struct maker m = {.end = EVENTS, .most = 8};
	struct reader r = {0};
	struct setup s = {.readers = 1, .apart = 1};

	(void)state;
	setup_run(&s, &m, &r);
	assert_int_equal(r.events, EVENTS);
	assert_true(r.in_place > 0);
}

static void unless_copies_are_wanted(void **state)
{
	struct maker m = {.end = EVENTS, .most = 8};
	struct reader r = {0};
	struct setup s = {
		.readers = 1, .apart = 1, .copy_method = SLUICE_COPY_PLAIN};

	(void)state;
	setup_run(&s, &m, &r);
	assert_int_equal(r.events, EVENTS);
	assert_int_equal(r.in_place, 0);
}

/* It depends on the event, or on what each of them has. */
static void others_read_copies(void **state)
{
	static const char *const dispatchers[] = {NULL, "rr", "jbsq", "p2c"};

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(dispatchers); i++) {
		struct maker m = {.end = EVENTS, .most = 8};
		struct reader r[2] = {{.next = 0}};
		struct setup s = {.readers = 2,
				  .dispatcher = dispatchers[i],
				  .copy_method = SLUICE_COPY_IN_PLACE};

		setup_run(&s, &m, r);
		assert_int_equal(r[0].events + r[1].events, EVENTS);
		assert_int_equal(r[0].in_place + r[1].in_place, 0);
	}
}

/* Little by little: in the cache, and copied. */
static void little_is_copied(void **state)
{
	struct flow_source source = {.end = EVENTS, .most = 8};
	struct flow_sink sink = {0};
	struct sluice_pipeline *p = flow_open(1);

	(void)state;
	flow_add_source(p, "source", &source);
	flow_add_sink(p, "sink", &sink);
	flow_subscribe(p, "sink", "source", NULL);
	flow_start(p);
	assert_int_equal(flow_join(p), 0);
	sluice_pipeline_close(p);
	flow_check_all(&sink, EVENTS);
}

/* ---- what does not fit ------------------------------------------------------ */

/* An emission that passes the end of the ring is made elsewhere, whole or from its
 * second piece on. */
static void round_the_ring(void **state)
{
	static const uint32_t most[] = {3, 5, 7, 16};

	(void)state;
	for (uint32_t i = 0; i < UNIT_COUNT(most); i++) {
		for (uint32_t pieces = 0; pieces < 4; pieces++) {
			struct maker m = {.end = EVENTS,
					  .most = most[i],
					  .pieces = pieces};
			struct reader r = {0};
			struct setup s = {.readers = 1};

			setup_run(&s, &m, &r);
			assert_int_equal(r.events, EVENTS);
			assert_true(r.in_place > 0);
		}
	}
}

/* It emits more than it was asked for: the rest waits. */
static int maker_exceeds(struct sluice_stage *self, uint32_t demand)
{
	struct maker *m = sluice_stage_state(self);
	uint32_t n = demand + 3;
	int rc = SLUICE_OK;

	for (uint32_t i = 0; rc == SLUICE_OK && i < n && m->next < m->end; i++)
		rc = maker_emit(self, m, 1);
	if (rc != SLUICE_OK)
		return rc;
	return m->next == m->end ? SLUICE_END : SLUICE_OK;
}

static void more_than_there_is_room_for(void **state)
{
	struct maker m = {.end = EVENTS};
	struct reader r = {.of = &m};
	struct sluice_pipeline *p = flow_open(1);

	(void)state;
	flow_add(p, SLUICE_STAGE(.name = "maker", .kind = SLUICE_PRODUCER,
				 .out_bytes = sizeof(struct event),
				 .buffer_events = 64,
				 .handle_demand = maker_exceeds,
				 .fini = flow_fini, .state = &m));
	flow_add(p, SLUICE_STAGE(.name = "reader", .kind = SLUICE_CONSUMER,
				 .in_bytes = sizeof(struct event),
				 .handle_events = reader_handle,
				 .fini = flow_fini, .state = &r));
	flow_subscribe(p, "reader", "maker",
		       SLUICE_SUBSCRIPTION(.max_demand = WINDOW));
	flow_start(p);
	assert_int_equal(flow_join(p), 0);
	assert_int_equal(flow_stats(p, "maker").events_out, EVENTS);
	sluice_pipeline_close(p);
	assert_int_equal(r.events, EVENTS);
	assert_int_equal(r.wrong, 0);
	assert_int_equal(r.disorder, 0);
	assert_true(r.in_place > 0);
}

/* ---- what is not kept -------------------------------------------------------- */

static void what_fails_was_never_there(void **state)
{
	struct maker m = {.end = EVENTS, .most = 4, .fails_each = 5};
	struct reader r = {0};
	struct setup s = {.readers = 1, .restart = SLUICE_RESTART_TRANSIENT};

	(void)state;
	setup_run(&s, &m, &r);
	assert_int_equal(r.events, EVENTS);
}

static void what_is_tried_again_was_never_there(void **state)
{
	struct maker m = {.end = EVENTS, .most = 4, .retries_each = 3};
	struct reader r = {0};
	struct setup s = {.readers = 1};

	(void)state;
	setup_run(&s, &m, &r);
	assert_int_equal(r.events, EVENTS);
	assert_true(r.in_place > 0);
}

static void what_is_trimmed_was_never_there(void **state)
{
	struct maker m = {.end = EVENTS, .most = 4, .trims = 3};
	struct reader r = {0};
	struct setup s = {.readers = 1};

	(void)state;
	for (m.pieces = 0; m.pieces < 4; m.pieces++) {
		m.next = m.calls = m.places = 0;
		r = (struct reader){0};
		setup_run(&s, &m, &r);
		assert_int_equal(r.events, EVENTS);
	}
	assert_true(r.in_place > 0);
}

/* It emits beyond the slots that are lent, into memory of its own, and takes back all
 * but one. */
static int maker_trims_across(struct sluice_stage *self, uint32_t demand)
{
	struct maker *m = sluice_stage_state(self);
	struct event *events = sluice_emit(self, demand);

	if (events == NULL || sluice_emit(self, WINDOW) == NULL)
		return -ENOBUFS;
	if (sluice_emit_trim(self, demand + WINDOW + 1) != -EINVAL ||
	    sluice_emit_trim(self, demand + WINDOW - 1) < 0)
		return -EBADMSG;
	event_fill(events, m->next++);
	return m->next == m->end ? SLUICE_END : SLUICE_OK;
}

static void trimmed_across_the_lent_slots(void **state)
{
	struct sluice_pipeline *p = flow_open(1);
	struct maker m = {.end = EVENTS};
	struct reader r = {.of = &m};

	(void)state;
	flow_add(p, SLUICE_STAGE(.name = "maker", .kind = SLUICE_PRODUCER,
				 .out_bytes = sizeof(struct event),
				 .handle_demand = maker_trims_across,
				 .fini = flow_fini, .state = &m));
	flow_add(p, SLUICE_STAGE(.name = "reader", .kind = SLUICE_CONSUMER,
				 .in_bytes = sizeof(struct event),
				 .handle_events = reader_handle,
				 .fini = flow_fini, .state = &r));
	flow_subscribe(p, "reader", "maker",
		       SLUICE_SUBSCRIPTION(.max_demand = WINDOW));
	flow_start(p);
	assert_int_equal(sluice_emit_trim(NULL, 1), -EINVAL);
	assert_int_equal(flow_join(p), 0);
	sluice_pipeline_close(p);
	assert_int_equal(r.events, EVENTS);
	assert_int_equal(r.wrong, 0);
	assert_int_equal(r.disorder, 0);
}

/* ---- who comes and goes ------------------------------------------------------- */

/* Another one joins: from then on nobody reads in place, and nothing is lost. */
static void another_one_joins(void **state)
{
	struct maker m = {.end = UINT64_MAX, .most = 8};
	struct reader r[2] = {{.of = &m}, {.of = &m}};
	struct setup s = {.readers = 1};
	struct sluice_pipeline *p = setup_open(&s, &m, r);

	(void)state;
	flow_start(p);
	for (uint32_t i = 0; i < 20; i++) {
		struct sluice_stage *late;
		uint64_t had = 0;

		flow_add(p,
			 SLUICE_STAGE(.name = "late", .kind = SLUICE_CONSUMER,
				      .in_bytes = sizeof(struct event),
				      .handle_events = reader_handle,
				      .state = &r[1]));
		flow_subscribe(p, "late", "maker",
			       SLUICE_SUBSCRIPTION(.max_demand = WINDOW));
		for (uint32_t ms = 0; ms < TOLD_MS; ms++) {
			had = flow_stats(p, "late").events_in;
			if (had > 0)
				break;
			flow_sleep_ms(1);
		}
		assert_true(had > 0);
		late = sluice_stage_find(p, "late");
		assert_int_equal(
			sluice_stage_end(late, SLUICE_REASON_NORMAL, 0), 0);
		assert_int_equal(sluice_stage_remove(late, FLOW_DEADLINE_MS),
				 0);
	}
	assert_int_equal(sluice_pipeline_drain(p, FLOW_DEADLINE_MS), 0);
	assert_int_equal(flow_join(p), 0);
	sluice_pipeline_close(p);
	assert_int_equal(r[0].wrong, 0);
	assert_int_equal(r[1].wrong, 0);
	assert_int_equal(r[0].events + r[1].events, m.next);
}

int main(void)
{
	static struct CMUnitTest tests[] = {
		cmocka_unit_test(an_only_consumer_reads_what_was_written),
		cmocka_unit_test(so_do_all_of_a_broadcast),
		cmocka_unit_test(so_does_one_elsewhere),
		cmocka_unit_test(unless_copies_are_wanted),
		cmocka_unit_test(others_read_copies),
		cmocka_unit_test(little_is_copied),
		cmocka_unit_test(round_the_ring),
		cmocka_unit_test(more_than_there_is_room_for),
		cmocka_unit_test(what_fails_was_never_there),
		cmocka_unit_test(what_is_tried_again_was_never_there),
		cmocka_unit_test(what_is_trimmed_was_never_there),
		cmocka_unit_test(trimmed_across_the_lent_slots),
		cmocka_unit_test(another_one_joins),
	};

	flow_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests_name("emit_in_place", tests, NULL, NULL);
}
