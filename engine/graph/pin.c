/* SPDX-License-Identifier: Apache-2.0 */
/* The option `pin`: in words, or a list of CPUs. */
#include "engine/graph/pin_priv.h"
#include "engine/graph/platform_priv.h"
#include "ring/base_priv.h"

#include <errno.h>
#include <string.h>

#define CPU_NUMBER_MAX 65535u

static int pin_refuse(const char *name, const char *text)
{
	return sluice_fail(
		-EINVAL,
		"pipeline '%s': pin \"%.60s\" is none of \"spread\", "
		"\"none\", or a list of CPUs such as \"0-3,8\", each "
		"once and up to %u",
		name, text, CPU_NUMBER_MAX);
}

/* Digits, and where they end. Returns zero for none, or too many. */
static int pin_number(const char **at, uint32_t *out)
{
	uint32_t n = 0;
	const char *digit = *at;

	while (*digit >= '0' && *digit <= '9' && n <= CPU_NUMBER_MAX)
		n = n * 10 + (uint32_t)(*digit++ - '0');
	if (digit == *at || n > CPU_NUMBER_MAX)
		return 0;
	*at = digit;
	*out = n;
	return 1;
}

static int pin_add(struct pin *pin, uint32_t cpu)
{
	uint32_t *more;

	for (uint32_t i = 0; i < pin->count; i++)
		if (pin->cpus[i] == cpu)
			return -EINVAL;
	more = realloc(pin->cpus, (pin->count + 1) * sizeof(*more));
	if (more == NULL)
		return -ENOMEM;
	pin->cpus = more;
	pin->cpus[pin->count++] = cpu;
	return 0;
}

/* "0-3,8" */
static int pin_list(struct pin *pin, const char *text)
{
	const char *at = text;
	int rc = 0;

	do {
		uint32_t first;
		uint32_t last;

		if (!pin_number(&at, &first))
			return -EINVAL;
		last = first;
		if (*at == '-' && (at++, !pin_number(&at, &last)))
			return -EINVAL;
		if (last < first)
			return -EINVAL;
		for (uint32_t cpu = first; rc == 0 && cpu <= last; cpu++)
			rc = pin->count < PLATFORM_CPUS_MAX ? pin_add(pin, cpu)
							    : -EINVAL;
	} while (rc == 0 && *at == ',' && at++);
	return rc == 0 && *at != '\0' ? -EINVAL : rc;
}

int pin_parse(struct pin *pin, const char *name, const char *text)
{
	int rc;

	*pin = (struct pin){.mode = PIN_SPREAD};
	if (text == NULL || strcmp(text, "spread") == 0)
		return 0;
	if (strcmp(text, "none") == 0) {
		pin->mode = PIN_NONE;
		return 0;
	}
	pin->mode = PIN_LIST;
	rc = pin_list(pin, text);
	if (rc == 0)
		return 0;
	pin_free(pin);
	return rc == -ENOMEM ? sluice_fail(rc, "pipeline '%s': no memory", name)
			     : pin_refuse(name, text);
}
