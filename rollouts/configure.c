#include "rollouts/configure.h"

#include "rollouts/gates/gate.h"

#define N_ATTEMPTS	 3    /* of a command on a host, before it has failed */
#define LEAST_SWITCH_MS	 1000 /* verifying and syncing take time too */
#define GATE_INTERVAL_MS 10000 /* when no gate says how often */

static void add_config_stages(const struct plan *plan,
			      const struct stages *stages,
			      struct rollout_config *out)
{
	for (size_t i = 0; i < plan->stages.n; i++) {
		const struct plan_stage *stage = &plan->stages.items[i];

		*vec_add(&out->stages) = (struct rollout_stage_config){
			.name = mem_str(stage->name),
			.n_hosts = stages->counts.items[i],
			.bake_ms = stage->bake_ms,
			.min_requests = stage->min_requests,
			.n_approvals = stage->n_approvals,
			.on_failure = stage->on_failure,
			.gates = stage->gates,
		};
	}
}

static void add_config_gates(const struct plan *plan,
			     struct rollout_config *out)
{
	uint64_t least_ms = 0;

	for (uint32_t i = 0; i < plan->gates.n; i++) {
		const struct plan_gate *gate = &plan->gates.items[i];

		*vec_add(&out->gates) = mem_str(gate->name);
		if (gate_is_final_only(gate->kind))
			out->gates_final_only |= 1u << i;
		if (gate->interval_ms > 0 &&
		    (least_ms == 0 || gate->interval_ms < least_ms))
			least_ms = gate->interval_ms;
	}
	out->gate_interval_ms = least_ms ? least_ms : GATE_INTERVAL_MS;
}

/* An activation prepares first: leases must outlive that as well. */
static uint64_t switch_ms(const struct plan *plan)
{
	const struct plan_argv *prepare = &plan->deploy.prepare;
	uint64_t ms = plan_switch_ms(plan) +
		      (prepare->n_argv ? prepare->timeout_ms : 0);

	return MAX_OF(ms, (uint64_t)LEAST_SWITCH_MS);
}

void configure(const struct plan *plan, const struct fleet *fleet,
	       const struct stages *stages, struct rollout_config *out)
{
	*out = (struct rollout_config){
		.service = mem_str(plan->service),
		.version = mem_str(plan->release.version),
		.max_unavailable = stages->max_unavailable,
		.domains = plan->deploy.domains,
		.budget_failed = stages->budget_failed,
		.budget_unreachable = stages->budget_unreachable,
		.budget_unhealthy = stages->budget_unhealthy,
		.n_attempts = N_ATTEMPTS,
		.confirm_ms = plan->deploy.confirm_ms,
		.switch_ms = switch_ms(plan),
		.valid_ms = PLAN_VALID_MS,
		.no_data_hold_ms = plan->no_data_hold_ms,
		.no_data_then = plan->no_data_then,
		.deadline_ms = plan->deadline_ms,
	};
	for (size_t i = 0; i < stages->hosts.n; i++) {
		const struct stages_host *host = &stages->hosts.items[i];

		*vec_add(&out->hosts) = (struct rollout_host_config){
			.name = mem_str(fleet->hosts.items[host->host].name),
			.domain = host->domain,
		};
	}
	add_config_stages(plan, stages, out);
	add_config_gates(plan, out);
}
