/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file attach.h
 * The other side of listen.h: a process that attaches to a pipeline of another one,
 * and has a port of it.
 *
 *   struct sluice_stage *port;
 *   rc = sluice_attach(&port, SLUICE_ATTACH(.pipeline = "orders", .from = "quotes"));
 *   while ((rc = sluice_recv(port, &batch, SLUICE_FOREVER)) > 0)
 *           use(batch.events, batch.count);
 *   sluice_detach(port, 0);
 *
 * The calls on it are those of any port (port.h): sluice_recv(), or sluice_send() and
 * its spans; sluice_ask(sluice_port_sub(port), n) with manual demand; sluice_port_fd();
 * sluice_port_closed(). Events lie in memory that both processes have mapped: nothing
 * is copied on the way but what a sender copies in, and no call enters the kernel while
 * the other side is awake.
 *
 * A peer with both `from` and `to` is a worker: one stage of that pipeline that
 * consumes and produces, which comes and dies as one. It has two ports, the one that
 * sluice_attach() gives, which receives, and sluice_port_sender() of it. The order of
 * the calls is
 *
 *   struct sluice_stage *in, *out;
 *   rc = sluice_attach(&in, SLUICE_ATTACH(.pipeline = "orders", .from = "quotes",
 *                                         .to = "book"));
 *   out = sluice_port_sender(in);
 *   while ((rc = sluice_recv(in, &batch, SLUICE_FOREVER)) > 0)
 *           if (!send_all(out, make(&batch)))
 *                   break;
 *   sluice_detach(in, SLUICE_FOREVER);
 *
 * that is: receive a batch, send all that is made of it, receive the next. The next
 * sluice_recv() acknowledges the batch, as ever, and what was sent before has been
 * published before: so a worker that dies leaves no event without its results. An
 * event that it has not acknowledged goes to others, marked as handed out before
 * (SLUICE_BATCH_REDELIVERED), and results of it that it had sent come twice. Once the
 * sending port has ended by anything but sluice_port_end() with SLUICE_REASON_NORMAL
 * (the stage that it feeds is gone, say), nothing is acknowledged any more, and
 * sluice_recv() returns what sluice_send() does. So a worker that cannot send the
 * results of a batch ends the sending port with SLUICE_REASON_ERROR, and detaches:
 * then the batch goes to others.
 *
 * When the stream that a worker reads is complete, its receiving port ends. The
 * worker may still have results to send, and the pipeline waits for them: the
 * stream that it feeds ends when the worker closes it, with sluice_detach() or
 * sluice_port_end(). A worker that closes it before the stream that it reads is
 * complete leaves: its unacknowledged events go to others.
 *
 * Behind dispatcher `ordered` a worker feeds the stage that restores the order, and
 * each result has the sequence number of the event that it was made of, in the field
 * that the pipeline's program names; one result or none for an event. A result
 * with a number that the worker was not given, or with one for the second time,
 * is dropped, and ends the worker (code EBADMSG); its unacknowledged events
 * keep their numbers, and go to others.
 *
 * A port ends as the stage in the engine does, and with its reason. When the engine's
 * process has died the reason is SLUICE_REASON_ERROR and the code EOWNERDEAD; what lay
 * in the ring is received before. When the pipeline is stopped, or its drain runs out of
 * time, a port whose stream is cut off by that says -ECANCELED and `stopped`, after what
 * lay in the ring; one whose stage had ended, and that finds the rest in the ring, does
 * not. A stop is told as an end for SLUICE_REASON_SHUTDOWN with the code ECANCELED.
 *
 * A port that the engine ends with an error while its process lives (it stood still, it broke
 * the protocol, its stage was ended there) may receive the events that lay in
 * its ring by then, a window at most, before its calls say so. Acknowledging
 * them has no effect any more: they go to others, marked as handed out before.
 * A program in which no two consumers may handle an event calls
 * sluice_port_closed() before each effect; that makes it rare, not impossible,
 * since the end is on its way for a moment.
 *
 * Of a stage that broadcasts the port gets every event from the moment when the
 * stage took it in, which may be a little later than sluice_attach() returns;
 * with manual demand, from the first ask. When the engine ends such a port
 * (sluice_stage_end() there) the batch that its user has in hand may be written
 * over from then on; the next sluice_recv() says that it has ended.
 *
 * What a peer cannot have  What would have to run in the other process, or be written there
 *        by several, has no field in struct sluice_attach_opts, or is refused by its name
 *        (-EINVAL):
 *
 *        key_of, of conflate_keys   it would be called on the producer's thread, in the
 *                           engine's process. A peer names the key's place instead
 *                           (key_offset, key_bytes). What key_of the stage itself has is
 *                           no concern of the peer's: it runs where the stage does.
 *        selector           it is called on the consumer's thread, beside the engine's
 *                           receipts. A peer skips the events that it does not
 *                           want, or the pipeline has a stage which drops them.
 *        on_end, hooks      a stand-in has no callbacks. A port says how it has ended
 *                           (sluice_port_closed()).
 *        SLUICE_ATTACH_MANUAL behind `shared`   consumers take from one ring, and the
 *                           stage takes for a peer, an even share: there is nothing to
 *                           ask for.
 *        partition          with a stage that has none; or with tee or conflate_keys,
 *                           which look on at all events. Where there are partitions a
 *                           consumer names one that is free.
 *        windows, tee, keys of one that only feeds; ring_events of one that only reads
 *        to read from a stage whose order is restored later (`ordered`) unless it is a
 *                           worker that feeds the stage which does that, or looks on
 *
 * A child of fork() cannot use it; it may detach, which tells the engine nothing.
 */
#ifndef SLUICE_ENGINE_ATTACH_H
#define SLUICE_ENGINE_ATTACH_H

#include "subscription.h"

SLUICE_BEGIN_DECLS

/** Demand is given by sluice_ask() alone. */
#define SLUICE_ATTACH_MANUAL 1u
/** While no pipeline of that name listens, wait for one: at the start of a system, or
 * for the next engine when one has died (detach, and attach again). An engine that is
 * ending, or where that stage has ended, is asked again as well, until the next one
 * answers. */
#define SLUICE_ATTACH_WAIT 2u
/** As SLUICE_LISTEN_UNDUMPABLE: nobody but root may trace this process or read its
 * memory from that call on. For the whole process. */
#define SLUICE_ATTACH_UNDUMPABLE 4u

#define SLUICE_ATTACH_MS_DEFAULT 5000u

/** A field that is 0 has its default. Windows, weights, partitions, tees and keys mean
 * what they mean in struct sluice_subscription_opts. */
struct sluice_attach_opts {
	uint32_t size;  /* of this struct, bytes */
	uint32_t flags; /* SLUICE_ATTACH_MANUAL and its like */
	/** The pipeline's name; NULL: that which has started this process as one of its
	 * stages (process.h), and has said what it is; names that are given must be
	 * those. */
	const char *pipeline;
	/** Its own name in that pipeline, 1 to 63 of A-Z a-z 0-9 _ . - and not that
	 * of another stage; NULL: one is made up, peer-PID-N. */
	const char *name;
	/** The stage to consume from, the stage to feed; a worker names both. */
	const char *from;
	const char *to;
	/** Of an event, bytes; 0 = whatever that stage has. Another size is
	 * refused. Of a worker: of the events that it reads. */
	uint32_t event_bytes;
	/** Of a consumer or a worker: its window (a number, not SLUICE_DEMAND_AUTO)
	 * and place. The ring, max_demand
	 * rounded up to a power of two, has up to SLUICE_RING_BYTES_MAX bytes. */
	uint32_t max_demand;
	int32_t min_demand;
	uint32_t refill_events;
	uint32_t weight;
	uint32_t partition;
	uint32_t tee;
	uint32_t conflate_keys;
	uint32_t key_offset;
	uint32_t key_bytes;
	/** Of a producer or a worker: the window of the stage that it feeds,
	 * events; its ring is as limited. */
	uint32_t ring_events;
	/** How long to wait for the engine, which is asked again while its pipeline
	 * does not run yet, and when we had no time to answer within its hello_ms;
	 * 0 = 5000; SLUICE_FOREVER. Nobody is waited for who does not listen, unless
	 * flags say so. */
	uint32_t timeout_ms;
	/** Where the socket lies; NULL: as in struct sluice_listen_opts. */
	const char *folder;
	/** Of a producer or a worker with a name, if not NULL: events that were
	 * taken of peers of that name before, since the engine began to listen. */
	uint64_t *accepted;
	/** Of a worker: of the events that it sends; as event_bytes. */
	uint32_t to_bytes;
	uint32_t resv32;
	uint64_t resv[7]; /* zero */
};

/** Attach options; a field that is not named has its default. */
#define SLUICE_ATTACH(...) SLUICE_OPTIONS(sluice_attach_opts, __VA_ARGS__)

/** Zero @opts and set its size. */
SLUICE_API void sluice_attach_opts_init(struct sluice_attach_opts *opts);

/**
 * sluice_attach - be a stage of a pipeline of another process.
 *
 * @port  out: a port that receives, with `from`, or sends, with `to` alone
 * @opts  NULL: SLUICE_ATTACH(), for a process stage
 *
 * Returns 0; -EINVAL for options that are wrong; -ECONNREFUSED when no such pipeline
 * listens; -ETIMEDOUT; what the engine answers, and sluice_last_error() is in its
 * words then: -EACCES, -EPERM, -ENOENT, -EEXIST, -ENOSPC, -ENOTSUP, -EINVAL, -EAGAIN,
 * -EPIPE; -EPROTO when it is another version; -ENOMEM, -EMFILE. -EAGAIN is tried again
 * until the timeout: the pipeline does not run yet, or the peer that had this
 * name before is not settled. It is settled when its neighbours have seen that
 * it has gone: the stage that it read, and then, of a worker whose place is
 * kept, the stage that it fed. A stage looks between its callbacks, so a stage
 * that is blocked in a callback makes the peer that comes back wait until the
 * callback returns; set timeout_ms above what a callback may take. The time
 * that the place is kept goes on meanwhile (hold_ms). Threads: any; for a
 * process stage no other thread uses the environment meanwhile. Blocks: up to
 * the timeout.
 */
SLUICE_API int
sluice_attach(struct sluice_stage **port,
	      const struct sluice_attach_opts *opts) SLUICE_MUST_CHECK;

/**
 * sluice_port_sender - the port by which a worker sends.
 *
 * @port  of sluice_attach(), with both `from` and `to`
 *
 * Lives as long as @port. Another thread may send by it; but the next
 * sluice_recv() acknowledges the batch that results are made of, so call that
 * only when they have been sent.
 *
 * Returns NULL for the port of a peer that is no worker. Threads: any.
 */
SLUICE_API struct sluice_stage *sluice_port_sender(struct sluice_stage *port);

/**
 * sluice_detach - leave, and free the port.
 *
 * Ends the port if nobody has (SLUICE_REASON_NORMAL). Events that were sent
 * without credit, and are not in the ring yet, are waited for; those in the
 * ring count as sent. The batch that was received last is acknowledged, as by
 * sluice_port_end(); the events behind it in the ring go to other consumers. A
 * process that is not to acknowledge that batch, because it cannot handle it, calls
 * sluice_port_end() with SLUICE_REASON_ERROR first: then the batch goes to others
 * too, marked (SLUICE_BATCH_REDELIVERED), and however often that happens none of its
 * events counts as one that a process has died of. One that ends without detaching
 * has died, whatever its exit code. A
 * worker detaches by the port that receives, and both are freed; its batch is
 * acknowledged when what it has sent is in the ring, see above.
 *
 * @timeout_ms  how long to wait; SLUICE_FOREVER
 *
 * Returns 0; -ETIMEDOUT when events were dropped; -EINVAL, and nothing is freed, for a
 * port that was not attached. Threads: any; no
 * other thread is in a call of the port, or begins one.
 */
SLUICE_API int sluice_detach(struct sluice_stage *port,
			     uint32_t timeout_ms) SLUICE_MUST_CHECK;

SLUICE_END_DECLS

#endif
