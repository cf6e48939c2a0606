/*
 * paint.h - lines of text that know how wide they are.
 *
 * Colours take no room, control characters are made harmless, what does not
 * fit is cut.
 */
#pragma once

#include "cmd/grayctl/output.h"
#include "core/base/buf.h"

struct paint {
	struct buf out;
	unsigned width;
	unsigned column; /* of what comes next, from 0 */
	bool has_colour;
};

void paint_put(struct paint *paint, enum output_tone tone, const char *text);
void paint_format(struct paint *paint, enum output_tone tone, const char *fmt,
		  ...) PRINTF_LIKE(3, 4);
/* Blanks up to COLUMN, at least one unless there already. */
void paint_pad(struct paint *paint, unsigned column);
void paint_end(struct paint *paint);
/* Whole lines of TEXT, broken at blanks, each after INDENT blanks. */
void paint_wrapped(struct paint *paint, enum output_tone tone, unsigned indent,
		   const char *text);
