/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* cpu_set_t */
/* What CPUs a process has, and how much of their time: what the kernel and the
 * control groups say comes from the test. */
#include "engine/run/cgroup_priv.h"
#include "engine/run/cpus_priv.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <sched.h>
#include <unistd.h>

/* ---- the edge ------------------------------------------------------------ */

static size_t cpus_there; /* 0: the kernel does not say */
static long online;
static uint32_t quota;

int __wrap_sched_getaffinity(pid_t pid, size_t bytes, cpu_set_t *set);
long __wrap_sysconf(int name);
long __real_sysconf(int name);
uint32_t __wrap_cgroup_time(const char *groups_file, const char *root);

int __wrap_sched_getaffinity(pid_t pid, size_t bytes, cpu_set_t *set)
{
	(void)pid;
	/* Also at the start of the program, which leaves no CPUs behind. */
	if (cpus_there == 0 || bytes * 8 < cpus_there) {
		errno = cpus_there == 0 ? EPERM : EINVAL;
		return -1;
	}
	memset(set, 0, bytes);
	for (size_t i = 0; i < cpus_there && i < bytes * 8; i++)
		((unsigned char *)set)[i / 8] |= (unsigned char)(1u << i % 8);
	return 0;
}

long __wrap_sysconf(int name)
{
	return name == _SC_NPROCESSORS_ONLN ? online : __real_sysconf(name);
}

uint32_t __wrap_cgroup_time(const char *groups_file, const char *root)
{
	assert_string_equal(groups_file, "/proc/self/cgroup");
	assert_string_equal(root, "/sys/fs/cgroup");
	return quota;
}

/* ---- what is made of it -------------------------------------------------- */

static struct row {
	const char *name;
	size_t there;
	long online;
	uint32_t quota;
	uint32_t count;
	uint32_t time;
	int refused;
} rows[] = {
	{"one", 1, 1, 0, 1, 1, 0},
	{"those_of_the_process_count", 3, 64, 0, 3, 3, 0},
	{"quota_below", 8, 8, 2, 8, 2, 0},
	{"quota_as_many", 8, 8, 8, 8, 8, 0},
	{"quota_above", 8, 8, 100, 8, 8, 0},
	{"as_many_as_a_plan_knows", PLATFORM_CPUS_MAX, 1, 0, PLATFORM_CPUS_MAX,
	 PLATFORM_CPUS_MAX, 0},
	{"more_than_a_plan_knows", PLATFORM_CPUS_MAX + 1, 1, 0,
	 PLATFORM_CPUS_MAX, PLATFORM_CPUS_MAX, 0},
	{"refused", 0, 6, 0, 0, 6, -EPERM},
	{"refused_with_a_quota", 0, 6, 4, 0, 4, -EPERM},
	{"refused_and_nobody_says", 0, -1, 0, 0, 1, -EPERM},
	{"refused_and_none_online", 0, 0, 3, 0, 1, -EPERM},
};

static void process_has(void **state)
{
	const struct row *row = *state;
	struct platform_cpus cpus;

	cpus_there = row->there;
	online = row->online;
	quota = row->quota;
	memset(&cpus, 0x5a, sizeof(cpus));
	errno = 77;
	cpus_of_process(&cpus);
	assert_int_equal(errno, 77);
	assert_int_equal(cpus.count, row->count);
	assert_int_equal(cpus.time, row->time);
	assert_int_equal(cpus.refused, row->refused);
	for (uint32_t i = 0; i < cpus.count; i++)
		assert_int_equal(cpus.list[i], i);
}

/* A CPU that no kernel knows is none. */
static void masks_end(void **state)
{
	static struct cpu_mask mask;
	static const struct cpu_mask none;

	(void)state;
	cpu_mask_add(&mask, CPU_MASK_CPUS);
	cpu_mask_add(&mask, UINT32_MAX);
	assert_memory_equal(&mask, &none, sizeof(mask));
	cpu_mask_add(&mask, CPU_MASK_CPUS - 1);
	assert_true(cpu_mask_has(&mask, CPU_MASK_CPUS - 1));
	assert_false(cpu_mask_has(&mask, CPU_MASK_CPUS - 2));
}

int main(void)
{
	struct CMUnitTest tests[UNIT_COUNT(rows) + 1];
	size_t n = UNIT_ADD_ROWS(tests, 0, process_has, rows);

	tests[n++] = (struct CMUnitTest)cmocka_unit_test(masks_end);
	return cmocka_run_group_tests_name("cpus", tests, NULL, NULL);
}
