/* SPDX-License-Identifier: Apache-2.0 */
/* A window that follows its link, on a made-up machine: a producer, a consumer, and a
 * way between them that takes its time. The clock of that machine is counted, not
 * read. */
#include "engine/link/window_priv.h"
#include "tests/support/rng.h"
#include "tests/support/unit.h"

#include <string.h>

#define MS   UINT64_C(1000000)
#define SENT 4096u /* words on their way; a power of two */

/* A word that its writer has stored, and its reader sees later. */
struct word {
	uint64_t at_ns[SENT];
	uint64_t value[SENT];
	uint64_t head;
	uint64_t tail;
	uint64_t seen;
};

static void word_store(struct word *w, uint64_t at_ns, uint64_t value)
{
	assert_true(w->tail - w->head < SENT);
	w->at_ns[w->tail % SENT] = at_ns;
	w->value[w->tail++ % SENT] = value;
}

static uint64_t word_load(struct word *w, uint64_t now_ns)
{
	while (w->head != w->tail && w->at_ns[w->head % SENT] <= now_ns)
		w->seen = w->value[w->head++ % SENT];
	return w->seen;
}

/* When there is a look worth while: as the next word arrives; @other_ns when none is on
 * its way. */
static uint64_t word_next(const struct word *w, uint64_t now_ns,
			  uint64_t other_ns)
{
	uint64_t next_ns =
		w->head != w->tail ? w->at_ns[w->head % SENT] : other_ns;

	return next_ns > now_ns ? next_ns : now_ns + 20;
}

struct machine {
	struct window window;
	struct sluice_credit credit;
	struct sluice_wait_ops ops;
	struct rng rng;
	/* What it is like. */
	double make_ns;     /* an event takes its producer */
	double handle_ns;   /* and its consumer */
	uint64_t batch_ns;  /* a batch takes its consumer besides */
	uint64_t way_ns;    /* a word */
	uint64_t rest_ns;   /* the producer, after rest_each events */
	uint64_t rest_each; /* 0: it does not rest */
	uint32_t emission;  /* most events of one */
	uint32_t jitter;    /* per cent, of a batch, either way */
	uint32_t stop_one_in;
	uint64_t stop_ns; /* of so many batches one takes so much longer */
	/* What it is at. */
	struct word published;
	struct word granted;
	uint64_t made;
	uint64_t rested;
	uint64_t asked;
	uint64_t acked;
	uint64_t producer_ns;
	uint64_t consumer_ns;
	uint32_t changes;
	uint32_t most; /* the window has ever had */
	uint32_t least;
	uint64_t reads; /* of the clock */
};

static uint64_t machine_now(void *ctx)
{
	struct machine *m = ctx;

	m->reads++;
	return m->consumer_ns;
}

static void machine_use(struct machine *m)
{
	window_credit(&m->credit, &m->window.rule, m->window.events);
	if (m->window.events > m->most)
		m->most = m->window.events;
	if (m->window.events < m->least)
		m->least = m->window.events;
}

static void machine_grant(struct machine *m, uint64_t granted)
{
	if (granted == m->asked)
		return;
	/* Nothing is taken back. */
	assert_true(granted - m->asked < UINT64_MAX / 2);
	m->asked = granted;
	window_granted(&m->window, granted);
	word_store(&m->granted, m->consumer_ns + m->way_ns, granted);
}

static void machine_rule(struct machine *m, const struct window_rule *rule,
			 uint32_t capacity)
{
	window_begin(&m->window, rule, capacity);
	m->most = 0;
	m->least = UINT32_MAX;
	machine_use(m);
	/* Nobody has seen what was granted before. */
	if (m->made == 0) {
		m->asked = 0;
		m->granted = (struct word){0};
	}
	machine_grant(m,
		      sluice_credit_after_ack(&m->credit, m->asked, m->acked));
}

static struct machine *machine_of(double make_ns, double handle_ns,
				  uint64_t way_ns)
{
	static const struct window_rule rule = {.most = 16384, .wait_us = 100};
	static struct machine m;

	m = (struct machine){
		.make_ns = make_ns,
		.handle_ns = handle_ns,
		.way_ns = way_ns,
		.emission = 4096,
		.producer_ns = 1000 * MS,
		.consumer_ns = 1000 * MS,
	};
	m.ops = (struct sluice_wait_ops){.ctx = &m, .now_ns = machine_now};
	m.rng.state = 4711;
	machine_rule(&m, &rule, rule.most);
	return &m;
}

/* The producer's: an emission, or a wait. */
static void machine_make(struct machine *m)
{
	uint64_t n = word_load(&m->granted, m->producer_ns) - m->made;

	if (n > m->emission)
		n = m->emission;
	if (m->rest_each > 0 && n > m->rest_each - m->rested)
		n = m->rest_each - m->rested;
	if (n == 0) {
		m->producer_ns = word_next(&m->granted, m->producer_ns,
					   m->consumer_ns + 1);
		return;
	}
	m->made += n;
	m->producer_ns += (uint64_t)(m->make_ns * (double)n) + 1;
	word_store(&m->published, m->producer_ns + m->way_ns, m->made);
	m->rested += n;
	if (m->rest_each > 0 && m->rested == m->rest_each) {
		m->rested = 0;
		m->producer_ns += m->rest_ns;
	}
}

/* What a batch of @n takes. */
static uint64_t machine_takes(struct machine *m, uint64_t n)
{
	uint64_t takes = (uint64_t)(m->handle_ns * (double)n) + m->batch_ns + 1;

	if (m->jitter > 0)
		takes = takes *
			(100 - m->jitter +
			 rng_below(&m->rng, 2 * m->jitter + 1)) /
			100;
	if (m->stop_one_in > 0 && rng_below(&m->rng, m->stop_one_in) == 0)
		takes += m->stop_ns;
	return takes;
}

/* The consumer's: all that it sees now, in batches; or a look in vain. As inlet.c does
 * it. */
static void machine_handle(struct machine *m)
{
	uint64_t published = word_load(&m->published, m->consumer_ns);

	if (published == m->acked) {
		window_idle(&m->window, published, &m->ops);
		machine_grant(m, sluice_credit_when_idle(&m->credit, m->asked,
							 m->acked));
		m->consumer_ns = word_next(&m->published, m->consumer_ns,
					   m->producer_ns + 1);
		return;
	}
	assert_true(published - m->acked <= m->most);
	if (window_look(&m->window, published, m->acked, &m->ops)) {
		machine_use(m);
		m->changes++;
	}
	while (m->acked != published) {
		uint64_t n = published - m->acked;

		if (n > m->credit.batch_events)
			n = m->credit.batch_events;
		m->consumer_ns += machine_takes(m, n);
		m->acked += n;
		machine_grant(m, sluice_credit_after_ack(&m->credit, m->asked,
							 m->acked));
	}
}

static void machine_run(struct machine *m, uint64_t ns)
{
	uint64_t end_ns = m->consumer_ns + ns;

	while (m->consumer_ns < end_ns)
		if (m->producer_ns <= m->consumer_ns)
			machine_make(m);
		else
			machine_handle(m);
}

/* Events in a millisecond. */
static uint64_t machine_rate(struct machine *m, uint64_t ns)
{
	uint64_t acked = m->acked;

	machine_run(m, ns);
	return (m->acked - acked) * MS / ns;
}

/* ---- growth ---------------------------------------------------------------- */

/* 1024 events in flight over a way of 10 us, there and back, are 50 in a microsecond,
 * where 1 ns a side allows for ten times as many. */
static void grows_while_credit_comes_late(void **state)
{
	struct machine *m = machine_of(1, 1, 10000);

	(void)state;
	assert_int_equal(m->window.events, 1024);
	machine_run(m, 100 * MS);
	assert_int_equal(m->window.events, 16384);
	assert_true(machine_rate(m, 10 * MS) > 550000);
}

static void grows_within_its_bound(void **state)
{
	static const struct window_rule rule = {.most = 4096, .wait_us = 100};
	struct machine *m = machine_of(1, 1, 10000);

	(void)state;
	machine_rule(m, &rule, 8192);
	machine_run(m, 100 * MS);
	assert_int_equal(m->window.events, 4096);
	assert_int_equal(m->most, 4096);
}

static void grows_within_its_ring(void **state)
{
	static const struct window_rule rule = {.most = 16384, .wait_us = 100};
	struct machine *m = machine_of(1, 1, 10000);

	(void)state;
	machine_rule(m, &rule, 2048);
	machine_run(m, 100 * MS);
	assert_int_equal(m->window.events, 2048);
	assert_int_equal(m->most, 2048);
}

/* Where the ring is short from the beginning. */
static void begins_with_what_there_is(void **state)
{
	static const struct window_rule rule = {.most = 4, .wait_us = 100};
	struct machine *m = machine_of(1, 1, 10000);

	(void)state;
	machine_rule(m, &rule, 4);
	assert_int_equal(m->window.events, 4);
	machine_run(m, 10 * MS);
	assert_int_equal(m->window.events, 4);
}

/* The producer is slower than a window of 1024 would let it be. */
static void does_not_grow_for_a_slow_producer(void **state)
{
	struct machine *m = machine_of(50, 1, 10000);

	(void)state;
	m->emission = 100;
	machine_run(m, 100 * MS);
	assert_int_equal(m->window.events, 1024);
	assert_int_equal(m->changes, 0);
}

/* ---- the bound of the wait --------------------------------------------------- */

/* 1 us an event: 100 wait 100 us. */
static void shrinks_to_what_may_wait(void **state)
{
	struct machine *m = machine_of(1, 1000, 100);

	(void)state;
	machine_run(m, 200 * MS);
	assert_int_equal(m->window.events, 64);
	assert_int_equal(m->most, 1024);
	assert_true(machine_rate(m, 10 * MS) > 950);
}

static void shrinks_to_its_least(void **state)
{
	struct machine *m = machine_of(1, 100000, 100);

	(void)state;
	machine_run(m, 4000 * MS);
	assert_int_equal(m->window.events, WINDOW_LEAST);
	assert_int_equal(m->least, WINDOW_LEAST);
}

static void grows_no_further_than_may_wait(void **state)
{
	struct machine *m = machine_of(1, 20, 100);

	(void)state;
	machine_run(m, 200 * MS);
	/* 2048 wait 41 us; with twice as many it would be more than 75. */
	assert_int_equal(m->window.events, 2048);
	assert_int_equal(m->most, 2048);
}

static void another_wait_is_another_window(void **state)
{
	static const struct window_rule rule = {.most = 16384, .wait_us = 1000};
	struct machine *m = machine_of(1, 100, 100);

	(void)state;
	machine_run(m, 200 * MS);
	assert_int_equal(m->window.events, 512);
	machine_rule(m, &rule, 16384);
	machine_run(m, 200 * MS);
	assert_int_equal(m->window.events, 4096);
}

/* ---- what is measured ------------------------------------------------------- */

/* Light load: ten events, and 100 us of silence. */
static void light_load_is_not_measured(void **state)
{
	struct machine *m = machine_of(10, 500, 100);

	(void)state;
	m->rest_each = 10;
	m->rest_ns = 100000;
	machine_run(m, 500 * MS);
	assert_int_equal(m->changes, 0);
	assert_int_equal(m->reads, 0);
}

/* Bursts that are longer than the window, and 2 ms of silence between: what the consumer
 * does not have it does not work on, so no event waits for long. */
static void silence_is_no_wait(void **state)
{
	struct machine *m = machine_of(1, 10, 100);

	(void)state;
	m->rest_each = 1500;
	m->rest_ns = 2 * MS;
	machine_run(m, 1000 * MS);
	assert_in_range(m->window.events, 1024, 4096);
	assert_int_equal(m->least, 1024);
}

/* A batch takes 200 us, however long it is: with half the window half as much goes by. */
static void keeps_a_window_that_pays(void **state)
{
	struct machine *m = machine_of(1, 1, 100);
	uint64_t rate;

	(void)state;
	m->batch_ns = 200000;
	machine_run(m, 500 * MS);
	rate = machine_rate(m, 500 * MS);
	assert_int_equal(m->window.events, 1024);
	assert_int_equal(m->least, 512);
	if (rate <= 1700)
		fail_msg("%u events in 1 ms", (uint32_t)rate);
	/* Seldom, and ever more so. */
	machine_run(m, 60000 * MS);
	assert_in_range(m->changes, 2, 20);
}

/* A thread does not run for 4 ms now and then, and its batches vary. */
static void pauses_are_no_pace(void **state)
{
	struct machine *m = machine_of(1, 20, 100);

	(void)state;
	m->jitter = 30;
	m->stop_one_in = 2000;
	m->stop_ns = 4 * MS;
	machine_run(m, 5000 * MS);
	assert_int_equal(m->least, 1024);
	assert_in_range(m->window.events, 2048, 4096);
}

/* At the border of two windows, with a pace that varies. */
static void equals_do_not_swing(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 40; i++) {
		struct machine *m = machine_of(1, 30 + i, 100);

		m->jitter = 40;
		machine_run(m, 10000 * MS);
		m->changes = 0;
		machine_run(m, 10000 * MS);
		if (m->changes > 6)
			fail_msg("%u changes in 10 s with %u ns an event",
				 m->changes, 30 + i);
	}
}

/* ---- changes ----------------------------------------------------------------- */

static void follows_its_consumer(void **state)
{
	struct machine *m = machine_of(1, 1, 10000);

	(void)state;
	machine_run(m, 100 * MS);
	assert_int_equal(m->window.events, 16384);
	m->handle_ns = 1000;
	machine_run(m, 500 * MS);
	assert_int_equal(m->window.events, 64);
	m->handle_ns = 1;
	machine_run(m, 100 * MS);
	assert_int_equal(m->window.events, 16384);
}

static void exact_windows_follow_too(void **state)
{
	struct window_rule rule = {
		.most = 16384, .wait_us = 100, .min = SLUICE_MIN_HALF};
	struct machine *m = machine_of(1, 1, 10000);

	(void)state;
	machine_rule(m, &rule, rule.most);
	assert_int_equal(m->credit.exact, 1);
	assert_int_equal(m->credit.min_events, 512);
	machine_run(m, 100 * MS);
	assert_int_equal(m->credit.min_events, 8192);
	rule.min = SLUICE_MIN_ZERO;
	m = machine_of(1, 1, 10000);
	machine_rule(m, &rule, rule.most);
	assert_int_equal(m->credit.min_events, 0);
	assert_int_equal(m->credit.batch_events, 1024);
	machine_run(m, 100 * MS);
	assert_int_equal(m->window.events, 16384);
}

/* What has begun again is as new. */
static void begins_again(void **state)
{
	static const struct window_rule rule = {.most = 16384, .wait_us = 100};
	struct machine *m = machine_of(1, 1000, 100);

	(void)state;
	machine_run(m, 200 * MS);
	assert_int_equal(m->window.events, 64);
	window_begin(&m->window, &rule, 16384);
	assert_int_equal(m->window.events, 1024);
	assert_int_equal(m->window.begun, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grows_while_credit_comes_late),
		cmocka_unit_test(grows_within_its_bound),
		cmocka_unit_test(grows_within_its_ring),
		cmocka_unit_test(begins_with_what_there_is),
		cmocka_unit_test(does_not_grow_for_a_slow_producer),
		cmocka_unit_test(shrinks_to_what_may_wait),
		cmocka_unit_test(shrinks_to_its_least),
		cmocka_unit_test(grows_no_further_than_may_wait),
		cmocka_unit_test(another_wait_is_another_window),
		cmocka_unit_test(light_load_is_not_measured),
		cmocka_unit_test(silence_is_no_wait),
		cmocka_unit_test(keeps_a_window_that_pays),
		cmocka_unit_test(pauses_are_no_pace),
		cmocka_unit_test(equals_do_not_swing),
		cmocka_unit_test(follows_its_consumer),
		cmocka_unit_test(exact_windows_follow_too),
		cmocka_unit_test(begins_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
