/* SPDX-License-Identifier: Apache-2.0 */
/* What flows through generator 2's pipelines. */
#ifndef SLUICE_TESTS_SIM_GEN2_EVENT_H
#define SLUICE_TESTS_SIM_GEN2_EVENT_H

#include <stdint.h>

/* Of one stage, at most. */
#ifndef EVENTS_MAX
#define EVENTS_MAX 768u
#endif

struct event {
	uint32_t origin; /* index of the stage that emitted it */
	uint32_t seq;    /* its position among that stage's events */
	uint32_t call;   /* of that stage: what a failed call emitted is void */
	uint32_t key;
	uint32_t check; /* a torn slot does not match */
	uint32_t unused;
	uint64_t order; /* for 'ordered': the engine's number, handed on */
};

static inline uint32_t event_checksum(const struct event *e)
{
	return (e->seq * 2654435761u) ^ (e->origin << 24) ^ (e->call << 8) ^
	       (e->key << 16) ^ 0x5a5a5a5a;
}

#endif
