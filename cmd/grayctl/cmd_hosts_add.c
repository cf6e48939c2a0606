#include "cmd/grayctl/hosts.h"

static const struct option_spec options[] = {
	HOSTS_OPTIONS,
	{ "fingerprint", OPTION_TEXT, "take an unknown host key that has it",
	  "SHA256:...", 0 },
	{ "accept-new", OPTION_FLAG, "take every unknown host key", NULL, 0 },
	{ "install-key", OPTION_TEXT,
	  "let this public key run the agent, and nothing else", "file", 0 },
	{ "unit", OPTION_TEXT, "may the login restart this systemd unit?",
	  "name", 0 },
	{ "yes", OPTION_FLAG, "do not ask whether to do it", NULL, 'y' },
	{ 0 },
};

static int run(struct invocation *inv, struct err *err)
{
	return hosts_run(inv, BOOTSTRAP_ADD, err);
}

const struct command cmd_hosts_add = {
	.name = "hosts add",
	.args = "[host...]",
	.summary = "bring the agent to the hosts of a fleet, over SSH",
	.details = "What it finds and will do is shown first, and asked on a "
		   "terminal. All hosts,\nor those named. Can be done again at "
		   "any time; "
		   "agents of several\nversions live side by side. A key that "
		   "is taken is added to the fleet's\nknown_hosts; one that "
		   "differs from a known key is always refused.",
	.max_args = HOSTS_MAX_ARGS,
	.options = options,
	.run = run,
};
