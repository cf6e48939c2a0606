#include "core/remote/remote_private.h"

/*
 * No transport of its own: finds the one that fits, on another thread, and
 * hands over to it.
 */
struct finder {
	struct session session;
	uv_work_t work;
	struct route route;
	struct err err;
};

static struct finder *finder_of(struct session *session)
{
	return CONTAINER_OF(session, struct finder, session);
}

static void finder_work_cb(uv_work_t *work)
{
	struct finder *finder = work->data;
	struct remote *remote = finder->session.worker->remote;

	if (routes_find(remote_routes(remote), &finder->session.target,
			remote_options_of(remote)->connect_ms, &finder->route,
			&finder->err) < 0)
		finder->route.transport = NULL;
}

static void finder_done_cb(uv_work_t *work, int status)
{
	struct finder *finder = work->data;
	struct session *session = &finder->session;

	(void)status; /* nothing cancels it */
	if (session->is_closed) {
		; /* too late */
	} else if (finder->route.transport) {
		session_pass_on(session, &finder->route);
	} else {
		session_close(session, -1, &finder->err);
	}
	session_release(session);
}

static void finder_start(struct session *session)
{
	struct finder *finder = finder_of(session);

	finder->work.data = finder;
	session_hold(session);
	(void)uv_queue_work(&session->worker->uv, &finder->work, finder_work_cb,
			    finder_done_cb);
}

static void finder_idle(struct session *session)
{
	(void)session; /* nothing is open here */
}

static void finder_release(struct session *session)
{
	route_release(&finder_of(session)->route);
}

const struct transport transport_auto = {
	.name = "auto",
	.session_size = sizeof(struct finder),
	.start = finder_start,
	.pump = finder_idle,
	.stop = finder_idle,
	.release = finder_release,
};
