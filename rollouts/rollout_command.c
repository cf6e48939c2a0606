#include <assert.h>

#include "rollouts/rollout_state.h"

/* How long until a host must have answered. */
static uint64_t patience_ms(const struct rollout *rollout, enum agent_verb verb)
{
	const struct rollout_config *config = &rollout->config;

	switch (verb) {
	case AGENT_VERB_ACTIVATE:
	case AGENT_VERB_REVERT:
		return 2 * config->valid_ms + config->switch_ms;
	case AGENT_VERB_STAGE:
		/* A transfer takes what it takes; after so long we ask. */
		return 2 * config->valid_ms +
		       MAX_OF(config->confirm_ms, (uint64_t)600000);
	case AGENT_VERB_NONE:
	case AGENT_VERB_FENCE:
	case AGENT_VERB_EXTEND:
	case AGENT_VERB_CONFIRM:
	case AGENT_VERB_DROP:
	case AGENT_VERB_GC:
		break;
	}
	return 2 * config->valid_ms;
}

uint64_t rollout_lease_short_ms(const struct rollout *rollout,
				const struct rollout_host *host)
{
	uint64_t least = rollout->config.valid_ms + rollout->config.switch_ms;

	return host->lease_ms > least ? host->lease_ms - least : 0;
}

uint64_t rollout_dead_man_ms(const struct rollout *rollout)
{
	return rollout->lease_ms + rollout->slot_period_ms +
	       2 * rollout->slot_ms;
}

/*
 * A new order of the slots: at the start of a stage, of a reign, and when
 * hosts come back into play. Hosts that may still go back by the old order are
 * through before the new one begins.
 */
void rollout_slots_begin(struct rollout *rollout)
{
	uint32_t n_ranks = 0;
	uint32_t n_slots;

	rollout->slots_from_ms = rollout->clock_ms;
	for (size_t i = 0; i < rollout->config.hosts.n; i++) {
		struct rollout_host *host = &rollout->hosts[i];

		rollout->slots_from_ms =
			MAX_OF(rollout->slots_from_ms, host->settled_ms);
		host->rank = n_ranks;
		if (i < rollout_n_in(rollout) &&
		    !(rollout_host_is_on_new(rollout, host) &&
		      rollout_host_is_settled(host)))
			n_ranks++;
	}
	n_slots = (n_ranks + rollout->config.max_unavailable - 1) /
		  rollout->config.max_unavailable;
	rollout->slot_period_ms = MAX_OF(n_slots, 1u) * rollout->slot_ms;
	rollout->is_changed = true;
}

/* R5: at most max_unavailable hosts share a slot, slots never overlap. */
static uint64_t slot_in_ms(const struct rollout *rollout,
			   const struct rollout_host *host)
{
	uint64_t slot = host->rank / rollout->config.max_unavailable;
	uint64_t start = rollout->slots_from_ms + slot * rollout->slot_ms;
	uint64_t period = rollout->slot_period_ms;

	if (start < rollout->clock_ms)
		start += (rollout->clock_ms - start + period - 1) / period *
			 period;
	return start - rollout->clock_ms;
}

static void set_lease(struct rollout *rollout, struct rollout_host *host,
		      struct action *action)
{
	uint64_t period = rollout->slot_period_ms;
	uint64_t start;

	action->lease_ms = rollout->lease_ms;
	action->slot_in_ms = slot_in_ms(rollout, host);
	action->slot_ms = rollout->slot_ms;
	action->slot_period_ms = period;
	/* When its way back is over at the latest, if we hear no more. */
	start = action->slot_in_ms;
	if (start < rollout->lease_ms)
		start += (rollout->lease_ms - start + period - 1) / period *
			 period;
	host->settled_ms = MAX_OF(host->settled_ms,
				  rollout->clock_ms + rollout->config.valid_ms +
					  start + rollout->slot_ms);
}

static void take_off(struct rollout *rollout, struct rollout_host *host,
		     enum agent_verb verb)
{
	host->flying = verb;
	host->flying_epoch = rollout->epoch;
	host->flying_seq = host->seq;
	host->flying_ms = rollout->clock_ms;
	host->attempts++;
	if (verb == AGENT_VERB_REVERT)
		host->settled_ms = MAX_OF(host->settled_ms,
					  rollout->clock_ms + rollout->slot_ms);
	if (verb != AGENT_VERB_ACTIVATE)
		return;
	host->was_touched = true;
	if (host->exposed_ms == ROLLOUT_NEVER) {
		host->exposed_ms = rollout->clock_ms;
		rollout->n_exposed++;
	}
}

void rollout_command(struct rollout *rollout, struct rollout_host *host,
		     enum agent_verb verb)
{
	struct action *action = vec_add(&rollout->out->list);
	uint32_t at = (uint32_t)(host - rollout->hosts);

	assert(host->command == AGENT_VERB_NONE);
	host->seq++;
	host->command = verb;
	host->command_seq = host->seq;
	host->command_ms = rollout->clock_ms;
	host->deadline_ms = rollout->clock_ms + patience_ms(rollout, verb);
	rollout->is_changed = true;
	action->kind = ACTION_COMMAND;
	action->host = at;
	action->verb = verb;
	action->seq = host->seq;
	action->valid_ms = rollout->config.valid_ms;
	if (verb == AGENT_VERB_ACTIVATE || verb == AGENT_VERB_EXTEND)
		set_lease(rollout, host, action);
	if (verb == AGENT_VERB_EXTEND || verb == AGENT_VERB_CONFIRM)
		host->was_touched = true;
	if (verb == AGENT_VERB_ACTIVATE || verb == AGENT_VERB_REVERT)
		take_off(rollout, host, verb);
	if (verb == AGENT_VERB_STAGE || verb == AGENT_VERB_CONFIRM)
		host->attempts++;
	if (verb == AGENT_VERB_REVERT)
		action->target = rollout->config.hosts.items[at].from;
}

/* The next host from *cursor on, going round, that PICK likes; or NULL. */
static struct rollout_host *next_host(struct rollout *rollout, uint32_t *cursor,
				      bool (*pick)(const struct rollout *,
						   const struct rollout_host *))
{
	uint32_t n = (uint32_t)rollout->config.hosts.n;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t at = *cursor + i < n ? *cursor + i : *cursor + i - n;

		if (pick(rollout, &rollout->hosts[at])) {
			*cursor = at + 1 < n ? at + 1 : 0;
			return &rollout->hosts[at];
		}
	}
	return NULL;
}

static bool has_room(const struct rollout *rollout)
{
	return rollout->n[HOST_OUT_BIT] < rollout->config.max_unavailable;
}

static bool is_domain_free(const struct rollout *rollout, uint32_t domain)
{
	return rollout->config.domains != DOMAINS_ONE_AT_A_TIME ||
	       rollout->n_domains_out == 0 ||
	       (rollout->n_domains_out == 1 &&
		rollout->domains[domain].n_out > 0);
}

static bool pick_ready(const struct rollout *rollout,
		       const struct rollout_host *host)
{
	size_t at = (size_t)(host - rollout->hosts);

	return host->flags & HOST_READY &&
	       is_domain_free(rollout, rollout->config.hosts.items[at].domain);
}

/* Saves a walk over all hosts when the domain in work has no more. */
static bool has_ready_domain(const struct rollout *rollout)
{
	if (rollout->config.domains != DOMAINS_ONE_AT_A_TIME ||
	    rollout->n_domains_out == 0)
		return true;
	for (uint32_t i = 0; i < rollout->n_domains; i++) {
		if (rollout->domains[i].n_out)
			return rollout->n_domains_out == 1 &&
			       rollout->domains[i].n_ready;
	}
	return false;
}

static bool may_activate(const struct rollout *rollout)
{
	enum stage_state state = rollout->stages[rollout->stage].state;

	return rollout->state == ROLLOUT_PROGRESSING &&
	       (state == STAGE_DEPLOYING || state == STAGE_BAKING) &&
	       rollout->n[HOST_AWAITED_BIT] == 0 &&
	       !rollout_stage_is_held(rollout);
}

bool rollout_is_blocked(const struct rollout *rollout)
{
	return may_activate(rollout) && rollout->n[HOST_READY_BIT] &&
	       rollout->n[HOST_OUT_BIT] &&
	       rollout->n[HOST_OUT_BIT] == rollout->n[HOST_STUCK_BIT] &&
	       !(has_room(rollout) && has_ready_domain(rollout));
}

static void activate(struct rollout *rollout)
{
	struct rollout_stage *stage = &rollout->stages[rollout->stage];

	while (rollout->n[HOST_READY_BIT] && has_room(rollout) &&
	       has_ready_domain(rollout)) {
		struct rollout_host *host = next_host(
			rollout, &rollout->activate_cursor, pick_ready);

		if (!host)
			return;
		rollout_command(rollout, host, AGENT_VERB_ACTIVATE);
		rollout_touch(rollout, host);
		stage->state = STAGE_DEPLOYING;
		if (!stage->is_confirming)
			continue;
		/* Those not confirmed yet want their leases again. */
		stage->is_confirming = false;
		rollout_touch_all(rollout);
	}
}

static bool pick_stageable(const struct rollout *rollout,
			   const struct rollout_host *host)
{
	(void)rollout;
	return host->flags & HOST_STAGEABLE;
}

static void transfer(struct rollout *rollout)
{
	while (rollout->n[HOST_STAGEABLE_BIT] &&
	       rollout->n[HOST_STAGING_BIT] < ROLLOUT_STAGING_MAX) {
		struct rollout_host *host = next_host(
			rollout, &rollout->stage_cursor, pick_stageable);

		rollout_command(rollout, host, AGENT_VERB_STAGE);
		rollout_touch(rollout, host);
	}
}

/* R7: a rollback keeps the budget; what is down already costs nothing. */
static bool pick_revertable(const struct rollout *rollout,
			    const struct rollout_host *host)
{
	uint32_t others =
		rollout->n[HOST_OUT_BIT] - (host->flags & HOST_OUT ? 1 : 0);

	if (!(host->flags & HOST_REVERTABLE))
		return false;
	return host->flags & HOST_IS_DOWN ||
	       others < rollout->config.max_unavailable;
}

static void revert(struct rollout *rollout)
{
	uint32_t max = rollout->config.max_unavailable;

	while (rollout->n[HOST_REVERTABLE_BIT] &&
	       (has_room(rollout) || rollout->n[HOST_IS_DOWN_BIT] ||
		(rollout->n[HOST_OUT_BIT] == max &&
		 rollout->n[HOST_IS_SHORT_BIT]))) {
		struct rollout_host *host = next_host(
			rollout, &rollout->revert_cursor, pick_revertable);

		if (!host)
			return;
		rollout_command(rollout, host, AGENT_VERB_REVERT);
		rollout_touch(rollout, host);
	}
}

void rollout_dispatch(struct rollout *rollout)
{
	if (rollout->state == ROLLOUT_ROLLING_BACK) {
		revert(rollout);
		return;
	}
	if (may_activate(rollout))
		activate(rollout);
	if (rollout->state == ROLLOUT_PROGRESSING)
		transfer(rollout);
}
