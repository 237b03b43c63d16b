/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calls of a process that attaches. Beside its port there is one thread,
 * "NAME/attach": it answers the engine's signals, and hears how the engine ends.
 */
#include "engine/attach.h"
#include "engine/control/door_priv.h"
#include "engine/peer/attached_priv.h"
#include "engine/peer/inherit_priv.h"
#include "engine/peer/memory_priv.h"
#include "engine/peer/packet_priv.h"
#include "engine/port.h"
#include "engine/run/port_priv.h"
#include "ring/base_priv.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How often an engine that does not run yet is asked again. */
#define ASK_AGAIN_NS (5 * PLATFORM_NS_PER_MS)
/* Of what an engine says that is asked again. */
#define ANSWER_BYTES 512u
/* How often is looked whether all that was sent is in the ring. */
#define FLUSH_NS (PLATFORM_NS_PER_MS / 2)

/*
 * over  detaching thread  its thread  acq_rel  1: end
 */
struct client {
	struct tenant tenant; /* first */
	struct attach attach;
	struct attached attached;
	struct inherited inherited;
	struct wire_hello hello;
	const struct platform *platform;
	int wake; /* an eventfd */
	void *thread;
	sluice_a32 over;
};

/* ---- options ------------------------------------------------------------------------ */

static int client_name(char to[SLUICE_NAME_BYTES], const char *name,
		       const char *field)
{
	if (name == NULL)
		return 0;
	if (name[0] == '\0' || strlen(name) >= SLUICE_NAME_BYTES)
		return sluice_fail(-EINVAL,
				   "attach: %s '%.20s' is not of 1 to %u bytes",
				   field, name, SLUICE_NAME_BYTES - 1);
	if (strspn(name, SLUICE_NAME_CHARS) != strlen(name))
		return sluice_fail(-EINVAL,
				   "attach: %s '%s' may hold A-Z a-z 0-9 _ . - "
				   "only",
				   field, name);
	(void)snprintf(to, SLUICE_NAME_BYTES, "%s", name);
	return 0;
}

static int client_names(struct wire_hello *hello,
			const struct sluice_attach_opts *o)
{
	int rc = 0;

	if (o->from == NULL && o->to == NULL)
		rc = sluice_fail(-EINVAL,
				 "attach: from and to are NULL; a peer "
				 "consumes from a stage, feeds one, or does "
				 "both");
	if (rc == 0)
		rc = client_name(hello->pipeline, o->pipeline, "pipeline");
	if (rc == 0)
		rc = client_name(hello->peer, o->name, "name");
	if (rc == 0)
		rc = client_name(hello->from, o->from, "from");
	return rc < 0 ? rc : client_name(hello->to, o->to, "to");
}

/* What a role does not have is refused there, by its name. */
static int client_hello(struct wire_hello *hello,
			const struct sluice_attach_opts *o)
{
	struct wire_hello checked;
	int rc;

	wire_init(hello, WIRE_HELLO, sizeof(*hello));
	rc = client_names(hello, o);
	if (rc < 0)
		return rc;
	rc = wire_hello_sides(hello, o->from, o->to, o->event_bytes,
			      o->to_bytes);
	if (rc < 0)
		return sluice_fail(rc, "attach: %s", sluice_last_error());
	if (o->flags & SLUICE_ATTACH_MANUAL)
		hello->flags |= WIRE_MANUAL;
	if (sluice_wait_registered())
		hello->flags |= WIRE_SPLIT_FENCES;
	WIRE_HELLO_NUMBERS(WIRE_HELLO_TAKE)
	return wire_hello_read(&checked, hello, sizeof(*hello));
}

static int client_opts(struct sluice_attach_opts *o,
		       const struct sluice_attach_opts *opts)
{
	int rc;

	*o = (struct sluice_attach_opts){.size = sizeof(*o)};
	rc = opts != NULL ? opts_copy(o, opts, sizeof(*o), "attach options")
			  : 0;
	if (rc == 0)
		rc = opts_check_resv(o->resv, 7, "attach options");
	if (rc == 0 && o->resv32 != 0)
		rc = sluice_fail(-EINVAL,
				 "attach options: resv32 must be zero");
	if (rc == 0 && o->flags & ~(SLUICE_ATTACH_MANUAL | SLUICE_ATTACH_WAIT |
				    SLUICE_ATTACH_UNDUMPABLE))
		rc = sluice_fail(-EINVAL, "attach: unknown flags %#x",
				 o->flags);
	if (o->timeout_ms == 0)
		o->timeout_ms = SLUICE_ATTACH_MS_DEFAULT;
	return rc;
}

/* ---- its thread ----------------------------------------------------------------------- */

static void client_wake(const struct client *c)
{
	const struct sluice_wait_ops *wait = c->attached.pipeline->host.wait;

	wait->notify(wait->ctx, c->wake);
}

/* Has the engine said something? Returns non-zero when nothing more will come. */
static int client_hear(struct client *c)
{
	struct wire_word end;
	int rc = attach_ended(&c->attach, &end);

	if (rc == 0)
		return 0;
	if (rc > 0)
		attached_end(&c->attached, (enum sluice_reason)end.reason,
			     (uint32_t)-end.code);
	else
		attached_end(&c->attached, SLUICE_REASON_ERROR, EOWNERDEAD);
	return 1;
}

static void client_run(void *arg)
{
	struct client *c = arg;
	struct pollfd polled[] = {
		{.fd = c->wake, .events = POLLIN},
		{.fd = attached_fd(&c->attached), .events = POLLIN},
		{.fd = c->attach.socket, .events = POLLIN},
	};

	door_thread_begin(c->attached.pipeline);
	while (!sluice_load_acquire(&c->over)) {
		(void)packet_poll(polled, 3, -1);
		if (polled[1].revents != 0)
			attached_answer(&c->attached);
		/* What signals has gone with the engine, and is readable then. */
		if (polled[2].revents != 0 && client_hear(c))
			polled[1].fd = polled[2].fd = -1;
	}
}

/* ---- its life ------------------------------------------------------------------------- */

/* Whoever detaches does the rest. */
static void client_is_told(struct tenant *tenant)
{
	(void)tenant;
}

static void client_free(struct client *c)
{
	if (c->wake >= 0)
		(void)close(c->wake);
	if (c->inherited.socket >= 0)
		(void)close(c->inherited.socket);
	free(c);
}

/* In a child: the connection is the parent's, and so are the thread and the memory. */
static void client_forget(struct tenant *tenant)
{
	struct client *c = (struct client *)tenant;

	if (c->platform->forget != NULL)
		c->platform->forget(c->platform->ctx, c->thread);
	attach_forget(&c->attach);
	client_free(c);
}

static const struct tenant_ops client_ops = {
	.stirred = client_is_told,
	.close = client_is_told,
	.forget = client_forget,
};

static struct client *client_of(struct sluice_stage *port)
{
	struct tenant *tenant = engine_of(port->pipeline)->tenant;

	return tenant != NULL && tenant->ops == &client_ops
		       ? (struct client *)tenant
		       : NULL;
}

/* ---- attaching ------------------------------------------------------------------------ */

static int client_spawn(struct client *c)
{
	struct sluice_pipeline *p = c->attached.pipeline;
	char name[THREAD_NAME_BYTES];
	int rc;

	c->platform = p->platform;
	c->wake = c->platform->event_open(c->platform->ctx);
	if (c->wake < 0)
		return sluice_fail(c->wake, "attach: no descriptor: %s",
				   sluice_errno_text(c->wake));
	pipeline_thread_name(p, name, "attach");
	rc = c->platform->spawn(c->platform->ctx, &c->thread, client_run, c,
				name, pipeline_place(p));
	return rc < 0 ? sluice_fail(rc, "attach: no thread: %s",
				    sluice_errno_text(rc))
		      : 0;
}

static int client_begin(struct client *c, const struct sluice_attach_opts *o)
{
	int rc = attached_open(&c->attached, &c->hello, &c->attach, NULL);

	if (rc < 0)
		return rc;
	rc = pipeline_let(c->attached.pipeline, &c->tenant);
	if (rc == 0 && o->flags & SLUICE_ATTACH_UNDUMPABLE)
		rc = memory_hide("attach");
	/* Before the thread, which would hear why the engine has closed. */
	if (rc == 0)
		rc = attach_ready(&c->attach);
	return rc < 0 ? rc : client_spawn(c);
}

/* It may begin anew. */
static void client_undo(struct client *c, enum sluice_reason reason, int code)
{
	sluice_store_release(&c->over, 1);
	if (c->thread != NULL) {
		client_wake(c);
		c->platform->join(c->platform->ctx, c->thread);
		c->thread = NULL;
	}
	if (c->attached.pipeline != NULL) {
		pipeline_unlet(c->attached.pipeline);
		attached_close(&c->attached);
	}
	attach_close(&c->attach, reason, code);
	if (c->wake >= 0)
		(void)close(c->wake);
	c->wake = -1;
	sluice_store_release(&c->over, 0);
}

static void client_end(struct client *c, enum sluice_reason reason, int code)
{
	client_undo(c, reason, code);
	client_free(c);
}

/* An engine that does not run yet, or where one of that name is just leaving, says
 * -EAGAIN; one that has waited too long for what we say, on a machine that had no time
 * for us, -ETIMEDOUT; one that is ending, or has closed meanwhile, -EPIPE. */
static int client_may_come(const struct sluice_attach_opts *o, int rc)
{
	return rc == -EAGAIN || rc == -ETIMEDOUT ||
	       ((rc == -ECONNREFUSED || rc == -EPIPE) &&
		o->flags & SLUICE_ATTACH_WAIT);
}

static int client_try(struct client *c, const struct sluice_attach_opts *o,
		      uint64_t due_ns)
{
	int rc =
		c->inherited.socket >= 0
			? attach_over(&c->attach, inherited_take(&c->inherited),
				      &c->hello, due_ns)
			: attach_open(&c->attach, &c->hello, o->folder, due_ns);

	return rc < 0 ? rc : client_begin(c, o);
}

static int client_connect(struct client *c, const struct sluice_attach_opts *o)
{
	uint64_t due_ns = attach_due(o->timeout_ms);
	int invited = c->inherited.socket >= 0;
	char said[ANSWER_BYTES];
	int answer = 0;

	for (;;) {
		int rc = client_try(c, o, due_ns);
		int over = attach_now() + ASK_AGAIN_NS >= due_ns;

		/* The last try has no time; the one before was answered. */
		if (rc == -ETIMEDOUT && over && answer != 0)
			return sluice_fail(answer, "%s", said);
		if (rc == 0 || invited || !client_may_come(o, rc) || over)
			return rc;
		answer = rc;
		(void)snprintf(said, sizeof(said), "%s", sluice_last_error());
		client_undo(c, SLUICE_REASON_ERROR, rc);
		(void)poll(NULL, 0, (int)(ASK_AGAIN_NS / PLATFORM_NS_PER_MS));
	}
}

void sluice_attach_opts_init(struct sluice_attach_opts *opts)
{
	if (opts != NULL)
		*opts = (struct sluice_attach_opts){.size = sizeof(*opts)};
}

int sluice_attach(struct sluice_stage **port,
		  const struct sluice_attach_opts *opts)
{
	SLUICE_KEEP_ERRNO;
	struct sluice_attach_opts o;
	struct client *c;
	int rc = client_opts(&o, opts);

	if (rc == 0 && port == NULL)
		rc = door_missing(__func__, "port");
	if (rc < 0)
		return rc;
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return sluice_fail(-ENOMEM, "attach: no memory");
	c->tenant.ops = &client_ops;
	c->wake = -1;
	c->attach = ATTACH_NONE;
	c->inherited.socket = -1;
	if (o.pipeline == NULL)
		rc = inherited_open(&c->inherited, &o);
	if (rc == 0)
		rc = client_hello(&c->hello, &o);
	if (rc == 0)
		rc = client_connect(c, &o);
	if (rc < 0) {
		client_end(c, SLUICE_REASON_ERROR, rc);
		return rc;
	}
	if (o.accepted != NULL)
		*o.accepted = c->attach.welcome.resume;
	*port = c->attached.port;
	return 0;
}

struct sluice_stage *sluice_port_sender(struct sluice_stage *port)
{
	struct client *c;

	if (door_stage(port, __func__) < 0)
		return NULL;
	c = client_of(port);
	return c != NULL ? c->attached.sender : NULL;
}

/* ---- detaching ------------------------------------------------------------------------ */

/* All that it has sent is in the ring, whether or not it has been finished there; it
 * receives nothing more. */
static int client_is_flushed(const struct sluice_stage *port)
{
	if (sluice_load_acquire(&port->words.phase_seen) == STAGE_ENDED)
		return 1;
	return port->opts.kind == SLUICE_PRODUCER &&
	       sluice_counter_read(port->counters, SLUICE_COUNTER_BUFFERED) ==
		       0;
}

static int client_flush(struct sluice_stage *port, uint64_t due_ns)
{
	const struct sluice_wait_ops *ops = port_ops(port);

	while (!client_is_flushed(port)) {
		if (port_late(port, due_ns))
			return -ETIMEDOUT;
		ops->park(ops->ctx, &port->words.phase_seen, STAGE_ENDING,
			  host_now(port->host) + FLUSH_NS);
	}
	return 0;
}

static int client_end_port(struct sluice_stage *port, uint64_t due_ns)
{
	(void)sluice_port_end(port, SLUICE_REASON_NORMAL);
	return client_flush(port, due_ns);
}

/* Of a worker the port that receives ends, and acknowledges, between the results and
 * the end behind them: with that the engine's stage may end, and then nothing is
 * acknowledged any more. */
static int client_leave(struct client *c, uint64_t due_ns)
{
	struct sluice_stage *sender = c->attached.sender;
	int rc = sender != NULL ? client_flush(sender, due_ns) : 0;
	int left = client_end_port(c->attached.port, due_ns);

	if (rc == 0)
		rc = left;
	if (sender != NULL)
		left = client_end_port(sender, due_ns);
	return rc == 0 ? left : rc;
}

/* How its ports have ended; the worse of two. */
static enum sluice_reason client_reason(const struct client *c)
{
	const struct sluice_stage *sender = c->attached.sender;
	struct sluice_port_status status;
	enum sluice_reason reason;

	if (sluice_port_closed(c->attached.port, &status) == 0)
		return SLUICE_REASON_ERROR;
	reason = status.reason;
	if (sender == NULL)
		return reason;
	(void)sluice_port_closed(sender, &status);
	return status.reason > reason ? status.reason : reason;
}

int sluice_detach(struct sluice_stage *port, uint32_t timeout_ms)
{
	SLUICE_KEEP_ERRNO;
	struct client *c;
	int rc = door_stage(port, __func__);

	if (rc < 0 && port == NULL)
		return rc;
	c = client_of(port);
	if (c == NULL)
		return sluice_fail(-EINVAL,
				   "stage '%s' was not attached "
				   "(sluice_attach)",
				   port->name);
	if (rc < 0) { /* a child of the process */
		sluice_pipeline_close(port->pipeline);
		return 0;
	}
	rc = client_leave(c, port_deadline(port, timeout_ms));
	client_end(c, rc < 0 ? SLUICE_REASON_ERROR : client_reason(c), rc);
	return rc < 0 ? sluice_fail(rc, "detach: events were sent for which "
					"there was no credit in time, and are "
					"dropped")
		      : 0;
}
