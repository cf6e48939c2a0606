#include <string.h>

#include "core/base/str.h"
#include "core/remote/remote_private.h"

#define SESSION_UNREAD_MAX (1 << 20)   /* the owner is behind by so much */
#define SESSION_STDERR_MAX (64 << 10)  /* kept of a program's standard error */
#define SESSION_EAT_AT	   (256 << 10) /* written bytes before they are moved */

static const struct transport *const transports[] = {
	&transport_local,
	&transport_ssh,
};

static const struct transport *transport_of(const char *address)
{
	size_t i = 0;

	/* The last row's scheme is "": it takes all addresses. */
	while (i + 1 < COUNT_OF(transports) &&
	       !str_starts(address, transports[i]->scheme))
		i++;
	return transports[i];
}

struct session *session_new(struct worker *worker, struct stream *stream,
			    const struct remote_target *target,
			    const char *command)
{
	const struct transport *transport = transport_of(target->address);
	struct session *session = mem_alloc(transport->session_size);

	session->transport = transport;
	session->worker = worker;
	session->stream = stream;
	session->n_holds = 1; /* the stream's */
	session->name = mem_str(target->name);
	session->address = mem_str(target->address);
	session->port = target->port ? target->port : 22;
	session->key_name =
		mem_str(target->host_key_alias ? target->host_key_alias
					       : target->address);
	session->key_port = target->host_key_alias ? 22 : session->port;
	session->user = mem_str(target->user);
	session->identity = mem_str(target->identity);
	session->known_hosts = mem_str(target->known_hosts);
	session->fingerprint = mem_str(target->fingerprint);
	session->accept_new = target->accept_new;
	session->command = mem_str(command);
	return session;
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
	buf_release(&session->out);
	free(session->name);
	free(session->address);
	free(session->key_name);
	free(session->user);
	free(session->identity);
	free(session->known_hosts);
	free(session->fingerprint);
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

void session_new_key(struct session *session, const uint8_t *key, size_t size,
		     bool is_taken)
{
	struct notice notice = { .kind = NOTICE_NEW_KEY,
				 .stream = session->stream,
				 .is_taken = is_taken };
	AUTO_STR char *words = hostkey_describe(key, size);
	AUTO_STR char *line =
		hostkeys_line(session->key_name, session->key_port, key, size);

	buf_append(&notice.bytes, words, strlen(words) + 1);
	buf_append_str(&notice.bytes, line);
	remote_notice(session->worker->remote, &notice);
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
		(void)err_wrap(notice.err, "host %s", session->name);
	}
	session_hold(session); /* stop may release the last of the others */
	if (session->is_started)
		session->transport->stop(session);
	session->stream = NULL;
	remote_notice(session->worker->remote, &notice);
	session_release(session);
}
