#include <assert.h>
#include <string.h>

#include "core/remote/remote_private.h"

static void worker_close_all(struct worker *worker)
{
	struct err err = ERR_INIT;
	struct session *next;

	worker->is_stopping = true;
	uv_close((uv_handle_t *)&worker->wake, NULL);
	(void)err_set(&err, ERR_UNREACHABLE, "closed by us");
	for (struct session *session = worker->sessions; session;
	     session = next) {
		next = session->next;
		session_close(session, -1, &err);
		session_forget(session); /* no order will come any more */
	}
}

void worker_adopt(struct worker *worker, struct session *session)
{
	if (session->is_adopted)
		return;
	session->is_adopted = true;
	session->next = worker->sessions;
	if (session->next)
		session->next->prev = session;
	worker->sessions = session;
}

static void worker_obey(struct worker *worker, struct order *order)
{
	struct session *session = order->session;
	struct err err = ERR_INIT;

	if (order->kind == ORDER_STOP) {
		worker_close_all(worker);
		return;
	}
	assert(session);
	worker_adopt(worker, session);
	while (session->heir && order->kind != ORDER_FORGET)
		session = session->heir;
	switch (order->kind) {
	case ORDER_START:
		session->is_started = true;
		session->transport->start(session);
		return;
	case ORDER_WRITE:
		if (session->is_closed)
			return;
		buf_append(&session->out, order->bytes.bytes,
			   order->bytes.size);
		break;
	case ORDER_END:
		session->wants_end = true;
		break;
	case ORDER_RESUME:
		break;
	case ORDER_CLOSE:
		(void)err_set(&err, ERR_UNREACHABLE, "closed by us");
		session_close(session, -1, &err);
		return;
	case ORDER_FORGET:
		session_forget(session);
		return;
	case ORDER_STOP:
		break;
	}
	if (session->is_open && !session->is_closed)
		session->transport->pump(session);
}

static void worker_wake_cb(uv_async_t *wake)
{
	struct worker *worker = wake->data;
	VEC(struct order) orders = { 0 };

	pthread_mutex_lock(&worker->lock);
	orders.items = worker->orders.items;
	orders.n = worker->orders.n;
	memset(&worker->orders, 0, sizeof(worker->orders));
	pthread_mutex_unlock(&worker->lock);
	for (size_t i = 0; i < orders.n; i++) {
		worker_obey(worker, &orders.items[i]);
		buf_release(&orders.items[i].bytes);
	}
	vec_release(&orders);
}

static void *worker_main(void *arg)
{
	struct worker *worker = arg;

	/* Until it stops and every handle and work of a session is over. */
	(void)uv_run(&worker->uv, UV_RUN_DEFAULT);
	return NULL;
}

int worker_start(struct worker *worker, struct remote *remote, struct err *err)
{
	int rc;

	worker->remote = remote;
	(void)pthread_mutex_init(&worker->lock, NULL);
	rc = uv_loop_init(&worker->uv);
	if (rc < 0)
		return err_set(err, ERR_SYSTEM, "event loop: %s",
			       uv_strerror(rc));
	rc = uv_async_init(&worker->uv, &worker->wake, worker_wake_cb);
	worker->wake.data = worker;
	if (rc == 0)
		rc = -pthread_create(&worker->thread, NULL, worker_main,
				     worker);
	return rc < 0 ? err_set(err, ERR_SYSTEM, "thread: %s", uv_strerror(rc))
		      : 0;
}

void worker_stop(struct worker *worker)
{
	worker_order(worker, ORDER_STOP, NULL, NULL);
	(void)pthread_join(worker->thread, NULL);
	(void)uv_loop_close(&worker->uv);
	(void)pthread_mutex_destroy(&worker->lock);
	vec_release(&worker->orders);
	hostkeys_free(worker->keys);
	free(worker->chunk);
}

void worker_order(struct worker *worker, enum order_kind kind,
		  struct session *session, struct buf *bytes)
{
	struct order order = { .kind = kind, .session = session };

	if (bytes) {
		order.bytes = *bytes;
		memset(bytes, 0, sizeof(*bytes));
	}
	pthread_mutex_lock(&worker->lock);
	*vec_add(&worker->orders) = order;
	pthread_mutex_unlock(&worker->lock);
	(void)uv_async_send(&worker->wake);
}

int worker_hostkeys(struct worker *worker, const char *files,
		    const struct hostkeys **out, struct err *err)
{
	struct hostkeys *keys = NULL;

	if (!worker->keys || !hostkeys_is_fresh(worker->keys, files)) {
		if (hostkeys_load(files, &keys, err) < 0)
			return err_again(err);
		hostkeys_free(worker->keys);
		worker->keys = keys;
	}
	*out = worker->keys;
	return 0;
}
