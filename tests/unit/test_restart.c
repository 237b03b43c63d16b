/* SPDX-License-Identifier: Apache-2.0 */
/* Restart or give up: which failure is one too many, and the delay before. */
#include "engine/run/restart_priv.h"
#include "tests/support/rng.h"
#include "tests/support/unit.h"

#include <errno.h>

#define MS      UINT64_C(1000000)
#define SECOND  UINT64_C(1000000000)
#define FAR_NOW (UINT64_MAX - 100 * SECOND)

/* ---- sequences of failures ----------------------------------------------- */

#define STEPS_MAX 12
/* Instead of a delay. */
#define GIVE_UP UINT64_MAX

static struct sequence {
	const char *name;
	struct restart_policy policy; /* most, window, first, longest, stable */
	struct {
		uint64_t after; /* since the failure before */
		uint64_t delay; /* without chance, or GIVE_UP */
	} step[STEPS_MAX];      /* a delay of 0 ends the list */
} sequences[] = {
	{"none_allowed",
	 {0, 5 * SECOND, 10, 5000, 30 * SECOND},
	 {{0, GIVE_UP}, {31 * SECOND, GIVE_UP}}},
	{"none_allowed_no_window",
	 {0, 0, 10, 5000, 0},
	 {{0, GIVE_UP}, {9, GIVE_UP}}},
	{"one_allowed", {1, 5, 10, 5000, 30}, {{0, 10}, {1, GIVE_UP}}},
	{"burst_at_once",
	 {3, 5 * SECOND, 10, 5000, 30 * SECOND},
	 {{0, 10}, {0, 20}, {0, 40}, {0, GIVE_UP}, {0, GIVE_UP}}},
	/* The window would never trip: these are slower. */
	{"slow_but_never_stable",
	 {3, 5 * SECOND, 10, 5000, 30 * SECOND},
	 {{0, 10},
	  {29 * SECOND, 20},
	  {29 * SECOND, 40},
	  {30 * SECOND - 1, GIVE_UP}}},
	{"stable_forgets",
	 {3, 5 * SECOND, 10, 5000, 30 * SECOND},
	 {{0, 10},
	  {6 * SECOND, 20},
	  {6 * SECOND, 40},
	  {30 * SECOND, 10},
	  {6 * SECOND, 20},
	  {6 * SECOND, 40},
	  {6 * SECOND, GIVE_UP}}},
	{"stable_from_the_last_failure",
	 {2, 1, 10, 5000, 30},
	 {{0, 10}, {20, 20}, {20, GIVE_UP}}},
	{"stable_again_and_again",
	 {1, 5, 10, 5000, 30},
	 {{0, 10}, {30, 10}, {30, 10}, {30, 10}, {30, 10}, {29, GIVE_UP}}},
	{"stable_after_escalation",
	 {1, 5, 10, 5000, 30},
	 {{0, 10}, {1, GIVE_UP}, {30, 10}, {6, GIVE_UP}}},
	/* With a stable period of 10 the window of 100 counts alone. */
	{"window_counts_through_stable_periods",
	 {3, 100, 10, 5000, 10},
	 {{0, 10}, {30, 10}, {30, 10}, {30, GIVE_UP}}},
	{"window_slides",
	 {3, 100, 10, 5000, 10},
	 {{0, 10}, {40, 10}, {40, 10}, {40, 10}, {40, 10}, {15, GIVE_UP}}},
	{"window_includes_its_border",
	 {2, 100, 10, 5000, 10},
	 {{0, 10}, {50, 10}, {51, 10}, {50, 10}, {50, GIVE_UP}}},
	{"delay_doubles_up_to_the_longest",
	 {10, 1, 10, 100, 1000},
	 {{0, 10}, {9, 20}, {9, 40}, {9, 80}, {9, 100}, {9, 100}, {9, 100}}},
	{"delay_first_is_the_longest",
	 {10, 1, 100, 100, 1000},
	 {{0, 100}, {9, 100}, {9, 100}}},
	{"delay_first_over_the_longest",
	 {10, 1, 7000, 100, 1000},
	 {{0, 100}, {9, 100}}},
	{"delay_of_all_time",
	 {10, 1, UINT64_C(1) << 62, UINT64_MAX - 1, 1000},
	 {{0, UINT64_C(1) << 62},
	  {9, UINT64_C(1) << 63},
	  {9, UINT64_MAX - 1},
	  {9, UINT64_MAX - 1}}},
};

static void check_delay(uint64_t delay, uint64_t middle, uint64_t longest)
{
	assert_true(delay <= longest);
	assert_true(delay >= middle - middle / 4);
	assert_true(delay <= middle || delay - middle <= middle / 4);
}

static void run_sequence(const struct sequence *row, uint64_t start,
			 uint64_t random)
{
	struct restart_history h = {0};
	uint64_t now = start;

	for (size_t i = 0; i < STEPS_MAX && row->step[i].delay != 0; i++) {
		uint64_t delay = 77;
		enum restart_verdict verdict;

		now += row->step[i].after;
		verdict = restart_decide(&h, &row->policy, now, random, &delay);
		if (row->step[i].delay == GIVE_UP) {
			assert_int_equal(verdict, RESTART_ESCALATE);
			assert_int_equal(delay, 0);
			continue;
		}
		assert_int_equal(verdict, RESTART_AGAIN);
		check_delay(delay, row->step[i].delay,
			    row->policy.backoff_max_ns);
	}
}

static void failures_in_sequence(void **state)
{
	static const uint64_t starts[] = {0, 1, SECOND, FAR_NOW};
	static const uint64_t randoms[] = {0, 1, 0x5555555555555555,
					   UINT64_MAX - 1, UINT64_MAX};

	for (size_t i = 0; i < UNIT_COUNT(starts); i++)
		for (size_t j = 0; j < UNIT_COUNT(randoms); j++)
			run_sequence(*state, starts[i], randoms[j]);
}

/* ---- the ring of failures ------------------------------------------------ */

/* As many as can be remembered, and more: the oldest that counts lies where the
 * newest is noted. Only the window can trip. */
static void as_many_as_are_remembered(void **state)
{
	struct restart_policy policy = {RESTART_FAILURES_MAX, 0, 10, 10, 1};
	struct restart_history h = {0};
	uint64_t delay;
	uint64_t now = 0;

	(void)state;
	policy.window_ns = 3 * RESTART_FAILURES_MAX - 1;
	for (uint32_t i = 0; i < 5 * RESTART_FAILURES_MAX / 2; i++) {
		now += 3;
		assert_int_equal(restart_decide(&h, &policy, now, i, &delay),
				 RESTART_AGAIN);
	}
	now += 2;
	assert_int_equal(restart_decide(&h, &policy, now, 0, &delay),
			 RESTART_ESCALATE);
	/* The short gap is in the window for so many failures more. */
	for (uint32_t i = 1; i < RESTART_FAILURES_MAX; i++) {
		now += 3;
		assert_int_equal(restart_decide(&h, &policy, now, i, &delay),
				 RESTART_ESCALATE);
	}
	now += 3;
	assert_int_equal(restart_decide(&h, &policy, now, 0, &delay),
			 RESTART_AGAIN);
}

static void more_than_can_be_remembered(void **state)
{
	const struct restart_policy policy = {UINT32_MAX, UINT64_MAX, 10, 10,
					      UINT64_MAX};
	struct restart_history h = {0};
	uint64_t delay;

	(void)state;
	for (uint32_t i = 0; i < RESTART_FAILURES_MAX; i++)
		assert_int_equal(restart_decide(&h, &policy, i, i, &delay),
				 RESTART_AGAIN);
	assert_int_equal(restart_decide(&h, &policy, 0, 0, &delay),
			 RESTART_ESCALATE);
}

static void a_step_back_is_no_step(void **state)
{
	const struct restart_policy policy = {3, 100, 10, 5000, 30};
	struct restart_history h = {0};
	uint64_t delay;

	(void)state;
	assert_int_equal(restart_decide(&h, &policy, 1000, 0, &delay),
			 RESTART_AGAIN);
	/* Not stable since, although the difference would be enormous. */
	assert_int_equal(restart_decide(&h, &policy, 400, 0, &delay),
			 RESTART_AGAIN);
	check_delay(delay, 20, 5000);
	/* It was noted at 1000: at 1029 nothing has been stable yet. */
	assert_int_equal(restart_decide(&h, &policy, 1029, 0, &delay),
			 RESTART_AGAIN);
	check_delay(delay, 40, 5000);
	assert_int_equal(restart_decide(&h, &policy, 0, 0, &delay),
			 RESTART_ESCALATE);
}

/* Doubling ends at the longest, or with nothing to double, however long it
 * goes on. */
static void delays_of_many_failures(void **state)
{
	static const uint64_t firsts[] = {0, 1, 3, 5000};
	static const uint64_t longests[] = {0, 1, 5000, UINT64_MAX};

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(firsts) * UNIT_COUNT(longests); i++) {
		const struct restart_policy policy = {
			RESTART_FAILURES_MAX, 0, firsts[i % UNIT_COUNT(firsts)],
			longests[i / UNIT_COUNT(firsts)], UINT64_MAX};
		uint64_t longest = policy.backoff_max_ns;
		uint64_t middle = policy.backoff_ns;
		struct restart_history h = {0};

		for (uint32_t n = 0; n < RESTART_FAILURES_MAX; n++) {
			uint64_t delay;

			if (middle > longest)
				middle = longest;
			assert_int_equal(
				restart_decide(&h, &policy, n, n, &delay),
				RESTART_AGAIN);
			check_delay(delay, middle, longest);
			middle = middle > longest / 2 ? longest : 2 * middle;
		}
	}
}

/* ---- chance -------------------------------------------------------------- */

/* Every length in the range is as likely as the others: numbers in a row have
 * all remainders equally often. */
static void jitter_is_even(void **state)
{
	static const struct {
		uint64_t first, longest, low, high;
	} row[] = {
		{100, 1000, 75, 125}, {100, 110, 75, 110}, {100, 100, 75, 100},
		{101, 1000, 76, 126}, {4, 1000, 3, 5},     {3, 1000, 3, 3},
		{1, 1000, 1, 1},      {0, 1000, 0, 0},     {0, 0, 0, 0},
		{100, 0, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(row); i++) {
		const struct restart_policy policy = {1, 0, row[i].first,
						      row[i].longest, 1};
		uint64_t width = row[i].high - row[i].low + 1;
		uint32_t seen[64] = {0};

		assert_in_range(width, 1, UNIT_COUNT(seen));
		for (uint64_t random = 0; random < 10 * width; random++) {
			struct restart_history h = {0};
			uint64_t delay;

			assert_int_equal(
				restart_decide(&h, &policy, 5, random, &delay),
				RESTART_AGAIN);
			assert_in_range(delay, row[i].low, row[i].high);
			seen[delay - row[i].low]++;
		}
		for (uint64_t at = 0; at < width; at++)
			assert_int_equal(seen[at], 10);
	}
}

/* ---- against a list of all failures -------------------------------------- */

#define FAILURES_MAX 3000u

struct oracle {
	uint64_t at[FAILURES_MAX];
	uint32_t count;
};

static enum restart_verdict oracle_decide(struct oracle *o,
					  const struct restart_policy *p,
					  uint64_t now, uint64_t *middle)
{
	uint64_t delay = p->backoff_ns;
	uint32_t in_window = 0;
	uint32_t unstable = 1;

	if (o->count > 0 && now < o->at[o->count - 1])
		now = o->at[o->count - 1];
	o->at[o->count++] = now;
	for (uint32_t i = 0; i < o->count; i++)
		in_window += now - o->at[i] <= p->window_ns;
	while (unstable < o->count &&
	       o->at[o->count - unstable] - o->at[o->count - unstable - 1] <
		       p->stable_ns)
		unstable++;
	if (in_window > p->max_restarts || unstable > p->max_restarts)
		return RESTART_ESCALATE;
	for (uint32_t i = 1; i < unstable && delay < p->backoff_max_ns; i++)
		delay = delay > p->backoff_max_ns / 2 ? p->backoff_max_ns
						      : 2 * delay;
	*middle = delay < p->backoff_max_ns ? delay : p->backoff_max_ns;
	return RESTART_AGAIN;
}

static struct restart_policy random_policy(struct rng *rng)
{
	struct restart_policy p = {
		.max_restarts = rng_between(rng, 0, 5),
		.window_ns = rng_below(rng, 200),
		.backoff_ns = rng_below(rng, 20),
		.backoff_max_ns = 20 + rng_below(rng, 1000),
		.stable_ns = rng_below(rng, 200),
	};

	switch (rng_below(rng, 4)) {
	case 0: /* the ring is used up */
		p.max_restarts = rng_between(rng, RESTART_FAILURES_MAX - 2,
					     RESTART_FAILURES_MAX);
		p.window_ns = rng_below(rng, 40 * RESTART_FAILURES_MAX);
		p.stable_ns <<= rng_below(rng, 12);
		break;
	case 1: /* edges of the numbers */
		p.window_ns = rng_word(rng, 100, 100);
		p.stable_ns = rng_word(rng, 100, 100);
		p.backoff_ns = rng_word(rng, 100, 100);
		p.backoff_max_ns = rng_word(rng, 100, 100);
		break;
	default:
		break;
	}
	return p;
}

/* Often just at one of the borders. */
static uint64_t random_gap(struct rng *rng, const struct restart_policy *p)
{
	switch (rng_below(rng, 6)) {
	case 0:
		return p->stable_ns + rng_below(rng, 3) - 1;
	case 1:
		return p->max_restarts == 0 ? p->window_ns
					    : p->window_ns / p->max_restarts +
						      rng_below(rng, 3) - 1;
	case 2:
		return 0 - rng_below(rng, 50); /* back */
	case 3:
		return rng_below(rng, 300);
	default:
		return rng_below(rng, 30);
	}
}

static void random_failures(void **state)
{
	struct rng rng = rng_start("restart random_failures");
	static struct oracle o;
	static struct restart_history h;
	uint32_t escalated = 0;
	uint32_t again = 0;

	(void)state;
	for (uint32_t script = 0; script < 300; script++) {
		struct restart_policy policy = random_policy(&rng);
		uint32_t failures =
			policy.max_restarts > 5 ? FAILURES_MAX : 100;
		uint64_t now = rng_word(&rng, 1000, 1000);

		memset(&h, 0, sizeof(h));
		o.count = 0;
		for (uint32_t i = 0; i < failures; i++) {
			uint64_t middle = 0;
			uint64_t delay = 77;
			enum restart_verdict verdict =
				oracle_decide(&o, &policy, now, &middle);

			assert_int_equal(restart_decide(&h, &policy, now,
							rng_u64(&rng), &delay),
					 verdict);
			if (verdict == RESTART_AGAIN) {
				check_delay(delay, middle,
					    policy.backoff_max_ns);
				again++;
			} else {
				assert_int_equal(delay, 0);
				escalated++;
			}
			now += random_gap(&rng, &policy);
		}
	}
	assert_true(escalated > 100 && again > 100);
}

/* ---- options ------------------------------------------------------------- */

static struct accepted {
	const char *name;
	struct sluice_pipeline_opts opts;
	struct restart_policy is;
} accepted[] = {
	{"opts_default",
	 {.name = "p"},
	 {3, 5 * SECOND, 10 * MS, 5000 * MS, 30000 * MS}},
	{"opts_without_a_name",
	 {.supervision = SLUICE_ONE_FOR_ALL},
	 {3, 5 * SECOND, 10 * MS, 5000 * MS, 30000 * MS}},
	{"opts_none",
	 {.max_restarts = SLUICE_RESTARTS_NONE},
	 {0, 5 * SECOND, 10 * MS, 5000 * MS, 30000 * MS}},
	{"opts_all",
	 {.supervision = SLUICE_REST_FOR_ONE,
	  .max_restarts = 7,
	  .max_seconds = 60,
	  .backoff_ms = 20,
	  .backoff_max_ms = 300,
	  .stable_ms = 4000},
	 {7, 60 * SECOND, 20 * MS, 300 * MS, 4000 * MS}},
	{"opts_at_the_limits",
	 {.max_restarts = RESTART_FAILURES_MAX,
	  .max_seconds = 86400,
	  .backoff_ms = UINT32_MAX,
	  .backoff_max_ms = UINT32_MAX,
	  .stable_ms = UINT32_MAX},
	 {1024, 86400 * SECOND, 4294967295 * MS, 4294967295 * MS,
	  4294967295 * MS}},
	{"opts_at_the_default_maximum",
	 {.backoff_ms = 5000},
	 {3, 5 * SECOND, 5000 * MS, 5000 * MS, 30000 * MS}},
	{"opts_maximum_below_the_default_backoff",
	 {.backoff_max_ms = 4},
	 {3, 5 * SECOND, 4 * MS, 4 * MS, 30000 * MS}},
};

static void options_are_filled_in(void **state)
{
	const struct accepted *row = *state;
	struct restart_policy p;

	assert_int_equal(restart_policy_init(&p, &row->opts), 0);
	assert_int_equal(p.max_restarts, row->is.max_restarts);
	assert_int_equal(p.window_ns, row->is.window_ns);
	assert_int_equal(p.backoff_ns, row->is.backoff_ns);
	assert_int_equal(p.backoff_max_ns, row->is.backoff_max_ns);
	assert_int_equal(p.stable_ns, row->is.stable_ns);
}

static struct refused {
	const char *name;
	struct sluice_pipeline_opts opts;
	const char *text;
} refused[] = {
	{"opts_too_many_restarts",
	 {.name = "p", .max_restarts = RESTART_FAILURES_MAX + 1},
	 "pipeline 'p': max_restarts 1025 is over the limit of 1024"},
	{"opts_almost_none",
	 {.name = "p", .max_restarts = SLUICE_RESTARTS_NONE - 1},
	 "max_restarts 4294967294"},
	{"opts_over_a_day",
	 {.name = "p", .max_seconds = 86401},
	 "pipeline 'p': max_seconds 86401 is over the limit of 86400"},
	{"opts_backoff_over_the_default_maximum",
	 {.name = "p", .backoff_ms = 5001},
	 "pipeline 'p': backoff_ms 5001 is over backoff_max_ms 5000"},
	{"opts_backoff_over_the_maximum",
	 {.backoff_ms = 10, .backoff_max_ms = 9},
	 "pipeline 'pipeline': backoff_ms 10 is over backoff_max_ms 9"},
	{"opts_no_such_supervision",
	 {.name = "p", .supervision = (enum sluice_supervision)3},
	 "pipeline 'p': supervision 3 is none of"},
};

static void refused_with_field_and_limit(void **state)
{
	const struct refused *row = *state;
	struct restart_policy p;
	struct restart_policy before;

	memset(&p, 0x5a, sizeof(p));
	before = p;
	assert_int_equal(restart_policy_init(&p, &row->opts), -EINVAL);
	assert_text_has(sluice_last_error(), row->text);
	assert_memory_equal(&p, &before, sizeof(p));
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(as_many_as_are_remembered),
		cmocka_unit_test(more_than_can_be_remembered),
		cmocka_unit_test(a_step_back_is_no_step),
		cmocka_unit_test(delays_of_many_failures),
		cmocka_unit_test(jitter_is_even),
		cmocka_unit_test(random_failures),
	};
	struct CMUnitTest all[UNIT_COUNT(tests) + UNIT_COUNT(sequences) +
			      UNIT_COUNT(accepted) + UNIT_COUNT(refused)];
	size_t at = 0;

	at = UNIT_ADD_ROWS(all, at, failures_in_sequence, sequences);
	at = UNIT_ADD_ROWS(all, at, options_are_filled_in, accepted);
	at = UNIT_ADD_ROWS(all, at, refused_with_field_and_limit, refused);
	memcpy(&all[at], tests, sizeof(tests));

	return cmocka_run_group_tests_name("restart", all, NULL, NULL);
}
