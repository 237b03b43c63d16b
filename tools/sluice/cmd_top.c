/* SPDX-License-Identifier: Apache-2.0 */
/* sluice top: a pipeline while it runs, over and over. */
#include "tools/sluice/clock.h"
#include "tools/sluice/screen.h"
#include "tools/sluice/view.h"

#include <signal.h>
#include <stdlib.h>
#include <time.h>

/* How often is looked at the keys. */
#define LOOK_MS 50u

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

static int top_show(struct view *view, int drawn)
{
	int rc = view_rate(view);

	if (rc < 0)
		return rc;
	if (drawn)
		return top_draw(view);
	view_write(view, stdout);
	(void)fputc('\n', stdout);
	return fflush(stdout) == 0 ? 0
				   : cli_fail(-EIO, "stdout: cannot be "
						    "written");
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

static int top_run(struct view *view, const struct options *options, int drawn)
{
	uint64_t every_ns = (uint64_t)options->every_ns;
	int rc = view_read(view, VIEW_MS);

	for (uint64_t n = 0; rc == 0 && !top_over; n++) {
		uint64_t until_ns = clock_now_ns() + every_ns;

		if (n > 0 || drawn)
			rc = top_show(view, drawn);
		if (rc < 0 || (options->rounds > 0 && n >= options->rounds))
			break;
		view_mark(view);
		rc = top_round(view, until_ns, drawn);
	}
	/* It has ended: the last picture is of the end. */
	if (rc == -EPIPE && view->now != NULL)
		(void)top_show(view, drawn);
	return rc;
}

int cmd_top(const struct command *command, void *of)
{
	const struct options *options = of;
	struct view view;
	int drawn;
	int rc = view_open(&view, options);

	if (rc < 0)
		return view_close(&view, command, rc);
	top_catch();
	drawn = screen_open();
	rc = top_run(&view, options, drawn);
	if (drawn)
		screen_close();
	if (rc == -EPIPE) {
		if (drawn && view.now != NULL)
			view_write(&view, stdout);
		command_complain(command, cli_error());
		rc = 0;
	}
	return view_close(&view, command, rc);
}
