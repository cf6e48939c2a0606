/*
 * http.h - get a page over HTTP without waiting for it: on the loop.
 *
 * Straight to the server: no proxy of the environment, no redirect followed,
 * no connection kept. http and https, certificates are checked.
 */
#pragma once

#include <stdint.h>

#include "core/base/buf.h"
#include "core/sys/loop.h"

struct http;

struct http_ask {
	const char *url;     /* copied */
	uint64_t timeout_ms; /* for all of it; at least 1 */
	size_t max_body;     /* bytes; more is ERR_PROTOCOL */
};

/*
 * ERR says how it went: ERR_NONE with the status and the body (borrowed until
 * this returns); ERR_INVALID (no URL), ERR_NOT_FOUND (no address for the name),
 * ERR_UNREACHABLE, ERR_TIMEOUT, ERR_PROTOCOL, ERR_SYSTEM (our own side).
 */
typedef void (*http_done_fn)(void *ctx, unsigned status, const struct buf *body,
			     const struct err *err);

/* DONE is called once, on the loop, never before this returns. */
struct http *http_get(struct loop *loop, const struct http_ask *ask,
		      http_done_fn done, void *ctx) MUST_CHECK;
/* DONE is not called then; not after DONE. NULL is fine. */
void http_cancel(struct http *http);
