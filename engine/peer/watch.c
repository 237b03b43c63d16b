/* SPDX-License-Identifier: Apache-2.0 */
/* The calls of a process that watches. It has no thread for it: what there is is
 * looked at by whoever asks. */
#include "engine/watch.h"
#include "engine/control/door_priv.h"
#include "engine/peer/attach_priv.h"
#include "engine/peer/board_priv.h"
#include "engine/peer/packet_priv.h"
#include "ring/base_priv.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

/* How often is looked whether what is due is there. */
#define LOOK_NS (5 * PLATFORM_NS_PER_MS)

struct sluice_watch {
	const uint32_t *mark_at; /* see door_priv.h */
	uint32_t mark;
	uint32_t timeout_ms;
	struct wire_hello hello;
	char *folder; /* or NULL */
	struct attach attach;
	struct board board;
	uint64_t seen;   /* the version that was read last */
	uint64_t due_ns; /* when the next one may be there */
	int over;        /* 0; or what every read answers */
	char why[WIRE_TEXT_BYTES];
};

/* ---- options ------------------------------------------------------------------------ */

static int watch_opts(struct sluice_watch_opts *o,
		      const struct sluice_watch_opts *opts)
{
	int rc;

	*o = (struct sluice_watch_opts){.size = sizeof(*o)};
	if (opts == NULL)
		return sluice_fail(-EINVAL, "watch: opts are NULL");
	rc = opts_copy(o, opts, sizeof(*o), "watch options");
	if (rc == 0)
		rc = opts_check_resv(o->resv, 8, "watch options");
	if (rc == 0 && (o->flags != 0 || o->resv32 != 0))
		rc = sluice_fail(-EINVAL, "watch: unknown flags %#x, or resv32",
				 o->flags);
	if (rc == 0 && o->pipeline == NULL)
		rc = sluice_fail(-EINVAL, "watch: pipeline is NULL");
	if (rc == 0 && strlen(o->pipeline) >= SLUICE_NAME_BYTES)
		rc = sluice_fail(-EINVAL,
				 "watch: pipeline '%.20s...' is over the limit "
				 "of %u bytes",
				 o->pipeline, SLUICE_NAME_BYTES - 1);
	if (o->timeout_ms == 0)
		o->timeout_ms = SLUICE_WATCH_MS_DEFAULT;
	return rc;
}

static int watch_take(struct sluice_watch *w, const struct sluice_watch_opts *o)
{
	struct wire_hello checked;

	if (door_mark(&w->mark_at, &w->mark) < 0)
		return sluice_fail(-ENOMEM, "watch: no memory");
	if (o->folder != NULL) {
		w->folder = strdup(o->folder);
		if (w->folder == NULL)
			return sluice_fail(-ENOMEM, "watch: no memory");
	}
	w->timeout_ms = o->timeout_ms;
	wire_init(&w->hello, WIRE_HELLO, sizeof(w->hello));
	w->hello.role = WIRE_OBSERVER;
	(void)snprintf(w->hello.pipeline, sizeof(w->hello.pipeline), "%s",
		       o->pipeline);
	return wire_hello_read(&checked, &w->hello, sizeof(w->hello));
}

/* ---- the connection ----------------------------------------------------------------- */

static int watch_find(struct sluice_watch *w)
{
	const struct wire_object *object = wire_object_find(
		&w->attach.welcome, WIRE_FROM, SLUICE_OBJECT_BOARD);
	int rc;

	if (object == NULL)
		return sluice_fail(-EPROTO, "watch: the engine shows no board");
	rc = board_find(&w->board,
			w->attach.maps[object->memory].base + object->offset,
			object->bytes);
	return rc < 0 ? rc : attach_ready(&w->attach);
}

static int watch_connect(struct sluice_watch *w)
{
	int rc = attach_open(&w->attach, &w->hello, w->folder,
			     attach_due(w->timeout_ms));

	w->seen = 0;
	w->due_ns = 0;
	if (rc < 0)
		return rc;
	rc = watch_find(w);
	if (rc < 0)
		attach_close(&w->attach, SLUICE_REASON_ERROR, rc);
	return rc;
}

static int watch_here(const struct sluice_watch *w)
{
	return __atomic_load_n(w->mark_at, __ATOMIC_RELAXED) == w->mark;
}

void sluice_watch_opts_init(struct sluice_watch_opts *opts)
{
	if (opts != NULL)
		*opts = (struct sluice_watch_opts){.size = sizeof(*opts)};
}

int sluice_watch_open(struct sluice_watch **out,
		      const struct sluice_watch_opts *opts)
{
	SLUICE_KEEP_ERRNO;
	struct sluice_watch_opts o;
	struct sluice_watch *w;
	int rc = watch_opts(&o, opts);

	if (rc == 0 && out == NULL)
		rc = door_missing(__func__, "out");
	if (rc < 0)
		return rc;
	w = calloc(1, sizeof(*w));
	if (w == NULL)
		return sluice_fail(-ENOMEM, "watch: no memory");
	w->attach = ATTACH_NONE;
	rc = watch_take(w, &o);
	if (rc == 0)
		rc = watch_connect(w);
	if (rc < 0) {
		sluice_watch_close(w);
		return rc;
	}
	*out = w;
	return 0;
}

void sluice_watch_close(struct sluice_watch *w)
{
	if (w == NULL)
		return;
	if (w->attach.socket >= 0 && !watch_here(w))
		attach_forget(&w->attach);
	attach_close(&w->attach, SLUICE_REASON_NORMAL, 0);
	free(w->folder);
	free(w);
}

/* ---- reading ------------------------------------------------------------------------- */

static void watch_end(struct sluice_watch *w, int rc, const char *why)
{
	w->over = rc;
	(void)snprintf(w->why, sizeof(w->why), "%s", why);
}

/* Has the engine said something? Then this is over, unless it is to be attached to
 * anew. Returns 0, or why that has failed. */
static int watch_hear(struct sluice_watch *w)
{
	struct wire_word end;
	int rc = attach_ended(&w->attach, &end);

	if (rc == 0)
		return 0;
	if (rc > 0 && end.code == -EAGAIN) {
		attach_close(&w->attach, SLUICE_REASON_NORMAL, 0);
		rc = watch_connect(w);
		if (rc < 0)
			watch_end(w, rc, sluice_last_error());
		return rc;
	}
	if (rc > 0)
		watch_end(w, -EPIPE, end.text);
	else
		watch_end(w, -EOWNERDEAD, "the pipeline's process has died");
	return 0;
}

static int watch_look(struct sluice_watch *w, struct sluice_snapshot **out)
{
	int rc = board_read(&w->board, &w->seen, out);

	if (rc == 0)
		w->due_ns = (*out)->time_ns + BOARD_NS;
	return rc;
}

/* Until the next one is due, or the engine has said something, and not longer than
 * may be waited. Returns non-zero when there is no time left. */
static int watch_rest(const struct sluice_watch *w, uint64_t deadline_ns)
{
	struct pollfd polled = {.fd = w->attach.socket, .events = POLLIN};
	uint64_t now_ns = attach_now();
	uint64_t until_ns = now_ns + LOOK_NS;

	if (now_ns >= deadline_ns)
		return 1;
	/* It is not believed when that is much later. */
	if (w->due_ns > until_ns && w->due_ns < now_ns + 2 * BOARD_NS)
		until_ns = w->due_ns;
	if (until_ns > deadline_ns)
		until_ns = deadline_ns;
	(void)packet_poll(&polled, 1,
			  (int)((until_ns - now_ns) / PLATFORM_NS_PER_MS) + 1);
	return 0;
}

/* What the engine has written before it ended is there when its end is heard. */
static int watch_wait(struct sluice_watch *w, struct sluice_snapshot **out,
		      uint64_t deadline_ns)
{
	for (;;) {
		int rc = 0;

		if (w->over == 0)
			rc = watch_hear(w);
		if (w->attach.socket >= 0)
			rc = watch_look(w, out);
		if (rc != -EAGAIN)
			return rc;
		if (w->over != 0)
			return sluice_fail(w->over, "%s", w->why);
		if (watch_rest(w, deadline_ns))
			return sluice_fail(-EAGAIN,
					   "watch: nothing newer of pipeline "
					   "'%s' in time",
					   w->hello.pipeline);
	}
}

int sluice_watch_read(struct sluice_watch *watch, struct sluice_snapshot **out,
		      uint32_t timeout_ms)
{
	SLUICE_KEEP_ERRNO;

	if (watch == NULL || out == NULL)
		return door_missing(__func__, watch == NULL ? "watch" : "out");
	if (!watch_here(watch))
		return sluice_fail(-ECHILD,
				   "%s: the watch is that of another process, "
				   "which has made this one by fork()",
				   __func__);
	return watch_wait(watch, out, attach_due(timeout_ms));
}
