/*
 * openssh_args.h - the command line of the ssh program for a host.
 *
 * An argument vector, never a shell's line. What must hold whatever the user's
 * configuration says comes first, since ssh takes the first value it finds.
 */
#pragma once

#include "core/base/vec.h"
#include "core/remote/transport.h"

struct openssh_args {
	VEC(char *) words; /* ends with NULL once they are complete */
};
void openssh_args_release(struct openssh_args *args);
MEM_AUTO_VALUE(openssh_args)

/* Fails with ERR_INVALID for what ssh would take for something else. */
int openssh_args_check(const struct remote_target *target,
		       struct err *err) MUST_CHECK;
void openssh_args_add(struct openssh_args *args, const char *fmt, ...)
	PRINTF_LIKE(2, 3);
/*
 * -o NAME="FIRST" "MORE"..., with what ssh would read as more than a path kept
 * from it.
 *
 * more   paths, one a line; or NULL
 */
void openssh_args_add_paths(struct openssh_args *args, const char *name,
			    const char *first, const char *more);
/* Keys, user, port, configuration, the target's own options. */
void openssh_args_add_target(struct openssh_args *args,
			     const struct remote_target *target);
/* No questions, no forwarding, nothing but the one command. */
void openssh_args_add_rules(struct openssh_args *args, uint64_t connect_ms);
/* "--", the address, and the command if it is not NULL; and the end. */
void openssh_args_finish(struct openssh_args *args, const char *address,
			 const char *command);
