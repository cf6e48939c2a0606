#include "tests/sim/sim.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

void sim_trace(struct sim *sim, const char *fmt, ...)
{
	char text[600];
	va_list args;

	if (!sim->options.is_traced)
		return;
	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	printf("%10" PRIu64 " %s\n", sim->now_ms, text);
}

bool sim_chance(struct sim *sim, uint32_t per_million)
{
	return per_million && rand_below(&sim->rand, 1000000) < per_million;
}

uint64_t sim_between(struct sim *sim, uint64_t least, uint64_t most)
{
	return least + rand_below(&sim->rand, most - least + 1);
}

struct sim_item *sim_plan(struct sim *sim, enum sim_kind kind, uint64_t in_ms)
{
	struct sim_item *item = MEM_NEW(struct sim_item);

	item->at_ms = sim->now_ms + in_ms;
	item->kind = kind;
	sim_queue_put(&sim->queue, item);
	return item;
}

void sim_config_copy(const struct rollout_config *from,
		     struct rollout_config *out)
{
	*out = *from;
	memset(&out->hosts, 0, sizeof(out->hosts));
	memset(&out->stages, 0, sizeof(out->stages));
	memset(&out->gates, 0, sizeof(out->gates));
	out->id = mem_str(from->id);
	out->service = mem_str(from->service);
	out->version = mem_str(from->version);
	for (size_t i = 0; i < from->hosts.n; i++) {
		struct rollout_host_config *host = vec_add(&out->hosts);

		*host = from->hosts.items[i];
		host->name = mem_str(host->name);
	}
	for (size_t i = 0; i < from->stages.n; i++) {
		struct rollout_stage_config *stage = vec_add(&out->stages);

		*stage = from->stages.items[i];
		stage->name = mem_str(stage->name);
	}
	for (size_t i = 0; i < from->gates.n; i++)
		*vec_add(&out->gates) = mem_str(from->gates.items[i]);
}

static void choose_hosts(struct sim *sim)
{
	struct rollout_config *config = &sim->config;
	uint32_t n = sim->options.n_hosts;
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

static void choose(struct sim *sim)
{
	struct rollout_config *config = &sim->config;
	uint32_t n;

	rand_init(&sim->rand, sim->options.seed);
	memset(&sim->release, 0x22, sizeof(sim->release));
	config->id = mem_str("sim-1");
	config->service = mem_str("sim");
	config->version = mem_str("v2");
	config->release = sim->release;
	choose_hosts(sim);
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
	config->switch_ms = SIM_D_MS;
	config->valid_ms = SIM_V_MS;
	config->confirm_ms = sim_between(sim, 50000, 150000);
	config->gate_interval_ms = sim_between(sim, 2000, 15000);
	config->no_data_hold_ms = sim_between(sim, 20000, 120000);
	config->no_data_then =
		sim_chance(sim, 300000) ? THEN_ROLLBACK : THEN_PAUSE;
	config->deadline_ms = sim_chance(sim, 200000) ? 900000 : 0;
	config->seq_base = sim_between(sim, 0, 1000);
	sim->is_release_bad = sim_chance(sim, 250000);
	sim->end_ms = 24ull * 3600 * 1000;
}

struct sim *sim_new(const struct sim_options *options)
{
	struct sim *sim = MEM_NEW(struct sim);
	uint32_t n;

	sim->options = *options;
	sim->now_ms = 1000;
	choose(sim);
	n = (uint32_t)sim->config.hosts.n;
	sim->hosts = mem_array(n, sizeof(*sim->hosts));
	sim->domain_down = mem_array(n, sizeof(*sim->domain_down));
	sim_faults_choose(sim);
	sim_faults_plan(sim);
	for (uint32_t i = 0; i < n; i++)
		sim_host_init(sim, i);
	(void)sim_plan(sim, SIM_QUIET, sim_between(sim, 60000, 1200000));
	sim_controller_add(sim);
	sim_operate(sim, OPERATOR_START, 0);
	return sim;
}

void sim_free(struct sim *sim)
{
	for (uint32_t i = 0; i < sim->controllers.n; i++)
		sim_controller_die(sim, i);
	rollout_free(sim->truth);
	for (size_t i = 0; i < sim->journal.n; i++)
		event_release(&sim->journal.items[i]);
	vec_release(&sim->journal);
	vec_release(&sim->intents);
	vec_release(&sim->controllers);
	sim_queue_release(&sim->queue);
	rollout_config_release(&sim->config);
	free(sim->hosts);
	free(sim->domain_down);
	free(sim);
}

/* From here on the world is kind; what is left has to come to an end. */
static void calm_down(struct sim *sim)
{
	sim_trace(sim, "no more faults");
	sim->is_quiet = true;
	for (uint32_t i = 0; i < sim->config.hosts.n; i++) {
		sim->hosts[i].is_cut = false;
		sim->hosts[i].is_bad = false;
		if (!sim->hosts[i].is_on)
			sim_host_power_on(sim, i);
	}
	memset(&sim->faults, 0, sizeof(sim->faults));
	if (!sim_has_leader(sim))
		(void)sim_plan(sim, SIM_REIGN, 1000);
	(void)sim_plan(sim, SIM_FINISH, 60000);
}

/* It ended: later on somebody takes it back, or the controller goes away. */
static void after_the_end(struct sim *sim)
{
	if (rollout_state(sim->truth) == ROLLOUT_SUCCEEDED &&
	    !sim->is_taken_back && sim_chance(sim, 400000)) {
		sim->is_taken_back = true;
		sim_operate(sim, OPERATOR_ROLLBACK, UINT32_MAX);
		(void)sim_plan(sim, SIM_FINISH, 60000);
		return;
	}
	sim->ended = rollout_state(sim->truth);
	sim_check_fold(sim, sim->truth);
	for (uint32_t i = 0; i < sim->controllers.n; i++)
		sim_controller_die(sim, i);
	sim->is_over = true;
	sim->end_ms = sim->now_ms + 4 * rollout_dead_man_ms(sim->truth) +
		      4 * sim->truth->slot_period_ms;
}

/* A patient operator: helps on what waits for people, in the end aborts. */
static void finish(struct sim *sim)
{
	enum rollout_state state = rollout_state(sim->truth);

	if (sim->is_over)
		return;
	if (!sim_has_leader(sim)) {
		(void)sim_plan(sim, SIM_FINISH, 60000);
		return;
	}
	if (rollout_state_is_final(state)) {
		after_the_end(sim);
		return;
	}
	sim->quiet_verbs++;
	if (state == ROLLOUT_PENDING)
		sim_operate(sim, OPERATOR_START, 0);
	if (rollout_approvals_missing(sim->truth))
		sim_operate(sim, OPERATOR_APPROVE, 0);
	if (state == ROLLOUT_PAUSED) {
		if (sim->truth->cause_text == NULL)
			sim_broken(sim, "liveness", "paused without a cause");
		sim_operate(sim,
			    sim->quiet_verbs > 60	? OPERATOR_ABORT
			    : sim->quiet_verbs % 3 == 0 ? OPERATOR_RETRY
							: OPERATOR_RESUME,
			    0);
	}
	/* Nothing needs a person for so long: it stands still. */
	if (sim->quiet_verbs > 600) {
		char *why = rollout_why(
			sim->truth,
			sim->now_ms +
				sim->controllers.items[sim->leader].skew_ms);

		sim_broken(sim, "liveness", "%s without an end: %s",
			   rollout_state_name(state), why);
		free(why);
	}
	(void)sim_plan(sim, SIM_FINISH, 60000);
}

static void dispatch(struct sim *sim, struct sim_item *item)
{
	switch (item->kind) {
	case SIM_DELIVER:
		sim_host_deliver(sim, item);
		break;
	case SIM_EVENT:
		sim_controller_event(sim, item);
		return;
	case SIM_CONNECT:
		sim_controller_connect(sim, item);
		break;
	case SIM_WORK:
		sim_host_work_done(sim, item);
		break;
	case SIM_TIMER:
		sim_host_timer(sim, item);
		break;
	case SIM_WAKE:
		sim_controller_wake(sim, item);
		break;
	case SIM_THAW:
		sim_controller_thaw(sim, item);
		break;
	case SIM_REIGN:
		if (!sim->is_over)
			sim_controller_add(sim);
		break;
	case SIM_QUIET:
		calm_down(sim);
		break;
	case SIM_FINISH:
		finish(sim);
		break;
	case SIM_POWER:
		sim_trace(sim, "host %u has power again", item->host);
		sim_host_power_on(sim, item->host);
		break;
	case SIM_HEAL:
		sim->hosts[item->host].is_cut = false;
		break;
	case SIM_CUT:
	case SIM_SPLIT:
	case SIM_REBOOT:
	case SIM_GUARD:
	case SIM_OUTAGE:
	case SIM_VERB:
		sim_faults_do(sim, item);
		break;
	}
	sim_item_free(item);
}

/* A number that two runs share only if all that happened is the same. */
static void note(struct sim *sim, const struct sim_item *item)
{
	uint64_t hash = sim->trace_hash;

	hash = (hash ^ item->at_ms) * UINT64_C(0x100000001b3);
	hash = (hash ^ item->kind) * UINT64_C(0x100000001b3);
	hash = (hash ^ item->host) * UINT64_C(0x100000001b3);
	hash = (hash ^ item->command.seq) * UINT64_C(0x100000001b3);
	sim->trace_hash = hash ^ hash >> 31;
	sim->n_events++;
}

bool sim_run(struct sim *sim)
{
	struct sim_item *item;

	while (!sim->is_broken &&
	       (item = sim_queue_take(&sim->queue)) != NULL) {
		if (item->at_ms > sim->end_ms) {
			sim_item_free(item);
			break;
		}
		sim->now_ms = item->at_ms;
		note(sim, item);
		dispatch(sim, item);
	}
	if (!sim->is_broken && !sim->is_over)
		sim_broken(sim, "liveness", "no end after a day");
	if (!sim->is_broken)
		sim_check_end(sim);
	return !sim->is_broken;
}
