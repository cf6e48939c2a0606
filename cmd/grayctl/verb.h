/*
 * verb.h - the operator's verbs: pause, resume, promote and the like, which are
 * one request each and differ in their name only.
 */
#pragma once

#include "cmd/grayctl/command.h"

extern const struct option_spec verb_options[]; /* --reason */

/*
 * POST VERB for the rollout that the first argument names, and say what it
 * does now.
 *
 * stage  for rollback: from this one on; or NULL
 */
int verb_run(struct invocation *inv, const char *verb, const char *stage,
	     struct err *err) MUST_CHECK;
