#include "core/sys/loop.h"

#include <assert.h>
#include <signal.h>

#include "core/sys/loop_private.h"

struct loop_signal {
	uv_signal_t uv;
	loop_fn fn;
	void *ctx;
	struct loop_signal *next;
};
struct loop_timer {
	uv_timer_t uv;
	loop_fn fn;
	void *ctx;
};
struct loop_poll {
	uv_poll_t uv;
	loop_poll_fn fn;
	void *ctx;
};
struct loop_job {
	uv_work_t uv;
	struct loop *loop;
	loop_fn work;
	loop_fn done;
	void *ctx;
};

/* libuv says no only when we misuse it, or when memory is out. */
static void loop_must(int rc)
{
	assert(rc == 0);
	if (rc != 0)
		abort();
}

/* Make the calls that are queued now; what they post waits for the next turn.
 */
static bool loop_make_calls(struct loop *loop)
{
	VEC(struct loop_call) calls = { 0 };
	bool has_any;

	pthread_mutex_lock(&loop->lock);
	calls.items = loop->calls.items;
	calls.n = loop->calls.n;
	loop->calls.items = NULL;
	loop->calls.n = loop->calls.room = 0;
	pthread_mutex_unlock(&loop->lock);
	for (size_t i = 0; i < calls.n; i++)
		calls.items[i].fn(calls.items[i].ctx);
	has_any = calls.n > 0;
	vec_release(&calls);
	return has_any;
}

static void loop_wake_cb(uv_async_t *wake)
{
	(void)loop_make_calls(wake->data);
}

int loop_new(struct loop **out, struct err *err)
{
	struct loop *loop = MEM_NEW(struct loop);
	int rc = uv_loop_init(&loop->uv);

	if (rc < 0) {
		free(loop);
		return err_set(err, ERR_SYSTEM, "event loop: %s",
			       uv_strerror(rc));
	}
	/* A peer that went away is an error of the write, not our death. */
	(void)signal(SIGPIPE, SIG_IGN);
	loop_must(pthread_mutex_init(&loop->lock, NULL));
	loop_must(uv_async_init(&loop->uv, &loop->wake, loop_wake_cb));
	loop->wake.data = loop;
	*out = loop;
	return 0;
}

static void loop_signal_closed_cb(uv_handle_t *handle)
{
	free(CONTAINER_OF(handle, struct loop_signal, uv));
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	loop_child_cancel_all(loop);
	while (loop->signals) {
		struct loop_signal *sig = loop->signals;

		loop->signals = sig->next;
		uv_close((uv_handle_t *)&sig->uv, loop_signal_closed_cb);
	}
	while (loop_make_calls(loop) || loop->n_busy)
		(void)uv_run(&loop->uv,
			     loop->n_busy ? UV_RUN_ONCE : UV_RUN_NOWAIT);
	uv_close((uv_handle_t *)&loop->wake, NULL);
	/* Handles closed by their owners get their last callback here. */
	for (int i = 0; i < 3; i++)
		(void)uv_run(&loop->uv, UV_RUN_NOWAIT);
	loop_must(uv_loop_close(&loop->uv)); /* a handle's owner forgot it */
	pthread_mutex_destroy(&loop->lock);
	vec_release(&loop->calls);
	free(loop);
}

void loop_run(struct loop *loop)
{
	(void)uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void loop_stop(struct loop *loop)
{
	uv_stop(&loop->uv);
}

void *loop_uv(struct loop *loop)
{
	return &loop->uv;
}

void loop_post(struct loop *loop, loop_fn fn, void *ctx)
{
	struct loop_call call = { .fn = fn, .ctx = ctx };

	pthread_mutex_lock(&loop->lock);
	*vec_add(&loop->calls) = call;
	pthread_mutex_unlock(&loop->lock);
	(void)uv_async_send(&loop->wake);
}

static void loop_work_cb(uv_work_t *uv)
{
	struct loop_job *job = CONTAINER_OF(uv, struct loop_job, uv);

	job->work(job->ctx);
}

static void loop_work_done_cb(uv_work_t *uv, int status)
{
	struct loop_job *job = CONTAINER_OF(uv, struct loop_job, uv);

	(void)status; /* nothing cancels it */
	job->loop->n_busy--;
	job->done(job->ctx);
	free(job);
}

void loop_work(struct loop *loop, loop_fn work, loop_fn done, void *ctx)
{
	struct loop_job *job = MEM_NEW(struct loop_job);

	job->loop = loop;
	job->work = work;
	job->done = done;
	job->ctx = ctx;
	loop->n_busy++;
	loop_must(uv_queue_work(&loop->uv, &job->uv, loop_work_cb,
				loop_work_done_cb));
}

static void loop_timer_cb(uv_timer_t *uv)
{
	struct loop_timer *timer = CONTAINER_OF(uv, struct loop_timer, uv);

	timer->fn(timer->ctx);
}

struct loop_timer *loop_timer_new(struct loop *loop, loop_fn fn, void *ctx)
{
	struct loop_timer *timer = MEM_NEW(struct loop_timer);

	loop_must(uv_timer_init(&loop->uv, &timer->uv));
	timer->fn = fn;
	timer->ctx = ctx;
	return timer;
}

void loop_timer_set(struct loop_timer *timer, uint64_t in_ms)
{
	/* The loop's idea of now is as old as this turn: look again. */
	uv_update_time(timer->uv.loop);
	loop_must(uv_timer_start(&timer->uv, loop_timer_cb, in_ms, 0));
}

void loop_timer_stop(struct loop_timer *timer)
{
	(void)uv_timer_stop(&timer->uv);
}

static void loop_timer_closed_cb(uv_handle_t *handle)
{
	free(CONTAINER_OF(handle, struct loop_timer, uv));
}

void loop_timer_free(struct loop_timer *timer)
{
	if (timer)
		uv_close((uv_handle_t *)&timer->uv, loop_timer_closed_cb);
}

static void loop_poll_cb(uv_poll_t *uv, int status, int events)
{
	struct loop_poll *poll = CONTAINER_OF(uv, struct loop_poll, uv);

	/* A broken descriptor counts as ready: its next use says how. */
	poll->fn(poll->ctx, status < 0 || events & UV_READABLE,
		 status < 0 || events & UV_WRITABLE);
}

struct loop_poll *loop_poll_new(struct loop *loop, int fd, loop_poll_fn fn,
				void *ctx)
{
	struct loop_poll *poll = MEM_NEW(struct loop_poll);

	loop_must(uv_poll_init(&loop->uv, &poll->uv, fd));
	poll->fn = fn;
	poll->ctx = ctx;
	loop_poll_set(poll, true, false);
	return poll;
}

void loop_poll_set(struct loop_poll *poll, bool want_read, bool want_write)
{
	int events =
		(want_read ? UV_READABLE : 0) | (want_write ? UV_WRITABLE : 0);

	loop_must(events ? uv_poll_start(&poll->uv, events, loop_poll_cb)
			 : uv_poll_stop(&poll->uv));
}

static void loop_poll_closed_cb(uv_handle_t *handle)
{
	free(CONTAINER_OF(handle, struct loop_poll, uv));
}

void loop_poll_free(struct loop_poll *poll)
{
	if (poll)
		uv_close((uv_handle_t *)&poll->uv, loop_poll_closed_cb);
}

static void loop_signal_cb(uv_signal_t *uv, int signo)
{
	struct loop_signal *sig = CONTAINER_OF(uv, struct loop_signal, uv);

	(void)signo;
	sig->fn(sig->ctx);
}

void loop_on_signal(struct loop *loop, int signo, loop_fn fn, void *ctx)
{
	struct loop_signal *sig = MEM_NEW(struct loop_signal);

	loop_must(uv_signal_init(&loop->uv, &sig->uv));
	sig->fn = fn;
	sig->ctx = ctx;
	sig->next = loop->signals;
	loop->signals = sig;
	loop_must(uv_signal_start(&sig->uv, loop_signal_cb, signo));
}
