/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the threads of a pipeline may run, as its options say. Of pin.c. Not
 * installed.
 *
 * Knows      the text of the option
 * Knows not  which CPUs there are, or which stage goes to which
 */
#ifndef SLUICE_ENGINE_PIN_PRIV_H
#define SLUICE_ENGINE_PIN_PRIV_H

#include <stdint.h>
#include <stdlib.h>

enum pin_mode {
	PIN_SPREAD = 0, /* a CPU each, going on from the last pipeline */
	PIN_LIST = 1,   /* a CPU of the list each; the others among them */
	PIN_NONE = 2,
};

struct pin {
	enum pin_mode mode;
	uint32_t count;
	uint32_t *cpus;
};

/* Returns 0, -EINVAL with what is wrong with @text, or -ENOMEM. */
int pin_parse(struct pin *pin, const char *name, const char *text);

static inline void pin_free(struct pin *pin)
{
	free(pin->cpus);
	*pin = (struct pin){.mode = PIN_SPREAD};
}

#endif
