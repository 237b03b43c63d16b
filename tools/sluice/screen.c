/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sluice/screen.h"

#include <curses.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <term.h>
#include <unistd.h>

static SCREEN *screen;

int screen_open(void)
{
	if (!isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO))
		return 0;
	(void)setlocale(LC_CTYPE, "");
	screen = newterm(NULL, stdout, stdin);
	if (screen == NULL)
		return 0;
	if (tigetstr("cup") == NULL) {
		/* One that writes line by line. */
		screen_close();
		return 0;
	}
	(void)cbreak();
	(void)noecho();
	(void)curs_set(0);
	(void)keypad(stdscr, TRUE);
	return 1;
}

int screen_width(void)
{
	return getmaxx(stdscr);
}

static void screen_line(int y, const char *line, size_t length)
{
	int width = getmaxx(stdscr);
	int n = length < (size_t)width ? (int)length : width;

	if (y == 0)
		(void)attron(A_BOLD);
	(void)mvaddnstr(y, 0, line, n);
	(void)attroff(A_BOLD);
	(void)clrtoeol();
}

void screen_draw(const char *text)
{
	int height = getmaxy(stdscr);
	int y = 0;

	for (; y < height && *text != '\0'; y++) {
		size_t length = strcspn(text, "\n");

		screen_line(y, text, length);
		text += length + (text[length] != '\0');
	}
	if (y < height) {
		(void)move(y, 0);
		(void)clrtobot();
	}
	(void)refresh();
}

int screen_wait(unsigned ms)
{
	timeout((int)ms);
	return getch() == 'q';
}

void screen_close(void)
{
	(void)endwin();
	delscreen(screen);
	screen = NULL;
}
