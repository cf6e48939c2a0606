/*
 * bootstrap.h - the agent brought to hosts over SSH, and proved to speak there.
 *
 * Runs by itself, without a controller: a loop and a pool of its own, hosts in
 * parallel, each in steps that can be done again at any time:
 *
 *	look -> send -> place -> greet -> bind -> ready
 *	  +-- it is there ---------^        (bind only with a key to install)
 *
 * Each step is one command. What it is made of comes from the agent's digest
 * and from chance alone; whatever else there is goes to its standard input.
 */
#pragma once

#include "core/base/err.h"
#include "core/fleet/inventory.h"
#include "rollouts/agent_binary.h"

struct bootstrap_options {
	const struct agent_binary *binary;
	const char *identity;	 /* as in core/remote/transport.h */
	const char *known_hosts; /* new keys are added to it */
	const char *config;
	const char *transport;
	const char *fingerprint;
	bool accept_new;
	const char *key; /* authorized_keys: "TYPE BASE64 ...", or NULL */
	bool is_check;	 /* change nothing */
};

/* How it ended for one host; borrowed for the call. */
struct bootstrap_report {
	const struct fleet_host *host;
	bool is_ready;
	bool is_new;	     /* the agent was not there before */
	bool is_key_taken;   /* new_key is in known_hosts now */
	bool is_bound;	     /* the login may run nothing but the agent */
	const char *new_key; /* "ED25519 SHA256:..." that was not known */
	const char *version; /* of the agent that spoke, or "" */
	const char *machine; /* as its `uname -m` says, or "" */
	struct err err;	     /* why it is not ready */
	const char *remedy;  /* or NULL */
};
typedef void (*bootstrap_fn)(const struct bootstrap_report *report, void *ctx);

struct bootstrap_counts {
	unsigned n_ready;
	unsigned n_new; /* of those */
	unsigned n_failed;
};

/*
 * Returns when all HOSTS have ended; REPORT was called for each, as it ended.
 * A host that fails is no error, only what fails here is.
 */
int bootstrap_run(const struct fleet_host *const *hosts, size_t n_hosts,
		  const struct bootstrap_options *options, bootstrap_fn report,
		  void *ctx, struct bootstrap_counts *out,
		  struct err *err) MUST_CHECK;
