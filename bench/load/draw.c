/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/draw.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define DRAW_PI 3.14159265358979323846

/* The increment of splitmix64: 2^64 divided by the golden ratio, odd. */
#define DRAW_STEP UINT64_C(0x9e3779b97f4a7c15)

static uint64_t draw_mix(uint64_t z)
{
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

struct draw draw_start(uint64_t seed, uint64_t stream)
{
	/* All streams walk one circle of 2^64 states; mixed twice they start
	 * at unrelated places of it. */
	return (struct draw){
		draw_mix(draw_mix(seed + DRAW_STEP) + stream * DRAW_STEP)};
}

uint64_t draw_u64(struct draw *draw)
{
	return draw_mix(draw->state += DRAW_STEP);
}

uint64_t draw_below(struct draw *draw, uint64_t n)
{
	/* The lowest 2^64 mod n numbers are one too many: draw again. */
	uint64_t unfair = (0 - n) % n;
	uint64_t number;

	do
		number = draw_u64(draw);
	while (number < unfair);
	return number % n;
}

double draw_unit(struct draw *draw)
{
	return (double)((draw_u64(draw) >> 11) + 1) * 0x1p-53;
}

double draw_exp(struct draw *draw)
{
	return -log(draw_unit(draw));
}

/* Box and Muller. The second number that they give is not kept: each call takes
 * two of the stream. */
double draw_normal(struct draw *draw)
{
	double radius = sqrt(2 * draw_exp(draw));

	return radius * cos(2 * DRAW_PI * draw_unit(draw));
}

double draw_service(struct draw *draw, const struct service *service)
{
	double sigma = service->share;
	double briefly;

	switch (service->kind) {
	case SERVICE_EXP:
		return draw_exp(draw);
	case SERVICE_LOGNORMAL:
		/* The mean of e^(sigma z) is e^(sigma^2 / 2). */
		return exp(sigma * draw_normal(draw) - sigma * sigma / 2);
	case SERVICE_BIMODAL:
	case SERVICE_EXTREME:
		briefly = 1 / (1 + service->share * (service->factor - 1));
		return draw_unit(draw) <= service->share
			       ? briefly * service->factor
			       : briefly;
	case SERVICE_FIXED:
	default:
		return 1;
	}
}

/* ---- keys ---------------------------------------------------------------- */

/*
 * Walker's alias method. The n keys are poured into n cups of equal size, at
 * most two keys each: to draw is to choose a cup and then one of its two. Exact
 * but for the rounding of a double.
 */
struct draw_alias {
	uint64_t own; /* of the cup's own key, in 1/2^64 of the cup */
	uint32_t
		other; /* key that fills the rest; its own when there is none */
};

/* Fill @alias from the keys' shares of n, of which the sum is n. @order is
 * scratch for n keys. */
static void draw_alias_pour(struct draw_alias *alias, double *share,
			    uint32_t *order, uint32_t n)
{
	uint32_t small = 0; /* order[0, small): keys that do not fill a cup */
	uint32_t large = n; /* order[large, n): keys that fill more than one */

	for (uint32_t i = 0; i < n; i++) {
		alias[i] = (struct draw_alias){UINT64_MAX, i};
		if (share[i] < 1)
			order[small++] = i;
		else
			order[--large] = i;
	}
	while (small > 0 && large < n) {
		uint32_t poor = order[--small];
		uint32_t rich = order[large];

		alias[poor].own = (uint64_t)(share[poor] * 0x1p64);
		alias[poor].other = rich;
		share[rich] -= 1 - share[poor];
		if (share[rich] < 1) {
			large++;
			order[small++] = rich;
		}
	}
	/* What is left fills its own cup but for rounding. */
}

int draw_keys_open(struct draw_keys *keys, const struct keys *spec)
{
	uint32_t n = spec->count;
	double sum = 0;
	double *share;
	uint32_t *order;
	int rc = -ENOMEM;

	*keys = (struct draw_keys){.count = n};
	if (spec->kind == KEY_UNIFORM)
		return 0;
	share = malloc(n * sizeof(*share));
	order = malloc(n * sizeof(*order));
	keys->alias = malloc(n * sizeof(*keys->alias));
	if (share == NULL || order == NULL || keys->alias == NULL)
		goto out;
	/* From the smallest up: the sum loses least. */
	for (uint32_t i = n; i-- > 0;)
		sum += share[i] = pow((double)i + 1, -spec->theta);
	for (uint32_t i = 0; i < n; i++)
		share[i] *= n / sum;
	draw_alias_pour(keys->alias, share, order, n);
	rc = 0;
out:
	free(order);
	free(share);
	if (rc < 0)
		draw_keys_close(keys);
	return rc;
}

uint32_t draw_key(struct draw *draw, const struct draw_keys *keys)
{
	uint32_t key = (uint32_t)draw_below(draw, keys->count);
	const struct draw_alias *cup;

	if (keys->alias == NULL)
		return key;
	cup = &keys->alias[key];
	return draw_u64(draw) < cup->own ? key : cup->other;
}

void draw_keys_close(struct draw_keys *keys)
{
	free(keys->alias);
	keys->alias = NULL;
}
