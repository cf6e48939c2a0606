/*
 * sse.h - server-sent events out of a stream of bytes, as they come.
 *
 * Only what we send ourselves: `event:` and `data:` lines, comments, blank
 * lines. Does not read from anything.
 */
#pragma once

#include "core/base/buf.h"
#include "core/base/err.h"

#define SSE_MAX_BYTES (4u << 20) /* one event; a view of 20000 hosts fits */

/* False: enough, stop. EVENT is "message" when the stream names none. */
typedef bool (*sse_fn)(void *ctx, const char *event, const char *data);

struct sse {
	struct buf line;
	struct buf event;
	struct buf data;
	bool has_data;
};

void sse_release(struct sse *sse);
MEM_AUTO_VALUE(sse)
/*
 * Call FN for each event that BYTES complete. *is_over is set when FN said
 * enough. ERR_PROTOCOL for an event over SSE_MAX_BYTES.
 */
int sse_feed(struct sse *sse, const void *bytes, size_t size, sse_fn fn,
	     void *ctx, bool *is_over, struct err *err) MUST_CHECK;
