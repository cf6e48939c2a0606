#include <stddef.h>
#include <string.h>

#include "rollouts/simulator/sim.h"

/* What goes wrong, and what people do in the meantime. */

/* Faults find hosts that are about something more often than not. */
static uint32_t victim(struct sim *sim)
{
	uint32_t n = (uint32_t)sim->config.hosts.n;
	uint32_t at = (uint32_t)sim_between(sim, 0, n - 1);

	for (uint32_t i = 0; i < n && sim_chance(sim, 990000); i++) {
		enum agent_host_state state = sim->hosts[at].view.state;

		if (state == AGENT_HOST_STATE_ARMED ||
		    state == AGENT_HOST_STATE_UNCONFIRMED ||
		    state == AGENT_HOST_STATE_REVERTING)
			break;
		at = at + 1 < n ? at + 1 : 0;
	}
	return at;
}

static void cut(struct sim *sim, uint32_t at, uint64_t for_ms)
{
	struct sim_item *item;

	sim_trace(sim, "host %u cannot be reached", at);
	sim_hurt(sim, SIM_HURT_CUT);
	sim->hosts[at].is_cut = true;
	sim_links_cut(sim, at);
	item = sim_plan(sim, SIM_HEAL, for_ms);
	item->host = at;
}

static uint64_t absence_ms(struct sim *sim)
{
	return sim_chance(sim, 700000) ? sim_between(sim, 100, 20000)
				       : sim_between(sim, 20000, 400000);
}

static void split(struct sim *sim)
{
	uint32_t share = (uint32_t)sim_between(sim, 50000, 800000);
	uint64_t for_ms = absence_ms(sim);

	for (uint32_t i = 0; i < sim->config.hosts.n; i++) {
		if (!sim->hosts[i].is_cut && sim_chance(sim, share))
			cut(sim, i, for_ms + sim_between(sim, 0, 2000));
	}
}

static void reboot(struct sim *sim)
{
	uint32_t at = victim(sim);
	struct sim_item *item;

	if (!sim->hosts[at].is_on)
		return;
	sim_trace(sim, "host %u loses power", at);
	sim_hurt(sim, SIM_HURT_POWER);
	sim_host_power_off(sim, at);
	item = sim_plan(sim, SIM_POWER, sim_between(sim, 2000, 90000));
	item->host = at;
}

static void outage(struct sim *sim)
{
	uint64_t lease_ms = sim->truth->lease_ms;
	uint64_t for_ms = sim_between(sim, 100, 30000);

	if (!sim_has_leader(sim))
		return;
	sim_trace(sim, "the controller is gone");
	sim_hurt(sim, SIM_HURT_CONTROLLER);
	sim_controller_die(sim, sim->leader);
	/* Short, about as long as a lease, or long. */
	if (sim_chance(sim, 300000))
		for_ms = sim_between(sim, lease_ms / 2, lease_ms);
	else if (sim_chance(sim, 300000))
		for_ms = sim_between(sim, lease_ms, 500000);
	(void)sim_plan(sim, SIM_REIGN, for_ms);
}

void sim_operate(struct sim *sim, enum operator_verb verb, uint32_t stage,
		 const char *why)
{
	static const char *const people[] = { "ann", "bob", "cem" };
	AUTO_STR char *reason = mem_str(why);
	char who[8];
	struct event event = {
		.kind = EVENT_OPERATOR,
		.verb = verb,
		.who = who,
		.reason = reason,
		.stage = stage,
	};

	if (!sim_has_leader(sim) ||
	    sim->now_ms < sim->controllers.items[sim->leader].frozen_until_ms)
		return;
	(void)snprintf(who, sizeof(who), "%s",
		       people[sim_between(sim, 0, COUNT_OF(people) - 1)]);
	sim_trace(sim, "%s: %s", who, operator_verb_name(verb));
	sim_controller_feed(sim, sim->leader, &event);
}

static void some_verb(struct sim *sim)
{
	static const enum operator_verb verbs[] = {
		OPERATOR_PAUSE,	  OPERATOR_RESUME,   OPERATOR_RESUME,
		OPERATOR_RESUME,  OPERATOR_RETRY,    OPERATOR_RETRY,
		OPERATOR_PROMOTE, OPERATOR_ROLLBACK, OPERATOR_APPROVE,
		OPERATOR_APPROVE, OPERATOR_ABORT,    OPERATOR_START,
	};
	enum operator_verb verb =
		verbs[sim_between(sim, 0, COUNT_OF(verbs) - 1)];
	uint32_t stage =
		(uint32_t)sim_between(sim, 0, 2 * sim->config.stages.n);

	/* Most of those that end a run are not meant. */
	if (verb == OPERATOR_ABORT && sim_chance(sim, 700000))
		verb = OPERATOR_RESUME;
	if (stage >= sim->config.stages.n)
		stage = sim_chance(sim, 200000) ? UINT32_MAX : 1;
	sim_hurt(sim, SIM_HURT_PEOPLE);
	sim_operate(sim, verb, stage, "because");
}

static void cut_one(struct sim *sim)
{
	uint32_t at = victim(sim);

	if (!sim->hosts[at].is_cut)
		cut(sim, at, absence_ms(sim));
}

static void kill_guard(struct sim *sim)
{
	sim_host_kill_guard(sim, victim(sim));
}

/* Each plans its next; its mean is a member of the faults. */
static const struct {
	enum sim_kind kind;
	size_t every_ms;
	void (*strike)(struct sim *);
} strikes[] = {
	{ SIM_CUT, offsetof(struct sim_faults, cut_every_ms), cut_one },
	{ SIM_SPLIT, offsetof(struct sim_faults, split_every_ms), split },
	{ SIM_REBOOT, offsetof(struct sim_faults, reboot_every_ms), reboot },
	{ SIM_GUARD, offsetof(struct sim_faults, guard_every_ms), kill_guard },
	{ SIM_OUTAGE, offsetof(struct sim_faults, outage_every_ms), outage },
	{ SIM_VERB, offsetof(struct sim_faults, verb_every_ms), some_verb },
};

static void plan_next(struct sim *sim, size_t strike)
{
	uint64_t mean_ms;

	memcpy(&mean_ms, (char *)&sim->faults + strikes[strike].every_ms,
	       sizeof(mean_ms));
	if (mean_ms)
		(void)sim_plan(sim, strikes[strike].kind,
			       sim_between(sim, mean_ms / 4, mean_ms * 7 / 4));
}

void sim_faults_plan(struct sim *sim)
{
	for (size_t i = 0; i < COUNT_OF(strikes); i++)
		plan_next(sim, i);
}

void sim_faults_do(struct sim *sim, const struct sim_item *item)
{
	for (size_t i = 0; i < COUNT_OF(strikes) && !sim->is_quiet; i++) {
		if (strikes[i].kind != item->kind)
			continue;
		sim->n_faults++;
		strikes[i].strike(sim);
		plan_next(sim, i);
	}
}
