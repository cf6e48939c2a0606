#include <string.h>

#include "core/remote/child.h"
#include "core/remote/user.h"

/* The command run here, by /bin/sh in the home folder, as sshd would. */
static struct child *local_of(struct session *session)
{
	return CONTAINER_OF(session, struct child, session);
}

static void local_end(struct child *child)
{
	struct err err = ERR_INIT;

	if (child->signo) {
		(void)err_set(&err, ERR_FAILED, "the command: killed by %s",
			      strsignal(child->signo));
		session_close(&child->session, -1, &err);
	} else {
		session_close(&child->session, (int)child->status, NULL);
	}
}

static void local_err(struct child *child, const void *bytes, size_t size)
{
	session_got_stderr(&child->session, bytes, size);
}

static void local_start(struct session *session)
{
	struct child *child = local_of(session);
	char sh[] = "/bin/sh", dash_c[] = "-c";
	char *argv[] = { sh, dash_c, session->command, NULL };
	AUTO_STR char *home = user_file("");
	struct err err = ERR_INIT;

	child->on_end = local_end;
	child->on_err = local_err;
	child->waits_for_err = true;
	if (child_start(child, argv, home, &err) < 0) {
		session_close(session, -1, &err);
		return;
	}
	session_is_in(session);
	session_opened(session);
	child_pump(child);
}

static void local_pump(struct session *session)
{
	child_pump(local_of(session));
}

static void local_stop(struct session *session)
{
	child_stop(local_of(session));
}

static void local_release(struct session *session)
{
	child_release(local_of(session));
}

const struct transport transport_local = {
	.name = "local",
	.scheme = "local:",
	.session_size = sizeof(struct child),
	.start = local_start,
	.pump = local_pump,
	.stop = local_stop,
	.release = local_release,
};
