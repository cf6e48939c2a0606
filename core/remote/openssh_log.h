/*
 * openssh_log.h - what the ssh program tells of itself, read line by line.
 *
 * Its log comes by a pipe of its own (-E, LogLevel=DEBUG1), apart from what the
 * program on the host writes to its standard error. From it we know how far a
 * connection is, whether the exit status is that program's or ssh's own, and
 * why there is none, in the words that the other transport has for it.
 *
 *	connecting -> handshake -> starting the command -> open
 */
#pragma once

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/remote/transport.h"

enum openssh_phase {
	OPENSSH_CONNECT,
	OPENSSH_HANDSHAKE, /* and login */
	OPENSSH_EXEC,
	OPENSSH_OPEN
};

enum openssh_trouble {
	OPENSSH_NO_TROUBLE,
	OPENSSH_KEY_UNKNOWN,
	OPENSSH_KEY_CHANGED,
	OPENSSH_KEY_REVOKED,
	OPENSSH_KEY_OTHER, /* a bad certificate, for example */
	OPENSSH_DENIED,	   /* no key was accepted */
	OPENSSH_TIMEOUT,
	OPENSSH_LOOKUP,
	OPENSSH_OTHER
};

struct openssh_log {
	enum openssh_phase phase;
	bool is_proxied; /* by a ProxyCommand or a jump host */
	bool has_status; /* of the program on the host */
	bool has_signal; /* it was killed by one */
	enum openssh_trouble trouble;
	char *key;	/* that the host showed: "ssh-ed25519 SHA256:..." */
	char *last;	/* what it complained about last, or NULL */
	struct buf why; /* before that: keys it could not use */
	struct buf line;
};

void openssh_log_add(struct openssh_log *log, const void *bytes, size_t size);
void openssh_log_release(struct openssh_log *log);
MEM_AUTO_VALUE(openssh_log)

/*
 * Why there is no exit status. OTHER are the last words on its standard error,
 * or "": those of a jump host's ssh, for example.
 */
void openssh_log_explain(const struct openssh_log *log,
			 const struct remote_target *target, const char *other,
			 struct err *err);
/* "ssh-ed25519 SHA256:..." as people say it; owned by the caller. */
char *openssh_log_key_words(const char *key) MUST_CHECK;
