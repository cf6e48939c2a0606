#include <string.h>

#include "core/base/str.h"
#include "core/remote/remote_private.h"

#define SESSION_UNREAD_MAX (1 << 20)   /* the owner is behind by so much */
#define SESSION_STDERR_MAX (64 << 10)  /* kept of a program's standard error */
#define SESSION_EAT_AT	   (256 << 10) /* written bytes before they are moved */

static const struct transport *const transports[] = {
	&transport_openssh,
	&transport_ssh,
	&transport_auto,
};

static const struct transport *transport_find(const char *name)
{
	size_t i = 0;

	/* The last row is for whoever does not say. */
	while (i + 1 < COUNT_OF(transports) &&
	       !(name && strcmp(name, transports[i]->name) == 0))
		i++;
	return transports[i];
}

/* The first that is tried: libssh2 needs its way to be resolved before. */
static const struct transport *transport_of(const struct remote_target *target)
{
	const struct transport *found = transport_find(target->transport);

	if (str_starts(target->address, transport_local.scheme))
		return &transport_local;
	return found == &transport_ssh ? &transport_auto : found;
}

static struct session *session_make(const struct transport *transport,
				    struct worker *worker,
				    struct stream *stream,
				    const struct remote_target *target,
				    const char *command)
{
	struct session *session = mem_alloc(transport->session_size);

	session->transport = transport;
	session->worker = worker;
	session->stream = stream;
	session->n_holds = 1; /* the stream's */
	remote_target_copy(target, &session->target);
	session->command = mem_str(command);
	return session;
}

struct session *session_new(struct worker *worker, struct stream *stream,
			    const struct remote_target *target,
			    const char *command)
{
	return session_make(transport_of(target), worker, stream, target,
			    command);
}

static void session_free(struct session *session)
{
	if (session->is_started)
		session->transport->release(session);
	if (session->prev)
		session->prev->next = session->next;
	else if (session->is_adopted)
		session->worker->sessions = session->next;
	if (session->next)
		session->next->prev = session->prev;
	if (session->heir)
		session_release(session->heir);
	buf_release(&session->out);
	remote_target_release(&session->target);
	remote_target_release(&session->asked);
	free(session->identities);
	free(session->command);
	free(session);
}

void session_hold(struct session *session)
{
	session->n_holds++;
}

void session_release(struct session *session)
{
	if (--session->n_holds == 0)
		session_free(session);
}

void session_forget(struct session *session)
{
	if (session->is_forgotten)
		return;
	session->is_forgotten = true;
	session_release(session);
}

static void session_tell(struct session *session, enum notice_kind kind,
			 const void *bytes, size_t size)
{
	struct notice notice = { .kind = kind, .stream = session->stream };

	buf_append(&notice.bytes, bytes, size);
	remote_notice(session->worker->remote, &notice);
}

const uint8_t *session_out(const struct session *session, size_t *out_size)
{
	*out_size = session->out.size - session->out_at;
	return *out_size ? session->out.bytes + session->out_at : NULL;
}

void session_wrote(struct session *session, size_t size)
{
	session->out_at += size;
	if (session->out_at == session->out.size) {
		/* Room for one burst would stay with each of many sessions. */
		buf_release(&session->out);
		session->out_at = 0;
	} else if (session->out_at >= SESSION_EAT_AT &&
		   session->out_at >= session->out.size / 2) {
		buf_eat(&session->out, session->out_at);
		session->out_at = 0;
	}
	stream_sub_pending(session->stream, size);
	if (!session->out.size)
		session_tell(session, NOTICE_DRAINED, NULL, 0);
}

bool session_can_read(const struct session *session)
{
	return stream_unread(session->stream) < SESSION_UNREAD_MAX;
}

void session_got(struct session *session, const void *bytes, size_t size)
{
	stream_add_unread(session->stream, size);
	session_tell(session, NOTICE_DATA, bytes, size);
}

void session_got_stderr(struct session *session, const void *bytes, size_t size)
{
	size = MIN_OF(size, SESSION_STDERR_MAX - session->stderr_kept);
	if (!size)
		return;
	session->stderr_kept += size;
	session_tell(session, NOTICE_STDERR, bytes, size);
}

void session_is_in(struct session *session)
{
	session_tell(session, NOTICE_IN, NULL, 0);
}

void session_opened(struct session *session)
{
	session->is_open = true;
	session_tell(session, NOTICE_OPEN, NULL, 0);
}

void session_new_key_text(struct session *session, const char *words,
			  const char *line, bool is_taken)
{
	struct notice notice = { .kind = NOTICE_NEW_KEY,
				 .stream = session->stream,
				 .is_taken = is_taken };

	buf_append(&notice.bytes, words, strlen(words) + 1);
	buf_append_str(&notice.bytes, line);
	remote_notice(session->worker->remote, &notice);
}

const char *session_key_name(const struct session *session)
{
	const struct remote_target *target = &session->target;

	return target->host_key_alias ? target->host_key_alias
				      : target->address;
}

uint16_t session_key_port(const struct session *session)
{
	const struct remote_target *target = &session->target;

	return target->host_key_alias ? SSH_PORT : target->port;
}

void session_new_key(struct session *session, const uint8_t *key, size_t size,
		     bool is_taken)
{
	AUTO_STR char *words = hostkey_describe(key, size);
	AUTO_STR char *line =
		hostkeys_line(session_key_name(session),
			      session_key_port(session), key, size);

	session_new_key_text(session, words, line, is_taken);
}

void session_close(struct session *session, int status, const struct err *err)
{
	struct notice notice = { .kind = NOTICE_CLOSED,
				 .stream = session->stream,
				 .status = err ? -1 : status };

	if (session->is_closed)
		return;
	session->is_closed = true;
	if (err) {
		notice.err = mem_copy(err, sizeof(*err));
		(void)err_wrap(notice.err, "host %s", session->target.name);
	}
	session_hold(session); /* stop may release the last of the others */
	if (session->is_started)
		session->transport->stop(session);
	session->stream = NULL;
	remote_notice(session->worker->remote, &notice);
	session_release(session);
}

static void session_tell_route(struct session *session, const char *transport,
			       const char *why)
{
	struct notice notice = { .kind = NOTICE_ROUTE,
				 .stream = session->stream };

	buf_append(&notice.bytes, transport, strlen(transport) + 1);
	buf_append_str(&notice.bytes, why);
	remote_notice(session->worker->remote, &notice);
}

/* HEIR is new; it takes over and starts. */
static void session_inherit(struct session *session, struct session *heir)
{
	session->heir = heir;
	heir->is_forgotten = true; /* its one hold is ours */
	heir->out = session->out;
	heir->out_at = session->out_at;
	heir->wants_end = session->wants_end;
	heir->stderr_kept = session->stderr_kept;
	memset(&session->out, 0, sizeof(session->out));
	session->out_at = 0;
	session->is_closed = true;
	session->stream = NULL;
	session->transport->stop(session);
	worker_adopt(heir->worker, heir);
	heir->is_started = true;
	heir->transport->start(heir);
}

void session_pass_on(struct session *session, const struct route *route)
{
	const struct transport *to = transport_find(route->transport);
	bool is_libssh2 = to == &transport_ssh;
	struct session *heir = session_make(
		to, session->worker, session->stream,
		is_libssh2 ? &route->to : &session->target, session->command);

	session_tell_route(session, to->name, route->why);
	if (is_libssh2) {
		remote_target_copy(&session->target, &heir->asked);
		heir->identities = mem_str(route->identities);
		heir->identities_only = route->identities_only;
		heir->may_fall_back =
			!session->target.transport ||
			strcmp(session->target.transport, to->name) != 0;
	}
	session_inherit(session, heir);
}

bool session_fall_back(struct session *session, const char *why)
{
	struct session *heir;

	if (!session->may_fall_back)
		return false;
	session_tell_route(session, transport_openssh.name, why);
	heir = session_make(&transport_openssh, session->worker,
			    session->stream, &session->asked, session->command);
	session_inherit(session, heir);
	return true;
}
