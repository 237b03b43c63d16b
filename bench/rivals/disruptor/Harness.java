/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Disruptor of LMAX, as a rival of the engine: a process that is told over stdin
 * what to run, and answers over stdout how long that took and what the sum was.
 *
 * What it says at first    ready TID TID TID TID VERSIONS; these are its threads, which
 *                          whoever has started it pins
 * Asked                    SHAPE BATCH WAIT CLAIM SLOTS EVENTS
 * Answers                  done NS SUM LOST, or: failed WHY
 *
 * An event is an object of eight longs, made once; its producer writes all of them and
 * its consumer sums all of them. Handlers run in BatchEventProcessors. The time is
 * from when the first consumer has handled a fourth of the events until the last has
 * handled all. Threads, and what the compiler has learnt, stay from run to run; a ring
 * is made for each. LOST: how often its threads have lost their CPUs.
 *
 * Java 11 or newer runs this file as it is: java -cp disruptor.jar Harness.java
 */
import com.lmax.disruptor.*;
import com.lmax.disruptor.dsl.ProducerType;
import com.lmax.disruptor.util.DaemonThreadFactory;
import java.io.*;
import java.nio.file.*;
import java.util.*;
import java.util.concurrent.*;
import java.util.concurrent.atomic.AtomicInteger;

public final class Harness {
	static final int THREADS = 4;
	static final int FAN = 3; /* consumers of a multicast, producers of a fan-in */

	static final class Event {
		long a, b, c, d, e, f, g, h;

		void fill(long seq) {
			a = seq; b = seq + 1; c = seq + 2; d = seq + 3;
			e = seq + 4; f = seq + 5; g = seq + 6; h = seq + 7;
		}

		void add() {
			a++; b++; c++; d++; e++; f++; g++; h++;
		}

		long sum() {
			return a + b + c + d + e + f + g + h;
		}
	}

	/* What a thread counts stands on lines of its own. */
	static class Padding {
		long p0, p1, p2, p3, p4, p5, p6, p7, p8, p9, pa, pb, pc, pd, pe, pf;
	}

	static class Count extends Padding {
		long sum, mark, began, ended, lost;
	}

	/* Sums events, or adds one to each word and leaves them to the next. */
	static final class Handler extends Count implements EventHandler<Event> {
		final long last;
		final boolean relays;
		final CountDownLatch done;
		long q0, q1, q2, q3, q4, q5, q6, q7, q8, q9, qa, qb, qc, qd, qe, qf;

		Handler(long last, boolean relays, CountDownLatch done) {
			this.last = last;
			this.relays = relays;
			this.done = done;
			mark = (last + 1) / 4 - 1;
		}

		@Override public void onEvent(Event event, long seq, boolean batchEnds) {
			if (relays)
				event.add();
			else
				sum += event.sum();
			if (seq == mark)
				look();
		}

		/* At the clock: at a fourth of the events, and at the last. */
		void look() {
			if (mark != last) {
				began = System.nanoTime();
				mark = last;
				return;
			}
			ended = System.nanoTime();
			lost = lost() - lost;
			done.countDown();
		}
	}

	/* One run. */
	final String shape;
	final int batch, producers, consumers;
	final boolean spins; /* a producer looks for room before it claims */
	final long events;   /* of each producer */
	final RingBuffer<Event> ring;
	final List<BatchEventProcessor<Event>> processors = new ArrayList<>();
	final List<Handler> handlers = new ArrayList<>();
	final long[] lost = new long[FAN]; /* of the producers */
	final AtomicInteger ready = new AtomicInteger();
	final CountDownLatch done;

	Harness(String[] word) {
		shape = word[0];
		batch = Integer.parseInt(word[1]);
		spins = word[3].equals("spin");
		producers = shape.equals("fanin") ? FAN : 1;
		consumers = shape.equals("multicast") ? FAN
			: shape.equals("chain") ? 2 : 1;
		events = Long.parseLong(word[5]) / producers;
		done = new CountDownLatch(producers + consumers);
		ring = RingBuffer.create(
			producers > 1 ? ProducerType.MULTI : ProducerType.SINGLE,
			Event::new, Integer.parseInt(word[4]), waits(word[2]));
		for (int i = 0; i < consumers; i++)
			consumer(shape.equals("chain") && i == 0);
	}

	static WaitStrategy waits(String name) {
		return name.equals("busy") ? new BusySpinWaitStrategy()
			: name.equals("yield") ? new YieldingWaitStrategy()
			: new BlockingWaitStrategy();
	}

	/* Behind the one before in a chain, else beside it. */
	void consumer(boolean relays) {
		boolean behind = shape.equals("chain") && !relays;
		SequenceBarrier barrier = behind
			? ring.newBarrier(processors.get(0).getSequence())
			: ring.newBarrier();
		Handler handler = new Handler(events * producers - 1, relays, done);
		BatchEventProcessor<Event> processor =
			new BatchEventProcessor<>(ring, barrier, handler);

		if (!relays)
			ring.addGatingSequences(processor.getSequence());
		handlers.add(handler);
		processors.add(processor);
	}

	/* How often this thread has lost its CPU. */
	static long lost() {
		try (Scanner status = new Scanner(Paths.get("/proc/thread-self/status"))) {
			status.findWithinHorizon("nonvoluntary_ctxt_switches:", 0);
			return status.nextLong();
		} catch (IOException unknown) {
			return 0;
		}
	}

	/* All have come before any begins. */
	void gather() {
		ready.incrementAndGet();
		while (ready.get() < producers + consumers)
			rest();
	}

	void rest() {
		if (producers + consumers > 2)
			Thread.yield();
		else
			Thread.onSpinWait();
	}

	void await(int n) {
		while (spins && !ring.hasAvailableCapacity(n))
			rest();
	}

	void publishSingly() {
		for (long i = 0; i < events; i++) {
			await(1);
			long seq = ring.next();

			ring.get(seq).fill(i);
			ring.publish(seq);
		}
	}

	void publishBatches() {
		for (long i = 0; i < events;) {
			int n = (int)Math.min(batch, events - i);

			await(n);
			long high = ring.next(n);

			for (long seq = high - n + 1; seq <= high; seq++)
				ring.get(seq).fill(i++);
			ring.publish(high - n + 1, high);
		}
	}

	void produce(int i) {
		long before = lost();

		gather();
		if (batch == 1)
			publishSingly();
		else
			publishBatches();
		lost[i] = lost() - before;
		done.countDown();
	}

	void consume(int i) {
		handlers.get(i).lost = lost();
		gather();
		processors.get(i).run();
	}

	String run(List<ExecutorService> hands) throws InterruptedException {
		long began = Long.MAX_VALUE, ended = 0, sum = 0, all = 0;

		for (int i = 0; i < producers + consumers; i++) {
			int at = i;

			hands.get(i).execute(at < producers
				? () -> produce(at) : () -> consume(at - producers));
		}
		done.await();
		for (BatchEventProcessor<Event> processor : processors)
			processor.halt();
		for (long one : lost)
			all += one;
		for (Handler handler : handlers) {
			all += handler.lost;
			if (handler.relays)
				continue;
			began = Math.min(began, handler.began);
			ended = Math.max(ended, handler.ended);
			sum += handler.sum;
		}
		return "done " + (ended - began) + " " + Long.toUnsignedString(sum) +
			" " + all;
	}

	/* The jar does not say it, but Debian has it under another name that does. */
	static String version() throws Exception {
		Path jar = Paths.get(RingBuffer.class.getProtectionDomain()
			.getCodeSource().getLocation().toURI());

		try (DirectoryStream<Path> names = Files.newDirectoryStream(
			jar.getParent(), "disruptor-*.jar")) {
			for (Path name : names)
				if (Files.isSameFile(name, jar))
					return name.toString().replaceAll(
						".*disruptor-|\\.jar$", "");
		}
		return "of an unknown version";
	}

	public static void main(String[] none) throws Exception {
		BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
		List<ExecutorService> hands = new ArrayList<>();
		StringBuilder ready = new StringBuilder("ready");

		/* They sleep between runs. */
		for (int i = 0; i < THREADS; i++) {
			hands.add(Executors.newSingleThreadExecutor(
				DaemonThreadFactory.INSTANCE));
			ready.append(' ').append(hands.get(i).submit(
				() -> Paths.get("/proc/thread-self").toRealPath()
					.getFileName()).get());
		}
		System.out.println(ready + " Disruptor " + version() + ", Java " +
			System.getProperty("java.version"));
		for (String line; (line = in.readLine()) != null;)
			try {
				System.out.println(new Harness(line.split(" ")).run(hands));
			} catch (RuntimeException wrong) {
				System.out.println("failed " + wrong);
			}
	}
}
