#include "tests/support/fake_transport.h"

#include <assert.h>

#include "core/base/vec.h"
#include "core/sys/loop.h"

struct stream {
	struct remote *remote;
	const struct stream_events *events;
	void *ctx;
	char *command;
	struct buf written;
	struct loop_timer *closer; /* runs when we were told to close */
};
struct remote {
	struct loop *loop;
	VEC(struct stream *) streams;
	size_t n_asked;
};

int remote_new(struct loop *loop, const struct remote_options *options,
	       struct remote **out, struct err *err)
{
	(void)options;
	(void)err;
	*out = MEM_NEW(struct remote);
	(*out)->loop = loop;
	return 0;
}

static void end(struct stream *stream, int status, const struct err *err)
{
	struct remote *remote = stream->remote;

	for (size_t i = 0; i < remote->streams.n; i++)
		if (remote->streams.items[i] == stream) {
			vec_remove(&remote->streams, i);
			break;
		}
	stream->events->on_closed(stream, status, err, stream->ctx);
	loop_timer_free(stream->closer);
	buf_release(&stream->written);
	free(stream->command);
	free(stream);
}

void remote_free(struct remote *remote)
{
	if (!remote)
		return;
	while (remote->streams.n)
		fake_lose(remote->streams.items[0], ERR_UNREACHABLE,
			  "closed by us");
	vec_release(&remote->streams);
	free(remote);
}

struct stream *remote_exec(struct remote *remote,
			   const struct remote_target *target,
			   const char *command,
			   const struct stream_events *events, void *ctx)
{
	struct stream *stream = MEM_NEW(struct stream);

	assert(target->name && target->address);
	stream->remote = remote;
	stream->events = events;
	stream->ctx = ctx;
	stream->command = mem_str(command);
	*vec_add(&remote->streams) = stream;
	remote->n_asked++;
	return stream;
}

void stream_write(struct stream *stream, const void *bytes, size_t size)
{
	buf_append(&stream->written, bytes, size);
}

size_t stream_pending(const struct stream *stream)
{
	return stream->written.size;
}

void stream_end(struct stream *stream)
{
	(void)stream;
}

static void close_cb(void *ctx)
{
	fake_lose(ctx, ERR_UNREACHABLE, "closed by us");
}

void stream_close(struct stream *stream)
{
	assert(!stream->closer);
	stream->closer = loop_timer_new(stream->remote->loop, close_cb, stream);
	loop_timer_set(stream->closer, 0);
}

size_t fake_count(const struct remote *remote)
{
	return remote->n_asked;
}

struct stream *fake_stream(const struct remote *remote)
{
	return remote->streams.n ? remote->streams.items[remote->streams.n - 1]
				 : NULL;
}

const char *fake_command(const struct stream *stream)
{
	return stream->command;
}

void fake_open(struct stream *stream)
{
	if (stream->events->on_open)
		stream->events->on_open(stream, stream->ctx);
}

void fake_data(struct stream *stream, const void *bytes, size_t size)
{
	if (stream->events->on_data)
		stream->events->on_data(stream, bytes, size, stream->ctx);
}

void fake_stderr(struct stream *stream, const char *text)
{
	if (stream->events->on_stderr)
		stream->events->on_stderr(stream, (const uint8_t *)text,
					  strlen(text), stream->ctx);
}

void fake_take(struct stream *stream, size_t max, struct buf *out)
{
	size_t n = MIN_OF(max, stream->written.size);

	buf_append(out, stream->written.bytes, n);
	buf_eat(&stream->written, n);
	if (n && !stream->written.size && stream->events->on_drained)
		stream->events->on_drained(stream, stream->ctx);
}

void fake_exit(struct stream *stream, int status)
{
	static const struct err none = ERR_INIT;

	end(stream, status, &none);
}

void fake_lose(struct stream *stream, enum err_code code, const char *text)
{
	struct err err = ERR_INIT;

	(void)err_set(&err, code, "%s", text);
	end(stream, -1, &err);
}
