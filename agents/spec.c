#include "agents/spec.h"

#include <string.h>

#include "core/base/macros.h"

/* Longer than any plan may wait; keeps sums of times far from overflow. */
#define LONGEST_MS (7ull * 24 * 3600 * 1000)

int spec_set_text(char *out, size_t size, const char *text, const char *what,
		  struct err *err)
{
	size_t used = text ? strlen(text) : 0;

	if (used >= size)
		return err_set(err, ERR_INVALID, "%s is longer than %zu bytes",
			       what, size - 1);
	if (used)
		memcpy(out, text, used);
	out[used] = '\0';
	return 0;
}

static int hook_of(const struct agent_hook *hook, struct spec_hook *out,
		   struct err *err)
{
	if (hook->n_argv > SPEC_ARGV)
		return err_set(err, ERR_INVALID, "a hook of %zu words",
			       hook->n_argv);
	for (size_t i = 0; i < hook->n_argv; i++)
		if (spec_set_text(out->argv[i], sizeof(out->argv[i]),
				  hook->argv[i], "a hook's word", err) < 0)
			return err_again(err);
	out->n_argv = (uint32_t)hook->n_argv;
	out->timeout_ms = MIN_OF(hook->timeout_ms, LONGEST_MS);
	return 0;
}

int spec_of_probe(const struct agent_probe *probe, struct spec_probe *out,
		  struct err *err)
{
	memset(out, 0, sizeof(*out));
	if ((unsigned)probe->kind > AGENT_PROBE_KIND_SYSTEMD)
		return err_set(err, ERR_INVALID, "a probe of unknown kind %u",
			       (unsigned)probe->kind);
	out->kind = probe->kind;
	out->timeout_ms = MIN_OF(probe->timeout_ms, LONGEST_MS);
	out->status = probe->status;
	if (spec_set_text(out->target, sizeof(out->target), probe->target,
			  "a probe's target", err) < 0)
		return err_again(err);
	return hook_of(&probe->command, &out->command, err);
}

int spec_of_deploy(const struct agent_deploy *deploy, struct spec *out,
		   struct err *err)
{
	memset(out, 0, sizeof(*out));
	if ((unsigned)deploy->restart > AGENT_RESTART_KIND_SYSTEMD)
		return err_set(err, ERR_INVALID, "a restart of unknown kind %u",
			       (unsigned)deploy->restart);
	if (deploy->n_probes > SPEC_PROBES)
		return err_set(err, ERR_INVALID, "more than %d probes",
			       SPEC_PROBES);
	out->restart = deploy->restart;
	out->min_healthy_ms = MIN_OF(deploy->min_healthy_ms, LONGEST_MS);
	if (spec_set_text(out->unit, sizeof(out->unit), deploy->unit,
			  "the unit's name", err) < 0 ||
	    hook_of(&deploy->command, &out->command, err) < 0 ||
	    hook_of(&deploy->prepare, &out->prepare, err) < 0 ||
	    hook_of(&deploy->drain, &out->drain, err) < 0)
		return err_again(err);
	for (size_t i = 0; i < deploy->n_probes; i++)
		if (spec_of_probe(&deploy->probes[i], &out->probes[i], err) < 0)
			return err_again(err);
	out->n_probes = (uint32_t)deploy->n_probes;
	return spec_check(out, err);
}

static bool is_text(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

static int check_hook(const struct spec_hook *hook, const char *what,
		      struct err *err)
{
	if (hook->n_argv > SPEC_ARGV || hook->timeout_ms > LONGEST_MS)
		return err_set(err, ERR_INVALID, "%s: too long", what);
	for (uint32_t i = 0; i < SPEC_ARGV; i++)
		if (!is_text(hook->argv[i], sizeof(hook->argv[i])))
			return err_set(err, ERR_INVALID,
				       "%s: a word does not end", what);
	if (hook->n_argv && !hook->argv[0][0])
		return err_set(err, ERR_INVALID, "%s: names no program", what);
	return 0;
}

static int check_probe(const struct spec_probe *probe, struct err *err)
{
	if ((unsigned)probe->kind > AGENT_PROBE_KIND_SYSTEMD ||
	    probe->timeout_ms > LONGEST_MS ||
	    !is_text(probe->target, sizeof(probe->target)))
		return err_set(err, ERR_INVALID, "a probe is not well formed");
	if (probe->kind == AGENT_PROBE_KIND_COMMAND && !probe->command.n_argv)
		return err_set(err, ERR_INVALID, "a command probe without one");
	return check_hook(&probe->command, "probe", err);
}

int spec_check(const struct spec *spec, struct err *err)
{
	if ((unsigned)spec->restart > AGENT_RESTART_KIND_SYSTEMD ||
	    spec->n_probes > SPEC_PROBES || spec->min_healthy_ms > LONGEST_MS ||
	    !is_text(spec->service, sizeof(spec->service)) ||
	    !is_text(spec->name, sizeof(spec->name)) ||
	    !is_text(spec->address, sizeof(spec->address)) ||
	    !is_text(spec->unit, sizeof(spec->unit)))
		return err_set(err, ERR_INVALID, "deploy is not well formed");
	if (spec->unit[0] == '-')
		return err_set(err, ERR_INVALID, "unit %s", spec->unit);
	if (spec->restart == AGENT_RESTART_KIND_SYSTEMD && !spec->unit[0])
		return err_set(err, ERR_INVALID, "restart names no unit");
	if (spec->restart == AGENT_RESTART_KIND_COMMAND &&
	    !spec->command.n_argv)
		return err_set(err, ERR_INVALID, "restart names no command");
	if (check_hook(&spec->command, "restart", err) < 0 ||
	    check_hook(&spec->prepare, "prepare", err) < 0 ||
	    check_hook(&spec->drain, "drain", err) < 0)
		return err_again(err);
	/* Those that are not used, too: a text ends, whoever reads it. */
	for (uint32_t i = 0; i < SPEC_PROBES; i++)
		if (check_probe(&spec->probes[i], err) < 0)
			return err_again(err);
	return 0;
}
