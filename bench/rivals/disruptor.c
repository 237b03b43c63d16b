/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "bench/rivals/disruptor.h"
#include "bench/rivals/team.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static struct {
	const char *jar;
	pid_t tid[DISRUPTOR_THREADS];
	uint32_t free; /* they may run on either CPU */
	char version[96];
} disruptor = {.jar = DISRUPTOR_JAR};

void disruptor_use(const char *jar)
{
	disruptor.jar = jar;
}

/* Is there a program of this name in PATH? */
static int disruptor_finds(const char *program)
{
	const char *path = getenv("PATH");
	char file[512];

	while (path != NULL && *path != '\0') {
		size_t n = strcspn(path, ":");

		(void)snprintf(file, sizeof(file), "%.*s/%s", (int)n, path,
			       program);
		if (n > 0 && access(file, X_OK) == 0)
			return 1;
		path += n + (path[n] == ':');
	}
	return 0;
}

const char *disruptor_missing(void)
{
	static char text[256];

	/* A Java without a compiler cannot run what is a source. */
	if (!disruptor_finds("java") || !disruptor_finds("javac"))
		return "the Disruptor of LMAX: no java and javac in PATH "
		       "(default-jdk-headless, libdisruptor-java)";
	if (access(disruptor.jar, R_OK) == 0)
		return NULL;
	(void)snprintf(text, sizeof(text),
		       "the Disruptor of LMAX: no %.150s (libdisruptor-java)",
		       disruptor.jar);
	return text;
}

const char *disruptor_version(void)
{
	return disruptor.version;
}

static int disruptor_complain(const char *what, int rc)
{
	(void)fprintf(stderr, "the Disruptor: %s: %s\n", what, strerror(-rc));
	return rc;
}

/* Its threads take turns on the two CPUs, as stages do; or choose. */
static int disruptor_pin(uint32_t free)
{
	int cpus[2];

	(void)bench_cpus(cpus);
	for (uint32_t i = 0; i < DISRUPTOR_THREADS; i++) {
		cpu_set_t set;

		CPU_ZERO(&set);
		CPU_SET((size_t)cpus[i % 2], &set);
		if (free)
			CPU_SET((size_t)cpus[(i + 1) % 2], &set);
		if (sched_setaffinity(disruptor.tid[i], sizeof(set), &set) < 0)
			return disruptor_complain("its threads are not pinned",
						  -errno);
	}
	disruptor.free = free;
	return 0;
}

/* "ready TID TID TID TID VERSION" */
static int disruptor_ready(char *line)
{
	char *at = line + strlen("ready");

	for (uint32_t i = 0; i < DISRUPTOR_THREADS; i++)
		disruptor.tid[i] = (pid_t)strtol(at, &at, 10);
	(void)snprintf(disruptor.version, sizeof(disruptor.version), "%s",
		       at + strspn(at, " "));
	for (uint32_t i = 0; i < DISRUPTOR_THREADS; i++)
		if (disruptor.tid[i] <= 0)
			return disruptor_complain("it names no threads",
						  -EPROTO);
	return disruptor_pin(0);
}

int disruptor_open(void)
{
	static const char *const words[] = {"ready", NULL};
	static char jar[4096];
	/* Nothing is thrown away while a run lasts: so no collector suits it
	 * better than this one, which has no threads of its own. */
	char *const argv[] = {"java",
			      "-XX:+UseSerialGC",
			      "-Xms256m",
			      "-Xmx256m",
			      "-Xmn192m",
			      "-XX:-UsePerfData",
			      "--source",
			      "11",
			      "-cp",
			      jar,
			      "/proc/self/fd/3",
			      NULL};
	char line[256];
	int rc;

	(void)snprintf(jar, sizeof(jar), "%s", disruptor.jar);
	disruptor_close();
	rc = child_open(argv, disruptor_harness);
	if (rc == 0)
		rc = child_read(line, sizeof(line), words);
	if (rc < 0)
		return disruptor_complain("java does not start", rc);
	return disruptor_ready(line);
}

void disruptor_close(void)
{
	child_close();
}

int disruptor_run(const char *shape, const struct disruptor_way *way,
		  uint64_t events, struct disruptor_result *out)
{
	static const char *const words[] = {"done", "failed", NULL};
	char line[256];
	int rc = way->free == disruptor.free ? 0 : disruptor_pin(way->free);

	if (rc < 0)
		return rc;
	(void)snprintf(line, sizeof(line), "%s %u %s %s %u %" PRIu64 "\n",
		       shape, way->batch, way->wait, way->claim, way->slots,
		       events);
	rc = child_write(line);
	if (rc == 0)
		rc = child_read(line, sizeof(line), words);
	if (rc < 0)
		return disruptor_complain("no answer", rc);
	if (sscanf(line, "done %" SCNd64 " %" SCNu64 " %" SCNu64, &out->ns,
		   &out->sum, &out->lost) != 3)
		return disruptor_complain(line, -EPROTO);
	return 0;
}
