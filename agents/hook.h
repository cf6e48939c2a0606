/*
 * hook.h - a program that a release or a plan brings, run as agreed.
 *
 * In the folder of a release, argv and no shell, with an environment that is
 * built and not inherited:
 *
 *	GRAY_SERVICE GRAY_HOST GRAY_ADDRESS	who
 *	GRAY_ROOT GRAY_RELEASE GRAY_VERSION	which: two folders and a name
 *	PATH HOME
 *
 * A first word with a slash is relative to the release.
 */
#pragma once

#include "agents/child.h"
#include "agents/slot.h"
#include "agents/spec.h"

struct hook {
	const char *what; /* "restart"; borrowed */
	const struct spec_hook *hook;
	const struct spec *spec;
	const struct slot *slot;
	struct digest release; /* zero: run in the root itself */
	const char *version;
	uint64_t default_timeout_ms; /* when the hook names none */
	bool is_launcher;
	int output; /* of a launcher; -1: kept like another's */
};

/* Everything is copied. */
int hook_start(const struct hook *hook, uint64_t now_ms, struct child **out,
	       struct err *err) MUST_CHECK;
/* The same, to its end; OUT_OUTPUT may be NULL. Blocks. */
int hook_run(const struct hook *hook, char **out_output,
	     struct err *err) MUST_CHECK;
