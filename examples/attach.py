#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Attach to a pipeline of another process, from Python.

    attach.py consume PIPELINE STAGE   each event of STAGE as a line of hex
    attach.py feed PIPELINE STAGE      lines of hex from stdin, to STAGE

As a module it has one class:

    with Port("lesson", source="numbers") as numbers:
        for batch in numbers:               # acknowledged when the next one is asked for
            for event in batch:
                ...                         # bytes

    with Port("lesson", sink="squares", name="feeder") as squares:
        squares.send(b"...")                # any number of events, one behind the other

    with Port("lesson", source="numbers", sink="squares") as worker:
        for batch in worker:                # acknowledged behind what is sent before
            worker.send(b"...")

Needs cffi (Debian: python3-cffi) and the shared library; LIBSLUICE names another one.
What is declared below is as sluice/attach.h and sluice/port.h have it.
"""

import errno
import os
import signal
import sys

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
        uint32_t resv[2];
    };
    struct sluice_stage;

    int sluice_attach(struct sluice_stage **, const struct sluice_attach_opts *);
    struct sluice_stage *sluice_port_sender(struct sluice_stage *);
    int sluice_detach(struct sluice_stage *, uint32_t timeout_ms);
    int sluice_recv(struct sluice_stage *, struct sluice_batch *, uint32_t timeout_ms);
    int sluice_send(struct sluice_stage *, const void *, uint32_t n, uint32_t timeout_ms);
    uint32_t sluice_port_event_bytes(const struct sluice_stage *);
    const char *sluice_last_error(void);
    """
)
lib = ffi.dlopen(os.environ.get("LIBSLUICE", "libsluice.so.0"))

BATCH_REDELIVERED = 2

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

    def __exit__(self, *_):
        self.close()

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
        """The batches, until the stream ends in good order."""
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


def consume(pipeline, stage):
    with Port(pipeline, source=stage) as port:
        # An exception in the middle of a batch would leave, and acknowledge all of it.
        signal.signal(signal.SIGINT, port.stop)
        for batch in port:
            for event in batch:
                print(event.hex())
            sys.stdout.flush()


def feed(pipeline, stage):
    with Port(pipeline, sink=stage) as port:
        for line in sys.stdin:
            port.send(bytes.fromhex(line).ljust(port.event_bytes, b"\0"))


def main(arguments):
    try:
        if len(arguments) == 4 and arguments[1] == "consume":
            consume(*arguments[2:])
        elif len(arguments) == 4 and arguments[1] == "feed":
            feed(*arguments[2:])
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
