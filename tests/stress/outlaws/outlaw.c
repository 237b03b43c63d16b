/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* F_ADD_SEALS, fallocate */
#include "tests/stress/outlaws/outlaws.h"

#include "engine/peer/packet_priv.h"
#include "engine/peer/wire_priv.h"
#include "ring/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- as others attach --------------------------------------------------- */

static struct {
	struct rng rng;
	enum wire_role role;
	const char *from; /* NULL: it does not read */
	const char *to;
	int socket;
	struct wire_welcome welcome;
	int fds[PACKET_FDS_MAX];
	unsigned char *maps[PACKET_FDS_MAX];
} outlaw;

static void outlaw_hello(void)
{
	struct wire_hello hello;

	wire_init(&hello, WIRE_HELLO, sizeof(hello));
	hello.role = outlaw.role;
	hello.max_demand = wire_reads(outlaw.role) ? 64 : 0;
	hello.ring_events = wire_feeds(outlaw.role) ? 64 : 0;
	(void)strcpy(hello.pipeline, PIPELINE);
	if (outlaw.from != NULL)
		(void)strcpy(hello.from, outlaw.from);
	if (outlaw.to != NULL)
		(void)strcpy(hello.to, outlaw.to);
	must(packet_send(outlaw.socket, &hello, sizeof(hello), NULL, 0) == 0,
	     "hello is said");
}

/* Returns non-zero when it is let in. */
static int outlaw_is_welcome(void)
{
	struct pollfd polled = {.fd = outlaw.socket, .events = POLLIN};
	char message[WIRE_BYTES_MAX];
	uint32_t count = 0;
	int n;

	must(poll(&polled, 1, (int)TEST_DEADLINE_MS) > 0, "an answer comes");
	n = packet_receive_with(outlaw.socket, message, sizeof(message),
				outlaw.fds, &count);
	return n > 0 && wire_kind_of(message, (size_t)n) == WIRE_WELCOME &&
	       wire_welcome_read(&outlaw.welcome, message, (size_t)n,
				 outlaw.role) == 0;
}

static int outlaw_may_write(uint32_t i)
{
	return (outlaw.welcome.memory[i].rights & WIRE_WRITE) != 0;
}

static void outlaw_maps(void)
{
	for (uint32_t i = 0; i < outlaw.welcome.memory_count; i++) {
		const struct wire_memory *memory = &outlaw.welcome.memory[i];

		if (memory->kind != WIRE_MEMFD)
			continue;
		outlaw.maps[i] =
			mmap(NULL, memory->bytes,
			     PROT_READ | (outlaw_may_write(i) ? PROT_WRITE : 0),
			     MAP_SHARED, outlaw.fds[i], 0);
		must(outlaw.maps[i] != MAP_FAILED, "memory is mapped");
	}
}

/* ---- what it may not --------------------------------------------------------------- */

static void refused(long rc, const char *what)
{
	must(rc == -1, what);
	(void)sluice_fetch_add(&seen->tries, 1);
}

static void store_faults(unsigned char *address)
{
	pid_t child = fork();
	int status = 0;

	if (child == 0) {
		(void)signal(SIGSEGV, SIG_DFL);
		*(volatile unsigned char *)address = 'x';
		_exit(0);
	}
	must(waitpid(child, &status, 0) == child && WIFSIGNALED(status) &&
		     WTERMSIG(status) == SIGSEGV,
	     "a store faults");
}

static void try_to_change_its_size(int fd, off_t bytes)
{
	refused(ftruncate(fd, 0), "shrunk");
	refused(ftruncate(fd, bytes + 4096), "grown");
	refused(fallocate(fd, 0, 0, bytes + 4096), "allocated");
	refused(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), "sealed");
}

static void try_to_write(uint32_t i)
{
	off_t bytes = (off_t)outlaw.welcome.memory[i].bytes;
	char path[48];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", outlaw.fds[i]);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (outlaw_may_write(i)) {
		try_to_change_its_size(outlaw.fds[i], bytes);
		must(fd >= 0, "it is its own");
		(void)close(fd);
		return;
	}
	store_faults(outlaw.maps[i] + rng_below(&outlaw.rng, (uint64_t)bytes));
	refused(mprotect(outlaw.maps[i], (size_t)bytes, PROT_READ | PROT_WRITE),
		"made writable");
	refused(pwrite(outlaw.fds[i], "x", 1, 0), "written");
	if (fd < 0)
		return;
	refused(pwrite(fd, "x", 1, 0), "written anew");
	must(mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		  0) == MAP_FAILED,
	     "it is not mapped");
	refused(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			  bytes),
		"punched");
	try_to_change_its_size(fd, bytes);
	(void)close(fd);
}

/* ---- what it may ------------------------------------------------------------------- */

/* A word of an object that it may write, near what the engine has there. */
static void scribble_object(void)
{
	struct rng *rng = &outlaw.rng;
	const struct wire_object *object =
		&outlaw.welcome
			 .object[rng_below(rng, outlaw.welcome.object_count)];
	int feeds = object->side == WIRE_TO;
	const struct wire_object *other = wire_object_find(
		&outlaw.welcome, feeds ? WIRE_TO : WIRE_FROM,
		feeds ? SLUICE_OBJECT_RX_WORDS : SLUICE_OBJECT_TX_WORDS);
	uint64_t near;
	uint64_t word;
	uint64_t at;

	if (!outlaw_may_write(object->memory))
		return;
	/* The first word of the engine's: published, or acknowledged. */
	memcpy(&near, outlaw.maps[other->memory] + other->offset, sizeof(near));
	at = object->bytes < 8 ? 0 : rng_below(rng, object->bytes / 8) * 8;
	word = rng_below(rng, 2) ? near + rng_below(rng, 65)
				 : rng_word(rng, near, 66);
	memcpy(outlaw.maps[object->memory] + object->offset + at, &word,
	       object->bytes < 8 ? 4 : 8);
}

static void scribble_byte(void)
{
	uint32_t i =
		(uint32_t)rng_below(&outlaw.rng, outlaw.welcome.memory_count);

	if (outlaw.maps[i] != NULL && outlaw_may_write(i))
		outlaw.maps[i][rng_below(&outlaw.rng,
					 outlaw.welcome.memory[i].bytes)] =
			(unsigned char)rng_u64(&outlaw.rng);
}

static void punch(uint32_t i)
{
	if (outlaw.maps[i] != NULL && outlaw_may_write(i))
		(void)!fallocate(outlaw.fds[i],
				 FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
				 (off_t)outlaw.welcome.memory[i].bytes);
}

/* Descriptors of both processes: filled, drained, reconfigured. */
static void abuse_descriptor(void)
{
	uint64_t most = UINT64_MAX - 1;
	struct rng *rng = &outlaw.rng;
	uint32_t i = (uint32_t)rng_below(rng, outlaw.welcome.memory_count);
	int fd = outlaw.fds[i];

	if (rng_below(rng, 64) == 0)
		punch(i);
	if (outlaw.maps[i] != NULL)
		return;
	switch (rng_below(rng, 5)) {
	case 0:
		most = rng_u64(rng);
		/* fall through */
	case 1:
		(void)fcntl(fd, F_SETFL, O_NONBLOCK);
		(void)!write(fd, &most, sizeof(most));
		break;
	case 2:
		(void)fcntl(fd, F_SETFL, O_NONBLOCK);
		(void)!read(fd, &most, sizeof(most));
		break;
	case 3:
		(void)close(dup(fd));
		break;
	default:
		break;
	}
	/* In between it is one that makes whoever uses it wait. */
	(void)fcntl(fd, F_SETFL, rng_below(rng, 8) ? 0 : O_NONBLOCK);
}

static int outlaw_is_heard(void)
{
	char message[WIRE_BYTES_MAX];

	return packet_receive(outlaw.socket, message, sizeof(message)) ==
	       -EAGAIN;
}

/* Until it is sent away, and a little longer; or it has had enough, and goes in one
 * way or the other. */
static void scribble(void)
{
	uint64_t end_ms = now_ms() + rng_below(&outlaw.rng, LIFE_MS_MAX);

	while (now_ms() < end_ms) {
		for (uint32_t i = 0; i < 256; i++) {
			scribble_object();
			if (rng_below(&outlaw.rng, 4) == 0)
				scribble_byte();
			if (rng_below(&outlaw.rng, 64) == 0)
				abuse_descriptor();
		}
		if (!outlaw_is_heard() && end_ms > now_ms() + 3)
			end_ms = now_ms() + 3;
	}
	if (rng_below(&outlaw.rng, 4) == 0)
		(void)!send(outlaw.socket, &outlaw.welcome,
			    rng_below(&outlaw.rng, sizeof(outlaw.welcome)),
			    MSG_DONTWAIT | MSG_NOSIGNAL);
	if (rng_below(&outlaw.rng, 4) == 0) {
		(void)close(outlaw.socket);
		rest_ms(5);
	}
}

void outlaw_main(uint32_t kind, uint64_t seed)
{
	static const struct {
		enum wire_role role;
		const char *from;
		const char *to;
	} lives[OUTLAWS] = {
		[OUTLAW_WILD] = {WIRE_CONSUMER, "wild", NULL},
		[OUTLAW_FEEDS] = {WIRE_PRODUCER, NULL, "hub"},
		[OUTLAW_LOUD] = {WIRE_CONSUMER, "loud", NULL},
		[OUTLAW_WORKS] = {WIRE_WORKER, "wild", "hub"},
		[OUTLAW_TAKES] = {WIRE_CONSUMER, "pool", NULL},
	};
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	struct wire_ready ready;

	outlaw.rng.state = seed;
	outlaw.role = lives[kind].role;
	outlaw.from = lives[kind].from;
	outlaw.to = lives[kind].to;
	(void)alarm(TEST_DEADLINE_S);
	(void)signal(SIGPIPE, SIG_IGN);
	outlaw.socket = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	(void)snprintf(name.sun_path, sizeof(name.sun_path), "%s/%s.sock",
		       folder, PIPELINE);
	must(connect(outlaw.socket, (const struct sockaddr *)&name,
		     sizeof(name)) == 0,
	     "it connects");
	(void)fcntl(outlaw.socket, F_SETFL, O_NONBLOCK);
	outlaw_hello();
	if (!outlaw_is_welcome())
		_exit(0);
	outlaw_maps();
	for (uint32_t i = 0; i < outlaw.welcome.memory_count; i++)
		if (outlaw.maps[i] != NULL && rng_below(&outlaw.rng, 4) == 0)
			try_to_write(i);
	wire_init(&ready, WIRE_READY, sizeof(ready));
	ready.epoch = outlaw.welcome.epoch;
	if (packet_send(outlaw.socket, &ready, sizeof(ready), NULL, 0) == 0) {
		(void)sluice_fetch_add(&seen->lives, 1);
		scribble();
	}
	if (rng_below(&outlaw.rng, 2))
		(void)raise(SIGKILL);
	_exit(0);
}
