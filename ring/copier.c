/* SPDX-License-Identifier: Apache-2.0 */
#include "ring/base_priv.h"
#include "ring/copier.h"
#include "ring/copy.h"

#include <errno.h>
#include <time.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#define PIECE_BYTES  32768 /* between two looks at the clock */
#define EPOCH_PIECES 4u
#define LIGHT_NS     UINT64_C(500000) /* an epoch that has waited */
#define NEXT_MOST_NS UINT64_C(15000000)
#define COST_PART    100u /* tries may cost one part of so many */
#define SLOW_TIMES   3u   /* a try is broken off */
#define BETTER       90u  /* per cent of the time */
#define ODD_MOST     2u

/* What an epoch is for: those of a try come one behind the other. */
enum phase {
	PHASE_HOME,
	PHASE_WARM, /* of another method; does not count */
	PHASE_TRY,
	PHASE_BACK, /* of home again; does not count */
	PHASE_CHECK,
};

uint32_t sluice_copy_methods(void)
{
	uint32_t methods = 1u << SLUICE_COPY_PLAIN | 1u << SLUICE_COPY_STREAM;

#if defined(__x86_64__)
	uint32_t a, b, c, d;

	methods |= 1u << SLUICE_COPY_STRING;
	if (__get_cpuid_count(7, 0, &a, &b, &c, &d) && c & 1u << 28)
		methods |= 1u << SLUICE_COPY_DIRECT;
#endif
	return methods;
}

const char *sluice_copy_name(uint32_t method)
{
	static const char *const names[SLUICE_COPY_METHODS] = {
		"auto", "plain", "string", "stream", "direct", "in_place"};

	return method < SLUICE_COPY_METHODS ? names[method] : "unknown";
}

int sluice_copier_init(struct sluice_copier *copier, uint32_t method)
{
	uint32_t all = sluice_copy_methods();

	if (method >= SLUICE_COPY_METHODS)
		return sluice_fail(-EINVAL,
				   "copy method %u: there is none above %u",
				   method, SLUICE_COPY_METHODS - 1);
	if (method != SLUICE_COPY_AUTO && method != SLUICE_COPY_IN_PLACE &&
	    !(all & 1u << method))
		return sluice_fail(-EINVAL,
				   "copy method %s: this machine has none",
				   sluice_copy_name(method));
	if (method != SLUICE_COPY_AUTO)
		all = 1u << method;
	else
		method = SLUICE_COPY_PLAIN;
	*copier = (struct sluice_copier){
		.method = method,
		.home = method,
		.methods = all,
		.tried = method,
	};
	return 0;
}

/* ---- choosing ------------------------------------------------------------ */

static uint32_t copier_others(const struct sluice_copier *copier)
{
	return (uint32_t)__builtin_popcount(copier->methods) - 1;
}

static void copier_begin(struct sluice_copier *copier, enum phase phase,
			 uint32_t method)
{
	copier->phase = phase;
	copier->method = method;
	copier->pieces = 0;
	copier->epoch_ns = 0;
}

/* With which an event is there soonest. */
static uint32_t copier_soonest(const struct sluice_copier *copier)
{
	return copier->methods & 1u << SLUICE_COPY_IN_PLACE
		       ? SLUICE_COPY_IN_PLACE
		       : SLUICE_COPY_PLAIN;
}

/* Nothing is known any more. */
static void copier_forget(struct sluice_copier *copier)
{
	copier_begin(copier, PHASE_HOME, copier->home);
	copier->home_ns = 0;
	copier->wins = 0;
}

void sluice_copier_offer(struct sluice_copier *copier, int in_place)
{
	uint32_t bit = 1u << SLUICE_COPY_IN_PLACE;

	if (copier_others(copier) == 0 || !in_place == !(copier->methods & bit))
		return;
	copier->methods ^= bit;
	copier->home = copier_soonest(copier);
	copier_forget(copier);
}

/* Another one, in turn; or the one that has just won, once more. */
static void copier_try(struct sluice_copier *copier)
{
	uint32_t method = copier->tried;

	if (copier->wins == 0)
		do
			method = (method + 1) % SLUICE_COPY_METHODS;
		while (method == copier->home ||
		       !(copier->methods & 1u << method));
	if (copier->hurry > 0)
		copier->hurry--;
	copier->tried = method;
	copier->cost_ns = 0;
	copier_begin(copier, PHASE_WARM, method);
}

static void copier_hurry(struct sluice_copier *copier)
{
	copier->hurry = copier_others(copier);
	copier->odd = 0;
}

/* An epoch of home, in its ordinary time or not. */
static void copier_home(struct sluice_copier *copier, uint64_t now_ns)
{
	uint64_t took = copier->epoch_ns;
	uint64_t usual = copier->home_ns;

	copier_begin(copier, PHASE_HOME, copier->home);
	if (took > LIGHT_NS) {
		copier->home = copier_soonest(copier);
		copier_forget(copier);
		return;
	}
	if (usual == 0) {
		copier->home_ns = took;
		copier_hurry(copier);
	} else if (took * 4 > usual * 5 || took * 5 < usual * 4) {
		if (++copier->odd <= ODD_MOST)
			return;
		copier->home_ns = took;
		copier_hurry(copier);
	} else {
		copier->odd = 0;
		copier->home_ns = (3 * usual + took) / 4;
	}
	if (copier->hurry > 0 || copier->wins > 0 || now_ns >= copier->next_ns)
		copier_try(copier);
}

/* The try is over. */
static void copier_judge(struct sluice_copier *copier, uint64_t now_ns)
{
	uint64_t home_ns = copier->epoch_ns < copier->home_ns ? copier->epoch_ns
							      : copier->home_ns;
	uint64_t wait_ns = copier->cost_ns * COST_PART;

	copier->next_ns =
		now_ns + (wait_ns < NEXT_MOST_NS ? wait_ns : NEXT_MOST_NS);
	if (copier->try_ns * 100 >= home_ns * BETTER) {
		copier->wins = 0;
	} else if (++copier->wins == 2) {
		copier->wins = 0;
		copier->home = copier->tried;
		copier->home_ns = copier->try_ns;
		copier->changes++;
		copier_hurry(copier);
	}
	copier_begin(copier, PHASE_HOME, copier->home);
}

/* Returns non-zero when it is so slow that the rest need not be seen. */
static int copier_too_slow(const struct sluice_copier *copier)
{
	return (copier->phase == PHASE_WARM || copier->phase == PHASE_TRY) &&
	       copier->epoch_ns > SLOW_TIMES * copier->home_ns;
}

static void copier_epoch(struct sluice_copier *copier, uint64_t now_ns)
{
	uint64_t took = copier->epoch_ns;

	if (took > copier->home_ns && copier->phase != PHASE_HOME)
		copier->cost_ns += took - copier->home_ns;
	switch ((enum phase)copier->phase) {
	case PHASE_HOME:
		copier_home(copier, now_ns);
		return;
	case PHASE_WARM:
		if (!copier_too_slow(copier)) {
			copier_begin(copier, PHASE_TRY, copier->method);
			return;
		}
		/* fall through */
	case PHASE_TRY:
		copier->try_ns = took;
		copier_begin(copier, PHASE_BACK, copier->home);
		return;
	case PHASE_BACK:
		copier_begin(copier, PHASE_CHECK, copier->home);
		return;
	case PHASE_CHECK:
		copier_judge(copier, now_ns);
		return;
	}
}

void sluice_copier_look(struct sluice_copier *copier, uint64_t now_ns)
{
	copier->epoch_ns += now_ns - copier->since_ns;
	copier->since_ns = now_ns;
	while (copier->left <= 0) {
		copier->left +=
			copier_others(copier) > 0 ? PIECE_BYTES : INT64_MAX;
		copier->pieces++;
	}
	if (copier->pieces >= EPOCH_PIECES || copier_too_slow(copier)) {
		copier->epoch_ns =
			copier->epoch_ns * EPOCH_PIECES / copier->pieces;
		copier_epoch(copier, now_ns);
	}
}

void sluice_copier_large(struct sluice_copier *copier, sluice_slot *to,
			 const sluice_private *from, uint64_t bytes)
{
	sluice_copier_by(copier, to, from, bytes);
}

void sluice_copier_turn(struct sluice_copier *copier)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	sluice_copier_look(copier, (uint64_t)now.tv_sec * 1000000000 +
					   (uint64_t)now.tv_nsec);
}
