/*
 * agent_binary.h - the agent's program file: where it is here, and its name on
 * a host.
 *
 * On a host it is called after what is in it, so that several versions live
 * side by side: .gray/bin/gray-agent-<first 16 letters of its SHA-256>.
 */
#pragma once

#include <stdint.h>

#include "core/base/digest.h"
#include "core/base/err.h"
#include "core/base/mem.h"

#define AGENT_BINARY_DIR ".gray/bin" /* below the login folder */
#define AGENT_BINARY_MAX (64 << 20)  /* bytes; more is not an agent */

struct agent_binary {
	char *path; /* here */
	struct digest digest;
	uint64_t size;
	const char *machine; /* as `uname -m` says it, or "" if not known */
	char *remote_path;   /* .gray/bin/gray-agent-0123456789abcdef */
	char *command;	     /* that starts it: "<remote_path> serve" */
};

/*
 * path   the file, or NULL: beside this program, in ../bin or in ../lib/gray
 *
 * Fails with ERR_NOT_FOUND, saying where it looked, or ERR_INVALID when it is
 * no program.
 */
int agent_binary_find(const char *path, struct agent_binary **out,
		      struct err *err) MUST_CHECK;
void agent_binary_free(struct agent_binary *binary);
MEM_AUTO(agent_binary)
