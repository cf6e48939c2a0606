/*
 * bootstrap_look.h - the first look at a host before anything is changed there:
 * what is asked, how the answer reads, and whether an agent can live there.
 * Pure: nothing here talks to a host.
 *
 * A login shell that prints text or is not a Bourne shell is no obstacle; one
 * that runs no commands is told as such, and not as a broken host.
 */
#pragma once

#include "core/base/err.h"
#include "core/base/mem.h"
#include "rollouts/agent_binary.h"

/* What the look found. */
struct step_seen {
	bool is_bound;	  /* it ran the agent instead: a forced command */
	bool is_there;	  /* with the right bytes, and may be run */
	unsigned n_other; /* agents of other versions */
	char *machine;	  /* owned, as all of them; NULL if not told */
	char *shell;	  /* the login shell */
	char *mount;	  /* options of the login folder's: "rw,noexec,..." */
	char *restart;	  /* a unit, as "root", by "sudo", or "no" */
	bool can_write;	  /* in the login folder */
	bool has_free;
	uint64_t free_bytes; /* for the login user */
};
void step_seen_copy(const struct step_seen *from, struct step_seen *out);
void step_seen_release(struct step_seen *seen);
MEM_AUTO_VALUE(step_seen)

/*
 * The command, one line, for any login shell; owned by the caller.
 *
 * unit   that must be restarted by this login, or NULL
 */
char *step_look(const struct agent_binary *binary, const char *unit) MUST_CHECK;
/* Letters that a unit's name may have here; others mean more to a shell. */
bool step_unit_is_plain(const char *unit);

/* It ended with STATUS, this on standard output, this on standard error. */
int step_look_read(const char *text, const char *complaint, int status,
		   const struct agent_binary *binary, struct step_seen *out,
		   struct err *err) MUST_CHECK;
/* Can the agent be there and run? */
int step_look_judge(const struct step_seen *seen,
		    const struct agent_binary *binary,
		    struct err *err) MUST_CHECK;
/* The sudoers line that lets USER restart UNIT and nothing else; the caller's.
 */
char *step_sudoers_line(const char *user, const char *unit) MUST_CHECK;
