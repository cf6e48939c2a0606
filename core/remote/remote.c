#include <assert.h>
#include <string.h>

#include "core/remote/remote_private.h"
#include "core/sys/loop.h"

/* When the owner has eaten down to this, the worker reads on. */
#define STREAM_RESUME_AT (256 << 10)

struct stream {
	struct remote *remote;
	struct worker *worker;
	struct session *session;
	const struct stream_events *events;
	void *ctx;
	atomic_size_t pending; /* written by the owner, not yet sent */
	atomic_size_t unread;  /* received, not yet given to the owner */
	bool is_waiting;       /* for its turn to start */
	bool has_turn;	       /* counts as a handshake in flight */
	bool is_closing;       /* the owner wants to hear no more but the end */
	struct stream *next;   /* in the line of those that wait */
};

struct remote {
	struct remote_options options;
	uv_async_t wake;      /* on the main loop */
	pthread_mutex_t lock; /* over notices */
	VEC(struct notice) notices;
	pthread_mutex_t passphrase_lock;
	struct routes *routes; /* of all workers */
	struct worker *workers;
	unsigned n_started; /* workers */
	bool is_ending;
	unsigned n_turns;
	struct stream *first_waiting;
	struct stream **last_waiting;
};

const struct remote_options *remote_options_of(const struct remote *remote)
{
	return &remote->options;
}

struct routes *remote_routes(struct remote *remote)
{
	return remote->routes;
}

char *remote_passphrase(struct remote *remote, const char *identity)
{
	char *out;

	if (!remote->options.passphrase)
		return NULL;
	pthread_mutex_lock(&remote->passphrase_lock);
	out = mem_str(
		remote->options.passphrase(identity, remote->options.ctx));
	pthread_mutex_unlock(&remote->passphrase_lock);
	return out;
}

size_t stream_unread(const struct stream *stream)
{
	return atomic_load(&stream->unread);
}

void stream_add_unread(struct stream *stream, size_t size)
{
	atomic_fetch_add(&stream->unread, size);
}

void stream_sub_pending(struct stream *stream, size_t size)
{
	atomic_fetch_sub(&stream->pending, size);
}

void remote_notice(struct remote *remote, const struct notice *notice)
{
	bool is_first;

	pthread_mutex_lock(&remote->lock);
	is_first = remote->notices.n == 0;
	*vec_add(&remote->notices) = *notice;
	pthread_mutex_unlock(&remote->lock);
	if (is_first)
		(void)uv_async_send(&remote->wake);
}

/* Orders end with remote_free: the worker is gone then. */
static void stream_order(struct stream *stream, enum order_kind kind,
			 struct buf *bytes)
{
	if (!stream->remote->is_ending)
		worker_order(stream->worker, kind, stream->session, bytes);
	else if (bytes)
		buf_release(bytes);
}

/* Start those whose turn it is. */
static void remote_give_turns(struct remote *remote)
{
	struct stream *stream;

	while (remote->n_turns < remote->options.max_handshakes &&
	       (stream = remote->first_waiting)) {
		remote->first_waiting = stream->next;
		if (!remote->first_waiting)
			remote->last_waiting = &remote->first_waiting;
		stream->is_waiting = false;
		stream->has_turn = true;
		remote->n_turns++;
		stream_order(stream, ORDER_START, NULL);
	}
}

static void stream_end_turn(struct stream *stream)
{
	if (!stream->has_turn)
		return;
	stream->has_turn = false;
	stream->remote->n_turns--;
	if (!stream->remote->is_ending)
		remote_give_turns(stream->remote);
}

static void stream_data(struct stream *stream, const struct buf *bytes)
{
	size_t before;

	if (!stream->is_closing && stream->events->on_data)
		stream->events->on_data(stream, bytes->bytes, bytes->size,
					stream->ctx);
	before = atomic_fetch_sub(&stream->unread, bytes->size);
	if (before > STREAM_RESUME_AT &&
	    before - bytes->size <= STREAM_RESUME_AT)
		stream_order(stream, ORDER_RESUME, NULL);
}

static void stream_route(struct stream *stream, const struct notice *notice)
{
	const char *transport = buf_str(&notice->bytes);

	if (!stream->is_closing && stream->events->on_route)
		stream->events->on_route(stream, transport,
					 transport + strlen(transport) + 1,
					 stream->ctx);
}

static void stream_new_key(struct stream *stream, const struct notice *notice)
{
	const char *words = buf_str(&notice->bytes);

	if (!stream->is_closing && stream->events->on_new_key)
		stream->events->on_new_key(stream, words,
					   words + strlen(words) + 1,
					   notice->is_taken, stream->ctx);
}

static void stream_closed(struct stream *stream, const struct notice *notice)
{
	static const struct err none = ERR_INIT;

	stream_end_turn(stream);
	stream->worker->n_streams--;
	stream->events->on_closed(stream, notice->status,
				  notice->err ? notice->err : &none,
				  stream->ctx);
	stream_order(stream, ORDER_FORGET, NULL);
	free(stream);
}

static void stream_hear(struct stream *stream, const struct notice *notice)
{
	switch (notice->kind) {
	case NOTICE_ROUTE:
		stream_route(stream, notice);
		return;
	case NOTICE_IN:
		stream_end_turn(stream);
		return;
	case NOTICE_OPEN:
		stream_end_turn(stream);
		if (!stream->is_closing && stream->events->on_open)
			stream->events->on_open(stream, stream->ctx);
		return;
	case NOTICE_NEW_KEY:
		stream_new_key(stream, notice);
		return;
	case NOTICE_DATA:
		stream_data(stream, &notice->bytes);
		return;
	case NOTICE_STDERR:
		if (!stream->is_closing && stream->events->on_stderr)
			stream->events->on_stderr(stream, notice->bytes.bytes,
						  notice->bytes.size,
						  stream->ctx);
		return;
	case NOTICE_DRAINED:
		/* The owner may have written more in the meantime. */
		if (!stream->is_closing && stream->events->on_drained &&
		    stream_pending(stream) == 0)
			stream->events->on_drained(stream, stream->ctx);
		return;
	case NOTICE_CLOSED:
		stream_closed(stream, notice);
		return;
	}
}

static bool remote_hear(struct remote *remote)
{
	VEC(struct notice) notices = { 0 };
	bool has_any;

	pthread_mutex_lock(&remote->lock);
	notices.items = remote->notices.items;
	notices.n = remote->notices.n;
	memset(&remote->notices, 0, sizeof(remote->notices));
	pthread_mutex_unlock(&remote->lock);
	for (size_t i = 0; i < notices.n; i++) {
		struct notice *notice = &notices.items[i];

		stream_hear(notice->stream, notice);
		buf_release(&notice->bytes);
		free(notice->err);
	}
	has_any = notices.n > 0;
	vec_release(&notices);
	return has_any;
}

static void remote_wake_cb(uv_async_t *wake)
{
	(void)remote_hear(wake->data);
}

static void remote_closed_cb(uv_handle_t *handle)
{
	struct remote *remote = handle->data;

	free(remote->workers);
	routes_free(remote->routes);
	vec_release(&remote->notices);
	(void)pthread_mutex_destroy(&remote->lock);
	(void)pthread_mutex_destroy(&remote->passphrase_lock);
	free(remote);
}

int remote_new(struct loop *loop, const struct remote_options *options,
	       struct remote **out, struct err *err)
{
	struct remote *remote = MEM_NEW(struct remote);

	assert(options->n_workers && options->max_handshakes);
	remote->options = *options;
	remote->routes = routes_new();
	remote->last_waiting = &remote->first_waiting;
	(void)pthread_mutex_init(&remote->lock, NULL);
	(void)pthread_mutex_init(&remote->passphrase_lock, NULL);
	(void)uv_async_init(loop_uv(loop), &remote->wake, remote_wake_cb);
	remote->wake.data = remote;
	remote->workers = mem_array(options->n_workers, sizeof(struct worker));
	for (unsigned i = 0; i < options->n_workers; i++) {
		if (worker_start(&remote->workers[i], remote, err) < 0) {
			(void)err_wrap(err, "worker %u", i + 1);
			remote_free(remote);
			return err_again(err);
		}
		remote->n_started++;
	}
	*out = remote;
	return 0;
}

static void stream_leave_line(struct stream *stream)
{
	struct remote *remote = stream->remote;
	struct stream **at = &remote->first_waiting;

	while (*at != stream)
		at = &(*at)->next;
	*at = stream->next;
	if (remote->last_waiting == &stream->next)
		remote->last_waiting = at;
	stream->is_waiting = false;
}

void remote_free(struct remote *remote)
{
	if (!remote)
		return;
	while (remote->first_waiting)
		stream_close(remote->first_waiting);
	remote->is_ending = true;
	for (unsigned i = 0; i < remote->n_started; i++)
		worker_stop(&remote->workers[i]);
	while (remote_hear(remote))
		; /* an owner may have asked for one more meanwhile */
	uv_close((uv_handle_t *)&remote->wake, remote_closed_cb);
}

/* Asked for by an owner while all is ending: it only gets its end. */
static void stream_never(struct stream *stream)
{
	struct err err = ERR_INIT;

	stream->is_closing = true;
	(void)err_set(&err, ERR_UNREACHABLE, "closed by us");
	session_close(stream->session, -1, &err);
	session_release(TAKE(stream->session));
}

struct stream *remote_exec(struct remote *remote,
			   const struct remote_target *target,
			   const char *command,
			   const struct stream_events *events, void *ctx)
{
	struct stream *stream = MEM_NEW(struct stream);
	struct worker *worker = &remote->workers[0];

	for (unsigned i = 1; i < remote->n_started; i++)
		if (remote->workers[i].n_streams < worker->n_streams)
			worker = &remote->workers[i];
	worker->n_streams++;
	stream->remote = remote;
	stream->worker = worker;
	stream->events = events;
	stream->ctx = ctx;
	stream->session = session_new(worker, stream, target, command);
	if (remote->is_ending) {
		stream_never(stream);
		return stream;
	}
	stream->is_waiting = true;
	*remote->last_waiting = stream;
	remote->last_waiting = &stream->next;
	remote_give_turns(remote);
	return stream;
}

void stream_write(struct stream *stream, const void *bytes, size_t size)
{
	struct buf copy = BUF_INIT;

	if (stream->is_closing || !size)
		return;
	atomic_fetch_add(&stream->pending, size);
	buf_append(&copy, bytes, size);
	stream_order(stream, ORDER_WRITE, &copy);
}

size_t stream_pending(const struct stream *stream)
{
	return atomic_load(&stream->pending);
}

void stream_end(struct stream *stream)
{
	if (!stream->is_closing)
		stream_order(stream, ORDER_END, NULL);
}

void stream_close(struct stream *stream)
{
	if (stream->is_closing)
		return;
	stream->is_closing = true;
	if (stream->is_waiting)
		stream_leave_line(stream);
	stream_order(stream, ORDER_CLOSE, NULL);
}
