/*
 * hosts_look.h - what `hosts add` finds before it does anything, and the
 * preview that is made of it.
 */
#pragma once

#include "cmd/grayctl/output.h"
#include "rollouts/bootstrap.h"

struct looked {
	struct bootstrap_report report; /* its strings are owned here */
	struct step_seen seen;
	char *new_key;
	char *machine;
};
struct looks {
	VEC(struct looked) hosts; /* in the order asked for */
};
void looks_release(struct looks *looks);
MEM_AUTO_VALUE(looks)

/* Look at HOSTS, changing none; options->goal is not used. */
int looks_take(const struct fleet_host *const *hosts, size_t n_hosts,
	       const struct bootstrap_options *options, struct looks *out,
	       struct err *err) MUST_CHECK;
/*
 * Ask a person about each key that is not known, and look again at the hosts
 * whose key it is: it is in known_hosts then.
 */
int looks_ask_keys(struct looks *looks, const struct bootstrap_options *options,
		   struct err *err) MUST_CHECK;

/* How many hosts would be changed. */
size_t looks_count_changes(const struct looks *looks,
			   const struct bootstrap_options *options);
void looks_show(const struct looks *looks,
		const struct bootstrap_options *options,
		const struct output *output);
