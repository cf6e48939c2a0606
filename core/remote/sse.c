#include "core/remote/sse.h"

#include <string.h>

#include "core/base/str.h"

void sse_release(struct sse *sse)
{
	buf_release(&sse->line);
	buf_release(&sse->event);
	buf_release(&sse->data);
}

/* After "data:" or "event:", one blank is not part of the value. */
static const char *value_of(const char *line, size_t name_size)
{
	const char *value = line + name_size;

	return *value == ' ' ? value + 1 : value;
}

static bool dispatch(struct sse *sse, sse_fn fn, void *ctx)
{
	bool goes_on = true;

	if (sse->has_data)
		goes_on = fn(ctx,
			     sse->event.size ? buf_str(&sse->event) : "message",
			     buf_str(&sse->data));
	buf_clear(&sse->event);
	buf_clear(&sse->data);
	sse->has_data = false;
	return goes_on;
}

static bool take_line(struct sse *sse, sse_fn fn, void *ctx)
{
	const char *line = buf_str(&sse->line);

	if (*line == '\0')
		return dispatch(sse, fn, ctx);
	if (str_starts(line, "event:")) {
		buf_clear(&sse->event);
		buf_append_str(&sse->event, value_of(line, 6));
	} else if (str_starts(line, "data:")) {
		if (sse->has_data)
			buf_append_char(&sse->data, '\n');
		buf_append_str(&sse->data, value_of(line, 5));
		sse->has_data = true;
	}
	return true;
}

int sse_feed(struct sse *sse, const void *bytes, size_t size, sse_fn fn,
	     void *ctx, bool *is_over, struct err *err)
{
	const char *at = bytes;

	*is_over = false;
	while (size > 0) {
		const char *newline = memchr(at, '\n', size);
		size_t part = newline ? (size_t)(newline - at) : size;

		if (sse->line.size + sse->data.size + part > SSE_MAX_BYTES)
			return err_set(err, ERR_PROTOCOL,
				       "an event of more than %u bytes",
				       SSE_MAX_BYTES);
		buf_append(&sse->line, at, part);
		if (!newline)
			return 0;
		at += part + 1;
		size -= part + 1;
		if (sse->line.size &&
		    sse->line.bytes[sse->line.size - 1] == '\r')
			sse->line.bytes[--sse->line.size] = '\0';
		if (!take_line(sse, fn, ctx)) {
			*is_over = true;
			return 0;
		}
		buf_clear(&sse->line);
	}
	return 0;
}
