#include "tests/sim/chaos.h"

#include <string.h>

#include "cmd/grayctl/machine.h"

#define CHAOS_V_MS 5000	 /* a command is void after it */
#define CHAOS_D_MS 20000 /* the most that a switch takes */

static void choose_hosts(struct sim *sim, uint32_t n_hosts)
{
	struct rollout_config *config = &sim->config;
	uint32_t n = n_hosts;
	uint32_t n_domains = (uint32_t)sim_between(sim, 1, 5);

	if (n == 0)
		n = sim_chance(sim, 500000)
			    ? (uint32_t)sim_between(sim, 1, 12)
			    : (uint32_t)sim_between(sim, 12, 60);
	for (uint32_t i = 0; i < n; i++) {
		struct rollout_host_config *host = vec_add(&config->hosts);

		host->name = mem_format("host-%u", i);
		host->domain = i % n_domains;
		memset(&host->from, 0x11, sizeof(host->from));
	}
	/* A first installation now and then: there is nothing before. */
	if (sim_chance(sim, 100000)) {
		for (uint32_t i = 0; i < n; i++)
			memset(&config->hosts.items[i].from, 0,
			       sizeof(struct digest));
	}
	config->max_unavailable =
		(uint32_t)sim_between(sim, 1, MAX_OF(n / 8, 1u));
	if (n >= 500)
		config->max_unavailable =
			MAX_OF(config->max_unavailable, n / 20);
	config->domains = sim_chance(sim, 300000) ? DOMAINS_ONE_AT_A_TIME
						  : DOMAINS_SPREAD;
}

static void choose_stages(struct sim *sim)
{
	static const uint32_t shares_bp[] = { 1, 500, 5000, 10000 };
	struct rollout_config *config = &sim->config;
	uint32_t before = 0;

	for (size_t i = 0; i < COUNT_OF(shares_bp); i++) {
		uint32_t n = (uint32_t)MAX_OF(
			config->hosts.n * shares_bp[i] / 10000, (size_t)1);
		struct rollout_stage_config *stage;

		if (n <= before)
			continue;
		before = n;
		stage = vec_add(&config->stages);
		stage->name = mem_format("stage-%zu", i);
		stage->n_hosts = n;
		stage->bake_ms = sim_between(sim, 1000, 60000);
		stage->min_requests = sim_chance(sim, 300000) ? 1000 : 0;
		stage->n_approvals = sim_chance(sim, 100000) ? 2 : 0;
		stage->on_failure = sim_chance(sim, 300000) ? FAILURE_HOLD
							    : FAILURE_ROLLBACK;
		stage->gates = (uint32_t)sim_between(sim, 0, 7);
	}
}

static void choose(struct sim *sim, uint32_t n_hosts)
{
	struct rollout_config *config = &sim->config;
	uint32_t n;

	config->id = mem_str("sim-1");
	config->service = mem_str("sim");
	config->version = mem_str("v2");
	config->release = sim->release;
	choose_hosts(sim, n_hosts);
	n = (uint32_t)config->hosts.n;
	*vec_add(&config->gates) = mem_str("errors");
	*vec_add(&config->gates) = mem_str("latency");
	*vec_add(&config->gates) = mem_str("smoke");
	config->gates_final_only = 4;
	choose_stages(sim);
	config->budget_failed = (uint32_t)sim_between(sim, 0, n / 10 + 1);
	config->budget_unreachable = (uint32_t)sim_between(sim, 0, n / 5 + 1);
	config->budget_unhealthy = (uint32_t)sim_between(sim, 0, 2);
	config->n_attempts = (uint32_t)sim_between(sim, 1, 4);
	config->switch_ms = CHAOS_D_MS;
	config->valid_ms = CHAOS_V_MS;
	config->confirm_ms = sim_between(sim, 50000, 150000);
	config->gate_interval_ms = sim_between(sim, 2000, 15000);
	config->no_data_hold_ms = sim_between(sim, 20000, 120000);
	config->no_data_then =
		sim_chance(sim, 300000) ? THEN_ROLLBACK : THEN_PAUSE;
	config->deadline_ms = sim_chance(sim, 200000) ? 900000 : 0;
	config->seq_base = sim_between(sim, 0, 1000);
	sim->is_release_bad = sim_chance(sim, 250000);
	sim->harm = 300000;
	sim->harm_after = 3;
	sim->end_ms = 24ull * 3600 * 1000;
}

static uint32_t some(struct sim *sim, uint32_t most)
{
	return sim_chance(sim, 600000) ? (uint32_t)sim_between(sim, 0, most)
				       : 0;
}

static uint64_t every(struct sim *sim, uint64_t least, uint64_t most)
{
	return sim_chance(sim, 600000) ? sim_between(sim, least, most) : 0;
}

static void choose_faults(struct sim *sim)
{
	uint64_t n = sim->config.hosts.n;
	/* Commits come with hosts, controllers do not: a few a run. */
	uint32_t rare = (uint32_t)(60000 / n);

	sim->faults = (struct sim_faults){
		.lose_command = some(sim, 40000),
		.lose_answer = some(sim, 40000),
		.double_command = some(sim, 60000),
		.late_command = some(sim, 40000),
		.late_answer = some(sim, 40000),
		.work_fails = some(sim, 15000),
		.revert_fails = some(sim, 15000),
		.stage_fails = some(sim, 50000),
		.slow_host = some(sim, 200000),
		.crash_at_commit = some(sim, rare),
		.freeze_at_commit = some(sim, rare),
		.cut_every_ms = every(sim, 3000, 60000),
		.reboot_every_ms = every(sim, 20000, 200000),
		.guard_every_ms = every(sim, 20000, 200000),
		.outage_every_ms = every(sim, 100000, 900000),
		.split_every_ms = every(sim, 60000, 600000),
		.verb_every_ms = every(sim, 20000, 400000),
		.gate_blind = some(sim, 200000),
		.gate_fails = some(sim, 10000),
	};
	if (sim_chance(sim, 150000)) {
		/* A network to despair of. */
		sim->faults.lose_command = 300000;
		sim->faults.late_command = 200000;
		sim->faults.outage_every_ms = 150000;
	}
	for (uint32_t i = 0; i < n; i++) {
		sim->hosts[i].is_slow = sim_chance(sim, sim->faults.slow_host);
		sim->hosts[i].is_bad =
			sim->is_release_bad && sim_chance(sim, 150000);
	}
}

/* It ended: later on somebody takes it back, or the controller goes away. */
static void after_the_end(struct sim *sim)
{
	struct chaos *chaos = sim->options.ctx;

	if (rollout_state(sim->truth) == ROLLOUT_SUCCEEDED &&
	    !chaos->is_taken_back && sim_chance(sim, 400000)) {
		chaos->is_taken_back = true;
		sim_operate(sim, OPERATOR_ROLLBACK, UINT32_MAX, "because");
		(void)sim_plan(sim, SIM_LOOK, SIM_LOOK_MS);
		return;
	}
	sim_end(sim);
}

/* A patient operator: helps on what waits for people, in the end aborts. */
static void finish(struct sim *sim)
{
	struct chaos *chaos = sim->options.ctx;
	enum rollout_state state = rollout_state(sim->truth);

	if (!sim_has_leader(sim)) {
		(void)sim_plan(sim, SIM_LOOK, SIM_LOOK_MS);
		return;
	}
	if (rollout_state_is_final(state)) {
		after_the_end(sim);
		return;
	}
	chaos->n_looks++;
	if (state == ROLLOUT_PENDING)
		sim_operate(sim, OPERATOR_START, 0, "because");
	if (rollout_approvals_missing(sim->truth))
		sim_operate(sim, OPERATOR_APPROVE, 0, "because");
	if (state == ROLLOUT_PAUSED) {
		if (sim->truth->cause_text == NULL)
			sim_broken(sim, "liveness", "paused without a cause");
		sim_operate(sim,
			    chaos->n_looks > 60	      ? OPERATOR_ABORT
			    : chaos->n_looks % 3 == 0 ? OPERATOR_RETRY
						      : OPERATOR_RESUME,
			    0, "because");
	}
	/* Nothing needs a person for so long: it stands still. */
	if (chaos->n_looks > 600) {
		char *why = rollout_why(
			sim->truth,
			sim->now_ms +
				sim->controllers.items[sim->leader].skew_ms);

		sim_broken(sim, "liveness", "%s without an end: %s",
			   rollout_state_name(state), why);
		free(why);
	}
	(void)sim_plan(sim, SIM_LOOK, SIM_LOOK_MS);
}

struct sim *chaos_new(struct chaos *chaos)
{
	struct sim_options options = {
		.seed = chaos->seed,
		.machine = &machine_agent,
		.look = finish,
		.ctx = chaos,
		.is_traced = chaos->is_traced,
	};
	struct sim *sim = sim_new(&options);

	chaos->n_looks = 0;
	chaos->is_taken_back = false;
	choose(sim, chaos->n_hosts);
	sim_populate(sim);
	choose_faults(sim);
	sim_start(sim, 60000, 1200000);
	return sim;
}
