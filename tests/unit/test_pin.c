/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* sched_setaffinity */
/* Where the threads of a pipeline run, and what they are called, as the kernel
 * sees it. The calls that ask it pass through the test. */
#include "engine/run/cpus_priv.h"
#include "engine/graph/pipeline_priv.h"

#include "flow.h"
#include "tests/support/sandbox.h"

#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/* ---- the edge ------------------------------------------------------------ */

static size_t mask_least; /* a kernel for so many bytes of CPUs */
static int refused;       /* an errno */

int __real_sched_getaffinity(pid_t pid, size_t bytes, cpu_set_t *set);
int __wrap_sched_getaffinity(pid_t pid, size_t bytes, cpu_set_t *set);

int __wrap_sched_getaffinity(pid_t pid, size_t bytes, cpu_set_t *set)
{
	if (refused != 0 || bytes < mask_least) {
		errno = refused ? refused : EINVAL;
		return -1;
	}
	return __real_sched_getaffinity(pid, bytes, set);
}

static uint32_t quota; /* CPUs' worth; 0: what there is */

uint32_t __real_cgroup_time(const char *groups_file, const char *root);
uint32_t __wrap_cgroup_time(const char *groups_file, const char *root);

uint32_t __wrap_cgroup_time(const char *groups_file, const char *root)
{
	return quota ? quota : __real_cgroup_time(groups_file, root);
}

/* ---- what the kernel sees ------------------------------------------------ */

#define THREADS_MAX 16u

struct thread_seen {
	char name[32];
	char cpus[128];
};

static struct thread_seen threads[THREADS_MAX];
static uint32_t thread_count;

static void status_line(const char *path, const char *key, char *out,
			size_t bytes)
{
	FILE *file = fopen(path, "re");
	char line[512];

	out[0] = '\0';
	if (file == NULL)
		return;
	while (fgets(line, sizeof(line), file) != NULL)
		if (strncmp(line, key, strlen(key)) == 0) {
			line[strcspn(line, "\n")] = '\0';
			(void)snprintf(out, bytes, "%s", line + strlen(key));
		}
	(void)fclose(file);
}

/* All threads but those of the test. */
static void threads_look(void)
{
	DIR *dir = opendir("/proc/self/task");
	char path[300];

	thread_count = 0;
	assert_non_null(dir);
	for (struct dirent *entry = readdir(dir); entry != NULL;
	     entry = readdir(dir)) {
		struct thread_seen *seen = &threads[thread_count];

		if (entry->d_name[0] == '.' || thread_count == THREADS_MAX)
			continue;
		(void)snprintf(path, sizeof(path), "/proc/self/task/%s/status",
			       entry->d_name);
		status_line(path, "Name:\t", seen->name, sizeof(seen->name));
		status_line(path, "Cpus_allowed_list:\t", seen->cpus,
			    sizeof(seen->cpus));
		thread_count += strchr(seen->name, '/') != NULL;
	}
	(void)closedir(dir);
}

static const struct thread_seen *thread_called(const char *name)
{
	threads_look();
	for (uint32_t i = 0; i < thread_count; i++)
		if (strcmp(threads[i].name, name) == 0)
			return &threads[i];
	fail_msg("no thread is called '%s'", name);
	return NULL;
}

/* ---- pipelines ----------------------------------------------------------- */

static struct sluice_pipeline *pipeline;
static char whole[128]; /* what the process may use, in the kernel's words */
static uint32_t first;  /* and the first two of it */
static uint32_t second;

static int wait_demand(struct sluice_stage *self, uint32_t demand)
{
	(void)self;
	(void)demand;
	return SLUICE_OK;
}

static int swallow(struct sluice_stage *self, const struct sluice_batch *batch)
{
	(void)self;
	(void)batch;
	return SLUICE_OK;
}

/* A worker of one stage, then one that blocks. */
static void running(const struct sluice_pipeline_opts *opts)
{
	assert_int_equal(sluice_pipeline_open(&pipeline, opts), 0);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .handle_demand = wait_demand));
	flow_add(pipeline, SLUICE_STAGE(.name = "sink", .kind = SLUICE_CONSUMER,
					.in_bytes = 8, .blocking = 1,
					.handle_events = swallow));
	flow_subscribe(pipeline, "sink", "source", NULL);
	flow_start(pipeline);
}

#define RUNNING(...) running(SLUICE_PIPELINE(__VA_ARGS__))

static void over(void)
{
	sluice_pipeline_close(pipeline);
	pipeline = NULL;
}

static void threads_carry_the_name(void **state)
{
	(void)state;
	RUNNING(.name = "tick");
	(void)thread_called("tick/w0");
	(void)thread_called("tick/w1");
	(void)thread_called("tick/super");
	over();
	RUNNING(.name = "a-name-that-is-far-too-long-for-it");
	(void)thread_called("a-name-that-/w0");
	(void)thread_called("a-name-th/super");
	over();
	RUNNING(.name = NULL);
	(void)thread_called("pipeline/w0");
	over();
}

static void pinned_to(uint32_t cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	assert_int_equal(sched_setaffinity(0, sizeof(set), &set), 0);
}

static void *start_from_here(void *arg)
{
	const uint32_t *cpu = arg;

	pinned_to(*cpu);
	RUNNING(.name = "tick");
	return NULL;
}

static void check_free(const char *name)
{
	assert_string_equal(thread_called(name)->cpus, whole);
}

static void check_pinned(const char *name, uint32_t cpu)
{
	char text[16];

	(void)snprintf(text, sizeof(text), "%u", cpu);
	assert_string_equal(thread_called(name)->cpus, text);
}

/* One after the other has the next CPU, whoever starts them and wherever that
 * thread may run itself, be it the main one; what is not pinned may run on any
 * of the process's. */
static void pipelines_are_spread(void **state)
{
	pthread_t thread;
	cpu_set_t before;
	char last[128] = "";

	(void)state;
	if (first == second)
		skip();
	assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
	for (uint32_t i = 0; i < 4; i++) {
		uint32_t cpu = i % 2 ? second : first;
		const struct thread_seen *seen;

		if (i < 2) {
			assert_int_equal(pthread_create(&thread, NULL,
							start_from_here, &cpu),
					 0);
			assert_int_equal(pthread_join(thread, NULL), 0);
		} else {
			pinned_to(cpu);
			RUNNING(.name = "tick");
			assert_int_equal(
				sched_setaffinity(0, sizeof(before), &before),
				0);
		}
		check_free("tick/w1");
		check_free("tick/super");
		seen = thread_called("tick/w0");
		assert_null(strpbrk(seen->cpus, ",-"));
		assert_string_not_equal(seen->cpus, last);
		(void)snprintf(last, sizeof(last), "%s", seen->cpus);
		over();
	}
}

static void nothing_is_pinned(void **state)
{
	(void)state;
	RUNNING(.name = "tick", .pin = "none");
	check_free("tick/w0");
	check_free("tick/w1");
	check_free("tick/super");
	over();
}

/* What is not pinned to one stays within the list. */
static void a_list_holds_all_threads(void **state)
{
	char list[32];

	(void)state;
	(void)snprintf(list, sizeof(list), "%u", second);
	RUNNING(.name = "tick", .pin = list);
	check_pinned("tick/w0", second);
	check_pinned("tick/w1", second);
	check_pinned("tick/super", second);
	over();
	if (first == second)
		return;
	(void)snprintf(list, sizeof(list), "%u,%u", second, first);
	RUNNING(.name = "tick", .pin = list);
	check_pinned("tick/w0", second);
	assert_non_null(strpbrk(thread_called("tick/w1")->cpus, ",-"));
	over();
}

/* ---- a kernel that says otherwise ---------------------------------------- */

static void masks_grow_until_the_kernel_is_content(void **state)
{
	struct platform_cpus *few = calloc(2, sizeof(*few));
	struct platform_cpus *many = few + 1;

	(void)state;
	assert_non_null(few);
	cpus_of_process(few);
	assert_int_equal(few->refused, 0);
	for (mask_least = 128; mask_least <= CPU_MASK_CPUS / 8;
	     mask_least *= 2) {
		memset(many, 0x5a, sizeof(*many));
		errno = 77;
		cpus_of_process(many);
		assert_int_equal(errno, 77);
		assert_int_equal(many->refused, 0);
		assert_int_equal(many->count, few->count);
		assert_memory_equal(many->list, few->list,
				    few->count * sizeof(few->list[0]));
	}
	RUNNING(.name = "tick"); /* and one that never is */
	assert_non_null(thread_called("tick/w0"));
	over();
	mask_least = 0;
	free(few);
}

static char logged[256];
static uint32_t log_lines;

static void take_log(void *ctx, const char *text)
{
	(void)ctx;
	(void)snprintf(logged, sizeof(logged), "%s", text);
	log_lines++;
}

static void unpinned_where_the_kernel_does_not_say(void **state)
{
	static const int errors[] = {EPERM, ENOSYS, EINVAL};

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(errors); i++) {
		refused = errors[i];
		log_lines = 0;
		RUNNING(.name = "tick", .log = take_log);
		check_free("tick/w0");
		assert_int_equal(log_lines, 1);
		assert_text_has(logged, "pipeline 'tick'");
		assert_text_has(logged, "not pinned");
		over();
	}
	refused = 0;
}

/* By a filter, as a sandbox does it; then the other call as well. Last: it
 * stays. */
static void started_in_a_sandbox(void **state)
{
	(void)state;
	/* A sanitizer asks at each new thread, and does not take a no. */
	if (SANITIZED)
		skip();
	if (sandbox_enter(SYS_sched_getaffinity, SECCOMP_RET_ERRNO | EPERM) < 0)
		skip();
	log_lines = 0;
	RUNNING(.name = "tick", .log = take_log);
	check_free("tick/w0");
	assert_int_equal(log_lines, 1);
	over();
	assert_int_equal(
		sandbox_enter(SYS_sched_setaffinity, SECCOMP_RET_ERRNO | EPERM),
		0);
	RUNNING(.name = "tick", .pin = "0", .log = take_log);
	check_free("tick/w0");
	over();
}

static int group_setup(void **state)
{
	cpu_set_t set;
	uint32_t found = 0;

	(void)state;
	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return -1;
	for (uint32_t cpu = 0; cpu < CPU_SETSIZE && found < 2; cpu++)
		if (CPU_ISSET(cpu, &set)) {
			second = cpu;
			if (found++ == 0)
				first = cpu;
		}
	status_line("/proc/self/status", "Cpus_allowed_list:\t", whole,
		    sizeof(whole));
	return 0;
}

/* A quota bounds the CPUs' time, and not which CPUs there are. */
static void a_quota_of_time_counts(void **state)
{
	struct platform_cpus all;
	struct platform_cpus cpus;

	(void)state;
	quota = UINT32_MAX;
	cpus_of_process(&all);
	assert_int_equal(all.time, all.count);
	quota = 1;
	cpus_of_process(&cpus);
	quota = 0;
	assert_int_equal(cpus.time, 1);
	assert_int_equal(cpus.count, all.count);
}

/* Who takes several turns leaves the next one to whoever comes. */
static void turns_are_taken_by_as_many(void **state)
{
	const struct platform *platform = platform_linux();
	uint32_t first_turn = platform->turns(platform->ctx, 3);

	(void)state;
	assert_int_equal(platform->turns(platform->ctx, 2) - first_turn, 3);
	assert_int_equal(platform->turns(platform->ctx, 0) - first_turn, 5);
}

static void cpu_that_does_not_exist(void **state)
{
	struct sluice_pipeline *p = flow_open(1);
	struct flow_source source = {.end = 1};
	struct flow_sink sink = {0};
	const char *there;

	(void)state;
	assert_int_equal(
		sluice_stage_add(p, SLUICE_STAGE(.name = "a",
						 .kind = SLUICE_PRODUCER,
						 .state = &source,
						 .out_bytes = sizeof(uint64_t),
						 .cpu = SLUICE_CPU(4000),
						 .handle_demand = flow_count)),
		0);
	flow_add_sink(p, "c", &sink);
	flow_subscribe(p, "c", "a", NULL);
	/* A check is not of this machine. */
	assert_int_equal(sluice_pipeline_check(p), 0);
	assert_int_equal(sluice_pipeline_start(p), -EINVAL);
	assert_text_has(sluice_last_error(), "'a'");
	assert_text_has(sluice_last_error(), "cpu 4000");
	there = strstr(sluice_last_error(), "there are: ");
	assert_non_null(there);
	assert_in_range(there[strlen("there are: ")], '0', '9');
	flow_check_released();
	sluice_pipeline_close(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(cpu_that_does_not_exist,
						flow_setup, flow_teardown),
		cmocka_unit_test(threads_carry_the_name),
		cmocka_unit_test(pipelines_are_spread),
		cmocka_unit_test(nothing_is_pinned),
		cmocka_unit_test(a_list_holds_all_threads),
		cmocka_unit_test(turns_are_taken_by_as_many),
		cmocka_unit_test(a_quota_of_time_counts),
		cmocka_unit_test(masks_grow_until_the_kernel_is_content),
		cmocka_unit_test(unpinned_where_the_kernel_does_not_say),
		cmocka_unit_test(started_in_a_sandbox),
	};

	return cmocka_run_group_tests_name("pin", tests, group_setup, NULL);
}
