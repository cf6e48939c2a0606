#include "rollouts/rollout_state.h"

/* FNV-1a, 64 bits: Fowler, Noll and Vo; not against an adversary. */
static uint64_t add_bytes(uint64_t hash, const void *bytes, size_t size)
{
	const uint8_t *at = bytes;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
	return hash;
}

static uint64_t add(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 29;
}

static uint64_t add_text(uint64_t hash, const char *text)
{
	return text ? add_bytes(hash, text, strlen(text) + 1) : add(hash, 0);
}

static uint64_t add_host(uint64_t hash, const struct rollout_host *host)
{
	const uint64_t values[] = {
		host->state,	   host->seen_epoch,   host->seen_seq,
		host->is_known,	   host->is_busy,      host->is_up,
		host->is_mute,	   host->is_heard,     host->is_fenced,
		host->n_mute,	   host->lost_ms,      host->command,
		host->command_seq, host->command_ms,   host->deadline_ms,
		host->flying,	   host->flying_epoch, host->flying_seq,
		host->flying_ms,   host->seq,	       host->attempts,
		host->retry_ms,	   host->lease_ms,     host->extend_ms,
		host->settled_ms,  host->rank,	       host->n_lapses,
		host->was_touched, host->is_lost,      host->fate,
		host->exposed_ms,  host->flags,
	};

	for (size_t i = 0; i < COUNT_OF(values); i++)
		hash = add(hash, values[i]);
	hash = add_bytes(hash, &host->current, sizeof(host->current));
	hash = add_bytes(hash, &host->to, sizeof(host->to));
	return add_text(hash, host->text);
}

static uint64_t add_stage(uint64_t hash, const struct rollout_stage *stage)
{
	const uint64_t values[] = {
		stage->state,	     stage->is_promoted,   stage->is_confirming,
		stage->bake_left_ms, stage->bake_since_ms, stage->hold_since_ms,
		stage->n_samples,    stage->approvers.n,
	};

	for (size_t i = 0; i < COUNT_OF(values); i++)
		hash = add(hash, values[i]);
	for (size_t i = 0; i < stage->approvers.n; i++)
		hash = add_text(hash, stage->approvers.items[i]);
	return hash;
}

static uint64_t add_gate(uint64_t hash, const struct rollout_gate *gate)
{
	const uint64_t values[] = {
		gate->verdict,	gate->at_ms,	     gate->n_samples,
		gate->is_asked, gate->is_after_bake, gate->asked_after_bake,
		gate->asked_ms, gate->next_ms,
	};

	for (size_t i = 0; i < COUNT_OF(values); i++)
		hash = add(hash, values[i]);
	return add_text(hash, gate->text);
}

uint64_t rollout_digest(const struct rollout *rollout)
{
	const uint64_t values[] = {
		rollout->state,
		rollout->cause,
		rollout->epoch,
		rollout->stage,
		rollout->slots_from_ms,
		rollout->slot_period_ms,
		rollout->back_from,
		rollout->is_back,
		rollout->is_back_partial,
		rollout->back_stage,
		rollout->back_ms,
		rollout->accepted_failed,
		rollout->accepted_unreachable,
		rollout->accepted_unhealthy,
		rollout->base_ms,
		rollout->base_now_ms,
		rollout->last_ms,
		(uint64_t)rollout->last_wall_ms,
		rollout->started_ms,
		rollout->paused_ms,
		rollout->deadline_from_ms,
		(uint64_t)rollout->started_wall_ms,
		(uint64_t)rollout->ended_wall_ms,
		rollout->n_exposed,
		rollout->exposed_total,
		rollout->activate_cursor,
		rollout->stage_cursor,
		rollout->revert_cursor,
	};
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < COUNT_OF(values); i++)
		hash = add(hash, values[i]);
	hash = add_text(hash, rollout->cause_text);
	hash = add_text(hash, rollout->back_text);
	for (size_t i = 0; i < rollout->config.stages.n; i++)
		hash = add_stage(hash, &rollout->stages[i]);
	for (size_t i = 0; i < rollout->config.gates.n; i++)
		hash = add_gate(hash, &rollout->gates[i]);
	for (size_t i = 0; i < rollout->config.hosts.n; i++)
		hash = add_host(hash, &rollout->hosts[i]);
	return hash;
}
