#include "core/remote/ssh_agent.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "core/base/str.h"
#include "core/remote/ssh_bytes.h"
#include "core/sys/file.h"

#define AGENT_MAX_ANSWER (256 << 10)
#define AGENT_LIST	 11
#define AGENT_LIST_IS	 12
#define AGENT_SIGN	 13
#define AGENT_SIGN_IS	 14

/* The first byte of an answer, which says what it is. */
static bool is_kind(struct ssh_bytes *answer, uint8_t kind)
{
	uint8_t first;

	return ssh_bytes_u8(answer, &first) && first == kind;
}

static void put_u32(struct buf *buf, uint32_t value)
{
	uint8_t bytes[4] = { (uint8_t)(value >> 24), (uint8_t)(value >> 16),
			     (uint8_t)(value >> 8), (uint8_t)value };

	buf_append(buf, bytes, sizeof(bytes));
}

static void put_string(struct buf *buf, const uint8_t *bytes, size_t size)
{
	put_u32(buf, (uint32_t)size);
	buf_append(buf, bytes, size);
}

static int agent_read(int fd, uint8_t *out, size_t size, struct err *err)
{
	while (size) {
		ssize_t n = recv(fd, out, size, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return err_set(err, ERR_TIMEOUT,
				       "ssh-agent: no answer after %d s",
				       SSH_AGENT_MS / 1000);
		if (n < 0)
			return err_sys(err, "ssh-agent");
		if (n == 0)
			return err_set(err, ERR_UNREACHABLE,
				       "ssh-agent: it hung up");
		out += n;
		size -= (size_t)n;
	}
	return 0;
}

/* Ask, and read the answer, its length taken off. */
static int agent_ask(int fd, const struct buf *question, struct buf *out,
		     struct err *err)
{
	AUTO_VALUE(buf) framed = BUF_INIT;
	uint8_t head[4];
	struct ssh_bytes wire = { .at = head, .left = sizeof(head) };
	uint32_t size = 0;

	put_string(&framed, question->bytes, question->size);
	if (file_write_all(fd, framed.bytes, framed.size, err) < 0)
		return err_wrap(err, "ssh-agent");
	if (agent_read(fd, head, sizeof(head), err) < 0)
		return err_again(err);
	if (!ssh_bytes_u32(&wire, &size) || size == 0 ||
	    size > AGENT_MAX_ANSWER)
		return err_set(err, ERR_PROTOCOL,
			       "ssh-agent: an answer of %u bytes", size);
	if (agent_read(fd, buf_reserve(out, size), size, err) < 0)
		return err_again(err);
	out->size += size;
	return 0;
}

/* RSA would be signed with SHA-1, and hardware keys need other packets. */
static bool is_usable(const struct ssh_bytes *blob)
{
	struct ssh_bytes rest = *blob;
	struct ssh_bytes type;

	if (!ssh_bytes_string(&rest, &type))
		return false;
	return (type.left == 11 && memcmp(type.at, "ssh-ed25519", 11) == 0) ||
	       (type.left == 19 &&
		memcmp(type.at, "ecdsa-sha2-nistp", 16) == 0);
}

int ssh_agent_parse_keys(const uint8_t *bytes, size_t size,
			 struct ssh_agent *agent, struct err *err)
{
	struct ssh_bytes wire = { .at = bytes, .left = size };
	struct ssh_bytes blob, comment;
	uint32_t n = 0;

	if (!is_kind(&wire, AGENT_LIST_IS) || !ssh_bytes_u32(&wire, &n))
		return err_set(err, ERR_PROTOCOL,
			       "ssh-agent: it does not list its keys");
	for (uint32_t i = 0; i < n; i++) {
		struct ssh_agent_key *key;

		if (!ssh_bytes_string(&wire, &blob) ||
		    !ssh_bytes_string(&wire, &comment))
			return err_set(err, ERR_PROTOCOL,
				       "ssh-agent: its list is cut");
		if (!is_usable(&blob)) {
			struct ssh_bytes type;

			if (!agent->other && ssh_bytes_string(&blob, &type))
				agent->other = str_clean((const char *)type.at,
							 type.left);
			continue;
		}
		key = vec_add(&agent->keys);
		key->blob = mem_copy(blob.at, blob.left);
		key->size = blob.left;
		key->comment =
			str_clean((const char *)comment.at, comment.left);
	}
	return 0;
}

static int agent_connect(const char *path, struct err *err)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	struct timeval limit = { .tv_sec = SSH_AGENT_MS / 1000 };
	AUTO_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return err_sys(err, "ssh-agent");
	if (strlen(path) >= sizeof(to.sun_path))
		return err_set(err, ERR_INVALID,
			       "ssh-agent: SSH_AUTH_SOCK is too long");
	memcpy(to.sun_path, path, strlen(path));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		return err_sys(err, "ssh-agent at %s", path);
	return TAKE_FD(fd);
}

int ssh_agent_open(struct ssh_agent **out, struct err *err)
{
	static const uint8_t list[] = { AGENT_LIST };
	const char *path = getenv("SSH_AUTH_SOCK");
	AUTO(ssh_agent) agent = NULL;
	AUTO_VALUE(buf) question = BUF_INIT;
	AUTO_VALUE(buf) answer = BUF_INIT;
	int fd;

	if (!path || !*path)
		return err_set(err, ERR_NOT_FOUND,
			       "no ssh-agent (SSH_AUTH_SOCK is not set)");
	fd = agent_connect(path, err);
	if (fd < 0)
		return fd;
	agent = MEM_NEW(struct ssh_agent);
	agent->fd = fd;
	buf_append(&question, list, sizeof(list));
	if (agent_ask(fd, &question, &answer, err) < 0 ||
	    ssh_agent_parse_keys(answer.bytes, answer.size, agent, err) < 0)
		return err_again(err);
	*out = TAKE(agent);
	return 0;
}

void ssh_agent_free(struct ssh_agent *agent)
{
	if (!agent)
		return;
	if (agent->fd >= 0)
		(void)close(agent->fd);
	for (size_t i = 0; i < agent->keys.n; i++) {
		free(agent->keys.items[i].blob);
		free(agent->keys.items[i].comment);
	}
	vec_release(&agent->keys);
	free(agent->other);
	free(agent);
}

int ssh_agent_sign(struct ssh_agent *agent, const struct ssh_agent_key *key,
		   const uint8_t *bytes, size_t size, struct buf *out,
		   struct err *err)
{
	AUTO_VALUE(buf) question = BUF_INIT;
	AUTO_VALUE(buf) answer = BUF_INIT;
	struct ssh_bytes wire, signature, type, bare;

	buf_append_char(&question, AGENT_SIGN);
	put_string(&question, key->blob, key->size);
	put_string(&question, bytes, size);
	put_u32(&question, 0); /* flags */
	if (agent_ask(agent->fd, &question, &answer, err) < 0)
		return err_again(err);
	wire.at = answer.bytes;
	wire.left = answer.size;
	if (!is_kind(&wire, AGENT_SIGN_IS) ||
	    !ssh_bytes_string(&wire, &signature) ||
	    !ssh_bytes_string(&signature, &type) ||
	    !ssh_bytes_string(&signature, &bare))
		return err_set(err, ERR_REFUSED,
			       "ssh-agent: it does not sign with %s",
			       key->comment);
	buf_append(out, bare.at, bare.left);
	return 0;
}
