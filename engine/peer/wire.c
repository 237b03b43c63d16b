/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/peer/wire_priv.h"
#include "engine/subscription.h"
#include "ring/base_priv.h"

#include <string.h>

static const char *const kind_texts[] = {
	[WIRE_HELLO] = "hello",     [WIRE_WELCOME] = "welcome",
	[WIRE_REFUSAL] = "refusal", [WIRE_READY] = "ready",
	[WIRE_END] = "end",
};

static const char *const role_texts[] = {
	[WIRE_PRODUCER] = "producer",
	[WIRE_CONSUMER] = "consumer",
	[WIRE_WORKER] = "worker",
	[WIRE_OBSERVER] = "observer",
};

const char *wire_role_text(uint32_t role)
{
	return role < sizeof(role_texts) / sizeof(role_texts[0])
		       ? role_texts[role]
		       : NULL;
}

void wire_init(void *message, enum wire_kind kind, uint32_t bytes)
{
	struct wire_head head = {.byte_order = WIRE_BYTE_ORDER,
				 .major = WIRE_MAJOR,
				 .minor = WIRE_MINOR,
				 .kind = (uint32_t)kind,
				 .bytes = bytes};

	memcpy(head.magic, WIRE_MAGIC, WIRE_MAGIC_BYTES);
	memset(message, 0, bytes);
	memcpy(message, &head, sizeof(head));
}

/* ---- the head ------------------------------------------------------------- */

static int head_check_origin(const struct wire_head *head, const char *what)
{
	if (memcmp(head->magic, WIRE_MAGIC, WIRE_MAGIC_BYTES) != 0)
		return sluice_fail(-EPROTO, "%s: magic is not that of sluice",
				   what);
	if (head->byte_order != WIRE_BYTE_ORDER)
		return sluice_fail(
			-EPROTO,
			"%s: byte_order is %#x and has to be %#x: it "
			"comes from a program of another byte order",
			what, head->byte_order, WIRE_BYTE_ORDER);
	if (head->major != WIRE_MAJOR)
		return sluice_fail(-EPROTO,
				   "%s: version is %u.%u and has to be %u.x: "
				   "peer and engine use libraries that do not "
				   "understand each other",
				   what, head->major, head->minor, WIRE_MAJOR);
	if (head->features_required & ~WIRE_FEATURES)
		return sluice_fail(-EPROTO,
				   "%s: features_required has %#x, which this "
				   "library does not know",
				   what,
				   head->features_required & ~WIRE_FEATURES);
	return 0;
}

int wire_head_check(const void *message, size_t n, enum wire_kind kind,
		    size_t bytes)
{
	const char *what = kind_texts[kind];
	struct wire_head head;
	int rc;

	if (n < sizeof(head))
		return sluice_fail(-EPROTO,
				   "%s: %zu bytes are too few for its head of "
				   "%zu",
				   what, n, sizeof(head));
	memcpy(&head, message, sizeof(head));
	rc = head_check_origin(&head, what);
	if (rc < 0)
		return rc;
	if (head.kind != (uint32_t)kind)
		return sluice_fail(-EPROTO,
				   "%s: kind is %u and has to be %u at this "
				   "point",
				   what, head.kind, (unsigned)kind);
	if (n != bytes || head.bytes != bytes)
		return sluice_fail(-EPROTO,
				   "%s: bytes are %u, %zu came, and have to be "
				   "%zu",
				   what, head.bytes, n, bytes);
	return 0;
}

uint32_t wire_kind_of(const void *message, size_t n)
{
	struct wire_head head;

	if (n < sizeof(head))
		return 0;
	memcpy(&head, message, sizeof(head));
	return memcmp(head.magic, WIRE_MAGIC, WIRE_MAGIC_BYTES) == 0 ? head.kind
								     : 0;
}

/* ---- hello ---------------------------------------------------------------- */

enum {
	PRODUCER = 1u << WIRE_PRODUCER,
	CONSUMER = 1u << WIRE_CONSUMER,
	WORKER = 1u << WIRE_WORKER,
	OBSERVER = 1u << WIRE_OBSERVER,
	TAKERS = CONSUMER | WORKER, /* who ask for events */
	READERS = TAKERS | OBSERVER,
	FEEDERS = PRODUCER | WORKER,
	ALL = READERS | FEEDERS,
};

/* A name that holds what names hold, and zeros behind it. */
static int name_check(const char name[SLUICE_NAME_BYTES], const char *field,
		      int wanted)
{
	static const char zero[SLUICE_NAME_BYTES];
	size_t length = strnlen(name, SLUICE_NAME_BYTES);

	if (length == SLUICE_NAME_BYTES)
		return sluice_fail(-EINVAL,
				   "hello: %s is over the limit of %u bytes",
				   field, SLUICE_NAME_BYTES - 1);
	if (strspn(name, SLUICE_NAME_CHARS) != length)
		return sluice_fail(-EINVAL,
				   "hello: %s may hold A-Z a-z 0-9 _ . - only",
				   field);
	if (memcmp(name + length, zero, SLUICE_NAME_BYTES - length) != 0)
		return sluice_fail(-EINVAL,
				   "hello: %s has bytes behind its end", field);
	if (wanted && length == 0)
		return sluice_fail(-EINVAL, "hello: %s is missing", field);
	return 0;
}

struct name_row {
	const char *field;
	size_t offset;
	unsigned have; /* roles that may have it */
	unsigned want; /* roles that must */
};

#define NAME(field, have, want)                                                \
	{                                                                      \
#field, offsetof(struct wire_hello, field), (have), (want)     \
	}

static int hello_check_names(const struct wire_hello *hello, unsigned role)
{
	static const struct name_row rows[] = {
		NAME(pipeline, ALL, ALL),
		NAME(peer, ALL, 0),
		NAME(from, READERS, TAKERS),
		NAME(to, FEEDERS, FEEDERS),
	};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *name = (const char *)hello + rows[i].offset;

		rc = name_check(name, rows[i].field,
				(rows[i].want & role) != 0);
		if (rc == 0 && name[0] != '\0' && (rows[i].have & role) == 0)
			rc = sluice_fail(
				-EINVAL,
				"hello: %s is set, and role %s has none",
				rows[i].field, wire_role_text(hello->role));
	}
	return rc;
}

struct number_row {
	const char *field;
	size_t offset;
	uint32_t most;
	unsigned have;
};

#define NUMBER(field, most, have)                                              \
	{                                                                      \
#field, offsetof(struct wire_hello, field), (most), (have)     \
	}

static int hello_check_numbers(const struct wire_hello *hello, unsigned role)
{
	static const struct number_row rows[] = {
		NUMBER(from_bytes, SLUICE_EVENT_BYTES_MAX, READERS),
		NUMBER(to_bytes, SLUICE_EVENT_BYTES_MAX, FEEDERS),
		NUMBER(max_demand, SLUICE_DEMAND_MAX, TAKERS),
		NUMBER(refill_events, SLUICE_DEMAND_MAX, TAKERS),
		NUMBER(weight, SLUICE_WEIGHT_MAX, TAKERS),
		NUMBER(partition, SLUICE_CONSUMERS_MAX, TAKERS),
		NUMBER(tee, UINT32_MAX, TAKERS),
		NUMBER(conflate_keys, SLUICE_CONFLATE_KEYS_MAX, TAKERS),
		NUMBER(key_offset, SLUICE_EVENT_BYTES_MAX - 1, TAKERS),
		NUMBER(key_bytes, SLUICE_EVENT_BYTES_MAX, TAKERS),
		NUMBER(ring_events, SLUICE_DEMAND_MAX, FEEDERS),
	};

	if (hello->max_demand == SLUICE_DEMAND_AUTO)
		return sluice_fail(-EINVAL,
				   "hello: max_demand SLUICE_DEMAND_AUTO is "
				   "for subscriptions inside of one process; "
				   "between two a window is a number up to %u",
				   SLUICE_DEMAND_MAX);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t value;

		memcpy(&value, (const char *)hello + rows[i].offset,
		       sizeof(value));
		if (value > rows[i].most)
			return sluice_fail(-EINVAL,
					   "hello: %s %u is over the limit of "
					   "%u",
					   rows[i].field, value, rows[i].most);
		if (value != 0 && (rows[i].have & role) == 0)
			return sluice_fail(-EINVAL,
					   "hello: %s is set, and role %s "
					   "has none",
					   rows[i].field,
					   wire_role_text(hello->role));
	}
	return 0;
}

/* What is not a name and not a number with a limit. */
static int hello_check_rest(const struct wire_hello *hello, unsigned role)
{
	int demands = (role & TAKERS) != 0;

	if (hello->flags & ~(WIRE_MANUAL | WIRE_SPLIT_FENCES))
		return sluice_fail(-EINVAL, "hello: flags %#x are not known",
				   hello->flags &
					   ~(WIRE_MANUAL | WIRE_SPLIT_FENCES));
	if (!demands && (hello->flags & WIRE_MANUAL || hello->min_demand != 0))
		return sluice_fail(-EINVAL,
				   "hello: min_demand and the flag of manual "
				   "demand are for a consumer or a worker, not "
				   "for role %s",
				   wire_role_text(hello->role));
	if (hello->min_demand != SLUICE_MIN_ZERO &&
	    hello->min_demand != SLUICE_MIN_HALF &&
	    (hello->min_demand < 0 ||
	     hello->min_demand >= (int32_t)SLUICE_DEMAND_MAX))
		return sluice_fail(-EINVAL,
				   "hello: min_demand %d is not in [0, %u] and "
				   "no word for a minimum",
				   hello->min_demand, SLUICE_DEMAND_MAX - 1);
	return opts_check_resv(hello->resv,
			       sizeof(hello->resv) / sizeof(hello->resv[0]),
			       "hello");
}

int wire_hello_sides(struct wire_hello *hello, const char *from, const char *to,
		     uint32_t event_bytes, uint32_t to_bytes)
{
	hello->role = from == NULL ? WIRE_PRODUCER
		      : to == NULL ? WIRE_CONSUMER
				   : WIRE_WORKER;
	hello->from_bytes = from != NULL ? event_bytes : 0;
	hello->to_bytes = from != NULL ? to_bytes : event_bytes;
	if (to_bytes == 0 || hello->role == WIRE_WORKER)
		return 0;
	return sluice_fail(-EINVAL,
			   "to_bytes %u is set, and from and to are not both; "
			   "event_bytes is what one of them has",
			   to_bytes);
}

int wire_hello_read(struct wire_hello *out, const void *message, size_t n)
{
	int rc = wire_head_check(message, n, WIRE_HELLO, sizeof(*out));
	unsigned role;

	if (rc < 0)
		return rc;
	memcpy(out, message, sizeof(*out));
	if (wire_role_text(out->role) == NULL)
		return sluice_fail(-EINVAL,
				   "hello: role %u is none of producer (1), "
				   "consumer (2), worker (3), observer (4)",
				   out->role);
	role = 1u << out->role;
	rc = hello_check_names(out, role);
	if (rc == 0)
		rc = hello_check_numbers(out, role);
	return rc < 0 ? rc : hello_check_rest(out, role);
}

/* ---- ready, refusal, end --------------------------------------------------- */

int wire_ready_read(struct wire_ready *out, const void *message, size_t n)
{
	int rc = wire_head_check(message, n, WIRE_READY, sizeof(*out));

	if (rc < 0)
		return rc;
	memcpy(out, message, sizeof(*out));
	return opts_check_resv(out->resv, 3, "ready");
}

void wire_word_init(struct wire_word *word, enum wire_kind kind, int code,
		    enum sluice_reason reason, const char *text)
{
	wire_init(word, kind, sizeof(*word));
	word->code = code;
	word->reason = (uint32_t)reason;
	(void)snprintf(word->text, sizeof(word->text), "%s", text);
}

int wire_word_read(struct wire_word *out, const void *message, size_t n,
		   enum wire_kind kind)
{
	const char *what = kind_texts[kind];
	int most = kind == WIRE_REFUSAL ? WIRE_CODE_MAX : (int)SLUICE_CODE_MAX;
	int rc = wire_head_check(message, n, kind, sizeof(*out));

	if (rc < 0)
		return rc;
	memcpy(out, message, sizeof(*out));
	if (out->code > 0 || out->code < -most ||
	    (kind == WIRE_REFUSAL && out->code == 0))
		return sluice_fail(-EINVAL,
				   "%s: code %d is no negative number down to "
				   "%d",
				   what, out->code, -most);
	if (out->reason > SLUICE_REASON_NO_PRODUCER ||
	    (kind == WIRE_REFUSAL) != (out->reason == SLUICE_REASON_OPEN))
		return sluice_fail(-EINVAL, "%s: reason %u is not possible",
				   what, out->reason);
	if (memchr(out->text, 0, sizeof(out->text)) == NULL)
		return sluice_fail(-EINVAL,
				   "%s: text is over the limit of %u bytes",
				   what, WIRE_TEXT_BYTES - 1);
	/* It is shown to people, on terminals. */
	for (char *c = out->text; *c != '\0'; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	return 0;
}
