/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* nftw, mkdtemp */
/* A quota of CPU time, as the files of both versions of control groups say it:
 * trees that were made up, in a folder of the test's own. */
#include "engine/run/cgroup_priv.h"
#include "tests/support/unit.h"

#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES 6u

static char root[] = "/tmp/sluice-cgroup-XXXXXX";

static struct tree {
	const char *name;
	const char *groups; /* /proc/self/cgroup; NULL: there is none */
	struct {
		const char *path;
		const char *text;
	} files[FILES];
	uint32_t time;
} trees[] = {
	{"nothing_there", NULL, {{NULL, NULL}}, 0},
	{"no_files", "0::/a\n", {{NULL, NULL}}, 0},
	{"v2_no_limit", "0::/a\n", {{"a/cpu.max", "max 100000\n"}}, 0},
	{"v2_two", "0::/a\n", {{"a/cpu.max", "200000 100000\n"}}, 2},
	{"v2_rounds_down", "0::/a\n", {{"a/cpu.max", "399999 100000\n"}}, 3},
	{"v2_half_is_one", "0::/a\n", {{"a/cpu.max", "50000 100000\n"}}, 1},
	{"v2_hardly_any", "0::/a\n", {{"a/cpu.max", "1000 1000000\n"}}, 1},
	{"v2_other_period", "0::/a\n", {{"a/cpu.max", "50000 10000\n"}}, 5},
	{"v2_of_a_parent",
	 "0::/a/b/c\n",
	 {{"a/cpu.max", "300000 100000\n"},
	  {"a/b/cpu.max", "max 100000\n"},
	  {"a/b/c/cpu.max", "400000 100000\n"}},
	 3},
	{"v2_least_counts",
	 "0::/a/b\n",
	 {{"a/cpu.max", "900000 100000\n"}, {"a/b/cpu.max", "200000 100000\n"}},
	 2},
	{"v2_of_the_root", "0::/\n", {{"cpu.max", "400000 100000\n"}}, 4},
	/* A container that sees its own part only. */
	{"v2_of_a_container",
	 "0::/docker/0123\n",
	 {{"cpu.max", "600000 100000\n"}},
	 6},
	{"v2_beside_v1",
	 "1:cpu:/x\n0::/a\n",
	 {{"unified/a/cpu.max", "300000 100000\n"}},
	 3},
	{"v1_two",
	 "4:memory:/m\n3:cpu:/a\n",
	 {{"cpu/a/cpu.cfs_quota_us", "200000\n"},
	  {"cpu/a/cpu.cfs_period_us", "100000\n"}},
	 2},
	{"v1_with_another",
	 "3:cpu,cpuacct:/a\n",
	 {{"cpu,cpuacct/a/cpu.cfs_quota_us", "500000\n"},
	  {"cpu,cpuacct/a/cpu.cfs_period_us", "100000\n"}},
	 5},
	{"v1_named_second",
	 "12:name=systemd:/s\n3:cpuacct,cpu:/a/b\n",
	 {{"cpuacct,cpu/a/cpu.cfs_quota_us", "700000\n"},
	  {"cpuacct,cpu/a/cpu.cfs_period_us", "100000\n"}},
	 7},
	{"v1_no_limit",
	 "3:cpu:/a\n",
	 {{"cpu/a/cpu.cfs_quota_us", "-1\n"},
	  {"cpu/a/cpu.cfs_period_us", "100000\n"}},
	 0},
	{"v1_half_there",
	 "3:cpu:/a\n",
	 {{"cpu/a/cpu.cfs_quota_us", "100000\n"}},
	 0},
	{"not_of_cpuset",
	 "3:cpuset:/a\n",
	 {{"cpu/a/cpu.cfs_quota_us", "200000\n"},
	  {"cpu/a/cpu.cfs_period_us", "100000\n"}},
	 0},
	{"both_versions",
	 "3:cpu:/a\n0::/a\n",
	 {{"cpu/a/cpu.cfs_quota_us", "800000\n"},
	  {"cpu/a/cpu.cfs_period_us", "100000\n"},
	  {"unified/a/cpu.max", "300000 100000\n"}},
	 3},
	{"both_versions_and_the_first_is_less",
	 "3:cpu:/a\n0::/a\n",
	 {{"cpu/a/cpu.cfs_quota_us", "200000\n"},
	  {"cpu/a/cpu.cfs_period_us", "100000\n"},
	  {"unified/a/cpu.max", "700000 100000\n"}},
	 2},
	{"last_line_without_an_end",
	 "3:cpuset:/b\n0::/a",
	 {{"a/cpu.max", "400000 100000"}},
	 4},
	{"line_without_a_colon_at_the_end",
	 "3:cpuset:/b\nnonsense",
	 {{"nonsense/cpu.max", "400000 100000"}},
	 0},
	{"line_with_one_colon_only",
	 "3:\n0::/a\n",
	 {{"a/cpu.max", "400000 100000"}},
	 4},
	{"line_with_one_colon_at_the_end",
	 "3:cpu",
	 {{"cpu.max", "400000 100000"}},
	 0},
	{"half_a_line_says_nothing_of_the_next",
	 "x:\n:/b\n0::/a\n",
	 {{"a/cpu.max", "400000 100000"}, {"b/cpu.max", "200000 100000"}},
	 4},
	{"nonsense",
	 "no colon\n::\n:\n\n0:\n0::/a\n",
	 {{"a/cpu.max", "many of them\n"}},
	 0},
	{"no_period", "0::/a\n", {{"a/cpu.max", "100000\n"}}, 0},
	{"period_of_nothing", "0::/a\n", {{"a/cpu.max", "100000 0\n"}}, 0},
	{"beyond_all_bounds",
	 "0::/a\n",
	 {{"a/cpu.max", "99999999999999999999 1\n"}},
	 0},
};

static void put(const char *path, const char *text)
{
	char full[PATH_MAX];
	FILE *file;

	(void)snprintf(full, sizeof(full), "%s/%s", root, path);
	for (char *slash = full + sizeof(root); *slash != '\0'; slash++)
		if (*slash == '/') {
			*slash = '\0';
			(void)mkdir(full, 0700);
			*slash = '/';
		}
	file = fopen(full, "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void time_is_read(void **state)
{
	const struct tree *tree = *state;
	char groups[PATH_MAX];

	(void)snprintf(groups, sizeof(groups), "%s/groups", root);
	if (tree->groups != NULL)
		put("groups", tree->groups);
	for (uint32_t i = 0; i < FILES && tree->files[i].path != NULL; i++)
		put(tree->files[i].path, tree->files[i].text);
	assert_int_equal(cgroup_time(groups, root), tree->time);
}

/* Of a group so deep that its files have no name, the limits above it hold. */
static void path_is_too_long(void **state)
{
	char text[4096] = "0::/a/";
	char groups[PATH_MAX];

	(void)state;
	memset(text + 6, 'x', sizeof(text) - 8);
	text[sizeof(text) - 2] = '\n';
	(void)snprintf(groups, sizeof(groups), "%s/groups", root);
	put("groups", text);
	put("a/cpu.max", "300000 100000\n");
	assert_int_equal(cgroup_time(groups, root), 3);
	/* One byte more, and the line is not whole: it says nothing, rather
	 * than the name of another group. */
	text[sizeof(text) - 2] = 'x';
	put("groups", text);
	assert_int_equal(cgroup_time(groups, root), 0);
	/* Whole lines before it count. */
	memcpy(text, "0::/b\n3:cpu:/", 13);
	put("groups", text);
	put("b/cpu.max", "500000 100000\n");
	put("cpu/cpu.cfs_quota_us", "200000\n");
	put("cpu/cpu.cfs_period_us", "100000\n");
	assert_int_equal(cgroup_time(groups, root), 5);
}

static int drop(const char *path, const struct stat *is, int flag,
		struct FTW *ftw)
{
	(void)is;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static int tree_setup(void **state)
{
	(void)state;
	(void)memcpy(root + sizeof(root) - 7, "XXXXXX", 6);
	return mkdtemp(root) == NULL;
}

static int tree_teardown(void **state)
{
	(void)state;
	return nftw(root, drop, 16, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
	struct CMUnitTest tests[UNIT_COUNT(trees) + 1];
	size_t n = UNIT_ADD_ROWS(tests, 0, time_is_read, trees);

	tests[n++] = (struct CMUnitTest)cmocka_unit_test(path_is_too_long);
	for (size_t i = 0; i < n; i++) {
		tests[i].setup_func = tree_setup;
		tests[i].teardown_func = tree_teardown;
	}
	return cmocka_run_group_tests_name("cgroup", tests, NULL, NULL);
}
