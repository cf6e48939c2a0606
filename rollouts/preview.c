#include "rollouts/preview.h"

#include "core/base/str.h"
#include "rollouts/rollout.h"

void preview_release(struct preview *preview)
{
	for (size_t i = 0; i < preview->notes.n; i++)
		free(preview->notes.items[i]);
	vec_release(&preview->notes);
	vec_release(&preview->stages);
}

/* All hosts that can be unconfirmed at once are those of one stage. */
static uint64_t lost_ms(const struct plan *plan, const struct preview *preview,
			uint32_t max_unavailable)
{
	uint32_t most = 0;
	uint64_t n_slots;

	for (size_t i = 0; i < preview->stages.n; i++)
		most = MAX_OF(most, preview->stages.items[i].n_new);
	n_slots = (most + max_unavailable - 1) / max_unavailable;
	return plan->deploy.confirm_ms +
	       n_slots * rollout_slot_ms(preview->switch_ms, PLAN_VALID_MS) +
	       preview->switch_ms;
}

static void make_stages(const struct plan *plan, const struct stages *stages,
			struct preview *preview)
{
	uint32_t before = 0;

	for (size_t i = 0; i < stages->counts.n; i++) {
		struct preview_stage *stage = vec_add(&preview->stages);

		stage->n_hosts = stages->counts.items[i];
		stage->n_new = stage->n_hosts - before;
		stage->n_batches = stages_batches(stages, plan->deploy.domains,
						  before, stage->n_hosts);
		stage->worst_ms = stage->n_batches * preview->switch_ms +
				  plan->stages.items[i].bake_ms;
		preview->worst_ms += stage->worst_ms;
		before = stage->n_hosts;
	}
	preview->n_left = (uint32_t)stages->hosts.n - before;
	preview->rollback_batches = (before + stages->max_unavailable - 1) /
				    stages->max_unavailable;
	preview->rollback_ms = preview->rollback_batches * preview->switch_ms;
}

static void note_limits(const struct plan *plan, const struct stages *stages,
			struct preview *preview)
{
	char worst[32], deadline[32];

	if (preview->n_left)
		*vec_add(&preview->notes) = mem_format(
			"%u of the selected hosts stay%s on the old release: "
			"the last stage takes less than 100%%",
			preview->n_left, preview->n_left == 1 ? "s" : "");
	if (stages->max_unavailable == stages->hosts.n)
		*vec_add(&preview->notes) =
			mem_str("all hosts may be out at once: "
				"max_unavailable allows it");
	if (preview->worst_ms > plan->deadline_ms) {
		str_format_duration(preview->worst_ms, worst, sizeof(worst));
		str_format_duration(plan->deadline_ms, deadline,
				    sizeof(deadline));
		*vec_add(&preview->notes) = mem_format(
			"the longest time, %s, is more than the deadline, %s, "
			"at which the rollout pauses",
			worst, deadline);
	}
}

static void note_watching(const struct plan *plan, struct preview *preview)
{
	bool is_shown = false;

	if (plan->deploy.probes.n == 0)
		*vec_add(&preview->notes) =
			mem_str("no probe: a host counts as healthy as soon as "
				"it has restarted");
	for (size_t i = 0; i < plan->stages.n && !is_shown; i++) {
		is_shown = plan->stages.items[i].gates == 0;
		if (is_shown)
			*vec_add(&preview->notes) = mem_format(
				"no gate judges stage \"%s\": it passes when "
				"its bake is over",
				plan->stages.items[i].name);
	}
}

void preview_make(const struct plan *plan, const struct stages *stages,
		  struct preview *out)
{
	struct preview preview = { .switch_ms = plan_switch_ms(plan) };

	make_stages(plan, stages, &preview);
	preview.lost_ms = lost_ms(plan, &preview, stages->max_unavailable);
	note_limits(plan, stages, &preview);
	note_watching(plan, &preview);
	*out = preview;
}

/* A limit as it may have been written: parts of one as percents. */
static void add_limit(struct buf *out, const char *word, bool has_limit,
		      double limit, enum plan_gate_kind kind)
{
	if (!has_limit)
		return;
	if (kind == GATE_RATIO)
		buf_format(out, " %s %.10g%%", word, limit * 100);
	else
		buf_format(out, " %s %.10g", word, limit);
}

static void add_argv(struct buf *out, const struct plan_argv *argv)
{
	for (size_t i = 0; i < argv->n_argv; i++)
		buf_format(out, "%s%s", i > 0 ? " " : "", argv->argv[i]);
}

char *preview_gate(const struct plan_gate *gate)
{
	AUTO_VALUE(buf) out = BUF_INIT;

	switch (gate->kind) {
	case GATE_PROBE:
		buf_append_str(&out, "each host: ");
		if (gate->probe.kind == PROBE_COMMAND)
			add_argv(&out, &gate->probe.command);
		else
			buf_append_str(&out, gate->probe.target);
		break;
	case GATE_COMMAND:
		add_argv(&out, &gate->command);
		break;
	case GATE_HTTP:
		buf_append_str(&out, gate->url);
		if (gate->status)
			buf_format(&out, " answers %u", gate->status);
		break;
	case GATE_VALUE:
		buf_append_str(&out, gate->metric);
		break;
	case GATE_RATIO:
		buf_format(&out, "%s of %s", gate->metric, gate->total);
		break;
	}
	add_limit(&out, "at most", gate->has_max, gate->max, gate->kind);
	add_limit(&out, "at least", gate->has_min, gate->min, gate->kind);
	return buf_take_str(&out);
}

static struct js *json_stage(const struct plan *plan, const struct fleet *fleet,
			     const struct stages *stages,
			     const struct preview *preview, size_t i)
{
	const struct plan_stage *stage = &plan->stages.items[i];
	const struct preview_stage *numbers = &preview->stages.items[i];
	struct js *out = js_object();
	struct js *gates = js_array();
	struct js *hosts = js_array();

	js_set_str(out, "name", stage->name);
	js_set_int(out, "hosts", numbers->n_hosts);
	js_set_int(out, "new_hosts", numbers->n_new);
	js_set_int(out, "batches", numbers->n_batches);
	js_set_int(out, "bake_ms", (int64_t)stage->bake_ms);
	js_set_int(out, "min_requests", (int64_t)stage->min_requests);
	js_set_int(out, "worst_ms", (int64_t)numbers->worst_ms);
	js_set_int(out, "approvals_needed", stage->n_approvals);
	js_set_str(out, "approve_from", stage->approve_from);
	js_set_str(out, "on_failure",
		   stage->on_failure == FAILURE_HOLD ? "hold" : "rollback");
	for (size_t g = 0; g < plan->gates.n; g++)
		if (stage->gates & 1u << g)
			js_append_str(gates, plan->gates.items[g].name);
	js_set(out, "gates", gates);
	for (uint32_t h = numbers->n_hosts - numbers->n_new;
	     h < numbers->n_hosts; h++) {
		uint32_t place = stages->hosts.items[h].host;

		js_append_str(hosts, fleet->hosts.items[place].name);
	}
	js_set(out, "host_list", hosts);
	return out;
}

static struct js *json_gate(const struct plan_gate *gate)
{
	AUTO_STR char *text = preview_gate(gate);
	struct js *out = js_object();

	js_set_str(out, "name", gate->name);
	js_set_str(out, "kind", plan_gate_key(gate->kind));
	js_set_str(out, "text", text);
	js_set_int(out, "interval_ms", (int64_t)gate->interval_ms);
	js_set_int(out, "timeout_ms", (int64_t)gate->timeout_ms);
	return out;
}

static struct js *json_domains(const struct stages *stages)
{
	struct js *out = js_array();

	for (size_t i = 0; i < stages->domains.n; i++) {
		struct js *domain = js_object();
		int64_t n = 0;

		for (size_t h = 0; h < stages->hosts.n; h++)
			n += stages->hosts.items[h].domain == i;
		js_set_str(domain, "name", stages->domains.items[i]);
		js_set_int(domain, "hosts", n);
		js_append(out, domain);
	}
	return out;
}

static struct js *json_budget(const struct stages *stages)
{
	struct js *out = js_object();

	js_set_int(out, "failed", stages->budget_failed);
	js_set_int(out, "unreachable", stages->budget_unreachable);
	js_set_int(out, "unhealthy", stages->budget_unhealthy);
	return out;
}

static void set_numbers(struct js *out, const struct plan *plan,
			const struct preview *preview)
{
	js_set_int(out, "switch_ms", (int64_t)preview->switch_ms);
	js_set_int(out, "confirm_ms", (int64_t)plan->deploy.confirm_ms);
	js_set_int(out, "controller_lost_ms", (int64_t)preview->lost_ms);
	js_set_int(out, "rollback_batches", preview->rollback_batches);
	js_set_int(out, "rollback_ms", (int64_t)preview->rollback_ms);
	js_set_int(out, "worst_ms", (int64_t)preview->worst_ms);
	js_set_int(out, "deadline_ms", (int64_t)plan->deadline_ms);
}

struct js *preview_json(const struct plan *plan, const struct fleet *fleet,
			const struct stages *stages)
{
	AUTO_VALUE(preview) preview = { 0 };
	struct js *out = js_object();
	struct js *list = js_array();
	struct js *gates = js_array();
	struct js *notes = js_array();

	preview_make(plan, stages, &preview);
	js_set_str(out, "service", plan->service);
	js_set_str(out, "version", plan->release.version);
	js_set_str(out, "plan", plan->path);
	js_set_int(out, "fleet_hosts", (int64_t)fleet->hosts.n);
	js_set_int(out, "hosts", (int64_t)stages->hosts.n);
	js_set(out, "domains", json_domains(stages));
	js_set_int(out, "max_unavailable", stages->max_unavailable);
	js_set(out, "budget", json_budget(stages));
	set_numbers(out, plan, &preview);
	for (size_t i = 0; i < preview.stages.n; i++)
		js_append(list, json_stage(plan, fleet, stages, &preview, i));
	js_set(out, "stages", list);
	for (size_t i = 0; i < plan->gates.n; i++)
		js_append(gates, json_gate(&plan->gates.items[i]));
	js_set(out, "gates", gates);
	for (size_t i = 0; i < preview.notes.n; i++)
		js_append_str(notes, preview.notes.items[i]);
	js_set(out, "notes", notes);
	return out;
}
