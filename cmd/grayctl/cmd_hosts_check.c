#include "cmd/grayctl/hosts.h"

static const struct option_spec options[] = {
	HOSTS_OPTIONS,
	{ 0 },
};

static int run(struct invocation *inv, struct err *err)
{
	return hosts_run(inv, BOOTSTRAP_CHECK, err);
}

const struct command cmd_hosts_check = {
	.name = "hosts check",
	.args = "[host...]",
	.summary = "can the hosts be reached, and does their agent speak?",
	.details = "All hosts of the fleet, or those named. Changes nothing.",
	.max_args = HOSTS_MAX_ARGS,
	.options = options,
	.run = run,
};
