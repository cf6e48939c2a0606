/*
 * live.h - how a rollout looks on a screen: the server's JSON in, text out.
 *
 * Pure: no clock, no terminal; follow.h redraws. Whatever the JSON says is made
 * harmless for a terminal.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/text/json.h"

struct live_style {
	unsigned width; /* columns; longer lines are cut, sentences wrapped */
	bool has_colour;
	int64_t now_ms;	 /* wall clock */
	uint64_t age_ms; /* since the view came; countdowns go on by it */
};

/*
 * A view as a block of lines: the rollout, its stages with their gates, hosts
 * in flight, problems, and why it is where it is. Owned by the caller.
 */
char *live_render(const struct js *view,
		  const struct live_style *style) MUST_CHECK;
/*
 * What changed from BEFORE (NULL: everything is new) to VIEW, a line each; ""
 * when nothing did that a log should say. Owned by the caller.
 */
char *live_changes(const struct js *before, const struct js *view,
		   const struct live_style *style) MUST_CHECK;

/* "2026-11-24T10:00:00Z" in ms since 1970, or OTHERWISE. */
int64_t live_time_ms(const char *text, int64_t otherwise);
/* Has the rollout ended, one way or the other? */
bool live_is_final(const struct js *view);
