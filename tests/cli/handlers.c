/* SPDX-License-Identifier: Apache-2.0 */
/* Callbacks for pipelines that a file describes: a shared object, as a user of
 * `sluice run` makes one. Events are a uint64_t each. */
#include <sluice/sluice.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define COUNT 100000u

/* What a stage begins with: its state. */
struct numbers {
	uint64_t next;
};

extern struct numbers numbers_state;
struct numbers numbers_state = {1};

/* 1, 2, 3 ... COUNT. */
int numbers(struct sluice_stage *self, uint32_t demand);
int numbers(struct sluice_stage *self, uint32_t demand)
{
	struct numbers *state = sluice_stage_state(self);

	for (uint32_t i = 0; i < demand && state->next <= COUNT; i++) {
		uint64_t *event = sluice_emit(self, 1);

		if (event == NULL)
			break;
		*event = state->next++;
	}
	return state->next > COUNT ? SLUICE_END : SLUICE_OK;
}

/* One after the other, without end. */
int for_ever(void *event, void *ctx);
int for_ever(void *event, void *ctx)
{
	(void)ctx;
	memset(event, 1, sizeof(uint64_t));
	return 1;
}

/* So many. */
extern uint64_t three;
uint64_t three = 3;
int some(void *event, void *ctx);
int some(void *event, void *ctx)
{
	uint64_t *left = ctx;

	if (*left == 0)
		return 0;
	memcpy(event, left, sizeof(*left));
	(*left)--;
	return 1;
}

int twice(struct sluice_stage *self, const struct sluice_batch *batch);
int twice(struct sluice_stage *self, const struct sluice_batch *batch)
{
	const uint64_t *in = SLUICE_EVENTS(batch, uint64_t);

	for (uint32_t i = 0; i < batch->count; i++) {
		uint64_t *out = sluice_emit(self, 1);

		if (out == NULL)
			return SLUICE_RETRY;
		*out = 2 * in[i];
	}
	return SLUICE_OK;
}

/* Text, in events of this size. */
#define UPPER_BYTES 12u

int upper(struct sluice_stage *self, const struct sluice_batch *batch);
int upper(struct sluice_stage *self, const struct sluice_batch *batch)
{
	const char *in = batch->events;

	for (uint32_t i = 0; i < batch->count; i++, in += UPPER_BYTES) {
		char *out = sluice_emit(self, 1);

		if (out == NULL)
			return SLUICE_RETRY;
		for (uint32_t k = 0; k < UPPER_BYTES; k++)
			out[k] = in[k] >= 'a' && in[k] <= 'z'
					 ? (char)(in[k] - 'a' + 'A')
					 : in[k];
	}
	return SLUICE_OK;
}

int drop(struct sluice_stage *self, const struct sluice_batch *batch);
int drop(struct sluice_stage *self, const struct sluice_batch *batch)
{
	(void)self;
	(void)batch;
	return SLUICE_OK;
}

/* For who waits until it runs. */
int says(struct sluice_stage *self);
int says(struct sluice_stage *self)
{
	(void)self;
	(void)puts("begun");
	(void)fflush(stdout);
	return 0;
}

int broken(struct sluice_stage *self, const struct sluice_batch *batch);
int broken(struct sluice_stage *self, const struct sluice_batch *batch)
{
	(void)self;
	(void)batch;
	return -ENODEV;
}

/* Until it is told to stop. */
int stuck(struct sluice_stage *self, const struct sluice_batch *batch);
int stuck(struct sluice_stage *self, const struct sluice_batch *batch)
{
	(void)batch;
	while (!sluice_stage_stopping(self))
		(void)usleep(1000);
	return SLUICE_OK;
}

int task(struct sluice_task *self, const void *event);
int task(struct sluice_task *self, const void *event)
{
	(void)self;
	(void)event;
	return 0;
}
