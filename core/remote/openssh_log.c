#include "core/remote/openssh_log.h"

#include <string.h>

#include "core/base/str.h"
#include "core/remote/user.h"

#define LOG_LINE_MAX 1024 /* of a line that much is looked at */
#define LOG_WHY_MAX  600

/* Lines by their beginning. What they mean is in log_hear. */
#define LOG_REQUEST "debug1: client_input_channel_req: channel 0 rtype "
static const struct {
	const char *start;
	enum openssh_phase phase; /* at least this one is reached */
} steps[] = {
	{ "debug1: Connection established", OPENSSH_HANDSHAKE },
	{ "debug1: Remote protocol version ", OPENSSH_HANDSHAKE },
	{ "Authenticated to ", OPENSSH_EXEC },
	{ "debug1: Sending command: ", OPENSSH_OPEN },
};

/* Said whatever happens. */
static const char *const noise[] = {
	"debug",
	"Authenticated to ",
	"Transferred: ",
	"Bytes per second: ",
	"Warning: Permanently added ",
};

/* Complaints by a part of them; the first that is found counts. */
static const struct {
	const char *part;
	enum openssh_trouble trouble;
} troubles[] = {
	{ "host key is known for ", OPENSSH_KEY_UNKNOWN },
	{ "has changed and you have requested strict", OPENSSH_KEY_CHANGED },
	{ "REVOKED HOST KEY DETECTED", OPENSSH_KEY_REVOKED },
	{ "is revoked", OPENSSH_KEY_REVOKED },
	{ "key revoked by", OPENSSH_KEY_REVOKED },
	{ "Host key verification failed", OPENSSH_KEY_OTHER },
	{ "Permission denied (", OPENSSH_DENIED },
	{ "Too many authentication failures", OPENSSH_DENIED },
	{ "timed out", OPENSSH_TIMEOUT },
	{ "Timeout, server ", OPENSSH_TIMEOUT },
	{ "Could not resolve hostname ", OPENSSH_LOOKUP },
};

static bool is_noise(const char *line)
{
	for (size_t i = 0; i < COUNT_OF(noise); i++)
		if (str_starts(line, noise[i]))
			return true;
	return !*line;
}

static enum openssh_trouble trouble_of(const char *line)
{
	for (size_t i = 0; i < COUNT_OF(troubles); i++)
		if (strstr(line, troubles[i].part))
			return troubles[i].trouble;
	return OPENSSH_OTHER;
}

static void log_complain(struct openssh_log *log, const char *line)
{
	enum openssh_trouble trouble = trouble_of(line);
	bool is_key = log->trouble >= OPENSSH_KEY_UNKNOWN &&
		      log->trouble <= OPENSSH_KEY_OTHER;

	/* "Host key verification failed." says less than what came before. */
	if (!is_key && trouble != OPENSSH_NO_TROUBLE)
		log->trouble = trouble;
	if (*line == '@' || (is_key && trouble == OPENSSH_KEY_OTHER))
		return;
	if (log->last && log->why.size < LOG_WHY_MAX)
		buf_format(&log->why, "%s%s", log->why.size ? "; " : "",
			   log->last);
	mem_set_str(&log->last, line);
}

static void log_hear(struct openssh_log *log, const char *line)
{
	static const char key[] = "debug1: Server host key: ";

	for (size_t i = 0; i < COUNT_OF(steps); i++)
		if (str_starts(line, steps[i].start))
			log->phase = MAX_OF(log->phase, steps[i].phase);
	if (str_starts(line, "debug1: Executing proxy command"))
		log->is_proxied = true;
	else if (str_starts(line, key))
		mem_set_str(&log->key, line + strlen(key));
	else if (str_starts(line, LOG_REQUEST "exit-status"))
		log->has_status = true;
	else if (str_starts(line, LOG_REQUEST "exit-signal"))
		log->has_signal = true;
	else if (!is_noise(line))
		log_complain(log, line);
}

static void log_end_line(struct openssh_log *log)
{
	size_t size = strlen(buf_str(&log->line));
	AUTO_STR char *line = NULL;

	while (size && strchr("\r ", log->line.bytes[size - 1]))
		size--;
	line = str_clean((const char *)log->line.bytes, size);
	buf_clear(&log->line);
	log_hear(log, line);
}

void openssh_log_add(struct openssh_log *log, const void *bytes, size_t size)
{
	const char *at = bytes;

	while (size) {
		const char *end = memchr(at, '\n', size);
		size_t n = end ? (size_t)(end - at) : size;
		size_t room = LOG_LINE_MAX - log->line.size;

		buf_append(&log->line, at, MIN_OF(n, room));
		if (!end)
			return;
		log_end_line(log);
		at = end + 1;
		size -= n + 1;
	}
}

void openssh_log_release(struct openssh_log *log)
{
	free(log->key);
	free(log->last);
	buf_release(&log->why);
	buf_release(&log->line);
	memset(log, 0, sizeof(*log));
}

char *openssh_log_key_words(const char *key)
{
	static const struct {
		const char *type;
		const char *words;
	} names[] = {
		{ "ssh-ed25519 ", "ED25519" },
		{ "ssh-rsa ", "RSA" },
		{ "rsa-sha2-", "RSA" },
		{ "ecdsa-sha2-", "ECDSA" },
	};
	const char *print = key ? strrchr(key, ' ') : NULL;

	for (size_t i = 0; print && i < COUNT_OF(names); i++)
		if (str_starts(key, names[i].type))
			return mem_format("%s%s", names[i].words, print);
	return mem_str(key ? key : "?");
}

static void explain_key(const struct openssh_log *log,
			const struct remote_target *target, struct err *err)
{
	const char *file =
		target->known_hosts ? target->known_hosts : "known_hosts";
	AUTO_STR char *words = openssh_log_key_words(log->key);

	if (log->trouble == OPENSSH_KEY_UNKNOWN)
		(void)err_set(err, ERR_HOSTKEY,
			      "its key (%s) is not in %s; add it with "
			      "`grayctl hosts add`",
			      words, file);
	else if (log->trouble == OPENSSH_KEY_CHANGED)
		(void)err_set(err, ERR_HOSTKEY,
			      "its key has changed: it shows %s, but %s knows "
			      "another; somebody may be in between. If it was "
			      "renewed, remove the old line and use `grayctl "
			      "hosts add`",
			      words, file);
	else if (log->trouble == OPENSSH_KEY_REVOKED)
		(void)err_set(err, ERR_HOSTKEY,
			      "its key (%s) is revoked in %s; do not trust "
			      "this host",
			      words, file);
	else
		(void)err_set(err, ERR_HOSTKEY, "its key (%s) is refused: %s",
			      words, log->last ? log->last : "?");
}

static void explain_denied(const struct openssh_log *log,
			   const struct remote_target *target, struct err *err)
{
	AUTO_STR char *who = target->user ? mem_str(target->user) : user_name();

	(void)err_set(err, ERR_UNREACHABLE,
		      "log in as %s: %s%s%s%s%s; a key's public half must be "
		      "in that user's ~/.ssh/authorized_keys on the host",
		      who, target->identity ? target->identity : "",
		      target->identity ? " is not accepted: " : "",
		      log->why.size ? buf_str(&log->why) : "",
		      log->why.size ? "; " : "", log->last);
}

/* The connection broke, or never was one. */
static void explain_lost(const struct openssh_log *log, const char *why,
			 struct err *err)
{
	static const char *const doing[] = { "connect", "SSH handshake",
					     "start the command",
					     "connection lost" };
	enum err_code code =
		log->trouble == OPENSSH_TIMEOUT ? ERR_TIMEOUT : ERR_UNREACHABLE;

	/* What a remote command's end looks like when nobody says why. */
	if (!*why)
		why = "the host closed the connection";
	if (log->phase == OPENSSH_CONNECT)
		(void)err_set(err, code, "%s", why);
	else
		(void)err_set(err, code, "%s: %s", doing[log->phase], why);
}

static void explain_way(const char *words, struct err *err)
{
	enum openssh_trouble trouble = trouble_of(words);
	bool is_key =
		trouble >= OPENSSH_KEY_UNKNOWN && trouble <= OPENSSH_KEY_OTHER;

	(void)err_set(err, is_key ? ERR_HOSTKEY : ERR_UNREACHABLE,
		      "on the way to it: %s", words);
}

void openssh_log_explain(const struct openssh_log *log,
			 const struct remote_target *target, const char *other,
			 struct err *err)
{
	const char *why = log->last ? log->last : other;
	const char *what;

	if (log->phase == OPENSSH_OPEN && log->has_signal) {
		(void)err_set(err, ERR_FAILED,
			      "the command: killed by a signal");
		return;
	}
	/* "Connection closed by UNKNOWN": who stands in between knows better.
	 */
	if (log->is_proxied && log->phase <= OPENSSH_HANDSHAKE && *other &&
	    log->trouble >= OPENSSH_TIMEOUT) {
		explain_way(other, err);
		return;
	}
	why = str_starts(why, "ssh: ") ? why + strlen("ssh: ") : why;
	switch (log->trouble) {
	case OPENSSH_KEY_UNKNOWN:
	case OPENSSH_KEY_CHANGED:
	case OPENSSH_KEY_REVOKED:
	case OPENSSH_KEY_OTHER:
		explain_key(log, target, err);
		return;
	case OPENSSH_DENIED:
		if (log->phase == OPENSSH_HANDSHAKE) {
			explain_denied(log, target, err);
			return;
		}
		break;
	case OPENSSH_LOOKUP:
		what = strstr(why, "hostname ");
		if (what) {
			(void)err_set(err, ERR_UNREACHABLE, "look up %s",
				      what + strlen("hostname "));
			return;
		}
		break;
	case OPENSSH_NO_TROUBLE:
	case OPENSSH_TIMEOUT:
	case OPENSSH_OTHER:
		break;
	}
	/* "connect to host 10.0.0.1 port 22: Connection refused" */
	if (str_starts(why, "connect to host "))
		(void)err_set(err,
			      log->trouble == OPENSSH_TIMEOUT ? ERR_TIMEOUT
							      : ERR_UNREACHABLE,
			      "connect to %s",
			      why + strlen("connect to host "));
	else if (log->trouble == OPENSSH_NO_TROUBLE && *other)
		(void)err_set(err, ERR_UNREACHABLE, "%s: %s",
			      log->phase == OPENSSH_CONNECT ? "connect"
							    : "connection lost",
			      other);
	else
		explain_lost(log, why, err);
}
