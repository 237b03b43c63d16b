/* SPDX-License-Identifier: Apache-2.0 */
/* Every way to write payload copies what it should and nothing else; and a writer
 * that chooses among them finds the best one on a made-up machine, in time, at little
 * cost, and stays with it. The clock of that machine is counted, not read. */
#include "ring/copier.h"
#include "ring/copy.h"
#include "tests/support/rng.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <string.h>

/* ---- copying ------------------------------------------------------------- */

#define AREA  9000u
#define GUARD 0xa5

static void copy_by(uint32_t method, unsigned char *to,
		    const unsigned char *from, size_t bytes)
{
	struct sluice_copier copier;

	assert_int_equal(sluice_copier_init(&copier, method), 0);
	sluice_copier_copy(&copier, to, from, bytes);
}

static void check_copy(uint32_t method, size_t at, size_t bytes)
{
	static unsigned char to[AREA] __attribute__((aligned(64)));
	static unsigned char from[AREA];

	for (size_t i = 0; i < AREA; i++)
		from[i] = (unsigned char)(i * 7 + bytes);
	memset(to, GUARD, sizeof(to));
	copy_by(method, to + at, from + 3, bytes);
	assert_memory_equal(to + at, from + 3, bytes);
	for (size_t i = 0; i < AREA; i++)
		if (i < at || i >= at + bytes)
			assert_int_equal(to[i], GUARD);
}

static void each_method_copies_all_and_no_more(void **state)
{
	static const size_t sizes[] = {0,   1,   8,    63,   64,  65,
				       127, 511, 512,  513,  575, 576,
				       640, 999, 1024, 4096, 8191};

	(void)state;
	for (uint32_t method = SLUICE_COPY_PLAIN; method < SLUICE_COPY_METHODS;
	     method++) {
		if (!(sluice_copy_methods() & 1u << method))
			continue;
		for (size_t at = 1; at <= 129; at++)
			for (size_t i = 0; i < UNIT_COUNT(sizes); i++)
				check_copy(method, at, sizes[i]);
	}
}

/* ---- a machine ----------------------------------------------------------- */

#define CHUNK 4096u
#define MS    UINT64_C(1000000)

struct machine {
	struct sluice_copier copier;
	struct rng rng;
	uint64_t now_ns;
	uint64_t copied;
	uint64_t looks;
	uint32_t takes[SLUICE_COPY_METHODS]; /* a chunk, ns */
	uint32_t jitter;                     /* per cent, either way */
	uint32_t pause_one_in;               /* chunks */
	uint32_t pause_ns;
};

/* What is made in place takes as long as plain copies do, unless a test says so. */
static struct machine machine_of(uint32_t plain, uint32_t string,
				 uint32_t stream, uint32_t direct)
{
	struct machine m = {.now_ns = 1000 * MS,
			    .takes = {0, plain, string, stream, direct, plain}};

	m.rng.state = 4711;
	assert_int_equal(sluice_copier_init(&m.copier, SLUICE_COPY_AUTO), 0);
	m.copier.methods = 0x1e; /* whatever this machine has */
	return m;
}

static void machine_run(struct machine *m, uint64_t ns)
{
	uint64_t end_ns = m->now_ns + ns;

	while (m->now_ns < end_ns) {
		uint64_t takes = m->takes[m->copier.method];

		if (m->jitter > 0)
			takes = takes *
				(100 - m->jitter +
				 rng_below(&m->rng, 2 * m->jitter + 1)) /
				100;
		if (m->pause_one_in > 0 &&
		    rng_below(&m->rng, m->pause_one_in) == 0)
			takes += m->pause_ns;
		m->now_ns += takes;
		m->copied += CHUNK;
		m->copier.left -= CHUNK;
		if (m->copier.left <= 0) {
			m->looks++;
			sluice_copier_look(&m->copier, m->now_ns);
		}
	}
}

/* Per mille of what the best method would have copied in @ns. */
static uint64_t machine_yield(const struct machine *m, uint64_t copied,
			      uint64_t ns)
{
	uint64_t best = UINT64_MAX;

	for (uint32_t i = SLUICE_COPY_PLAIN; i < SLUICE_COPY_METHODS; i++)
		if (m->takes[i] < best)
			best = m->takes[i];
	return copied * best * 1000 / CHUNK / ns;
}

static void the_best_is_found(void **state)
{
	(void)state;
	for (uint32_t best = SLUICE_COPY_PLAIN; best < SLUICE_COPY_METHODS;
	     best++) {
		struct machine m = machine_of(700, 700, 700, 700);
		uint64_t copied;

		m.jitter = 20;
		m.takes[best] = 400;
		sluice_copier_offer(&m.copier, 1);
		machine_run(&m, 50 * MS);
		assert_int_equal(m.copier.home, best);
		copied = m.copied;
		machine_run(&m, 2000 * MS);
		assert_int_equal(m.copier.home, best);
		assert_true(machine_yield(&m, m.copied - copied, 2000 * MS) >
			    970);
	}
}

/* The CPUs move apart, and near again: what was best is the worst. */
static void a_change_is_followed(void **state)
{
	struct machine m = machine_of(200, 190, 320, 330);

	(void)state;
	m.jitter = 10;
	machine_run(&m, 300 * MS);
	assert_true(m.copier.home == SLUICE_COPY_PLAIN ||
		    m.copier.home == SLUICE_COPY_STRING);
	for (uint32_t i = 0; i < 5; i++) {
		m.takes[SLUICE_COPY_PLAIN] = 2000;
		m.takes[SLUICE_COPY_STRING] = 2100;
		m.takes[SLUICE_COPY_STREAM] = 330;
		m.takes[SLUICE_COPY_DIRECT] = 600;
		machine_run(&m, 50 * MS);
		assert_int_equal(m.copier.home, SLUICE_COPY_STREAM);
		m.takes[SLUICE_COPY_PLAIN] = 200;
		m.takes[SLUICE_COPY_STRING] = 290;
		machine_run(&m, 50 * MS);
		assert_int_equal(m.copier.home, SLUICE_COPY_PLAIN);
	}
}

/* One that is no faster than before is better now, and no pace has changed. */
static void a_better_one_is_found_without_a_change(void **state)
{
	struct machine m = machine_of(400, 400, 400, 400);

	(void)state;
	m.jitter = 10;
	machine_run(&m, 300 * MS);
	for (uint32_t i = SLUICE_COPY_PLAIN; i < SLUICE_COPY_METHODS; i++)
		if (i != m.copier.home) {
			m.takes[i] = 250;
			break;
		}
	machine_run(&m, 100 * MS);
	assert_true(m.takes[m.copier.home] == 250);
}

/* Far apart a try of the slow one takes six times as long. */
static void tries_cost_little(void **state)
{
	struct machine m = machine_of(2000, 2000, 330, 2000);
	uint64_t copied;

	(void)state;
	machine_run(&m, 100 * MS);
	copied = m.copied;
	machine_run(&m, 5000 * MS);
	assert_int_equal(m.copier.home, SLUICE_COPY_STREAM);
	assert_true(machine_yield(&m, m.copied - copied, 5000 * MS) > 985);
}

static void equals_are_left_alone(void **state)
{
	struct machine m = machine_of(400, 395, 405, 400);

	(void)state;
	m.jitter = 25;
	machine_run(&m, 100 * MS);
	m.copier.changes = 0;
	machine_run(&m, 10000 * MS);
	assert_true(m.copier.changes <= 2);
}

/* Who is sent away by the kernel now and then sees epochs that tell nothing. */
static void pauses_change_nothing(void **state)
{
	struct machine m = machine_of(300, 500, 500, 500);

	(void)state;
	m.jitter = 10;
	m.pause_one_in = 300;
	m.pause_ns = 4 * MS;
	machine_run(&m, 400 * MS);
	m.copier.changes = 0;
	for (uint32_t i = 0; i < 50; i++) {
		machine_run(&m, 100 * MS);
		assert_int_equal(m.copier.home, SLUICE_COPY_PLAIN);
	}
	assert_int_equal(m.copier.changes, 0);
}

/* With little to do stores are plain, and nothing is tried. */
static void light_load_is_plain(void **state)
{
	struct machine m = machine_of(20000, 20000, 20000, 20000);
	uint64_t looks;

	(void)state;
	machine_run(&m, 100 * MS);
	looks = m.looks;
	for (uint32_t i = 0; i < 1000; i++) {
		machine_run(&m, 1 * MS);
		assert_int_equal(m.copier.method, SLUICE_COPY_PLAIN);
	}
	assert_true(m.looks > looks);
	/* And when there is much again, it is found out again. */
	m.takes[SLUICE_COPY_PLAIN] = 700;
	m.takes[SLUICE_COPY_STRING] = 600;
	m.takes[SLUICE_COPY_STREAM] = 200;
	m.takes[SLUICE_COPY_DIRECT] = 300;
	machine_run(&m, 50 * MS);
	assert_int_equal(m.copier.home, SLUICE_COPY_STREAM);
}

/* The copy is left out where that is faster, for as long as it may be; and with little
 * to do. */
static void a_copy_may_be_left_out(void **state)
{
	struct machine m = machine_of(700, 700, 500, 700);

	(void)state;
	m.takes[SLUICE_COPY_IN_PLACE] = 400;
	machine_run(&m, 100 * MS);
	assert_int_equal(m.copier.home, SLUICE_COPY_STREAM);
	sluice_copier_offer(&m.copier, 1);
	machine_run(&m, 100 * MS);
	assert_int_equal(m.copier.home, SLUICE_COPY_IN_PLACE);
	sluice_copier_offer(&m.copier, 1);
	assert_int_equal(m.copier.home, SLUICE_COPY_IN_PLACE);
	m.takes[SLUICE_COPY_IN_PLACE] = 2000;
	machine_run(&m, 100 * MS);
	assert_int_equal(m.copier.home, SLUICE_COPY_STREAM);
	m.takes[SLUICE_COPY_IN_PLACE] = 400;
	machine_run(&m, 500 * MS);
	assert_int_equal(m.copier.home, SLUICE_COPY_IN_PLACE);
	sluice_copier_offer(&m.copier, 0);
	assert_int_equal(m.copier.method, SLUICE_COPY_PLAIN);
	for (uint32_t i = 0; i < 100; i++) {
		machine_run(&m, 1 * MS);
		assert_int_not_equal(m.copier.method, SLUICE_COPY_IN_PLACE);
	}
	sluice_copier_offer(&m.copier, 1);
	for (uint32_t i = SLUICE_COPY_PLAIN; i < SLUICE_COPY_METHODS; i++)
		m.takes[i] = 20000;
	machine_run(&m, 100 * MS);
	assert_int_equal(m.copier.method, SLUICE_COPY_IN_PLACE);
}

static void a_fixed_one_stays(void **state)
{
	(void)state;
	for (uint32_t method = SLUICE_COPY_PLAIN; method < SLUICE_COPY_METHODS;
	     method++) {
		struct machine m = machine_of(700, 700, 700, 700);

		if (method != SLUICE_COPY_IN_PLACE &&
		    !(sluice_copy_methods() & 1u << method))
			continue;
		assert_int_equal(sluice_copier_init(&m.copier, method), 0);
		sluice_copier_offer(&m.copier, method % 2);
		m.takes[method] = 1400;
		machine_run(&m, 1000 * MS);
		assert_int_equal(m.copier.method, method);
		assert_true(m.looks <= 1);
	}
}

static void wrong_methods_are_refused(void **state)
{
	struct sluice_copier copier;

	(void)state;
	assert_int_equal(sluice_copier_init(&copier, SLUICE_COPY_METHODS),
			 -EINVAL);
	assert_text_has(sluice_last_error(), "copy method 6");
	for (uint32_t method = 1; method < SLUICE_COPY_METHODS; method++)
		assert_int_equal(
			sluice_copier_init(&copier, method),
			(sluice_copy_methods() | 1u << SLUICE_COPY_IN_PLACE) &
					1u << method
				? 0
				: -EINVAL);
	assert_string_equal(sluice_copy_name(SLUICE_COPY_STREAM), "stream");
	assert_string_equal(sluice_copy_name(77), "unknown");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_method_copies_all_and_no_more),
		cmocka_unit_test(the_best_is_found),
		cmocka_unit_test(a_change_is_followed),
		cmocka_unit_test(a_better_one_is_found_without_a_change),
		cmocka_unit_test(tries_cost_little),
		cmocka_unit_test(equals_are_left_alone),
		cmocka_unit_test(pauses_change_nothing),
		cmocka_unit_test(light_load_is_plain),
		cmocka_unit_test(a_copy_may_be_left_out),
		cmocka_unit_test(a_fixed_one_stays),
		cmocka_unit_test(wrong_methods_are_refused),
	};

	return cmocka_run_group_tests_name("copier", tests, NULL, NULL);
}
