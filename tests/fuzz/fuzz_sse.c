#include <stdint.h>
#include <string.h>
#include <stdlib.h>

#include "core/remote/sse.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static bool event_cb(void *ctx, const char *event, const char *data)
{
	size_t *n = ctx;

	*n += strlen(event) + strlen(data);
	return true;
}

/* The stream as a whole and cut in two must say the same. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	size_t n_whole = 0;
	size_t n_parts = 0;
	size_t half = size / 2;
	bool is_over = false;
	struct err err = ERR_INIT;
	AUTO_VALUE(sse) whole = { 0 };
	AUTO_VALUE(sse) parts = { 0 };

	if (sse_feed(&whole, bytes, size, event_cb, &n_whole, &is_over, &err) <
	    0)
		return 0;
	if (sse_feed(&parts, bytes, half, event_cb, &n_parts, &is_over, &err) <
		    0 ||
	    sse_feed(&parts, bytes + half, size - half, event_cb, &n_parts,
		     &is_over, &err) < 0 ||
	    n_whole != n_parts)
		abort();
	return 0;
}
