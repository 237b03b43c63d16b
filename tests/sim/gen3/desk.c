/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In place of sockets. What a process would say over its connection lies in its struct
 * visitor, and the calls that would say it are here (the linker puts them before the
 * real ones, see CMakeLists.txt); the thread NAME/peers hears it, and of deaths when
 * they are known. What follows from it is the engine's own: seats_ops.
 */
#include "engine/control/door_priv.h"
#include "engine/graph/subscriptions_priv.h"
#include "engine/peer/stand_in_priv.h"
#include "engine/run/run_priv.h"
#include "ring/base_priv.h"
#include "tests/sim/far.h"
#include "tests/sim/gen3/visit.h"
#include "tests/sim/process.h"
#include "tests/sim/sim.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int __wrap_attach_open(struct attach *attach, const struct wire_hello *hello,
		       const char *folder, uint64_t due_ns);
int __wrap_attach_ready(const struct attach *attach);
int __wrap_attach_ended(const struct attach *attach, struct wire_word *end);
void __wrap_attach_close(struct attach *attach, enum sluice_reason reason,
			 int code);
void __wrap_peer_dismiss(struct peer *peer, enum sluice_reason reason, int code,
			 const char *text);
int __wrap_sluice_pipeline_open(struct sluice_pipeline **out,
				const struct sluice_pipeline_opts *opts);

static struct desk {
	struct tenant tenant; /* first */
	struct sluice_pipeline *pipeline;
	void *seats;
	void *thread;
	int wake;
	uint32_t over;
	uint64_t look_ns;
	uint64_t epochs;
} desk;

static uint64_t now(void)
{
	return sim_platform()->wait->now_ns(NULL);
}

static void desk_wake(void)
{
	sim_notify(NULL, desk.wake);
}

/* ---- the visitor's end of the connection ------------------------------------------ */

static struct visitor *self(void)
{
	uint32_t i = 0;

	while (visit.visitors[i].process != process_self())
		i++; /* it is one of them */
	return &visit.visitors[i];
}

/* The engine counts its rings in its own mapping. */
static const void *engines_word(const void *word)
{
	const struct visitor *v;
	const unsigned char *at = word;

	if (process_self() == 0)
		return word;
	v = self();
	if (at >= v->maps[0].base && at < v->maps[0].base + v->maps[0].bytes)
		return v->engines + (at - v->maps[0].base);
	return word;
}

/* Not as it would be read: bells are smaller here than the lines of a welcome. */
static void take_grant(struct visitor *v, struct attach *a)
{
	struct wire_welcome *w = &v->grant.welcome;
	int rc = 0;

	a->welcome = *w;
	for (uint32_t i = 0; rc == 0 && i < w->memory_count; i++) {
		a->events[i] = -1;
		if (w->memory[i].kind == WIRE_SIGNAL) {
			a->events[i] = v->grant.fds[i];
			continue;
		}
		rc = memory_map(&a->maps[i], v->grant.fds[i], &w->memory[i]);
		(void)close(v->grant.fds[i]);
		v->grant.fds[i] = -1;
		v->maps[i] = a->maps[i];
	}
	if (rc < 0)
		wrong("%s: welcome: %s", v->name, sluice_last_error());
}

int __wrap_attach_open(struct attach *a, const struct wire_hello *hello,
		       const char *folder, uint64_t due_ns)
{
	struct visitor *v = self();

	(void)folder;
	(void)due_ns;
	*a = ATTACH_NONE;
	for (uint32_t i = 0; i < WIRE_MEMORY_MAX; i++)
		a->events[i] = -1;
	sim_point();
	if (wire_hello_read(&v->hello, hello, sizeof(*hello)) < 0)
		wrong("%s: hello: %s", v->name, sluice_last_error());
	v->answered = 0;
	v->asked = 1;
	desk_wake();
	while (!v->answered)
		(void)sim_sleep(&v->answered, UINT64_MAX);
	sim_point();
	if (v->rc < 0)
		return sluice_fail(v->rc, "%s", v->refusal);
	a->socket = v->socket;
	take_grant(v, a);
	return 0;
}

int __wrap_attach_ready(const struct attach *a)
{
	(void)a;
	sim_point();
	self()->ready = 1;
	desk_wake();
	return 0;
}

int __wrap_attach_ended(const struct attach *a, struct wire_word *end)
{
	const struct visitor *v = self();

	(void)a;
	if (v->ended)
		*end = v->end;
	return (int)v->ended;
}

void desk_close_fds(struct visitor *v)
{
	for (uint32_t i = 0; i < v->grant.welcome.memory_count; i++) {
		if (v->grant.fds[i] >= 0)
			(void)close(v->grant.fds[i]);
		v->grant.fds[i] = -1;
	}
}

void __wrap_attach_close(struct attach *a, enum sluice_reason reason, int code)
{
	struct visitor *v = self();

	if (a->socket < 0)
		return;
	sim_point();
	for (uint32_t i = 0; i < WIRE_MEMORY_MAX; i++)
		memory_unmap(&a->maps[i]);
	desk_close_fds(v);
	v->reason = reason;
	v->code = code;
	v->left = 1;
	desk_wake();
	*a = ATTACH_NONE;
}

/* A visitor's own pipeline. */
int __wrap_sluice_pipeline_open(struct sluice_pipeline **out,
				const struct sluice_pipeline_opts *opts)
{
	return pipeline_open_on(out, opts, sim_platform());
}

/* ---- the engine's ------------------------------------------------------------------- */

/* An end is said to it, which it can read. */
static void say_end(struct visitor *v)
{
	struct wire_word read;

	if (wire_word_read(&read, &v->end, sizeof(read), WIRE_END) < 0)
		wrong("%s: %s", v->name, sluice_last_error());
	v->ended = 1;
	sim_notify(NULL, v->socket);
}

void __wrap_peer_dismiss(struct peer *peer, enum sluice_reason reason, int code,
			 const char *text)
{
	uint32_t stays = PEER_STAYS;

	if (!sluice_compare_exchange(&peer->dismissed, &stays, PEER_FILLING))
		return;
	wire_word_init(&peer->farewell, WIRE_END, code, reason, text);
	sluice_store_release(&peer->dismissed, PEER_FILLED);
}

static void admitted(struct visitor *v)
{
	/* A seat begins with it. */
	const struct stand_in *in = v->peer.seat;
	const struct share *fed = in->output ? in->output : in->share;

	v->sub = in->sub;
	v->rx = in->share->words.rx;
	v->stream = in->share->words.stream;
	if (v->role != ROLE_FEEDER)
		v->dealt = in->share->words.tx;
	if (visitor_reads(v) && v->stream == NULL)
		v->slots = in->share->words.slots;
	if (visitor_feeds(v)) {
		v->fed = in->fed;
		v->tx = fed->words.tx;
		v->taker = fed->words.rx;
		v->base = v->tx->published.value;
	}
	v->engines = in->share->part[MEMORY_OF_ENGINE].base;
	/* It goes on where the last one who had its place has ended. */
	v->finished = v->start = v->rx->acked.value;
	v->asks = v->rx->granted.value - v->rx->acked.value;
	common_admitted(v);
	v->seated = 1;
	desk.look_ns = 0; /* it may be one to look after */
	say("%s is admitted", v->name);
}

static void admit(struct visitor *v)
{
	v->asked = 0;
	v->peer = (struct peer){.hello = v->hello,
				.identity = {.pid = v->process},
				.epoch = ++desk.epochs,
				.signalled = -1};
	memset(&v->grant, 0, sizeof(v->grant));
	wire_init(&v->grant.welcome, WIRE_WELCOME, sizeof(v->grant.welcome));
	v->grant.welcome.epoch = v->peer.epoch;
	v->grant.welcome.page_bytes = (uint32_t)sluice_region_page_bytes();
	common_comes(v);
	v->rc = seats_ops.admit(desk.seats, &v->peer, &v->grant);
	if (v->rc == 0) {
		admitted(v);
	} else {
		(void)snprintf(v->refusal, sizeof(v->refusal), "%s",
			       sluice_last_error());
		say("%s is refused: %s", v->name, v->refusal);
	}
	v->answered = 1;
	sim_wake(&v->answered, 0);
}

/* Where its stream ends for the engine: there, or where it was ended from here. A stage
 * that a drain has ended before it had begun to read finishes none of it. */
static uint64_t stream_end(const struct visitor *v)
{
	const struct subscription *sub =
		subscription_at(desk.pipeline, v->fed.index);

	if (visit.draining)
		return v->taker->acked.value;
	if (sub->by_producer.closed.value == SLUICE_REASON_OPEN)
		return v->tx->published.value;
	return sub->by_producer.end.value;
}

/* Of what it has sent itself; others may have had its place before. */
static uint32_t end_of(const struct visitor *v)
{
	uint64_t end = visitor_feeds(v) ? stream_end(v) : 0;

	return end > v->base ? (uint32_t)(end - v->base) : 0;
}

static void gone(struct visitor *v, enum peer_gone why,
		 enum sluice_reason reason, int code)
{
	seats_ops.gone(desk.seats, &v->peer, why, reason, code);
	v->seated = 0;
	desk.look_ns = 0; /* its place may be one to look after */
}

int desk_has_joined(const struct visitor *v)
{
	return process_state(v->process) != PROCESS_RUNS ||
	       (v->seated &&
		subscription_producer(subscription_at(
			desk.pipeline, v->sub.index)) == PRODUCER_JOINED);
}

void desk_died(struct visitor *v)
{
	/* One after the other, as the rest of the schedule depends on it. */
	uint32_t later = sim_below(2);

	v->dead = 1;
	v->known_ns = now() + (uint64_t)later * sim_below(50000000);
	desk_wake();
}

static void heed_death(struct visitor *v)
{
	if (!v->dead || !v->seated || now() < v->known_ns)
		return;
	tally_died(v, end_of(v));
	gone(v, PEER_DIED, SLUICE_REASON_ERROR, -EOWNERDEAD);
}

static void heed_dismissal(struct visitor *v)
{
	if (!v->seated ||
	    sluice_load_acquire(&v->peer.dismissed) != PEER_FILLED)
		return;
	v->end = v->peer.farewell;
	if (!v->outlaw && v->end.code == -EBADMSG)
		wrong("twice: %s is sent away, for numbers that it was given",
		      v->name);
	say_end(v);
	tally_left(v, end_of(v));
	gone(v, PEER_DISMISSED, (enum sluice_reason)v->end.reason, v->end.code);
}

static void heed(struct visitor *v)
{
	if (v->asked && process_state(v->process) != PROCESS_DEAD)
		admit(v);
	if (v->seated && v->signalled)
		seats_ops.signalled(desk.seats, &v->peer);
	v->signalled = 0;
	if (v->seated && v->ready) {
		v->ready = 0;
		seats_ops.ready(desk.seats, &v->peer);
		desk.look_ns = 0;
	}
	if (v->seated && v->left) {
		tally_left(v, end_of(v));
		gone(v, PEER_LEFT, v->reason, v->code);
	}
	heed_death(v);
	heed_dismissal(v);
}

/* Until somebody signals or says something, a death is to be known, or it is time to
 * look. */
static void desk_wait(void)
{
	struct pollfd polled[1 + VISITORS_MAX];
	uint64_t next_ns = desk.look_ns;
	uint32_t n = 1;

	polled[0] = (struct pollfd){.fd = desk.wake, .events = POLLIN};
	for (uint32_t i = 0; i < visit.count; i++) {
		const struct visitor *v = &visit.visitors[i];

		polled[n++] = (struct pollfd){
			.fd = v->seated ? v->peer.signalled : -1,
			.events = POLLIN};
		if (v->seated && v->dead && v->known_ns < next_ns)
			next_ns = v->known_ns;
	}
	(void)poll(polled, n,
		   next_ns == UINT64_MAX ? -1
		   : next_ns <= now()
			   ? 0
			   : (int)((next_ns - now()) / PLATFORM_NS_PER_MS) + 1);
	for (uint32_t i = 1; i < n; i++)
		visit.visitors[i - 1].signalled = polled[i].revents != 0;
	sim_event_clear(NULL, desk.wake);
}

static void desk_end(void)
{
	seats_ops.over(desk.seats);
	for (uint32_t i = 0; i < visit.count; i++) {
		struct visitor *v = &visit.visitors[i];

		if (!v->seated)
			continue;
		wire_word_init(&v->end, WIRE_END, 0, SLUICE_REASON_SHUTDOWN,
			       "the pipeline has ended");
		say_end(v);
		tally_left(v, end_of(v));
		gone(v, PEER_ENDED, SLUICE_REASON_SHUTDOWN, 0);
	}
}

static void desk_run(void *arg)
{
	(void)arg;
	door_thread_begin(desk.pipeline);
	while (!desk.over) {
		uint64_t ns;

		desk_wait();
		ns = seats_ops.look(desk.seats);
		desk.look_ns = ns == UINT64_MAX ? ns : now() + ns;
		for (uint32_t i = 0; i < visit.count; i++)
			heed(&visit.visitors[i]);
	}
	desk_end();
}

/* ---- it stands on the pipeline --------------------------------------------------------- */

static void desk_stirred(struct tenant *tenant)
{
	(void)tenant;
	desk_wake();
}

static void desk_close(struct tenant *tenant)
{
	const struct platform *platform = sim_platform();

	(void)tenant;
	desk.over = 1;
	desk_wake();
	platform->join(platform->ctx, desk.thread);
	seats_ops.close(desk.seats);
}

int desk_open(struct sluice_pipeline *p)
{
	static const struct tenant_ops ops = {.stirred = desk_stirred,
					      .close = desk_close};
	const struct platform *platform = sim_platform();
	int rc;

	desk = (struct desk){.tenant = {.ops = &ops},
			     .pipeline = p,
			     .seats = seats_open(p),
			     .wake = sim_event_open(NULL),
			     .look_ns = UINT64_MAX};
	seats_ops.begin(
		desk.seats,
		SLUICE_LISTEN(.hold_ms = SLUICE_HOLD_MS(visit.hold_ms),
			      .max_deliveries =
				      visit.deliveries_max != 0
					      ? visit.deliveries_max
					      : SLUICE_PEER_DELIVERIES_FOREVER));
	far_words_are(engines_word);
	rc = pipeline_let(p, &desk.tenant);
	return rc < 0 ? rc
		      : platform->spawn(platform->ctx, &desk.thread, desk_run,
					NULL, "peers",
					(struct platform_place){NULL, 0});
}
