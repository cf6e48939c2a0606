#include <string.h>

#include "core/remote/ssh_private.h"

#define PUMP_CHUNK (64 << 10)
/* Received at most before other sessions of the worker have their turn. */
#define PUMP_BUDGET (1 << 20)

enum pump_result { PUMP_IDLE, PUMP_MOVED, PUMP_FAILED };

static enum pump_result pump_read(struct ssh *ssh, int stream)
{
	char chunk[PUMP_CHUNK];
	ssize_t n = libssh2_channel_read_ex(ssh->channel, stream, chunk,
					    sizeof(chunk));

	if (n == 0 || n == LIBSSH2_ERROR_EAGAIN)
		return PUMP_IDLE;
	if (n < 0)
		return PUMP_FAILED;
	if (stream == 0)
		session_got(&ssh->session, chunk, (size_t)n);
	else
		session_got_stderr(&ssh->session, chunk, (size_t)n);
	return PUMP_MOVED;
}

static enum pump_result pump_out(struct ssh *ssh)
{
	/* Behind: it stays with libssh2, whose window then stops the host. */
	if (!session_can_read(&ssh->session))
		return PUMP_IDLE;
	return pump_read(ssh, 0);
}

static enum pump_result pump_err(struct ssh *ssh)
{
	return pump_read(ssh, SSH_EXTENDED_DATA_STDERR);
}

static enum pump_result pump_write(struct ssh *ssh)
{
	size_t size;
	const uint8_t *bytes;
	ssize_t n;

	if (!ssh_wire_flush(ssh))
		return PUMP_IDLE;
	if (ssh->n_sealed) {
		session_wrote(&ssh->session, ssh->n_sealed);
		ssh->n_sealed = 0;
	}
	bytes = session_out(&ssh->session, &size);
	if (!bytes)
		return PUMP_IDLE;
	n = libssh2_channel_write_ex(ssh->channel, 0, (const char *)bytes,
				     MIN_OF(size, (size_t)PUMP_CHUNK));
	if (n == 0 || n == LIBSSH2_ERROR_EAGAIN)
		return PUMP_IDLE;
	if (n < 0)
		return PUMP_FAILED;
	ssh->n_sealed = (size_t)n;
	return PUMP_MOVED;
}

static enum pump_result pump_end(struct ssh *ssh)
{
	size_t size;
	int rc;

	(void)session_out(&ssh->session, &size);
	if (!ssh->session.wants_end || ssh->is_end_sent || size)
		return PUMP_IDLE;
	rc = libssh2_channel_send_eof(ssh->channel);
	if (rc == LIBSSH2_ERROR_EAGAIN)
		return PUMP_IDLE;
	if (rc < 0)
		return PUMP_FAILED;
	ssh->is_end_sent = true;
	return PUMP_MOVED;
}

/* Closed by the host, after the end of its output: the status is true. */
static void pump_finish(struct ssh *ssh)
{
	struct err err = ERR_INIT;
	char *name = NULL;

	(void)libssh2_channel_get_exit_signal(ssh->channel, &name, NULL, NULL,
					      NULL, NULL, NULL);
	if (name) {
		(void)err_set(&err, ERR_FAILED, "the command: killed by SIG%s",
			      name);
		libssh2_free(ssh->libssh2, name);
		session_close(&ssh->session, -1, &err);
		return;
	}
	session_close(&ssh->session,
		      libssh2_channel_get_exit_status(ssh->channel), NULL);
}

/*
 * Without the end of the output a status would be a guess: libssh2 says 0 also
 * when the connection broke.
 */
static enum pump_result pump_closed(struct ssh *ssh)
{
	int rc;

	if (libssh2_channel_eof(ssh->channel) != 1)
		return PUMP_IDLE;
	rc = libssh2_channel_wait_closed(ssh->channel);
	if (rc == LIBSSH2_ERROR_EAGAIN)
		return PUMP_IDLE;
	if (rc < 0)
		return PUMP_FAILED;
	pump_finish(ssh);
	return PUMP_IDLE;
}

/* Is there output in libssh2's memory that we could take? */
static bool pump_has_more(struct ssh *ssh)
{
	unsigned long n = 0;

	(void)libssh2_channel_window_read_ex(ssh->channel, &n, NULL);
	return n && session_can_read(&ssh->session);
}

static enum pump_result pump_round(struct ssh *ssh)
{
	static enum pump_result (*const steps[])(struct ssh *) = {
		pump_out, pump_err, pump_write, pump_end, pump_closed,
	};
	enum pump_result result = PUMP_IDLE;

	for (size_t i = 0; i < COUNT_OF(steps); i++) {
		enum pump_result rc = steps[i](ssh);

		if (rc == PUMP_FAILED)
			return rc;
		if (ssh->session.is_closed)
			return PUMP_IDLE;
		if (rc == PUMP_MOVED)
			result = PUMP_MOVED;
	}
	return result;
}

void ssh_pump(struct ssh *ssh)
{
	uint64_t n_received;
	enum pump_result result;

	ssh_wire_refill(ssh, PUMP_BUDGET);
	do {
		n_received = ssh->n_received;
		result = pump_round(ssh);
		if (ssh->session.is_closed)
			return;
		if (result == PUMP_FAILED) {
			ssh_fail(ssh, "connection lost");
			return;
		}
	} while (result == PUMP_MOVED || ssh->n_received != n_received ||
		 pump_has_more(ssh));
}
