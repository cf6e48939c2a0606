/*
 * http.h - one GET over plain HTTP/1.1, with a deadline on all of it.
 *
 * For probes and exporters on the host itself: no TLS, no redirect, no reuse.
 * Understands Content-Length, chunked, and a body ended by the end of the
 * connection. Blocks up to its deadline; looking up a name may take longer, so
 * it is called in a child process that is killed then.
 */
#pragma once

#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/err.h"

struct http_url {
	char host[256];
	char port[8];
	char path[512]; /* with the query; "/" at least */
};

/* http://host[:port]/path and nothing else; [::1] for IPv6. */
int http_parse_url(const char *url, struct http_url *out,
		   struct err *err) MUST_CHECK;
/*
 * GET URL.
 *
 * until_ms  BOOTTIME at which it fails with ERR_TIMEOUT
 * max       bytes of a body; a longer one is ERR_INVALID
 * out_body  appended to
 *
 * ERR_UNREACHABLE when nobody answers, ERR_PROTOCOL when it is not HTTP.
 */
int http_get(const char *url, uint64_t until_ms, size_t max,
	     unsigned *out_status, struct buf *out_body,
	     struct err *err) MUST_CHECK;
/* Connect, for http_get and the tcp probe; ERR_UNREACHABLE or ERR_TIMEOUT. */
int http_connect(const char *host, const char *port, uint64_t until_ms,
		 int *out_fd, struct err *err) MUST_CHECK;

/* The bytes of an answer, for tests; OUT_BODY is appended to. */
int http_parse_answer(const char *bytes, size_t size, unsigned *out_status,
		      struct buf *out_body, struct err *err) MUST_CHECK;
