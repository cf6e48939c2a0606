/*
 * commands.h - what gray-agent can be told to do. Adding one: write <name>.c,
 * add its line here and its section to gray-agent(8).
 */
#pragma once

#include "core/base/err.h"

/* name, arguments, summary */
#define AGENT_COMMANDS(X)                                                      \
	X(serve, "", "speak to a controller on standard input and output")     \
	X(guard, "--root ROOT", "own a deployment root until nobody needs it") \
	X(recover, "[--root ROOT ...]",                                        \
	  "settle at boot what was interrupted, before the service starts")

/* The options of all commands; a command looks at those it knows. */
struct agent_options {
	const char *roots[64];
	size_t n_roots;
	int ready_fd; /* guard: told when it is ready; -1: nobody */
	const char *home;
};

#define AGENT_COMMAND_DECLARE(name, args, summary)              \
	int command_##name(const struct agent_options *options, \
			   struct err *err);
AGENT_COMMANDS(AGENT_COMMAND_DECLARE)
#undef AGENT_COMMAND_DECLARE
