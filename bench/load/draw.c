/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/draw.h"
#include "dispatch/mix.h"

#include <math.h>

#define DRAW_PI 3.14159265358979323846

struct draw draw_start(uint64_t seed, uint64_t stream)
{
	/* All streams walk one circle of 2^64 states; mixed twice they start
	 * at unrelated places of it. */
	return (struct draw){sluice_mix64(sluice_mix64(seed + SLUICE_MIX_STEP) +
					  stream * SLUICE_MIX_STEP)};
}

uint64_t draw_u64(struct draw *draw)
{
	return sluice_mix64(draw->state += SLUICE_MIX_STEP);
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
 * Zipf's law by rejection and inversion, after Hoermann and Derflinger: x^-theta
 * is drawn from as if it were a density, over [1/2, n + 1/2], and the nearest
 * whole number k is taken if the point lies in the last part, k^-theta wide, of
 * the area above [k - 1/2, k + 1/2]. Most do.
 */

/* The area from 1 to @x, and back. Where theta is 1 both have a limit. */
static double zipf_area(double x, double theta)
{
	double power = (1 - theta) * log(x);

	return fabs(power) < 1e-12 ? log(x) : expm1(power) / (1 - theta);
}

static double zipf_end(double area, double theta)
{
	double power = (1 - theta) * area;

	return exp(fabs(power) < 1e-12 ? area : log1p(power) / (1 - theta));
}

uint32_t draw_key(struct draw *draw, const struct keys *keys)
{
	double theta = keys->theta;
	double high;
	double low;

	if (keys->kind == KEY_UNIFORM)
		return (uint32_t)draw_below(draw, keys->count);
	high = zipf_area(keys->count + 0.5, theta);
	/* Of the area before 3/2 as much as is taken: all of it. */
	low = zipf_area(1.5, theta) - 1;
	for (;;) {
		double area = high + draw_unit(draw) * (low - high);
		double k = fmin(fmax(round(zipf_end(area, theta)), 1),
				keys->count);

		if (area >= zipf_area(k + 0.5, theta) - pow(k, -theta))
			return (uint32_t)k - 1;
	}
}
