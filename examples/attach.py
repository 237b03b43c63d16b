#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Attach to a pipeline of another process, from Python.

    attach.py consume PIPELINE STAGE   each event of STAGE as a line of hex
    attach.py feed PIPELINE STAGE      lines of hex from stdin, to STAGE
    attach.py watch PIPELINE [SECONDS] how fast its stages and subscriptions are, and what
                                       stages spend their time on, every so often (1)

As a module it has two classes:

    with Port("lesson", source="numbers") as numbers:
        for batch in numbers:               # acknowledged when the next one is asked for;
                                            # an exception gives it to others
            for event in batch:
                ...                         # bytes

    with Port("lesson", sink="squares", name="feeder") as squares:
        squares.send(b"...")                # any number of events, one behind the other

    with Port("lesson", source="numbers", sink="squares") as worker:
        for batch in worker:                # acknowledged behind what is sent before
            worker.send(b"...")

    with Watch("lesson") as watch:          # takes part in nothing
        for rates in watch:                 # between a look and the one before
            for stage in rates.stages:
                print(stage.name, stage.events_in_per_s)

Needs cffi (Debian: python3-cffi) and the shared library; LIBSLUICE names another one.
What is declared below is as sluice/attach.h, port.h, watch.h, snapshot.h and rates.h have it.
"""

import errno
import os
import signal
import sys
from types import SimpleNamespace

import cffi

ffi = cffi.FFI()
ffi.cdef(
    """
    struct sluice_attach_opts {
        uint32_t size;
        uint32_t flags;
        const char *pipeline;
        const char *name;
        const char *from;
        const char *to;
        uint32_t event_bytes;
        uint32_t max_demand;
        int32_t min_demand;
        uint32_t refill_events;
        uint32_t weight;
        uint32_t partition;
        uint32_t tee;
        uint32_t conflate_keys;
        uint32_t key_offset;
        uint32_t key_bytes;
        uint32_t ring_events;
        uint32_t timeout_ms;
        const char *folder;
        uint64_t *accepted;
        uint32_t to_bytes;
        uint32_t resv32;
        uint64_t resv[7];
    };
    struct sluice_batch {
        const void *events;
        uint32_t count;
        uint32_t flags;
        uint64_t seq;
        uint64_t depth;
        uint32_t inlet;
        uint32_t deliveries;
        uint64_t ticket;
    };
    struct sluice_stage;
    struct sluice_watch;
    struct sluice_watch_opts {
        uint32_t size;
        uint32_t flags;
        const char *pipeline;
        const char *folder;
        uint32_t timeout_ms;
        uint32_t resv32;
        uint64_t resv[8];
    };
    struct sluice_snapshot {
        uint32_t size;
        uint32_t phase;
        uint64_t time_ns; /* and more behind it: it is never made here */
    };
    struct sluice_sub {
        void *pipeline;
        uint32_t index;
        uint32_t generation;
    };
    struct sluice_stage_rates {
        uint32_t size;
        uint32_t flags;
        uint64_t serial;
        char name[64];
        double events_in_per_s;
        double batches_in_per_s;
        double events_out_per_s;
        double batches_out_per_s;
        uint64_t lived_ns;
        double working;
        double idle;
        double no_credit;
        double blocked;
        uint64_t restarts;
    };
    struct sluice_subscription_rates {
        uint32_t size;
        uint32_t flags;
        struct sluice_sub sub;
        char consumer[64];
        char producer[64];
        double events_per_s;
        double batches_per_s;
    };
    struct sluice_rates {
        uint32_t size;
        uint32_t stage_count;
        uint32_t subscription_count;
        uint32_t resv;
        uint64_t span_ns;
        const struct sluice_stage_rates *const *stages;
        const struct sluice_subscription_rates *const *subscriptions;
    };

    int sluice_watch_open(struct sluice_watch **, const struct sluice_watch_opts *);
    int sluice_watch_read(struct sluice_watch *, struct sluice_snapshot **, uint32_t timeout_ms);
    void sluice_watch_close(struct sluice_watch *);
    void sluice_snapshot_close(struct sluice_snapshot *);
    int sluice_snapshot_rates(const struct sluice_snapshot *, const struct sluice_snapshot *,
                              struct sluice_rates **);
    void sluice_rates_close(struct sluice_rates *);
    int sluice_attach(struct sluice_stage **, const struct sluice_attach_opts *);
    struct sluice_stage *sluice_port_sender(struct sluice_stage *);
    int sluice_port_end(struct sluice_stage *, int reason);
    int sluice_detach(struct sluice_stage *, uint32_t timeout_ms);
    int sluice_recv(struct sluice_stage *, struct sluice_batch *, uint32_t timeout_ms);
    int sluice_send(struct sluice_stage *, const void *, uint32_t n, uint32_t timeout_ms);
    uint32_t sluice_port_event_bytes(const struct sluice_stage *);
    const char *sluice_last_error(void);
    """
)
lib = ffi.dlopen(os.environ.get("LIBSLUICE", "libsluice.so.0"))

BATCH_REDELIVERED = 2
REASON_ERROR = 3
RATES_CAME, RATES_WENT, RATES_BACK = 1, 2, 4

# A call into C hears no signal: so none waits for longer.
LOOK_MS = 100


class SluiceError(OSError):
    """What a call has answered, in the library's words."""

    def __init__(self, rc):
        super().__init__(-rc, ffi.string(lib.sluice_last_error()).decode())


class Port:
    """A stage of ours in a pipeline of another process.

    source, sink: the stage to consume from, the stage to feed; a worker has both.
    Options are fields of struct sluice_attach_opts: max_demand, ring_events,
    timeout_ms, event_bytes, tee, ...
    """

    def __init__(self, pipeline, source=None, sink=None, name=None, folder=None, **options):
        texts = {"pipeline": pipeline, "from": source, "to": sink, "name": name, "folder": folder}
        # The library copies them; until it has they must stay.
        kept = {k: ffi.new("char[]", os.fsencode(v)) for k, v in texts.items() if v is not None}
        accepted = ffi.new("uint64_t *")
        opts = ffi.new("struct sluice_attach_opts *", {**kept, **options, "accepted": accepted})
        opts.size = ffi.sizeof(opts[0])
        port = ffi.new("struct sluice_stage **")
        rc = lib.sluice_attach(port, opts)
        if rc < 0:
            raise SluiceError(rc)
        self._port = port[0]
        self._stopped = False
        self.redelivered = False  # the last batch has perhaps been handed out before
        self.accepted = accepted[0]  # events taken of this name before
        self.event_bytes = lib.sluice_port_event_bytes(self._port)
        sender = lib.sluice_port_sender(self._port)
        self._sender = sender if sender else self._port
        self.send_bytes = lib.sluice_port_event_bytes(self._sender)  # of events that it sends

    def __enter__(self):
        return self

    def __exit__(self, failure, *_):
        if failure is not None:
            self.fail()
        self.close()

    def fail(self):
        """What was received last could not be handled: it is not acknowledged, and goes
        to others, marked. Then close()."""
        if self._port:
            lib.sluice_port_end(self._port, REASON_ERROR)

    def close(self, timeout_ms=5000):
        """Leave. What was received last is acknowledged, and what was sent counts."""
        port, self._port, self._sender = self._port, None, None
        rc = lib.sluice_detach(port, timeout_ms) if port else 0
        if rc < 0:
            raise SluiceError(rc)

    def stop(self, *_):
        """From now on recv() ends as at the end of the stream; also a signal handler."""
        self._stopped = True

    def recv(self, timeout_ms=None):
        """The next batch as a list of bytes; [] when none came in time; None at the end
        of the stream. Acknowledges the batch before."""
        batch = ffi.new("struct sluice_batch *")
        while not self._stopped:
            wait = LOOK_MS if timeout_ms is None else min(LOOK_MS, timeout_ms)
            rc = lib.sluice_recv(self._port, batch, wait)
            if rc == -errno.EAGAIN and timeout_ms is not None:
                timeout_ms -= wait
            if rc != -errno.EAGAIN or timeout_ms == 0:
                break
        if self._stopped or rc == -errno.EPIPE:
            return None
        if rc == -errno.EAGAIN:
            return []
        if rc < 0:
            raise SluiceError(rc)
        self.redelivered = bool(batch.flags & BATCH_REDELIVERED)
        n = self.event_bytes
        events = bytes(ffi.buffer(batch.events, rc * n))
        return [events[i : i + n] for i in range(0, len(events), n)]

    def __iter__(self):
        """The batches, until the stream ends cleanly."""
        return iter(self.recv, None)

    def send(self, events):
        """Send whole events, one behind the other; waits for credit."""
        count, rest = divmod(len(events), self.send_bytes)
        if rest:
            raise ValueError(f"{len(events)} bytes are no events of {self.send_bytes}")
        at = ffi.from_buffer(events)
        while count > 0:
            rc = lib.sluice_send(self._sender, at, count, LOOK_MS)
            if rc > 0:
                count -= rc
                at += rc * self.send_bytes
            elif rc != -errno.EAGAIN:
                raise SluiceError(rc)


def fields(row):
    """A row of C as an object of Python; names as text, and a rate that is not known as
    None."""
    values = {}
    for name, field in ffi.typeof(row[0]).fields:
        value = getattr(row, name)
        if field.type.kind == "array":
            value = ffi.string(value).decode()
        elif isinstance(value, float) and value < 0:
            value = None
        if not isinstance(value, ffi.CData):
            values[name] = value
    return SimpleNamespace(**values)


class Watch:
    """A pipeline of another process, seen from outside."""

    def __init__(self, pipeline, folder=None, timeout_ms=0):
        texts = {"pipeline": pipeline, "folder": folder}
        kept = {k: ffi.new("char[]", os.fsencode(v)) for k, v in texts.items() if v is not None}
        opts = ffi.new("struct sluice_watch_opts *", {**kept, "timeout_ms": timeout_ms})
        opts.size = ffi.sizeof(opts[0])
        watch = ffi.new("struct sluice_watch **")
        rc = lib.sluice_watch_open(watch, opts)
        if rc < 0:
            raise SluiceError(rc)
        self._watch = watch[0]
        self._before = ffi.NULL
        self._stopped = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        lib.sluice_snapshot_close(self._before)
        lib.sluice_watch_close(self._watch)
        self._before = self._watch = ffi.NULL

    def stop(self, *_):
        """From now on rates() ends as at the end of the pipeline; also a signal handler."""
        self._stopped = True

    def _read(self):
        now = ffi.new("struct sluice_snapshot **")
        rc = -errno.EAGAIN
        while rc == -errno.EAGAIN and not self._stopped:
            rc = lib.sluice_watch_read(self._watch, now, LOOK_MS)
        if rc < 0 and rc not in (-errno.EAGAIN, -errno.EPIPE):
            raise SluiceError(rc)
        return now[0]  # NULL: no more come

    def rates(self, seconds=1.0):
        """Between two snapshots so far apart; None when the pipeline has ended."""
        if not self._before:
            self._before = self._read()
        now = self._read() if self._before else ffi.NULL
        while now and now.time_ns - self._before.time_ns < seconds * 1e9:
            lib.sluice_snapshot_close(now)
            now = self._read()
        if not now:
            return None
        out = ffi.new("struct sluice_rates **")
        rc = lib.sluice_snapshot_rates(self._before, now, out)
        lib.sluice_snapshot_close(self._before)
        self._before = now
        if rc < 0:
            raise SluiceError(rc)
        rates = SimpleNamespace(
            span_ns=out[0].span_ns,
            stages=[fields(out[0].stages[i]) for i in range(out[0].stage_count)],
            subscriptions=[
                fields(out[0].subscriptions[i]) for i in range(out[0].subscription_count)
            ],
        )
        lib.sluice_rates_close(out[0])
        return rates

    def __iter__(self):
        return iter(self.rates, None)


def consume(pipeline, stage):
    with Port(pipeline, source=stage) as port:
        # An exception in the middle of a batch would give back all of it.
        for which in (signal.SIGINT, signal.SIGTERM):
            signal.signal(which, port.stop)
        for batch in port:
            for event in batch:
                print(event.hex())
            sys.stdout.flush()


def feed(pipeline, stage):
    with Port(pipeline, sink=stage) as port:
        for line in sys.stdin:
            port.send(bytes.fromhex(line).ljust(port.event_bytes, b"\0"))


def watch(pipeline, seconds="1"):
    def number(value, digits=0):
        return "-" if value is None else f"{value:.{digits}f}"

    with Watch(pipeline) as seen:
        for which in (signal.SIGINT, signal.SIGTERM):
            signal.signal(which, seen.stop)
        for rates in iter(lambda: seen.rates(float(seconds)), None):
            for s in rates.stages:
                shares = (s.working, s.idle, s.no_credit, s.blocked)
                print("stage", s.name, number(s.events_in_per_s), number(s.events_out_per_s),
                      *(number(share, 2) for share in shares))
            for s in rates.subscriptions:
                print("subscription", s.consumer, s.producer, number(s.events_per_s),
                      number(s.batches_per_s))
            print(flush=True)


def main(arguments):
    try:
        if len(arguments) == 4 and arguments[1] == "consume":
            consume(*arguments[2:])
        elif len(arguments) == 4 and arguments[1] == "feed":
            feed(*arguments[2:])
        elif len(arguments) in (3, 4) and arguments[1] == "watch":
            watch(*arguments[2:])
        elif arguments[1:] in (["--help"], ["-h"]):
            print(__doc__)
        else:
            print(__doc__, file=sys.stderr)
            return 2
    except (OSError, ValueError) as error:
        print(f"attach.py: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass  # the port has been left
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
