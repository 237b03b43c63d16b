/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/run/clock_priv.h"

/* What a window of a busy worker should be long, ns, and its bounds: looks at a dozen
 * stages take half a microsecond, and a reader wants one each SLUICE_TIMES_LOOK_NS. */
#define CLOCK_WINDOW_NS (SLUICE_TIMES_LOOK_NS / 2)
#define CLOCK_LEAST_NS  UINT64_C(15000)
#define CLOCK_MOST_NS   UINT64_C(40000)
/* So that many rounds that grow slow at once do not look like one that blocks. */
#define CLOCK_ROUNDS_MAX 128u
/* Steps that last so long may have a look each. */
#define CLOCK_STEP_NS UINT64_C(4000)

static uint64_t clock_now(const struct worker *worker)
{
	return host_now(&worker->pipeline->host);
}

void clock_begin(struct worker *worker)
{
	worker->clock = (struct worker_clock){.every = 1, .left = 1};
	clock_look(worker, 1);
}

void clock_own(struct worker *worker, struct sluice_stage *stage)
{
	struct worker_clock *clock = &worker->clock;
	struct time_window window = {
		.from_ns = clock->now_ns,
		.to_ns = clock_now(worker),
		.rounds = 1,
		.own = 1,
		.waits = stage->run.time.worked == 0,
	};

	time_window(stage, &window);
	clock->now_ns = window.to_ns;
}

/* @rounds took @span_ns: so many make a window. */
static void clock_adapt(struct worker_clock *clock, uint32_t stages,
			uint32_t rounds, uint64_t span_ns, int waits)
{
	if (rounds == 0)
		return;
	if (span_ns > CLOCK_MOST_NS) {
		uint64_t fit = rounds * CLOCK_WINDOW_NS / span_ns;

		clock->every = fit > 0 ? (uint32_t)fit : 1;
	} else if (!waits && span_ns < CLOCK_LEAST_NS &&
		   clock->every < CLOCK_ROUNDS_MAX) {
		clock->every *= 2;
	}
	clock->exact = stages > 1 && clock->every == 1 &&
		       span_ns >= stages * CLOCK_STEP_NS;
}

void clock_look(struct worker *worker, int waits)
{
	struct worker_clock *clock = &worker->clock;
	uint32_t rounds = clock->every - clock->left;
	struct time_window window = {
		.from_ns = clock->now_ns,
		.to_ns = clock_now(worker),
		.rounds = rounds > 0 ? rounds : 1,
		.own = worker->count == 1,
		.waits = waits != 0,
	};

	if (!clock->exact || waits)
		for (uint32_t i = 0; i < worker->count; i++)
			time_window(worker->stages[i], &window);
	clock_adapt(clock, worker->count, rounds,
		    window.to_ns - clock->looked_ns, waits);
	clock->left = clock->every;
	clock->now_ns = window.to_ns;
	clock->looked_ns = window.to_ns;
}

/* ---- ports --------------------------------------------------------------- */

void clock_port_waits(struct sluice_stage *port, uint64_t now_ns)
{
	const struct sluice_times_writer *told = &port->run.time.told;
	enum sluice_doing waits = stage_produces(port) ? SLUICE_DOING_NO_CREDIT
						       : SLUICE_DOING_IDLE;

	if (now_ns == 0 && told->doing != waits)
		now_ns = clock_now(port->worker);
	port->worker->clock.now_ns = now_ns;
	if (told->doing != waits || now_ns > told->since_ns + CLOCK_MOST_NS)
		time_turn(port, waits, now_ns);
}

/* It has the next batch in hand at once, or is idle still; and there is no need to
 * look. */
static int clock_port_goes_on(struct worker_clock *clock,
			      enum sluice_doing told, enum sluice_doing doing)
{
	return told == SLUICE_DOING_NOTHING ||
	       (doing == told &&
		(doing == SLUICE_DOING_IDLE || --clock->left > 0));
}

void clock_port_leaves(struct sluice_stage *port)
{
	struct worker_clock *clock = &port->worker->clock;
	enum sluice_doing told = port->run.time.told.doing;
	enum sluice_doing doing =
		stage_parked(port) ? SLUICE_DOING_WORK : SLUICE_DOING_IDLE;
	uint64_t now_ns = clock->now_ns;

	clock->now_ns = 0;
	if (clock_port_goes_on(clock, told, doing))
		return;
	if (now_ns == 0)
		now_ns = clock_now(port->worker);
	time_turn(port, doing, now_ns);
	if (doing == told)
		clock_adapt(clock, 1, clock->every, now_ns - clock->looked_ns,
			    0);
	clock->left = clock->every;
	clock->looked_ns = now_ns;
}
