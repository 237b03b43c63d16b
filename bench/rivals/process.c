/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "bench/rivals/process.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

int process_open(struct process *process)
{
	void *words = MAP_FAILED;
	int rc = 0;

	*process = (struct process){.words = NULL};
	process->memory_fd = memfd_create("sluice-bench", MFD_CLOEXEC);
	if (process->memory_fd < 0)
		return -errno;
	if (ftruncate(process->memory_fd, sizeof(*process->words)) < 0)
		rc = -errno;
	if (rc == 0)
		words = mmap(NULL, sizeof(*process->words),
			     PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
			     process->memory_fd, 0);
	if (rc == 0 && words == MAP_FAILED)
		rc = -errno;
	if (rc < 0) {
		(void)close(process->memory_fd);
		return rc;
	}
	process->words = words;
	process->words->parent = getpid();
	process->words->fds[0] = process->words->fds[1] = -1;
	return 0;
}

void process_close(struct process *process)
{
	(void)munmap(process->words, sizeof(*process->words));
	(void)close(process->memory_fd);
}

/* These stay open in the other process, under their numbers. */
static int process_keep(posix_spawn_file_actions_t *actions,
			const struct process *process)
{
	int rc = posix_spawn_file_actions_adddup2(actions, process->memory_fd,
						  process->memory_fd);

	for (uint32_t i = 0; rc == 0 && i < PROCESS_FDS; i++) {
		int fd = process->words->fds[i];

		if (fd >= 0)
			rc = posix_spawn_file_actions_adddup2(actions, fd, fd);
	}
	return -rc;
}

int process_start(struct process *process)
{
	posix_spawn_file_actions_t actions;
	char argument[] = PROCESS_ARGUMENT;
	char program[] = "sluice-bench";
	char fd[16];
	char *const argv[] = {program, argument, fd, NULL};
	int rc = -posix_spawn_file_actions_init(&actions);

	if (rc < 0)
		return rc;
	(void)snprintf(fd, sizeof(fd), "%d", process->memory_fd);
	rc = process_keep(&actions, process);
	if (rc == 0)
		rc = -posix_spawn(&process->pid, "/proc/self/exe", &actions,
				  NULL, argv, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	if (rc < 0)
		process->pid = 0;
	return rc;
}

int process_await(struct process *process)
{
	const struct timespec rest = {0, 100000};
	siginfo_t info = {.si_pid = 0};

	while (!__atomic_load_n(&process->words->ready, __ATOMIC_ACQUIRE)) {
		if (waitid(P_PID, (id_t)process->pid, &info,
			   WEXITED | WNOHANG | WNOWAIT) < 0)
			return -errno;
		if (info.si_pid != 0)
			return -ECHILD;
		(void)nanosleep(&rest, NULL);
	}
	return 0;
}

int process_wait(struct process *process, int rc)
{
	int status = 0;

	if (process->pid == 0)
		return rc;
	/* It may wait for somebody who has failed here; or has failed itself. */
	if (rc < 0 && rc != -ECHILD)
		(void)kill(process->pid, SIGKILL);
	while (waitpid(process->pid, &status, 0) < 0 && errno == EINTR)
		;
	process->pid = 0;
	if (rc < 0 && rc != -ECHILD)
		return rc;
	if (process->words->code < 0)
		(void)fprintf(stderr, "the other process: %s\n",
			      process->words->text);
	if (process->words->code < 0)
		return process->words->code;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? rc : -ECHILD;
}
