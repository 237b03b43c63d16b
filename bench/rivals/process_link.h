/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What two processes are linked by: a port, a pipe, a socket, a message queue, a
 * ring, a line. An end is one thread's. A call that fails says so in the end, and
 * moves nothing from then on: so every loop over it ends.
 *
 * Of process_link.c (the kernel's, ports), process_memory.c (ring, line). Knows how
 * events get in and out; not who has the other end.
 */
#ifndef SLUICE_BENCH_PROCESS_LINK_H
#define SLUICE_BENCH_PROCESS_LINK_H

#include "bench/rivals/ring.h"
#include "ring/spsc.h"
#include "sluice.h"

#include <sys/types.h>

/* Events in a call, or in a message of the kernel, at most. */
#define PROCESS_BATCH       64u
#define PROCESS_BYTES_MAX   64u
#define PROCESS_BATCH_BYTES (PROCESS_BATCH * PROCESS_BYTES_MAX)
/* The longest that anybody waits for an event. */
#define PROCESS_WAIT_MS 10000u

/* In, then out. */
#define PROCESS_FDS 2

enum process_link_kind {
	PROCESS_PORT,
	PROCESS_PIPE,
	PROCESS_SOCKET, /* SOCK_SEQPACKET */
	PROCESS_MQUEUE, /* POSIX */
	PROCESS_RING,   /* two of ring/spsc.h, of 8-byte events */
	PROCESS_LINE,   /* a cache line */
};

/* A ring, and the line of the floor, in memory of both. */
struct process_ring {
	struct sluice_tx_words tx;
	struct sluice_rx_words rx;
	uint64_t slots[RING_CAPACITY] __attribute__((aligned(128)));
};

struct process_memory {
	struct process_ring ring[2]; /* there and back */
	uint64_t line __attribute__((aligned(128)));
	unsigned char pad[120];
};

/* Where events arrive: what is counted, by the one thread there. The clock runs
 * from the moment when the first ones, warm, have come, to the last. */
struct process_meter {
	uint64_t n; /* events of the run, the warm ones among them */
	uint64_t warm;
	uint64_t seen;
	uint64_t sum;
	uint64_t timed; /* events that the clock has seen */
	int64_t ns;
	uint64_t preempted;
	int64_t began_ns;
} __attribute__((aligned(128)));

struct process_end {
	enum process_link_kind kind;
	uint32_t bytes; /* of an event */
	int code;       /* 0, or why nothing is moved any more */
	int fd;
	struct sluice_stage *port;
	/* Of a ring, either; of a line, the turns that it has had. */
	struct sluice_spsc_writer writer;
	struct sluice_spsc_reader reader;
	uint64_t *line;
	uint64_t turn;
	pid_t other;   /* who must not die; 0: nobody */
	uint32_t late; /* it has died, as the last look has found */
	unsigned char events[PROCESS_BATCH_BYTES];
} __attribute__((aligned(128)));

/* What is kept here and what the other process gets; -1 where the link is not the
 * kernel's. Returns 0 or a negative errno; both are to be closed in any case. */
int process_link_open(enum process_link_kind kind, int here[PROCESS_FDS],
		      int there[PROCESS_FDS]);

void process_link_close(int fds[PROCESS_FDS]);
/* Does the system have it? */
int process_link_works(enum process_link_kind kind);

/* All @n events, or until the end fails. */
void process_send(struct process_end *end, uint64_t n);
/* As many as the meter says, or until the end fails. */
void process_receive(struct process_end *end, struct process_meter *meter);
/* @count events whose words have the sum @sum have come. */
void process_count(struct process_meter *meter, uint64_t count, uint64_t sum);
/* A rate, M events/s. Returns 0; -EBADMSG when what has come was not sent. */
int process_rate(const struct process_meter *meter, uint32_t bytes,
		 double *rate);

/* Bodies of a round trip, its two links such ends. */
void process_link_ping(void *trip);
void process_link_pong(void *trip);

/* ---- process_memory.c ------------------------------------------------------- */

/* The ends of a ring; @back: it is the second. */
void process_ring_writer(struct process_end *end, struct process_memory *memory,
			 uint32_t back);
int process_ring_reader(struct process_end *end, struct process_memory *memory,
			uint32_t back);

/* Bodies of a round trip, by rings and by a line. */
void process_ring_ping(void *trip);
void process_ring_pong(void *trip);
void process_line_ping(void *trip);
void process_line_pong(void *trip);

#endif
