/* SPDX-License-Identifier: Apache-2.0 */
/* The terminal as a picture that is drawn anew. Of screen.c. Knows ncurses; not what
 * is in the picture. */
#ifndef SLUICE_TOOLS_SLUICE_SCREEN_H
#define SLUICE_TOOLS_SLUICE_SCREEN_H

/* Is stdout a terminal that can be drawn on? Then it is taken, until it is closed. */
int screen_open(void);
int screen_width(void);
/* The first line stands out; what does not fit is left out. */
void screen_draw(const char *text);
/* Wait; returns non-zero when q was typed. */
int screen_wait(unsigned ms);
void screen_close(void);

#endif
