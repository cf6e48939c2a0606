#include <stdlib.h>
#include <unistd.h>

#include "agents/contact.h"
#include "agents/facts.h"
#include "agents/guard.h"
#include "cmd/gray-agent/commands.h"
#include "core/base/mem.h"
#include "core/sys/log.h"

static int recover(const struct agent_options *options, const char *root,
		   struct err *err)
{
	struct guard_options guard = { .root = root,
				       .home = options->home,
				       .ready = -1 };
	bool needs_guard = false;
	int ready = -1;

	if (guard_recover(&guard, &needs_guard, err) < 0) {
		/* A guard that is alive looks after its root itself. */
		if (err->code == ERR_CONFLICT)
			return 0;
		return err_wrap(err, "%s", root);
	}
	if (needs_guard && contact_start_guard(root, &ready, err) < 0)
		return err_wrap(err, "%s", root);
	mem_auto_fd(&ready);
	return 0;
}

/* Every root gets its turn, whatever became of the one before. */
static int recover_all(const struct agent_options *options,
		       const char *const *roots, size_t n, struct err *err)
{
	struct err first = ERR_INIT;

	for (size_t i = 0; i < n; i++) {
		struct err why = ERR_INIT;

		if (recover(options, roots[i], &why) == 0)
			continue;
		log_error("%s", why.text);
		if (!first.code)
			first = why;
	}
	if (!first.code)
		return 0;
	*err = first;
	return -(int)first.code;
}

int command_recover(const struct agent_options *options, struct err *err)
{
	char **roots = NULL;
	size_t n = 0;
	int rc;

	if (options->n_roots)
		return recover_all(options, options->roots, options->n_roots,
				   err);
	if (facts_roots(options->home, &roots, err) < 0)
		return err_again(err);
	while (roots[n])
		n++;
	rc = recover_all(options, (const char *const *)roots, n, err);
	for (size_t i = 0; i < n; i++)
		free(roots[i]);
	free(roots);
	return rc;
}
