/*
 * hosts.h - what `hosts add` and `hosts check` share: the hosts of a fleet file
 * tried in parallel, a line for each as it ends, and the sum.
 */
#pragma once

#include "cmd/grayctl/command.h"
#include "rollouts/bootstrap.h"

#define HOSTS_OPTIONS                                                       \
	{ "fleet", OPTION_TEXT, "the fleet file (fleet.yaml)", "file", 0 }, \
	{                                                                   \
		"agent", OPTION_TEXT,                                       \
			"the agent's program, if not the one beside "       \
			"grayctl",                                          \
			"file", 0                                           \
	}
#define HOSTS_MAX_ARGS 1000

/* ERR_UNREACHABLE when any host failed. */
int hosts_run(struct invocation *inv, enum bootstrap_goal goal,
	      struct err *err) MUST_CHECK;
