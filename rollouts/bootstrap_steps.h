/*
 * bootstrap_steps.h - what bringing an agent to a host says to its shell, and
 * how failures read. Pure: nothing here talks to a host. The first look is in
 * bootstrap_look.h.
 *
 * The login shell may be any: each command is `sh -c '...'` on one line, and
 * has no quote or exclamation mark inside.
 */
#pragma once

#include "core/base/buf.h"
#include "core/base/err.h"
#include "rollouts/agent_binary.h"

/* Commands; owned by the caller. TEMP is a file name, letters and digits. */
char *step_send(const char *temp) MUST_CHECK;
char *step_place(const struct agent_binary *binary,
		 const char *temp) MUST_CHECK;
/* Standard input: what step_bind_input makes. */
char *step_bind(void) MUST_CHECK;

/*
 * A public key file's one line as "TYPE BASE64 COMMENT", checked; the caller
 * owns *out.
 */
int step_key_parse(const char *text, char **out, struct err *err) MUST_CHECK;
/*
 * The line for authorized_keys that lets KEY start this agent and nothing else;
 * owned by the caller.
 */
char *step_key_line(const struct agent_binary *binary,
		    const char *key) MUST_CHECK;
char *step_bind_input(const struct agent_binary *binary,
		      const char *key) MUST_CHECK;

/* A command ended with STATUS and these last words: in a sentence. */
int step_explain(const char *what, int status, const char *complaint,
		 struct err *err) MUST_CHECK;
/* What helps against it, or NULL. */
const char *step_remedy(const struct err *err);
