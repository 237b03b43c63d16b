/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sluice/inspection.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static struct violation *inspection_room(struct inspection *inspection)
{
	uint32_t room = inspection->room > 0 ? 2 * inspection->room : 16;
	struct violation *wrong = inspection->wrong;

	if (inspection->count == inspection->room) {
		wrong = realloc(wrong, room * sizeof(*wrong));
		if (wrong == NULL)
			return NULL;
		inspection->wrong = wrong;
		inspection->room = room;
	}
	return &inspection->wrong[inspection->count++];
}

/* Whatever is not @true_ is told as @fmt. */
void check(struct inspection *inspection, const struct text *of, int true_,
	   const char *fmt, ...)
{
	struct violation *wrong;
	va_list args;

	inspection->checks++;
	if (true_)
		return;
	wrong = inspection_room(inspection);
	if (wrong == NULL) {
		inspection->rc = -ENOMEM;
		return;
	}
	wrong->of = *of;
	va_start(args, fmt);
	(void)vsnprintf(wrong->what.at, sizeof(wrong->what.at), fmt, args);
	va_end(args);
}

void check_grows(struct inspection *inspection, const struct text *of,
		 const char *count, uint64_t before, uint64_t now)
{
	check(inspection, of, now >= before,
	      "%s went from %" PRIu64 " back to %" PRIu64, count, before, now);
}

void check_below(struct inspection *inspection, const struct text *of,
		 const char *low, uint64_t a, const char *high, uint64_t b)
{
	check(inspection, of, a <= b, "%s %" PRIu64 " is over %s %" PRIu64, low,
	      a, high, b);
}
