/* SPDX-License-Identifier: Apache-2.0 */
/* sluice top: a pipeline while it runs, over and over. */
#include "tools/cli/output.h"
#include "tools/sluice/clock.h"
#include "tools/sluice/screen.h"
#include "tools/sluice/view.h"

#include <signal.h>
#include <stdlib.h>
#include <time.h>

/* How often is looked at the keys. */
#define LOOK_MS 50u

struct top {
	const struct command *command;
	const struct options *options;
	struct view view;
	FILE *lines; /* of JSON; NULL: none, stdout: and no pictures */
	int drawn;   /* there is a screen */
};

static volatile sig_atomic_t top_over;

static void top_stop(int number)
{
	(void)number;
	top_over = 1;
}

static void top_catch(void)
{
	struct sigaction action = {.sa_handler = top_stop};

	(void)sigemptyset(&action.sa_mask);
	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGTERM, &action, NULL);
}

static void top_rest(int drawn)
{
	const struct timespec rest = {.tv_nsec = LOOK_MS * 1000000L};

	if (!drawn)
		(void)nanosleep(&rest, NULL);
	else if (screen_wait(LOOK_MS))
		top_over = 1;
}

static int top_draw(struct view *view)
{
	char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);

	if (out == NULL)
		return cli_fail(-ENOMEM, "no memory for a picture");
	view->width = screen_width();
	view_write(view, out);
	if (fclose(out) == 0)
		screen_draw(text);
	free(text);
	return 0;
}

static int top_write(const struct view *view)
{
	view_write(view, stdout);
	(void)fputc('\n', stdout);
	return fflush(stdout) == 0 ? 0
				   : cli_fail(-EIO, "stdout: cannot be "
						    "written");
}

static int top_show(struct top *top)
{
	int rc = view_rate(&top->view);

	if (rc == 0 && top->lines != NULL)
		rc = json_line(view_json(&top->view, top->command), top->lines,
			       top->options->json);
	if (rc < 0 || top->lines == stdout)
		return rc;
	return top->drawn ? top_draw(&top->view) : top_write(&top->view);
}

/* Wait for the next round, reading on, so that it shows what is new. */
static int top_round(struct view *view, uint64_t until_ns, int drawn)
{
	int rc = 0;

	while (!top_over && rc >= 0 &&
	       (clock_now_ns() < until_ns || !view->now)) {
		rc = view_read(view, 0);
		if (rc == -EAGAIN)
			rc = 0;
		if (rc == 0)
			top_rest(drawn);
	}
	return rc;
}

static int top_run(struct top *top)
{
	const struct options *options = top->options;
	uint64_t every_ns = (uint64_t)options->every_ns;
	struct view *view = &top->view;
	int rc = view_read(view, VIEW_MS);

	for (uint64_t n = 0; rc == 0 && !top_over; n++) {
		uint64_t until_ns = clock_now_ns() + every_ns;

		if (n > 0 || top->drawn)
			rc = top_show(top);
		if (rc < 0 || (options->rounds > 0 && n >= options->rounds))
			break;
		view_mark(view);
		rc = top_round(view, until_ns, top->drawn);
	}
	/* It has ended: the last picture is of the end. */
	if (rc == -EPIPE && view->now != NULL && top_show(top) < 0)
		return -EIO;
	return rc;
}

static int top_open(struct top *top)
{
	int rc = view_open(&top->view, top->options);

	if (rc < 0 || top->options->json == NULL)
		return rc;
	top->lines = output_open(top->options->json);
	return top->lines != NULL ? 0 : -EIO;
}

static int top_close(struct top *top, int rc)
{
	if (top->lines != NULL && rc >= 0)
		rc = output_close(top->lines, top->options->json, rc);
	else if (top->lines != NULL && top->lines != stdout)
		(void)fclose(top->lines);
	return view_close(&top->view, top->command, rc);
}

int cmd_top(const struct command *command, void *of)
{
	struct top top = {.command = command, .options = of};
	int rc = top_open(&top);

	if (rc < 0)
		return top_close(&top, rc);
	top_catch();
	top.drawn = top.lines != stdout && screen_open();
	rc = top_run(&top);
	if (top.drawn)
		screen_close();
	if (rc == -EPIPE) {
		if (top.drawn && top.view.now != NULL)
			view_write(&top.view, stdout);
		command_complain(command, cli_error());
		rc = 0;
	}
	return top_close(&top, rc);
}
