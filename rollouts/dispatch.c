#include "rollouts/dispatch.h"

#include <string.h>

#include "core/base/str.h"

char *dispatch_fill(const char *text, const struct record_host *host)
{
	static const char address[] = "{address}";
	static const char name[] = "{name}";
	AUTO_VALUE(buf) out = BUF_INIT;

	if (!text)
		return NULL;
	while (*text) {
		if (str_starts(text, address)) {
			buf_append_str(&out, host->address);
			text += strlen(address);
		} else if (str_starts(text, name)) {
			buf_append_str(&out, host->name);
			text += strlen(name);
		} else {
			buf_append_char(&out, *text++);
		}
	}
	return mem_str(buf_str(&out));
}

static bool fill_hook(const struct plan_argv *from, struct agent_hook *out)
{
	if (from->n_argv == 0)
		return false;
	out->argv = mem_array(from->n_argv, sizeof(*out->argv));
	out->n_argv = from->n_argv;
	for (size_t i = 0; i < from->n_argv; i++)
		out->argv[i] = mem_str(from->argv[i]);
	out->timeout_ms = from->timeout_ms;
	return true;
}

static enum agent_probe_kind probe_kind(enum plan_probe_kind kind)
{
	static const enum agent_probe_kind kinds[] = {
		[PROBE_HTTP] = AGENT_PROBE_KIND_HTTP,
		[PROBE_TCP] = AGENT_PROBE_KIND_TCP,
		[PROBE_COMMAND] = AGENT_PROBE_KIND_COMMAND,
		[PROBE_SYSTEMD] = AGENT_PROBE_KIND_SYSTEMD,
	};

	return kinds[kind];
}

static enum agent_restart_kind restart_kind(enum plan_restart restart)
{
	static const enum agent_restart_kind kinds[] = {
		[RESTART_NONE] = AGENT_RESTART_KIND_NONE,
		[RESTART_COMMAND] = AGENT_RESTART_KIND_COMMAND,
		[RESTART_SYSTEMD] = AGENT_RESTART_KIND_SYSTEMD,
	};

	return kinds[restart];
}

void dispatch_probe(const struct plan_probe *probe,
		    const struct record_host *host, struct agent_probe *out)
{
	*out = (struct agent_probe){
		.kind = probe_kind(probe->kind),
		.target = dispatch_fill(probe->target, host),
		.timeout_ms = probe->timeout_ms,
		.status = probe->status,
	};
	out->has_command = fill_hook(&probe->command, &out->command);
}

static void fill_probes(const struct plan_deploy *from,
			const struct record_host *host,
			struct agent_deploy *out)
{
	if (from->probes.n == 0)
		return;
	out->probes = mem_array(from->probes.n, sizeof(*out->probes));
	out->n_probes = from->probes.n;
	for (size_t i = 0; i < from->probes.n; i++)
		dispatch_probe(&from->probes.items[i], host, &out->probes[i]);
}

static void fill_deploy(const struct plan_deploy *from,
			const struct record_host *host,
			struct agent_deploy *out)
{
	out->restart = restart_kind(from->restart);
	out->unit = mem_str(from->unit);
	out->has_command = fill_hook(&from->restart_command, &out->command);
	out->has_prepare = fill_hook(&from->prepare, &out->prepare);
	out->has_drain = fill_hook(&from->drain, &out->drain);
	out->min_healthy_ms = from->min_healthy_ms;
	fill_probes(from, host, out);
}

/* A slot that has begun since comes round again. */
static uint64_t slot_in(const struct action *action, uint64_t late_ms)
{
	uint64_t in_ms = action->slot_in_ms;

	if (in_ms < late_ms)
		in_ms += action->slot_period_ms;
	return in_ms > late_ms ? in_ms - late_ms : 0;
}

void dispatch_command(const struct dispatch *dispatch,
		      const struct action *action, uint64_t late_ms,
		      struct agent_command *out)
{
	const struct record *record = dispatch->record;

	*out = (struct agent_command){
		.verb = action->verb,
		.epoch = dispatch->epoch,
		.seq = action->seq,
		.rollout = mem_str(record->id),
		.release = record->release,
		.version = mem_str(record->version),
		.lease_ms = action->lease_ms,
		.slot_in_ms = slot_in(action, late_ms),
		.slot_ms = action->slot_ms,
		.slot_period_ms = action->slot_period_ms,
		.target = action->target,
		.keep = dispatch->plan->deploy.keep,
	};
	if (action->verb == AGENT_VERB_ACTIVATE ||
	    action->verb == AGENT_VERB_REVERT) {
		out->has_deploy = true;
		fill_deploy(&dispatch->plan->deploy,
			    &record->hosts.items[action->host], &out->deploy);
	}
}
