/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file listen.h
 * A pipeline that other processes may attach to: which of them may, and as
 * what.
 *
 * A peer that attaches (attach.h) is a stage of the pipeline from then on, under the name
 * it gives, with one subscription, or two of a worker: it can be seen in snapshots,
 * cancelled, resubscribed and ended as any other. A peer may write the memory
 * of its own ring, and no other memory of the pipeline. The engine never
 * believes what a peer has written: positions are taken only as far as they are
 * possible, and events are copied before a handler sees them, unless the peer
 * is trusted ("Who is trusted").
 *
 * Of a stage that broadcasts a peer reads the one ring that its other consumers
 * read: it is given all events that are emitted after it came, and the slowest
 * reader holds up the others. A peer can also look at older events in that
 * ring, as far as they have not been written over. Of a stage with dispatcher
 * "shared", whose consumers compete for one ring, a peer cannot write that
 * ring, so the stage takes from it for the peer: an even share of what lies
 * there while the peer has nothing to do, and besides a piece that waits for
 * it.
 *
 * A peer has gone when it says so, or when its process has ended, of which the
 * kernel tells; a slow peer has not gone. The events that a consumer has left
 * unfinished go to other consumers before all others, marked as handed out
 * before; of a broadcast the others have them anyway. Events that a producer
 * has sent count, whatever becomes of the producer.
 *
 * A producer that claims more than its ring has room for, or that publishes something
 * behind the end of its stream, has broken the protocol, and is read no further. That is
 * the end of its own stage, and no failure of the pipeline: sluice_pipeline_drain() and
 * sluice_pipeline_join() do not count the events that such a producer had in
 * its ring. They count events of the pipeline's own stages that a peer has left
 * and that nobody else is there to take.
 *
 * Places that are kept  A consumer, or a worker, with a name of its own
 *        (sluice_attach_opts.name) that has died may come back, as may one that lives and
 *        has lost its connection (a socket that was closed without a goodbye),
 *        and its events may be no other consumer's business: it owns their
 *        keys, or has done half of a batch. So the place of such a peer, with
 *        its stage, is kept for `hold_ms`, for a successor: a peer of the same
 *        name that attaches with the same options. The successor is given the
 *        events that its predecessor had not finished, marked, then those that
 *        came meanwhile; demand that was given by sluice_ask() and not used
 *        stands. Until then the place counts as one of a consumer that is slow:
 *        a dispatcher that chooses by the event goes on until its ring is full,
 *        one that chooses by credit, or lets consumers compete, passes it over;
 *        a broadcast goes on as far as the predecessor had asked, and waits
 *        then. After `hold_ms`, or when the pipeline drains, or when a peer of
 *        that name comes with other options, the stage ends, and its events go
 *        to other consumers, or, of a broadcast, are read by the others only.
 *        No place is kept for a peer that has left cleanly, that had no
 *        name, or that is an onlooker (tee, conflate). The events that a worker
 *        had sent before it died count, and its successor sends on behind them;
 *        it handles the batch that was not acknowledged again, so results of
 *        that may come twice, but not behind `ordered`, where they are dropped:
 *        there the sequence numbers that the worker was given stay the
 *        successor's, and those behind them wait. A process that lives on
 *        though its connection is lost may still write, and nobody reads that:
 *        its successor has memory of its own. A worker that had closed what it
 *        feeds is given up at once. Of a producer no place is kept; it learns
 *        how many of its events were taken (sluice_attach_opts.accepted).
 *
 * Who looks on  A peer with `tee` or `conflate_keys` (attach.h) takes no event from others: it
 *        has a ring of its own into which the stage copies one event in so many, or the
 *        latest of each key, as far as that ring has room; the onlooker does
 *        not see the other events (passed_over counts them). So no event waits
 *        for an onlooker, whatever the dispatcher. A peer may look on where it
 *        may consume; then the end of the stream waits until the onlooker has
 *        read what is in its ring. And there is a right of its own: at a stage
 *        with SLUICE_STAGE_PEERS_WATCH whoever a row allows to be an observer,
 *        or a consumer, may look on, and nothing else. Nobody waits for an
 *        onlooker with no more than this right: when the stream ends the stage
 *        that stands for the onlooker ends, too; the peer can read the events
 *        that lie in its ring by then, and with `conflate_keys` those that
 *        waited for room there are lost. An onlooker's memory counts like any
 *        peer's, and costs the stage one copy of each event it is given. Only a
 *        snapshot shows that an onlooker is there.
 *
 * What processes die of  An event that kills every process that gets it would come again
 *        for ever. So it is counted. When the process of a consumer, or of a worker, dies,
 *        closes its connection without a word, breaks the protocol or is sent away because
 *        it stands still, and has events that it has not acknowledged, then the first of
 *        them is the one that it was at, and has been handed out once more; if it has been
 *        before, only if this process had come to it as well. Of the others in its batch
 *        no more is counted than twice: from the third time on each of them comes
 *        alone, so that the first is the one. When it has been handed out
 *        `max_deliveries` times it is given up, as if that consumer had acknowledged
 *        it, and goes to the dead_letter of the stage that has emitted it, with the
 *        name of that consumer; without a dead_letter it is told in the log. Either way
 *        that stage counts it (dead_letters). The events behind it come again, and
 *        behind `ordered` its number is passed over. Of a broadcast it is given up for
 *        that consumer alone, and only where a place is kept: nobody else reads what
 *        one has left. Who leaves (sluice_detach()), or is ended by the program, has
 *        died of nothing, whether or not it has acknowledged all; of what it had no
 *        more is counted than twice. Nor has an onlooker. A process
 *        that exits and has not detached has died. A process stage that is restarted
 *        comes as far as its restarts allow: with a max_restarts of the pipeline below
 *        max_deliveries it is over before. Both are 3 by default: the third death is
 *        that of the event, and the third restart goes on behind it.
 *
 * What peers take up  Of each peer the pipeline has a ring, a worker has two, of a size
 *        that the peer chooses (max_demand, ring_events; up to SLUICE_RING_BYTES_MAX), and
 *        some pages beside them. That memory is allocated whole when the peer comes, and
 *        counts until it is unmapped: while a place is kept, too, and while what a peer
 *        has left is dealt again. A peer whose memory would be more than `bytes_max` has
 *        left, or `bytes_per_peer` allows, is refused (-ENOSPC). Process stages count as
 *        well; in a pipeline that does not listen they have the default. Whoever reads a
 *        ring that all consumers of a stage read has but the pages. Two things
 *        are not counted: the memory that observers of the pipeline read, which
 *        is there once for all of them; and memory that a process which has
 *        lost its connection still maps, while its successor has memory of its
 *        own.
 *        One thread hears all peers, and makes their memory, one after the
 *        other: the kernel allocates and zeroes each page of it then, which for
 *        gigabytes takes seconds. Meanwhile no other peer is let in, told of an
 *        end, or found dead, no process stage is started or killed, and no
 *        stage that sleeps is woken because a peer has sent or finished events:
 *        it finds them later. Stages that are awake do not notice.
 *        `bytes_per_peer` bounds that pause.
 *
 * Who is trusted  Events from a peer are copied before a handler sees them:
 *        once more than events of a thread are. Events of a trusted peer are
 *        not copied (one that is let in by a row with SLUICE_PEER_TRUSTED, or a
 *        process stage with SLUICE_PROCESS_TRUSTED): handlers read the memory
 *        that the peer writes. So the bytes of a batch may change while a
 *        handler looks at them, if that process has a mistake or bad
 *        intentions: a length that was checked may be another when it is used.
 *        Handlers read what they decide by once, into a variable of their own,
 *        as they would read a file that others write. A batch that comes again
 *        (SLUICE_RETRY) may then have other bytes than before. The other
 *        protections stay: positions are taken only as far as they are
 *        possible, memory cannot go away, and a trusted peer can see no more
 *        than another. What a worker sends to a stage that restores an order is
 *        copied in any case, and so is a batch that crosses the end of the ring
 *        where it may not be split. By default nobody is trusted, process
 *        stages included: a program of one's own has its mistakes as well, and
 *        is a process so that they are its own.
 *
 * Who stands still  A process that is stopped (SIGSTOP, a debugger), or hangs,
 *        is not dead, and by default the pipeline waits for it, as for any slow
 *        consumer. With `on_stall` a peer that is waited for, and for
 *        `stall_ms` has neither acknowledged an event nor asked for more, is
 *        sent away: it is told of an end (SLUICE_REASON_ERROR, ETIMEDOUT), its
 *        stage ends, the engine reads its memory no more, and its events go to
 *        others, marked; no place is kept. A peer is waited for when it has
 *        events; also when it has finished all it asked for, or never asked,
 *        and the stage can place no event before this peer asks: with `rr`,
 *        say, when the peer's turn has come. A peer that asks by sluice_ask()
 *        (SLUICE_ATTACH_MANUAL) is not sent away for not asking, unless other
 *        consumers have asked and get nothing. A peer that handles one batch
 *        for longer than stall_ms counts as standing still. The engine looks
 *        now and then, so it may be a quarter of stall_ms late. Nobody waits
 *        for the events of a producer that stands still, so nothing happens to
 *        it. A process stage may have an `on_stall` and a `stall_ms` of its own.
 */
#ifndef SLUICE_ENGINE_LISTEN_H
#define SLUICE_ENGINE_LISTEN_H

#include "pipeline.h"

SLUICE_BEGIN_DECLS

/** Roles of peers, for struct sluice_peer_allow. An observer watches the pipeline
 * (watch.h), or looks on at stages that let it ("Who looks on"). */
#define SLUICE_PEER_PRODUCER (1u << 1)
#define SLUICE_PEER_CONSUMER (1u << 2)
#define SLUICE_PEER_WORKER   (1u << 3)
#define SLUICE_PEER_OBSERVER (1u << 4)

/** For sluice_peer_allow.flags: what such a peer sends is handed to handlers where it
 * lies, and not copied before. See "Who is trusted". */
#define SLUICE_PEER_TRUSTED 1u

/** For uid and gid below, where 0 means "any". */
#define SLUICE_ID(n) (SLUICE_CAST(uint32_t, n) + 1)

/** For hold_ms below, where 0 means "the default". */
#define SLUICE_HOLD_MS(n) (SLUICE_CAST(uint32_t, n) + 1)

#define SLUICE_PEERS_MAX        1024u
#define SLUICE_PEERS_DEFAULT    64u
#define SLUICE_HELLO_MS_DEFAULT 1000u
#define SLUICE_HELLO_MS_MAX     3600000u
#define SLUICE_HOLD_MS_DEFAULT  5000u
#define SLUICE_HOLD_MS_MAX      3600000u
#define SLUICE_STALL_MS_MAX     3600000u
#define SLUICE_PEER_ALLOW_MAX   256u
/** For max_deliveries below. Twice an event may have been in a batch with others, of which
 * one may have been to blame, so less than three times is no proof against it. As many as
 * a stage has by default, and as the default max_restarts lets a process stage outlive. */
#define SLUICE_PEER_DELIVERIES_DEFAULT 3u
#define SLUICE_PEER_DELIVERIES_LEAST   3u
#define SLUICE_PEER_DELIVERIES_MAX     1000000u
#define SLUICE_PEER_DELIVERIES_FOREVER UINT32_MAX
/** As much as the largest ring; 4 GiB. */
#define SLUICE_PEERS_BYTES_DEFAULT (UINT64_C(1) << 32)
#define SLUICE_PEER_BACKLOG        16

/** What becomes of a consumer that stands still. */
enum sluice_on_stall {
	SLUICE_STALL_WAIT = 0,   /* it is slow, and waited for */
	SLUICE_STALL_DETACH = 1, /* it is told an end, and its stage ends */
	/** The same; and the process is killed if this pipeline has started it.
	 * Others it may not kill: they are detached. */
	SLUICE_STALL_EVICT = 2,
	/** For a process stage (process.h): it is waited for, whatever the listener
	 * says of others. */
	SLUICE_STALL_NEVER = 3,
};

/** For sluice_listen_opts.flags: nobody but root may trace this process, read its
 * memory, or have a core of it (prctl(2), PR_SET_DUMPABLE 0), from that call on. For
 * the whole process, so it is never done unasked. Without it any process of the same
 * user can do all of that, whatever it may as a peer. */
#define SLUICE_LISTEN_UNDUMPABLE 1u

/** Who may be what, and where. A peer is let in if one row has its uid, its gid
 * (or one of its further groups), its role and its stages. */
struct sluice_peer_allow {
	uint32_t uid;   /* SLUICE_ID(n); 0: any */
	uint32_t gid;   /* likewise */
	uint32_t roles; /* SLUICE_PEER_...; 0: all */
	/** SLUICE_PEER_TRUSTED. A peer that several rows let in has the flags of all
	 * of them. */
	uint32_t flags;
	/** Names of stages, the last one NULL; NULL: all whose options say so, and
	 * an observer may watch the pipeline (watch.h). */
	const char *const *stages;
};

/** A field that is 0 has its default. */
struct sluice_listen_opts {
	uint32_t size;  /* of this struct, bytes */
	uint32_t flags; /* SLUICE_LISTEN_UNDUMPABLE */
	/** Where the socket lies, from the root on; NULL: $SLUICE_DIR, else
	 * $XDG_RUNTIME_DIR/sluice, else, as root, /run/sluice, else sluice-UID in the
	 * temporary folder. A folder that is not there is made, also one that is
	 * named, but not the one that it is in: with mode 0755 less the umask, or, of
	 * those that this user has for himself, 0700. A folder that is named, here
	 * or by $SLUICE_DIR, is used also when others may write to it. */
	const char *folder;
	/** Of the socket: a process that may write to it may connect. 0 =
	 * 0700. */
	uint32_t mode;
	/** SLUICE_ID(gid): the group of the socket. 0 = the process's. */
	uint32_t group;
	/** Who may be what; NULL: root and the user of this process, all. Copied.
	 */
	const struct sluice_peer_allow *allow;
	uint32_t allow_count; /* rows, up to SLUICE_PEER_ALLOW_MAX */
	/** Most peers at once, those included that are just saying hello, up to
	 * SLUICE_PEERS_MAX; 0 = 64. What they may have in all says bytes_max. */
	uint32_t peers_max;
	/** Of them, most of one user; 0 = peers_max. */
	uint32_t peers_per_uid;
	/** How long a peer has to say hello, and then to be ready, up to
	 * SLUICE_HELLO_MS_MAX; 0 = 1000. */
	uint32_t hello_ms;
	/** SLUICE_HOLD_MS(n): how long the place of a named consumer whose process
	 * has died, or lost its connection, is kept for one of the same name and
	 * options, up to SLUICE_HOLD_MS_MAX; SLUICE_HOLD_MS(0): not at all; 0 =
	 * 5000. See "Places that are kept". */
	uint32_t hold_ms;
	/** What becomes of a consumer that is waited for and has said nothing for
	 * stall_ms: enum sluice_on_stall. See "Who stands still". */
	uint32_t on_stall;
	/** 1 to SLUICE_STALL_MS_MAX, with an on_stall; else 0. */
	uint32_t stall_ms;
	/** After how many deaths of its process the event that it was at is given
	 * up, SLUICE_PEER_DELIVERIES_LEAST to SLUICE_PEER_DELIVERIES_MAX, or
	 * SLUICE_PEER_DELIVERIES_FOREVER: never; 0 = 3. See "What processes die
	 * of". */
	uint32_t max_deliveries;
	/** Most memory of all peers together, bytes; 0 =
	 * SLUICE_PEERS_BYTES_DEFAULT. See "What peers take up". */
	uint64_t bytes_max;
	/** Of it, most of one peer; 0 = bytes_max. */
	uint64_t bytes_per_peer;
	uint64_t resv[4]; /* zero */
};

/** Listen options; a field that is not named has its default. */
#define SLUICE_LISTEN(...) SLUICE_OPTIONS(sluice_listen_opts, __VA_ARGS__)

/** Zero @opts and set its size. */
SLUICE_API void sluice_listen_opts_init(struct sluice_listen_opts *opts);

/**
 * sluice_pipeline_listen - let other processes attach, from now until the
 * pipeline has ended or is closed.
 *
 * The pipeline needs a name of 1 to 63 of A-Z a-z 0-9 _ . - and the stages say
 * whether peers may feed them, consume from them or look on at them
 * (SLUICE_STAGE_PEERS_FEED, SLUICE_STAGE_PEERS_CONSUME, SLUICE_STAGE_PEERS_WATCH). A
 * peer that comes before the start is told to try again.
 *
 * @opts  NULL for defaults
 *
 * Returns 0; -EINVAL; -E2BIG; -EADDRINUSE when a pipeline of that name listens in
 * the folder; -ENAMETOOLONG when the socket's path has over 107 bytes; -EPERM when
 * a folder that nobody has named is another user's, or may be written to by others;
 * -ENOENT when the folder that a missing one is in is not there; -EALREADY; -EPIPE when
 * the pipeline has ended; -ENOMEM; or why the system refuses the socket or the thread.
 * Threads: any; no other thread changes the environment meanwhile.
 */
SLUICE_API int
sluice_pipeline_listen(struct sluice_pipeline *pipeline,
		       const struct sluice_listen_opts *opts) SLUICE_MUST_CHECK;

/**
 * sluice_listen_check - what sluice_pipeline_listen() would refuse of the pipeline's name,
 * of @opts and of the socket's path, wherever it runs. Nothing is made or opened.
 *
 * Returns 0; -EINVAL; -E2BIG; -ENAMETOOLONG; -EPERM for an XDG_RUNTIME_DIR of another
 * user; -ENOMEM. Threads: any; no other thread changes the environment meanwhile.
 */
SLUICE_API int
sluice_listen_check(struct sluice_pipeline *pipeline,
		    const struct sluice_listen_opts *opts) SLUICE_MUST_CHECK;

SLUICE_END_DECLS

#endif
