/* SPDX-License-Identifier: Apache-2.0 */
/* sluice tasks: where the library for it was built, all of tasks.c; else a sentence. */
#include "tools/sluice/options.h"
#include "tools/sluice/tasks.h"

int cmd_tasks(int argc, char **argv)
{
#ifdef SLUICE_TASKS_BUILT
	return tasks_main(argc, argv);
#else
	(void)argc;
	(void)argv;
	(void)fprintf(stderr,
		      "sluice tasks: this sluice was built without SQLite and "
		      "PostgreSQL\n");
	return COMMAND_FAILED;
#endif
}
