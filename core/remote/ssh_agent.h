/*
 * ssh_agent.h - asks the user's ssh-agent: which keys, and to sign with one.
 *
 * Blocks, for at most SSH_AGENT_MS a question: never on a loop's thread.
 * Protocol: draft-miller-ssh-agent.
 */
#pragma once

#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/vec.h"

#define SSH_AGENT_MS 10000

struct ssh_agent_key {
	uint8_t *blob; /* the public key as on the wire */
	size_t size;
	char *comment;
};
struct ssh_agent {
	int fd;
	VEC(struct ssh_agent_key) keys; /* ED25519 and ECDSA ones only */
	char *other; /* the type of a key of another kind, or NULL */
};

/* Connect to $SSH_AUTH_SOCK and list; ERR_NOT_FOUND when there is none. */
int ssh_agent_open(struct ssh_agent **out, struct err *err) MUST_CHECK;
void ssh_agent_free(struct ssh_agent *agent);
MEM_AUTO(ssh_agent)
/* OUT is the bare signature, without the name of its type. */
int ssh_agent_sign(struct ssh_agent *agent, const struct ssh_agent_key *key,
		   const uint8_t *bytes, size_t size, struct buf *out,
		   struct err *err) MUST_CHECK;

/* The keys of an answer to the question for them, added to AGENT. */
int ssh_agent_parse_keys(const uint8_t *bytes, size_t size,
			 struct ssh_agent *agent, struct err *err) MUST_CHECK;
