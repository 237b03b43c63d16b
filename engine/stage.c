/* SPDX-License-Identifier: Apache-2.0 */
/* Declaring a stage: checking its options, and the calls its callbacks make. */
#include "engine/stage_priv.h"
#include "engine/memory_priv.h"
#include "engine/pipeline_priv.h"
#include "ring/base_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* One emission: long enough that what a batch costs is spread thin, short enough
 * to stay in a core's caches. 64-byte events to 24 consumers: 184 M/s with
 * 16 KiB, 283 with 32, 312 with 64 (CPUs far apart). */
#define STAGED_BYTES         65536u
#define BATCH_EVENTS_MOST    2048u
#define BATCH_EVENTS_MIN     16u
#define GATE_CLOSED          1u
#define GATE_RINGER          2u
#define SPILL_EVENTS_DEFAULT 8192u

int opts_copy(void *to, const void *from, uint32_t size, const char *what)
{
	const unsigned char *bytes = from;
	uint32_t theirs;

	memcpy(&theirs, from, sizeof(theirs));
	if (theirs < 2 * sizeof(uint32_t))
		return sluice_fail(-EINVAL,
				   "%s: size %u is no options struct; fill it "
				   "with its _init function or macro",
				   what, theirs);
	for (uint32_t i = size; i < theirs; i++)
		if (bytes[i] != 0)
			return sluice_fail(-E2BIG,
					   "%s: byte %u is set and this "
					   "library knows only %u",
					   what, i, size);
	memset(to, 0, size);
	memcpy(to, from, theirs < size ? theirs : size);
	memcpy(to, &size, sizeof(size));
	return 0;
}

int opts_check_resv(const uint64_t *resv, uint32_t count, const char *what)
{
	for (uint32_t i = 0; i < count; i++)
		if (resv[i] != 0)
			return sluice_fail(-EINVAL, "%s: resv[%u] must be zero",
					   what, i);
	return 0;
}

static int stage_check_name(const char *name)
{
	size_t length;

	if (name == NULL || name[0] == '\0')
		return sluice_fail(-EINVAL, "stage: name is missing");
	length = strnlen(name, SLUICE_NAME_BYTES);
	if (length >= SLUICE_NAME_BYTES)
		return sluice_fail(-EINVAL,
				   "stage '%.20s...': name is over the limit "
				   "of %u bytes",
				   name, SLUICE_NAME_BYTES - 1);
	if (strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
			 "0123456789_.-") != length)
		return sluice_fail(-EINVAL,
				   "stage '%s': name may hold A-Z a-z 0-9 _ . "
				   "- only",
				   name);
	return 0;
}

static int stage_check_bytes(const char *name, const char *field,
			     uint32_t bytes, int used)
{
	if (used && bytes == 0)
		return sluice_fail(-EINVAL,
				   "stage '%s': %s is 0; an event has 1 to %u "
				   "bytes",
				   name, field, SLUICE_EVENT_BYTES_MAX);
	if (bytes > SLUICE_EVENT_BYTES_MAX)
		return sluice_fail(-EINVAL,
				   "stage '%s': %s %u is over the limit of %u",
				   name, field, bytes, SLUICE_EVENT_BYTES_MAX);
	if (!used && bytes != 0)
		return sluice_fail(-EINVAL,
				   "stage '%s': %s is set, but a stage of its "
				   "kind has none",
				   name, field);
	return 0;
}

static int stage_check_callback(const char *name, const char *field, int set,
				int wanted)
{
	if (wanted && !set)
		return sluice_fail(-EINVAL,
				   "stage '%s': %s is missing for its kind",
				   name, field);
	if (set && !wanted)
		return sluice_fail(-EINVAL,
				   "stage '%s': %s is set, but a stage of its "
				   "kind never calls it",
				   name, field);
	return 0;
}

static int stage_check_kind(const struct sluice_stage_opts *o)
{
	int produces = o->kind != SLUICE_CONSUMER;
	int consumes = o->kind != SLUICE_PRODUCER;
	int rc;

	if (o->kind != SLUICE_PRODUCER && o->kind != SLUICE_CONSUMER &&
	    o->kind != SLUICE_PRODUCER_CONSUMER)
		return sluice_fail(-EINVAL,
				   "stage '%s': kind %d is none of "
				   "SLUICE_PRODUCER, SLUICE_PRODUCER_CONSUMER, "
				   "SLUICE_CONSUMER",
				   o->name, (int)o->kind);
	rc = stage_check_bytes(o->name, "in_bytes", o->in_bytes, consumes);
	if (rc == 0)
		rc = stage_check_bytes(o->name, "out_bytes", o->out_bytes,
				       produces);
	if (rc == 0)
		rc = stage_check_callback(o->name, "handle_demand",
					  o->handle_demand != NULL, !consumes);
	if (rc == 0)
		rc = stage_check_callback(o->name, "handle_events",
					  o->handle_events != NULL, consumes);
	return rc;
}

static int stage_check_limit(const char *name, const char *field,
			     uint32_t value, uint32_t limit)
{
	if (value > limit)
		return sluice_fail(-EINVAL,
				   "stage '%s': %s %u is over the limit of %u",
				   name, field, value, limit);
	return 0;
}

/* Options that say how a producer shares out, given to one that does not. */
static int stage_check_consumer_only(const struct sluice_stage_opts *o)
{
	if (o->dispatcher || o->chunk_events || o->key_groups ||
	    o->spill_events || o->key_of || o->key_offset || o->key_bytes ||
	    o->fan_out_max || o->batch_events)
		return sluice_fail(-EINVAL,
				   "stage '%s': dispatcher, chunk_events, "
				   "key_*, spill_events, fan_out_max and "
				   "batch_events are for stages that produce",
				   o->name);
	return 0;
}

static int stage_check_key(const struct sluice_stage_opts *o)
{
	if (o->key_groups & (o->key_groups - 1))
		return sluice_fail(-EINVAL,
				   "stage '%s': key_groups %u is not a power "
				   "of two",
				   o->name, o->key_groups);
	if (o->key_of && (o->key_offset || o->key_bytes))
		return sluice_fail(-EINVAL,
				   "stage '%s': key_of and key_bytes both say "
				   "what the key is; set one",
				   o->name);
	if (o->key_offset > o->out_bytes ||
	    o->key_bytes > o->out_bytes - o->key_offset)
		return sluice_fail(-EINVAL,
				   "stage '%s': key field at %u of %u bytes "
				   "does not fit out_bytes %u",
				   o->name, o->key_offset, o->key_bytes,
				   o->out_bytes);
	if (o->key_offset && !o->key_bytes)
		return sluice_fail(-EINVAL,
				   "stage '%s': key_offset without key_bytes",
				   o->name);
	return 0;
}

static int stage_check_producer(const struct sluice_stage_opts *o)
{
	int rc = stage_check_limit(o->name, "key_groups", o->key_groups,
				   SLUICE_KEY_GROUPS_MAX);

	if (rc == 0)
		rc = stage_check_limit(o->name, "spill_events", o->spill_events,
				       SLUICE_SPILL_EVENTS_MAX);
	if (rc == 0)
		rc = stage_check_limit(o->name, "batch_events", o->batch_events,
				       SLUICE_BATCH_EVENTS_MAX);
	if (rc == 0)
		rc = stage_check_limit(o->name, "fan_out_max", o->fan_out_max,
				       SLUICE_BATCH_EVENTS_MAX);
	if (rc == 0)
		rc = stage_check_key(o);
	if (rc == 0 && o->kind == SLUICE_PRODUCER && o->fan_out_max)
		rc = sluice_fail(-EINVAL,
				 "stage '%s': fan_out_max is for a "
				 "producer_consumer",
				 o->name);
	if (rc == 0 && strategy_find(o->dispatcher) == NULL)
		rc = sluice_fail(-EINVAL,
				 "stage '%s': unknown dispatcher '%.40s'; "
				 "there are: %s",
				 o->name, o->dispatcher, strategy_names());
	return rc;
}

static int stage_check(const struct sluice_stage_opts *o)
{
	int rc = stage_check_name(o->name);

	if (rc == 0)
		rc = opts_check_resv(o->resv, 4, "stage options");
	if (rc == 0 && o->flags != 0)
		rc = sluice_fail(-EINVAL, "stage '%s': unknown flags %#x",
				 o->name, o->flags);
	if (rc == 0)
		rc = stage_check_kind(o);
	if (rc == 0 && o->blocking && o->cpu)
		rc = sluice_fail(-EINVAL,
				 "stage '%s': a blocking stage has a thread of "
				 "its own and takes no cpu",
				 o->name);
	if (rc != 0)
		return rc;
	return o->kind == SLUICE_CONSUMER ? stage_check_consumer_only(o)
					  : stage_check_producer(o);
}

/* How many events one callback may emit. */
static uint32_t stage_emit_max(const struct sluice_stage_opts *o)
{
	uint32_t n = o->batch_events;

	if (n == 0) {
		n = STAGED_BYTES / o->out_bytes;
		if (n > BATCH_EVENTS_MOST)
			n = BATCH_EVENTS_MOST;
		if (n < BATCH_EVENTS_MIN)
			n = BATCH_EVENTS_MIN;
	}
	return n < o->fan_out_max ? o->fan_out_max : n;
}

int stage_new(struct sluice_stage **out, const struct sluice_stage_opts *opts)
{
	struct sluice_stage_opts o;
	struct sluice_stage *stage;
	int rc;

	if (opts == NULL)
		return sluice_fail(-EINVAL, "stage: options are missing");
	rc = opts_copy(&o, opts, sizeof(o), "stage options");
	if (rc == 0)
		rc = stage_check(&o);
	if (rc < 0)
		return rc;
	stage = line_calloc(1, sizeof(*stage));
	if (stage == NULL)
		return sluice_fail(-ENOMEM, "stage '%s': no memory", o.name);
	stage->region.fd = -1;
	sluice_store_relaxed(&stage->gate, GATE_CLOSED); /* not shared yet */
	if (o.kind != SLUICE_CONSUMER) {
		stage->strategy = strategy_find(o.dispatcher);
		stage->emit_max = stage_emit_max(&o);
		stage->key_field =
			(struct key_field){o.key_offset, o.key_bytes};
		if (o.spill_events == 0)
			o.spill_events = SPILL_EVENTS_DEFAULT;
		if (o.fan_out_max == 0)
			o.fan_out_max = 1;
		o.dispatcher = stage->strategy->name;
	}
	memcpy(stage->name, o.name, strlen(o.name));
	o.name = stage->name;
	stage->opts = o;
	*out = stage;
	return 0;
}

void stage_free(struct sluice_stage *stage)
{
	free(stage);
}

void sluice_stage_opts_init(struct sluice_stage_opts *opts)
{
	*opts = (struct sluice_stage_opts){.size = sizeof(*opts)};
}

void *sluice_emit(struct sluice_stage *self, uint32_t n)
{
	uint32_t at = self->staged_count;

	/* Outside its callbacks the limit is 0, and output may still be staged. */
	if (n == 0 || at >= self->staged_limit || n > self->staged_limit - at)
		return NULL;
	self->staged_count = at + n;
	return self->staged + (size_t)at * self->opts.out_bytes;
}

void *sluice_stage_state(const struct sluice_stage *stage)
{
	return stage->opts.state;
}

const char *sluice_stage_name(const struct sluice_stage *stage)
{
	return stage->name;
}

void sluice_wake(struct sluice_stage *stage)
{
	(void)sluice_exchange(&stage->woken, 1);
	/* While the gate is closed there is no worker yet, or no more: what was
	 * set above is seen in either case. */
	if ((sluice_fetch_add(&stage->gate, GATE_RINGER) & GATE_CLOSED) == 0)
		sluice_bell_ring(stage->worker->bell,
				 stage->pipeline->platform->wait);
	(void)sluice_fetch_add(&stage->gate, 0u - GATE_RINGER);
}

void stage_open_gate(struct sluice_stage *stage)
{
	(void)sluice_fetch_add(&stage->gate, 0u - GATE_CLOSED);
}

void stage_close_gate(struct sluice_stage *stage)
{
	const struct sluice_wait_ops *wait = stage->pipeline->platform->wait;

	if (sluice_load_acquire(&stage->gate) & GATE_CLOSED)
		return;
	(void)sluice_fetch_add(&stage->gate, GATE_CLOSED);
	/* From here on ringers only pass by, and each is gone in an instant. */
	while (sluice_load_acquire(&stage->gate) != GATE_CLOSED)
		wait->yield(wait->ctx);
}

void stage_reset(struct sluice_stage *stage)
{
	stage->phase = STAGE_RUNNING;
	stage->reason = SLUICE_REASON_OPEN;
	stage->initialised = 0;
	stage->starved = 0;
	stage->staged_first = 0;
	stage->staged_count = 0;
	stage->unacked = 0;
}
