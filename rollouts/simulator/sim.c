#include "rollouts/simulator/sim.h"

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

struct sim *sim_new(const struct sim_options *options)
{
	struct sim *sim = MEM_NEW(struct sim);

	sim->options = *options;
	sim->machine = options->machine;
	sim->now_ms = 1000;
	rand_init(&sim->rand, options->seed);
	memset(&sim->release, 0x22, sizeof(sim->release));
	return sim;
}

void sim_populate(struct sim *sim)
{
	size_t n = sim->config.hosts.n;

	sim->hosts = mem_array(n, sizeof(*sim->hosts));
	sim->domain_down = mem_array(n, sizeof(*sim->domain_down));
}

void sim_start(struct sim *sim, uint64_t quiet_least_ms, uint64_t quiet_most_ms)
{
	sim_faults_plan(sim);
	for (uint32_t i = 0; i < sim->config.hosts.n; i++)
		sim_host_init(sim, i);
	(void)sim_plan(sim, SIM_QUIET,
		       sim_between(sim, quiet_least_ms, quiet_most_ms));
	sim_controller_add(sim);
	sim_operate(sim, OPERATOR_START, 0, "because");
}

void sim_hurt(struct sim *sim, enum sim_hurt hurt)
{
	sim->hurts[hurt]++;
}

const char *sim_hurt_name(enum sim_hurt hurt)
{
	static const char *const names[] = {
#define SIM_HURT_NAME(id, name, words) [id] = name,
		SIM_HURTS(SIM_HURT_NAME)
#undef SIM_HURT_NAME
	};

	return names[hurt];
}

const char *sim_hurt_words(enum sim_hurt hurt)
{
	static const char *const words[] = {
#define SIM_HURT_WORDS(id, name, text) [id] = text,
		SIM_HURTS(SIM_HURT_WORDS)
#undef SIM_HURT_WORDS
	};

	return words[hurt];
}

void sim_free(struct sim *sim)
{
	if (!sim)
		return;
	for (uint32_t i = 0; sim->hosts && i < sim->config.hosts.n; i++)
		sim_host_release(&sim->hosts[i]);
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
	if (!sim->options.is_watched)
		(void)sim_plan(sim, SIM_LOOK, SIM_LOOK_MS);
}

void sim_end(struct sim *sim)
{
	sim->ended = rollout_state(sim->truth);
	sim->ended_ms = sim->now_ms;
	sim_check_fold(sim, sim->truth);
	for (uint32_t i = 0; i < sim->controllers.n; i++)
		sim_controller_die(sim, i);
	sim->is_over = true;
	sim->end_ms = sim->now_ms + 4 * rollout_dead_man_ms(sim->truth) +
		      4 * sim->truth->slot_period_ms;
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
	case SIM_LOOK:
		if (!sim->is_over)
			sim->options.look(sim);
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
		sim_broken(sim, "liveness", "no end in the time it had");
	if (!sim->is_broken)
		sim_check_end(sim);
	return !sim->is_broken;
}
