/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "bench/report/report.h"
#include "ring/base.h"

#include <sched.h>
#include <string.h>
#include <sys/utsname.h>

/* "model name : ..." of the first CPU; other architectures have other words
 * for it, and stay without. */
static void machine_cpu(char *text, size_t bytes)
{
	char line[256];
	FILE *file = fopen("/proc/cpuinfo", "re");

	(void)snprintf(text, bytes, "unknown");
	if (file == NULL)
		return;
	while (fgets(line, sizeof(line), file) != NULL) {
		const char *colon = strchr(line, ':');

		if (strncmp(line, "model name", 10) != 0 || colon == NULL)
			continue;
		line[strcspn(line, "\n")] = '\0';
		(void)snprintf(text, bytes, "%s",
			       colon + 1 + strspn(colon + 1, " "));
		break;
	}
	(void)fclose(file);
}

void report_machine_read(struct report_machine *machine)
{
	struct utsname system;
	cpu_set_t cpus;

	*machine = (struct report_machine){0};
	machine_cpu(machine->cpu, sizeof(machine->cpu));
	if (uname(&system) == 0)
		(void)snprintf(machine->kernel, sizeof(machine->kernel),
			       "%.20s %.50s %.20s", system.sysname,
			       system.release, system.machine);
	if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0)
		machine->cpus = (uint64_t)CPU_COUNT(&cpus);
	(void)snprintf(machine->compiler, sizeof(machine->compiler), "%.60s",
#if defined(__clang__)
		       "clang " __clang_version__
#else
		       "gcc " __VERSION__
#endif
	);
	(void)snprintf(machine->version, sizeof(machine->version), "%s",
		       SLUICE_VERSION_STRING);
}
