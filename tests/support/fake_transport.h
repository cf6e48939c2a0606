/*
 * fake_transport.h - core/remote/transport.h in memory: the test is the host.
 *
 * Linked before core, it takes the place of the real one. All happens when the
 * test says so; only a stream_close is answered by itself, on the loop.
 */
#pragma once

#include "core/remote/transport.h"

/* Streams asked for so far, and the newest that has not ended, or NULL. */
size_t fake_count(const struct remote *remote);
struct stream *fake_stream(const struct remote *remote);
/* The command line it was to run; borrowed. */
const char *fake_command(const struct stream *stream);

void fake_open(struct stream *stream);
void fake_data(struct stream *stream, const void *bytes, size_t size);
void fake_stderr(struct stream *stream, const char *text);
/* Move at most MAX of what was written to OUT; tells when all is gone. */
void fake_take(struct stream *stream, size_t max, struct buf *out);
/* The program ended, or the connection did. STREAM is gone. */
void fake_exit(struct stream *stream, int status);
void fake_lose(struct stream *stream, enum err_code code, const char *text);
