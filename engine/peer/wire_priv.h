/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a peer and an engine say to each other over their socket, before the rings
 * carry the rest. docs/format.md has every byte. Of wire.c (what a message is, and
 * what a peer says) and welcome.c (what the engine answers). Not installed.
 *
 *     peer                                    engine
 *     hello {role, stages, sizes, window}  ->
 *                    <- welcome {geometry} + descriptors, or a refusal {text}
 *     ready                                ->
 *     end                                  <-> either, when it leaves
 *
 * Each message is one packet of a fixed size, and in the byte order of its
 * machine, which it names: both sides are on one machine. Whoever receives one
 * copies it, checks every field of the copy, and believes nothing else.
 *
 * Versions  The same major number, or a refusal. A newer minor number may fill
 *           reserved bytes; what the other must understand has a bit in
 *           features_required.
 *
 * Knows      bytes, ranges, words that refuse
 * Knows not  sockets, or what a pipeline has
 */
#ifndef SLUICE_ENGINE_WIRE_PRIV_H
#define SLUICE_ENGINE_WIRE_PRIV_H

#include "ring/region.h"

#define WIRE_MAGIC       "SLUICE\r\n" /* 8 bytes, no NUL */
#define WIRE_MAGIC_BYTES 8u
#define WIRE_BYTE_ORDER  UINT32_C(0x01020304)
#define WIRE_MAJOR       1u
#define WIRE_MINOR       0u
/* Features this library knows: none yet. */
#define WIRE_FEATURES UINT32_C(0)

enum wire_kind {
	WIRE_HELLO = 1,
	WIRE_WELCOME = 2,
	WIRE_REFUSAL = 3,
	WIRE_READY = 4,
	WIRE_END = 5,
};

/* What a peer is to be. */
enum wire_role {
	WIRE_PRODUCER = 1, /* feeds stage `to` */
	WIRE_CONSUMER = 2, /* consumes from stage `from` */
	WIRE_WORKER = 3,   /* both: a middle stage in a process of its own */
	/* Reads what `from` sends; without, what is told of the whole pipeline.
	 * Writes nothing. */
	WIRE_OBSERVER = 4,
};

static inline int wire_reads(uint32_t role)
{
	return role == WIRE_CONSUMER || role == WIRE_WORKER ||
	       role == WIRE_OBSERVER;
}

static inline int wire_feeds(uint32_t role)
{
	return role == WIRE_PRODUCER || role == WIRE_WORKER;
}

/* The first bytes of every message. */
struct wire_head {
	char magic[WIRE_MAGIC_BYTES];
	uint32_t byte_order;
	uint16_t major;
	uint16_t minor;
	uint32_t kind;  /* enum wire_kind */
	uint32_t bytes; /* of the whole message */
	uint32_t features_required;
	uint32_t features_optional;
};

/* In hello.flags. */
#define WIRE_MANUAL UINT32_C(1) /* events are asked for one by one */
/* It has registered for barriers that other processes make, so that a sleeper may
 * have the only fence. */
#define WIRE_SPLIT_FENCES UINT32_C(2)

/* Who a peer is, and what it wants. A field that its role does not have is 0, and
 * a name is followed by zeros. Sizes, windows and keys mean what they mean in
 * struct sluice_stage_opts and struct sluice_subscription_opts. */
struct wire_hello {
	struct wire_head head;
	uint32_t role;  /* enum wire_role */
	uint32_t flags; /* WIRE_MANUAL, WIRE_SPLIT_FENCES */
	char pipeline[SLUICE_NAME_BYTES];
	char peer[SLUICE_NAME_BYTES]; /* its own name; "": none */
	char from[SLUICE_NAME_BYTES]; /* the stage that it reads from */
	char to[SLUICE_NAME_BYTES];   /* the stage that it feeds */
	uint32_t from_bytes;          /* of an event that it reads; 0: any */
	uint32_t to_bytes;            /* of an event that it sends; 0: any */
	uint32_t max_demand;          /* 0: the default, as all below */
	int32_t min_demand;
	uint32_t refill_events;
	uint32_t weight;
	uint32_t partition;
	uint32_t tee;
	uint32_t conflate_keys;
	uint32_t key_offset;
	uint32_t key_bytes;
	uint32_t ring_events; /* slots of the ring that it fills */
	uint64_t resv[21];    /* zero */
};

/* Its numbers that options of peers have under the same names: DO(name) for each, with
 * WIRE_HELLO_TAKE from @o into @hello, which the caller calls so. */
#define WIRE_HELLO_NUMBERS(DO)                                                 \
	DO(max_demand)                                                         \
	DO(min_demand)                                                         \
	DO(refill_events)                                                      \
	DO(weight)                                                             \
	DO(partition)                                                          \
	DO(tee)                                                                \
	DO(conflate_keys)                                                      \
	DO(key_offset)                                                         \
	DO(key_bytes)                                                          \
	DO(ring_events)
#define WIRE_HELLO_TAKE(number) hello->number = o->number;

/* All of a pipeline, and none of its events? */
static inline int wire_watches(const struct wire_hello *hello)
{
	return hello->role == WIRE_OBSERVER && hello->from[0] == '\0';
}

/* Does it look on, beside the dispatcher, and take nothing from others? */
static inline int wire_looks_on(const struct wire_hello *hello)
{
	return hello->role == WIRE_CONSUMER &&
	       (hello->tee != 0 || hello->conflate_keys != 0);
}

/* A descriptor that comes with a welcome, in this order. */
enum wire_memory_kind {
	WIRE_MEMFD = 1, /* sealed memory, whole pages */
	/* To read, a socket: it signals the peer; to write, an eventfd: it signals
	 * the engine. */
	WIRE_SIGNAL = 2,
};

#define WIRE_READ  UINT32_C(1)
#define WIRE_WRITE UINT32_C(2)

struct wire_memory {
	uint32_t kind;   /* enum wire_memory_kind */
	uint32_t rights; /* WIRE_READ, or that and WIRE_WRITE */
	uint64_t bytes;  /* of a memfd */
};

/* A ring: the one that the peer reads, or the one that it fills. */
struct wire_ring {
	uint32_t event_bytes; /* 0: there is no such ring */
	uint32_t slot_bytes;
	uint32_t capacity; /* slots, a power of two */
	uint32_t resv;
	uint64_t start; /* the first position */
};

enum wire_side {
	WIRE_FROM = 0,
	WIRE_TO = 1,
};

/* Something that lies in a memory. */
struct wire_object {
	uint32_t kind;   /* enum sluice_object_kind */
	uint32_t memory; /* which of them */
	uint32_t side;   /* enum wire_side: of which ring */
	uint32_t resv;
	uint64_t offset; /* from the start of the memory; a whole line */
	uint64_t bytes;
};

/* Of a peer: that of its port is the third; a worker's, which receives by that one,
 * sends by the port of the fifth. */
#define WIRE_BELLS       8u
#define WIRE_BELL_PORT   2u
#define WIRE_BELL_SENDER 4u

#define WIRE_MEMORY_MAX  8u
#define WIRE_OBJECTS_MAX 16u

/* Where everything lies. */
struct wire_welcome {
	struct wire_head head;
	uint64_t epoch;  /* of the place that the peer has now */
	uint64_t resume; /* events of a peer of this name taken before */
	uint32_t fences; /* enum sluice_fence_kind: FULL or SPLIT, both sides */
	uint32_t page_bytes;
	uint32_t memory_count; /* and so many descriptors come with it */
	uint32_t object_count;
	struct wire_ring ring[2]; /* by enum wire_side */
	struct wire_memory memory[WIRE_MEMORY_MAX];
	struct wire_object object[WIRE_OBJECTS_MAX];
	uint64_t resv[34]; /* zero */
};

#define WIRE_TEXT_BYTES 472u
/* Of the code of a refusal, which is negative. That of an end may go down to
 * -SLUICE_CODE_MAX: whoever ends a stage may say what he likes. */
#define WIRE_CODE_MAX 4095

/* A refusal, or an end, in words. */
struct wire_word {
	struct wire_head head;
	int32_t code;               /* a negative errno; end: less, or 0 */
	uint32_t reason;            /* end: enum sluice_reason; refusal: 0 */
	char text[WIRE_TEXT_BYTES]; /* with its NUL */
};

struct wire_ready {
	struct wire_head head;
	uint64_t epoch; /* as the welcome said */
	uint64_t resv[3];
};

SLUICE_STATIC_ASSERT(sizeof(struct wire_head) == 32 &&
			     sizeof(struct wire_hello) == 512 &&
			     sizeof(struct wire_welcome) == 1024 &&
			     sizeof(struct wire_word) == 512 &&
			     sizeof(struct wire_ready) == 64,
		     "sizes are part of the handshake");

/* Room for any message, and one byte to see that it is longer. */
#define WIRE_BYTES_MAX (sizeof(struct wire_welcome) + 1)

/* ---- wire.c --------------------------------------------------------------- */

/* Zero @message, of @bytes, and say what it is. */
void wire_init(void *message, enum wire_kind kind, uint32_t bytes);

/* What one is that names the stages @from and @to, NULL for none, and the sizes of its
 * events, as options have them. Returns 0, or -EINVAL: @to_bytes is a worker's. */
int wire_hello_sides(struct wire_hello *hello, const char *from, const char *to,
		     uint32_t event_bytes, uint32_t to_bytes);

/* Check @n bytes that were received, and copy them. Each returns 0; -EPROTO for
 * something that is no such message of this version; -EINVAL for a field that is
 * wrong, which sluice_last_error() names with its limit. *out is then undefined.
 * The bytes may lie anywhere and hold anything. */
int wire_hello_read(struct wire_hello *out, const void *message, size_t n);
int wire_ready_read(struct wire_ready *out, const void *message, size_t n);
/* A refusal or an end, by @kind. What cannot be printed in its text is a "?". */
int wire_word_read(struct wire_word *out, const void *message, size_t n,
		   enum wire_kind kind);
/* The head alone: the message is a @kind of this version. */
int wire_head_check(const void *message, size_t n, enum wire_kind kind,
		    size_t bytes);
/* What it says it is, or 0: no message of ours. */
uint32_t wire_kind_of(const void *message, size_t n);

void wire_word_init(struct wire_word *word, enum wire_kind kind, int code,
		    enum sluice_reason reason, const char *text);

/* "producer", or NULL for what is no role. */
const char *wire_role_text(uint32_t role);

/* ---- welcome.c ------------------------------------------------------------ */

/* As the others, for a peer of @role; an observer has a ring or a board. What is
 * accepted can be mapped and used without another look: every object lies inside
 * its memory, once, and the peer may write what is its own and nothing else. */
int wire_welcome_read(struct wire_welcome *out, const void *message, size_t n,
		      enum wire_role role);
/* Bytes that such an object takes, of @ring if it is of one; 0: as many as it
 * says. */
uint64_t wire_object_bytes(const struct wire_ring *ring,
			   enum sluice_object_kind kind);
/* Does the peer write it? Its receipts, the ring that it fills, and its bells. */
int wire_object_is_peers(enum wire_side side, enum sluice_object_kind kind);
/* That object, of a welcome that was accepted, or NULL. */
const struct wire_object *wire_object_find(const struct wire_welcome *welcome,
					   enum wire_side side,
					   enum sluice_object_kind kind);

#endif
