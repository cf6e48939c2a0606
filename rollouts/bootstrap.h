/*
 * bootstrap.h - the agent brought to hosts over SSH, and proved to speak there.
 *
 * Runs by itself, without a controller: a loop and a pool of its own, hosts in
 * parallel, each in steps that can be done again at any time:
 *
 *	look -> send -> place -> greet -> bind -> ready
 *	  +-- it is there ---------^        (bind only with a key to install)
 *	  +-- ready, when that was all that was asked
 *
 * Each step is one command. What it is made of comes from the agent's digest
 * and from chance alone; whatever else there is goes to its standard input.
 */
#pragma once

#include "core/base/err.h"
#include "core/fleet/inventory.h"
#include "rollouts/agent_binary.h"
#include "rollouts/bootstrap_look.h"

enum bootstrap_goal {
	BOOTSTRAP_ADD,
	BOOTSTRAP_CHECK, /* change nothing; the agent must answer */
	BOOTSTRAP_LOOK	 /* change nothing; could the agent be brought? */
};

struct bootstrap_options {
	const struct agent_binary *binary;
	const char *identity; /* as in core/remote/transport.h */
	const char *config;
	const char *transport;
	const char *known_hosts; /* new keys are added to the first */
	bool hash_known_hosts;	 /* so that it does not tell the names */
	/*
	 * Which new keys are taken, also by a look: one with that SHA256:...;
	 * one that a person confirmed for this host (a place for each, NULL for
	 * none); any.
	 */
	const char *fingerprint;
	const char *const *fingerprints;
	bool accept_new;
	const char *key;  /* authorized_keys: "TYPE BASE64 ...", or NULL */
	const char *unit; /* that the login must restart, or NULL */
	enum bootstrap_goal goal;
	/* As in remote_options. */
	const char *(*passphrase)(const char *identity, void *ctx);
	void *passphrase_ctx;
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
	const struct step_seen *seen;
	struct err err;	    /* why it is not ready */
	const char *remedy; /* or NULL */
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
