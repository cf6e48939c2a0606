#include "rollouts/rollout_state.h"

/* After so long without an answer a host counts as unreachable. */
static uint64_t grace_end_ms(const struct rollout *rollout,
			     const struct rollout_host *host)
{
	return host->lost_ms + rollout->config.valid_ms;
}

static bool is_between(const struct rollout_host *host)
{
	return host->state == AGENT_HOST_STATE_ARMED ||
	       host->state == AGENT_HOST_STATE_REVERTING;
}

/* We know how it stands: nothing older than its answer can still happen. */
static bool is_sure(const struct rollout_host *host)
{
	return rollout_host_is_up(host) && host->is_fenced && !host->flying &&
	       !host->is_busy;
}

static bool is_free(const struct rollout *rollout,
		    const struct rollout_host *host)
{
	return is_sure(host) && host->command == AGENT_VERB_NONE &&
	       rollout->clock_ms >= host->retry_ms;
}

/* R6: what is not seen counts as down, until its own way back must be over. */
static bool is_out_unseen(const struct rollout *rollout,
			  const struct rollout_host *host)
{
	return (host->flying || is_between(host) ||
		host->state == AGENT_HOST_STATE_UNCONFIRMED) &&
	       host->was_touched && rollout->clock_ms < host->settled_ms;
}

/* R4: a lease that may run out within an activation elsewhere. */
static bool is_out_short(const struct rollout *rollout,
			 const struct rollout_host *host)
{
	return host->state == AGENT_HOST_STATE_UNCONFIRMED &&
	       rollout->clock_ms >= rollout_lease_short_ms(rollout, host);
}

/* Counts against max_unavailable, because of us. */
static bool is_out(const struct rollout *rollout,
		   const struct rollout_host *host)
{
	if (host->state == AGENT_HOST_STATE_STUCK)
		/* A rollback must not wait for what only a person can mend. */
		return rollout->state != ROLLOUT_ROLLING_BACK || host->flying;
	if (!rollout_host_is_up(host) || !host->is_fenced)
		return is_out_unseen(rollout, host);
	return host->flying || is_between(host) || is_out_short(rollout, host);
}

static bool is_in_rollback(const struct rollout *rollout, uint32_t at)
{
	return rollout->state == ROLLOUT_ROLLING_BACK &&
	       at >= rollout->back_from;
}

/* Known to be on what it ran before, or never taken from it. */
static bool is_back(const struct rollout *rollout,
		    const struct rollout_host *host, uint32_t at)
{
	const struct digest *from = &rollout->config.hosts.items[at].from;

	if (digest_equal(from, &rollout->config.release))
		return true;
	if (!host->was_touched)
		return !rollout_host_is_on_new(rollout, host);
	return !host->flying && rollout_host_is_settled(host) &&
	       !rollout_host_is_on_new(rollout, host);
}

/* A command that has been carried out for longer than any can take. */
static uint64_t hung_ms(const struct rollout *rollout,
			const struct rollout_host *host)
{
	return host->flying_ms + rollout->config.valid_ms +
	       4 * rollout->config.switch_ms;
}

static uint64_t give_up_ms(const struct rollout *rollout,
			   const struct rollout_host *host)
{
	return MAX_OF(host->settled_ms,
		      rollout->back_ms + rollout_dead_man_ms(rollout));
}

static bool is_given_up(const struct rollout *rollout,
			const struct rollout_host *host)
{
	if (host->is_lost)
		return true;
	if (!rollout_host_is_up(host))
		return rollout->clock_ms >= give_up_ms(rollout, host);
	if (host->flying)
		return rollout->clock_ms >= hung_ms(rollout, host);
	return is_sure(host) && host->command == AGENT_VERB_NONE &&
	       host->attempts >= rollout->config.n_attempts;
}

static unsigned back_flags(const struct rollout *rollout,
			   const struct rollout_host *host, uint32_t at)
{
	unsigned flags = HOST_UNSETTLED;

	if (!is_in_rollback(rollout, at) || is_back(rollout, host, at))
		return 0;
	if (host->is_lost)
		return HOST_LOST;
	if (!is_free(rollout, host) ||
	    host->attempts >= rollout->config.n_attempts)
		return flags;
	flags |= HOST_REVERTABLE;
	if (is_between(host) || host->state == AGENT_HOST_STATE_STUCK)
		return flags | HOST_IS_DOWN;
	return is_out(rollout, host) ? flags | HOST_IS_SHORT : flags;
}

static bool is_staged(const struct rollout *rollout,
		      const struct rollout_host *host)
{
	return host->state == AGENT_HOST_STATE_STAGED &&
	       digest_equal(&host->to, &rollout->config.release);
}

static unsigned todo_flags(const struct rollout *rollout,
			   const struct rollout_host *host, uint32_t at)
{
	uint32_t ahead = rollout->stage + 1;

	if (rollout->state != ROLLOUT_PROGRESSING || host->fate != FATE_OPEN ||
	    !is_free(rollout, host) || !rollout_host_is_settled(host))
		return 0;
	if (rollout_host_is_on_new(rollout, host))
		return 0;
	if (is_staged(rollout, host))
		return at < rollout_n_in(rollout) ? HOST_READY : 0;
	if (ahead >= rollout->config.stages.n)
		ahead = rollout->stage;
	return at < rollout->config.stages.items[ahead].n_hosts ? HOST_STAGEABLE
								: 0;
}

static unsigned stage_flags(const struct rollout *rollout,
			    const struct rollout_host *host, uint32_t at)
{
	static const unsigned of_fate[] = {
		[FATE_FAILED] = HOST_FAILED,
		[FATE_UNHEALTHY] = HOST_UNHEALTHY,
		[FATE_BLOCKED] = HOST_UNREACHABLE,
	};
	unsigned flags;

	if (at >= rollout_n_in(rollout))
		return 0;
	if (host->fate != FATE_OPEN)
		return of_fate[host->fate];
	if (!rollout_host_is_up(host) &&
	    rollout->clock_ms >= grace_end_ms(rollout, host))
		return HOST_UNREACHABLE;
	if (!is_sure(host) || !rollout_host_is_on_new(rollout, host))
		return HOST_OPEN;
	flags = HOST_DONE;
	if (rollout->stage == 0 ||
	    at >= rollout->config.stages.items[rollout->stage - 1].n_hosts)
		flags |= HOST_NEW_DONE;
	if (host->state == AGENT_HOST_STATE_UNCONFIRMED)
		flags |= HOST_UNCONFIRMED;
	return flags;
}

static unsigned classify(const struct rollout *rollout,
			 const struct rollout_host *host)
{
	uint32_t at = (uint32_t)(host - rollout->hosts);
	unsigned flags = stage_flags(rollout, host, at) |
			 todo_flags(rollout, host, at) |
			 back_flags(rollout, host, at);

	if (is_out(rollout, host))
		flags |= HOST_OUT;
	if (host->flying)
		flags |= HOST_FLYING;
	else if (host->state == AGENT_HOST_STATE_STUCK)
		flags |= HOST_STUCK;
	if (host->command == AGENT_VERB_STAGE)
		flags |= HOST_STAGING;
	if (!host->is_heard &&
	    (rollout_host_is_up(host) ||
	     rollout->clock_ms < grace_end_ms(rollout, host)))
		flags |= HOST_AWAITED;
	return flags;
}

static void count_domain(struct rollout *rollout, uint32_t at, unsigned flags,
			 unsigned changed)
{
	struct rollout_domain *domain =
		&rollout->domains[rollout->config.hosts.items[at].domain];

	if (changed & HOST_READY)
		domain->n_ready += flags & HOST_READY ? 1 : (uint32_t)-1;
	if (!(changed & HOST_OUT))
		return;
	if (flags & HOST_OUT) {
		if (domain->n_out++ == 0)
			rollout->n_domains_out++;
	} else if (--domain->n_out == 0) {
		rollout->n_domains_out--;
	}
}

static void set_flags(struct rollout *rollout, struct rollout_host *host,
		      unsigned flags)
{
	unsigned changed = flags ^ host->flags;

	if (!changed)
		return;
	count_domain(rollout, (uint32_t)(host - rollout->hosts), flags,
		     changed);
	for (unsigned bit = 0; changed >> bit; bit++) {
		if (changed >> bit & 1)
			rollout->n[bit] += flags >> bit & 1 ? 1 : (uint32_t)-1;
	}
	host->flags = flags;
	rollout->is_changed = true;
}

/* The outstanding command was not answered in time: ask before anything. */
static void expire(struct rollout *rollout, struct rollout_host *host)
{
	enum agent_verb verb = host->command;

	if (verb == AGENT_VERB_NONE || rollout->clock_ms < host->deadline_ms)
		return;
	host->command = AGENT_VERB_NONE;
	host->is_fenced = false;
	rollout->is_changed = true;
	if (verb != AGENT_VERB_FENCE)
		return;
	if (++host->n_mute < 3 && !host->is_mute)
		return;
	if (!host->is_mute)
		host->lost_ms = rollout->clock_ms;
	host->is_mute = true;
	host->retry_ms = rollout->clock_ms + rollout->config.switch_ms;
}

static bool may_send(const struct rollout *rollout)
{
	return rollout->state == ROLLOUT_PROGRESSING ||
	       rollout->state == ROLLOUT_ROLLING_BACK ||
	       (rollout->state == ROLLOUT_PAUSED &&
		rollout->cause != PAUSE_STORE);
}

static bool wants_confirm(const struct rollout *rollout,
			  const struct rollout_host *host)
{
	return rollout->state == ROLLOUT_PROGRESSING &&
	       rollout->stages[rollout->stage].is_confirming &&
	       host->fate == FATE_OPEN &&
	       host - rollout->hosts < rollout_n_in(rollout);
}

/* Stuck, and somebody said retry: down already, it costs nothing. */
static bool wants_mending(const struct rollout *rollout,
			  const struct rollout_host *host)
{
	return host->state == AGENT_HOST_STATE_STUCK && host->was_touched &&
	       host->fate == FATE_OPEN &&
	       rollout->state != ROLLOUT_ROLLING_BACK;
}

/* A host that we let go back by itself: its lease is not renewed. */
static bool is_abandoned(const struct rollout *rollout,
			 const struct rollout_host *host)
{
	return (host->fate != FATE_OPEN &&
		rollout->state != ROLLOUT_ROLLING_BACK) ||
	       host->is_lost;
}

/* Commands that take no host out: they need no room in a budget. */
static void want(struct rollout *rollout, struct rollout_host *host)
{
	if (!may_send(rollout) || !host->is_up ||
	    host->command != AGENT_VERB_NONE ||
	    rollout->clock_ms < host->retry_ms)
		return;
	if (!is_sure(host) || host->is_mute) {
		rollout_command(rollout, host, AGENT_VERB_FENCE);
	} else if (wants_mending(rollout, host)) {
		rollout_command(rollout, host, AGENT_VERB_REVERT);
	} else if (is_between(host) ||
		   (host->state == AGENT_HOST_STATE_UNCONFIRMED &&
		    !rollout_host_is_on_new(rollout, host))) {
		if (rollout->state != ROLLOUT_ROLLING_BACK)
			rollout_command(rollout, host, AGENT_VERB_FENCE);
	} else if (host->state == AGENT_HOST_STATE_UNCONFIRMED &&
		   rollout_host_is_on_new(rollout, host)) {
		if (wants_confirm(rollout, host))
			rollout_command(rollout, host, AGENT_VERB_CONFIRM);
		else if (is_abandoned(rollout, host)) {
			if (rollout->clock_ms >= host->lease_ms)
				rollout_command(rollout, host,
						AGENT_VERB_FENCE);
		} else if (rollout->clock_ms >= host->extend_ms)
			rollout_command(rollout, host, AGENT_VERB_EXTEND);
	}
}

/* What should happen to a host whose command is carried out for ever. */
static void judge_hung(struct rollout *rollout, struct rollout_host *host)
{
	uint32_t at = (uint32_t)(host - rollout->hosts);

	if (is_in_rollback(rollout, at) && !host->is_lost &&
	    !is_back(rollout, host, at) && is_given_up(rollout, host)) {
		host->is_lost = true;
		rollout->is_changed = true;
	}
	if (rollout->state == ROLLOUT_PROGRESSING && host->flying &&
	    rollout_host_is_up(host) &&
	    rollout->clock_ms >= hung_ms(rollout, host))
		rollout_host_fate(rollout, host, FATE_FAILED,
				  "its activation does not end");
}

/* The next moment at which time alone makes a difference to the host. */
static uint64_t next_due(const struct rollout *rollout,
			 const struct rollout_host *host)
{
	const uint64_t times[] = {
		host->command ? host->deadline_ms : 0,
		host->retry_ms,
		host->extend_ms,
		host->lease_ms,
		host->settled_ms,
		rollout_lease_short_ms(rollout, host),
		rollout_host_is_up(host) ? 0 : grace_end_ms(rollout, host),
		host->flying ? hung_ms(rollout, host) : 0,
		rollout->state == ROLLOUT_ROLLING_BACK
			? give_up_ms(rollout, host)
			: 0,
	};
	uint64_t due = ROLLOUT_NEVER;

	if (rollout->state == ROLLOUT_PENDING ||
	    rollout_state_is_final(rollout->state))
		return due;
	for (size_t i = 0; i < COUNT_OF(times); i++) {
		if (times[i] > rollout->clock_ms)
			due = MIN_OF(due, times[i]);
	}
	return due;
}

void rollout_touch(struct rollout *rollout, struct rollout_host *host)
{
	expire(rollout, host);
	judge_hung(rollout, host);
	want(rollout, host);
	set_flags(rollout, host, classify(rollout, host));
	rollout_due_set(rollout, (uint32_t)(host - rollout->hosts),
			next_due(rollout, host));
}

void rollout_touch_all(struct rollout *rollout)
{
	for (size_t i = 0; i < rollout->config.hosts.n; i++)
		rollout_touch(rollout, &rollout->hosts[i]);
}

void rollout_touch_due(struct rollout *rollout)
{
	/* Each touch moves the host past now, so this ends. */
	while (rollout->n_heap) {
		struct rollout_host *host = &rollout->hosts[rollout->heap[0]];

		if (host->due_ms > rollout->clock_ms)
			return;
		rollout_touch(rollout, host);
	}
}
