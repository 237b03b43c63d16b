/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of a stage, by who owns them: what of a run is forgotten, what is in
 * hand, its messages, and the words that other threads read. Of this header alone:
 * stage_priv.h puts them together. Not installed.
 *
 * Knows      phases, signals, words
 * Knows not  what is done with them
 */
#ifndef SLUICE_ENGINE_PARTS_PRIV_H
#define SLUICE_ENGINE_PARTS_PRIV_H

#include "engine/stage.h"
#include "engine/stage/mailbox_priv.h"
#include "engine/stage/timer_priv.h"
#include "ring/times.h"

enum stage_phase {
	STAGE_RUNNING,
	STAGE_DOWN,   /* failed; waits to be started again */
	STAGE_ENDING, /* nothing new; what is held or spilled still goes out */
	STAGE_ENDED,
};

/* Whose a place among a pipeline's stages is. */
enum stage_berth {
	BERTH_FREE = 0,    /* nobody's */
	BERTH_MAKING = 1,  /* a stage's that is being made, or removed */
	BERTH_LEAVING = 2, /* removed; free when the supervisor has seen it */
	BERTH_OWNED = 3,   /* a stage's; from here on it is there */
	BERTH_LEFT = 4, /* the same, it has ended, and its worker does not know
			     it any more */
};

/* What the supervisor may have a stage do; never both at once. */
enum stage_restart {
	RESTART_NONE = 0,
	RESTART_DOWN = 1, /* go down: a neighbour has failed */
	RESTART_UP = 2,   /* come up again */
};

/* Why a stage is to look up from its events; bits of `signals`. */
#define SIGNAL_WAKE  1u /* sluice_wake() */
#define SIGNAL_SUBS  2u /* a subscription has changed */
#define SIGNAL_MAIL  4u /* a letter has come */
#define SIGNAL_STATE 8u /* told to restart, or another demand mode */
/* Somebody has answered for events that it has in hand. */
#define SIGNAL_ANSWERS 32u
/* Of a stage that stands for a process: that has sent what it may not. */
#define SIGNAL_BREACH 16u

/* How far a stage's on_stop is: see stop.c. */
#define STOP_SHUT    0u /* init has not begun, or fini has */
#define STOP_OPEN    1u /* it may be called */
#define STOP_DUE     2u /* the same, and its stage waits for that */
#define STOP_TELLING 3u /* it is being called */
#define STOP_TOLD    4u /* it has been */

/* What went wrong, in words; written before `phase_seen` says so. */
struct stage_fault {
	int code;
	char text[200];
};

/* A peer's name, kept: the peer itself may be gone by now. Empty: there is none. */
struct peer_name {
	char text[SLUICE_NAME_BYTES];
};

/* How its time is told; see time_priv.h. */
struct stage_time {
	struct sluice_times_writer told;
	uint32_t worked; /* rounds of this window in which it moved something */
	uint32_t look;   /* at what it waits for, whatever was told */
	uint32_t own;    /* the last window was its own */
};

/* What of a run is forgotten when it is over; see stage_reset(). What each round looks
 * at comes first, and so is on one line. */
struct stage_run {
	enum stage_phase phase;
	uint32_t accumulate; /* its demand mode, as it heeds it */
	uint32_t emit_left;  /* how much the running callback may emit */
	uint32_t emitted;    /* what was kept of the last one's */
	struct stage_time time;

	/* Of a producer. */
	uint32_t asked_once;  /* handle_demand has been called */
	uint32_t starved;     /* it said "not now" */
	uint32_t quick;       /* its calls have been short */
	uint32_t slow_rounds; /* while they were not */
	uint32_t awakened;    /* and somebody has called sluice_wake() */
	uint32_t retries;     /* times in a row it said RETRY */
	uint64_t retry_ns;    /* when it is asked again then; 0: at any time */
	uint64_t asks;        /* outlet_asks() when it said "not now" */

	uint64_t gauge;            /* events that wait, as last told */
	enum stage_phase resume;   /* what a restart goes back to */
	enum sluice_reason reason; /* why it is ending */
	uint32_t reason_code;
	uint32_t worst; /* SLUICE_CLOSED() of the worst stream that has ended */
	struct peer_name worst_by; /* whose it was */
	/* What made it end, first of all; written before phase_seen shows it. */
	struct stage_ended {
		uint32_t closed;     /* SLUICE_CLOSED() */
		uint32_t stopped;    /* it was not: the pipeline was */
		struct peer_name by; /* whose end it was, if a peer's */
	} ended;
	uint32_t initialised;
	uint32_t stop_told; /* on_stop has been called */
	uint64_t stranded;  /* events that had no consumer left to go to */
	uint32_t gave_back; /* ending: events that it was sent, unhandled */
	/* Of one that stands for a worker: the subscription that it has left, whose
	 * producer may not know; and which one that was. */
	uint32_t left_generation;
	struct subscription *left;
};

/* Input that was handed out and is not acknowledged: until the output up to `end`
 * is out; or, of a port, whose handler is its user, until he comes again. */
struct stage_hand {
	uint32_t unacked; /* slots */
	uint32_t inlet;
	uint64_t end;              /* a position in the hold */
	struct sluice_batch batch; /* a port's */
};

/* Where a sending port's user writes events that are not sent yet: in slots that the
 * outlet has lent, or else in the hold, as a callback would. */
struct stage_span {
	unsigned char *events;
	uint32_t count;       /* 0: none is reserved */
	uint64_t deadline_ns; /* of the call that has reserved it */
};

/* A port's descriptor, and whether its user may sleep on it. Its bell is POLLED then;
 * or, when the supervisor has the bell relayed for what was left behind, it is the
 * supervisor's to make it readable. All but fd is the holder's of the port. */
struct stage_poll {
	sluice_a32 fd;    /* one above it; 0: there is none */
	uint32_t armed;   /* there was nothing for its user, who may sleep */
	uint32_t relayed; /* the supervisor has the bell */
	uint32_t told;    /* it may be readable, or become so at any time */
	uint64_t thread;  /* who has armed it */
};

/* Messages, by what they wait for; and timers. */
struct stage_post {
	struct letters letters;  /* came, not handled yet */
	struct letters arriving; /* markers behind what lies in the inlets */
	struct timers timers;
	struct letters markers;  /* markers in the hold */
	struct letters spilling; /* markers behind what lies in the spill */
	struct letter *calling;  /* the call in hand, until it is answered */
};

/*
 * The words that other threads read or write, on a line of their own.
 *
 * Words       writer              readers     order    meaning
 * signals     any; the stage      the stage   acq_rel  SIGNAL bits
 * gate        any                 closer      acq_rel  may the bell be rung; see
 *                                                      gate_priv.h
 * restart     supervisor; stage   the stage   acq_rel  enum stage_restart
 * demand      any                 the stage   release  the mode wished
 * phase_seen  the stage           any         acq_rel  enum stage_phase; carries
 *                                                      fault, and run.ended
 * downs       the stage           supervisor  acq_rel  times it went down
 * port_busy   a port's users,     the same    acq_rel  who holds it; see
 *             the supervisor,                          port_priv.h
 *             threads that signal
 * between     control calls       the stage   relaxed  1: it is on the way from an
 *                                                      ordered producer to the
 *                                                      resequencer; set before the
 *                                                      subscription that makes it
 *                                                      so is there
 * stop        the stage, the      any         acq_rel  STOP: how far on_stop is;
 *             supervisor                               see stop.c
 * end_wished  any; the stage      any         release  1: sluice_stage_end() was
 *                                                      called
 * inside      who steps it        any         release  1: it is being stepped
 * noticed     any                 any         acq_rel  what somebody has been told
 *                                                      that it does: see times.h
 * copying     who steps it        any         (told)   its copy method of the moment
 *                                                      (copier.h); 0: none yet
 * wanted      control calls       any         release  1: a consumer has subscribed
 *                                                      since it came, while the
 *                                                      pipeline runs
 * fed         control calls       supervisor  release  1: it has subscribed while
 *                                                      the pipeline runs
 * feeders_due control calls       any         release  who is to feed it, and may
 *             under the lock                           be gone just now; then it
 *                                                      waits, as if it stayed
 * readers_due the same            any         release  likewise, to read from it
 * berth       control calls; its  any         release  enum stage_berth; OWNED
 *             worker; supervisor                       carries its definition and
 *                                                      its berth
 */
struct stage_words {
	sluice_a32 signals;
	sluice_a32 gate;
	sluice_a32 restart;
	sluice_a32 demand;
	sluice_a32 phase_seen;
	sluice_a32 downs;
	sluice_a32 port_busy;
	sluice_a32 between;
	sluice_a32 stop;
	sluice_a32 end_wished;
	sluice_a32 inside;
	sluice_a32 wanted;
	sluice_a32 fed;
	sluice_a32 feeders_due;
	sluice_a32 readers_due;
	sluice_a32 berth;
	sluice_a64 noticed;
	sluice_a32 copying;
} __attribute__((aligned(SLUICE_LINE_BYTES)));

#endif
