/*
 * request.h - one HTTP request over a Unix socket, waited for.
 *
 * For programs that have nothing else to do, such as grayctl; grayd itself uses
 * http.h, which never waits.
 */
#pragma once

#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/remote/sse.h"

#define REQUEST_MAX_BYTES (64u << 20) /* an answer; a bound, not a target */

struct request {
	const char *socket; /* path */
	const char *method;
	const char *path;    /* "/v1/rollouts", escaped already */
	const char *body;    /* JSON, or NULL */
	uint64_t timeout_ms; /* 0: none */
};

/*
 * status  of the answer, whatever it is
 * body    appended
 *
 * Fails with ERR_UNREACHABLE if nobody listens, ERR_TIMEOUT, ERR_PROTOCOL.
 */
int request_send(const struct request *request, unsigned *status,
		 struct buf *body, struct err *err) MUST_CHECK;

struct request_stream {
	sse_fn event;
	/* Called a few times a second; false: stop, which is no error. */
	bool (*tick)(void *ctx);
	void *ctx;
};
/*
 * Follow server-sent events until the server ends them or a callback says so.
 * An answer other than 200 goes to BODY, as from request_send.
 */
int request_follow(const struct request *request,
		   const struct request_stream *stream, unsigned *status,
		   struct buf *body, struct err *err) MUST_CHECK;

/* TEXT for a path or a query: %XX for what needs it; owned by the caller. */
char *request_escape(const char *text) MUST_CHECK;
