#include <inttypes.h>
#include <string.h>

#include "rollouts/rollout_state.h"

/* Each either applies, or says in out->refusal why not and what would. */

static const char *reason_of(const struct event *event)
{
	return event->reason && *event->reason ? event->reason
					       : "no reason given";
}

static void refuse(struct rollout *rollout, const char *remedy)
{
	err_set(&rollout->out->refusal, ERR_CONFLICT, "rollout %s is %s: %s",
		rollout->config.id ? rollout->config.id : "",
		rollout_state_name(rollout->state), remedy);
}

/* Going on accepts what has failed so far; one more stops again. */
static void accept_failures(struct rollout *rollout)
{
	rollout->accepted_failed = rollout->n[HOST_FAILED_BIT];
	rollout->accepted_unhealthy = rollout->n[HOST_UNHEALTHY_BIT];
	rollout->accepted_unreachable = rollout->n[HOST_UNREACHABLE_BIT];
}

static void go_on(struct rollout *rollout)
{
	struct rollout_stage *stage = &rollout->stages[rollout->stage];

	if (rollout->cause == PAUSE_DEADLINE)
		rollout->deadline_from_ms = rollout->clock_ms;
	else
		rollout->deadline_from_ms +=
			rollout->clock_ms - rollout->paused_ms;
	rollout->state =
		rollout->is_back ? ROLLOUT_ROLLING_BACK : ROLLOUT_PROGRESSING;
	rollout->cause = PAUSE_NONE;
	mem_set_str(&rollout->cause_text, NULL);
	if (stage->hold_since_ms != ROLLOUT_NEVER)
		stage->hold_since_ms = rollout->clock_ms;
	/* What they said is answered; they are asked again. */
	for (size_t i = 0; i < rollout->config.gates.n; i++) {
		struct rollout_gate *gate = &rollout->gates[i];

		if (gate->verdict == VERDICT_PASS)
			continue;
		gate->verdict = VERDICT_NONE;
		gate->is_after_bake = false;
		gate->next_ms = rollout->clock_ms;
	}
	accept_failures(rollout);
	rollout->is_changed = true;
	rollout_touch_all(rollout);
}

static void start(struct rollout *rollout, const struct event *event)
{
	if (rollout->state != ROLLOUT_PENDING) {
		refuse(rollout, "it was started before");
		return;
	}
	rollout->state = ROLLOUT_PROGRESSING;
	rollout->started_ms = rollout->clock_ms;
	rollout->deadline_from_ms = rollout->clock_ms;
	rollout->started_wall_ms = event->wall_ms;
	for (size_t i = 0; i < rollout->config.hosts.n; i++) {
		struct rollout_host *host = &rollout->hosts[i];

		if (!rollout_host_is_up(host))
			host->lost_ms = rollout->clock_ms;
	}
	rollout_log(rollout, "created", event->who,
		    "%s to %s on %zu hosts in %zu stages: %s",
		    rollout->config.service, rollout->config.version,
		    rollout->config.hosts.n, rollout->config.stages.n,
		    reason_of(event));
	rollout->is_changed = true;
	if (rollout_approvals_missing(rollout))
		rollout_log(rollout, "approval_needed", NULL,
			    "stage %s waits for %" PRIu32 " approvals",
			    rollout->config.stages.items[0].name,
			    rollout_approvals_missing(rollout));
	rollout_touch_all(rollout);
}

static void pause_now(struct rollout *rollout, const struct event *event)
{
	if (rollout->state != ROLLOUT_PROGRESSING) {
		refuse(rollout, rollout->state == ROLLOUT_PAUSED
					? "it is paused already"
					: "only one that progresses can pause");
		return;
	}
	rollout->state = ROLLOUT_PAUSED;
	rollout->cause = PAUSE_OPERATOR;
	rollout->paused_ms = rollout->clock_ms;
	mem_set_str(&rollout->cause_text, reason_of(event));
	rollout_log(rollout, "paused", event->who, "paused: %s",
		    reason_of(event));
	rollout->is_changed = true;
	rollout_touch_all(rollout);
}

/* Some host obeys a later epoch than ours still? */
static bool is_store_old(const struct rollout *rollout)
{
	for (size_t i = 0; i < rollout->config.hosts.n; i++) {
		const struct rollout_host *host = &rollout->hosts[i];

		if (host->seen_epoch > rollout->epoch ||
		    (host->seen_epoch == rollout->epoch &&
		     host->seen_seq > host->seq))
			return true;
	}
	return false;
}

static void resume(struct rollout *rollout, const struct event *event)
{
	if (rollout->state != ROLLOUT_PAUSED) {
		refuse(rollout, "only one that is paused can go on");
		return;
	}
	if (rollout->cause == PAUSE_STORE && is_store_old(rollout)) {
		refuse(rollout, "its store is older than the fleet; start the "
				"controller with the newest store");
		return;
	}
	rollout_log(rollout, "resumed", event->who, "resumed: %s",
		    reason_of(event));
	go_on(rollout);
}

static void promote(struct rollout *rollout, const struct event *event)
{
	struct rollout_stage *stage = &rollout->stages[rollout->stage];
	bool is_paused = rollout->state == ROLLOUT_PAUSED;

	if (rollout->state != ROLLOUT_PROGRESSING && !is_paused) {
		refuse(rollout, "there is no stage to promote");
		return;
	}
	if (rollout->is_back || rollout->cause == PAUSE_STORE) {
		refuse(rollout, "its store is older than the fleet; nothing "
				"can be promoted");
		return;
	}
	if (stage->state == STAGE_WAITING) {
		refuse(rollout,
		       rollout_approvals_missing(rollout)
			       ? "its stage waits for approval; use "
				 "approve"
			       : "its stage has not begun; use resume");
		return;
	}
	if (stage->is_promoted && !is_paused) {
		refuse(rollout, "its stage is promoted already");
		return;
	}
	stage->is_promoted = true;
	rollout_log(rollout, "promoted", event->who,
		    "stage %s promoted, the rest of its bake and gates is "
		    "skipped: %s",
		    rollout->config.stages.items[rollout->stage].name,
		    reason_of(event));
	rollout->is_changed = true;
	if (is_paused)
		go_on(rollout);
}

/* True if the host had given up and may try again. */
static bool retry_host(struct rollout *rollout, struct rollout_host *host)
{
	bool had = host->fate != FATE_OPEN || host->is_lost ||
		   host->flags & HOST_UNREACHABLE;

	if (!had)
		return false;
	host->fate = FATE_OPEN;
	host->is_lost = false;
	host->attempts = 0;
	host->n_lapses = 0;
	host->n_mute = 0;
	host->retry_ms = 0;
	host->is_fenced = false; /* how is it now? */
	mem_set_str(&host->text, NULL);
	if (!rollout_host_is_up(host))
		host->lost_ms = rollout->clock_ms;
	rollout->is_changed = true;
	return true;
}

static void retry(struct rollout *rollout, const struct event *event)
{
	uint32_t n = 0;

	if (rollout->state != ROLLOUT_PROGRESSING &&
	    rollout->state != ROLLOUT_PAUSED &&
	    rollout->state != ROLLOUT_ROLLING_BACK &&
	    rollout->state != ROLLOUT_FAILED) {
		refuse(rollout, "no host of it can be tried again; start a "
				"new rollout");
		return;
	}
	for (size_t i = 0; i < rollout->config.hosts.n; i++)
		n += retry_host(rollout, &rollout->hosts[i]);
	if (n == 0 && rollout->state != ROLLOUT_FAILED) {
		refuse(rollout, "no host of it has failed");
		return;
	}
	rollout_log(rollout, "retried", event->who,
		    "%" PRIu32 " hosts are tried again: %s", n,
		    reason_of(event));
	if (rollout->state == ROLLOUT_FAILED) {
		rollout_back_begin(rollout, 0, false, event->who,
				   "retry of the rollback: %s",
				   reason_of(event));
		return;
	}
	if (rollout->state != ROLLOUT_ROLLING_BACK)
		rollout_slots_begin(rollout);
	rollout_touch_all(rollout);
	if (rollout->state == ROLLOUT_PAUSED &&
	    (rollout->cause == PAUSE_FAILURE || rollout->cause == PAUSE_INFRA))
		go_on(rollout);
}

static void cancel(struct rollout *rollout, const struct event *event)
{
	rollout_log(rollout, "canceled", event->who,
		    "canceled before it began: %s", reason_of(event));
	rollout_end(rollout, ROLLOUT_CANCELED);
}

static void abort_all(struct rollout *rollout, const struct event *event)
{
	if (rollout->state == ROLLOUT_PENDING) {
		cancel(rollout, event);
		return;
	}
	if (rollout_state_is_final(rollout->state)) {
		refuse(rollout, rollout->state == ROLLOUT_SUCCEEDED
					? "it is over; rollback takes it back"
					: "it is over");
		return;
	}
	if (rollout->state == ROLLOUT_ROLLING_BACK &&
	    !rollout->is_back_partial) {
		refuse(rollout, "all its hosts are going back already");
		return;
	}
	rollout_log(rollout, "aborted", event->who, "aborted: %s",
		    reason_of(event));
	rollout_back_begin(rollout, 0, false, event->who, "aborted: %s",
			   reason_of(event));
}

static void rollback_stage(struct rollout *rollout, const struct event *event)
{
	uint32_t reached = rollout->stage;

	if (event->stage >= rollout->config.stages.n) {
		refuse(rollout, "it has no such stage");
		return;
	}
	if (rollout->stages[reached].state == STAGE_WAITING &&
	    event->stage >= reached) {
		refuse(rollout, "that stage has not begun; pause stops it");
		return;
	}
	if (event->stage > reached) {
		refuse(rollout, "that stage has not begun; pause stops it");
		return;
	}
	rollout_back_begin(rollout, event->stage, true, event->who, "%s",
			   reason_of(event));
}

static void rollback(struct rollout *rollout, const struct event *event)
{
	switch (rollout->state) {
	case ROLLOUT_PENDING:
		refuse(rollout, "nothing was changed yet; abort cancels it");
		return;
	case ROLLOUT_ROLLED_BACK:
	case ROLLOUT_CANCELED:
		refuse(rollout, "no host of it is on the new release");
		return;
	case ROLLOUT_ROLLING_BACK:
		if (event->stage == UINT32_MAX && rollout->is_back_partial)
			break;
		refuse(rollout, "it is going back already");
		return;
	case ROLLOUT_PROGRESSING:
	case ROLLOUT_PAUSED:
	case ROLLOUT_SUCCEEDED:
	case ROLLOUT_FAILED:
		break;
	}
	if (event->stage == UINT32_MAX)
		rollout_back_begin(rollout, 0, false, event->who, "%s",
				   reason_of(event));
	else
		rollback_stage(rollout, event);
}

static void approve(struct rollout *rollout, const struct event *event)
{
	struct rollout_stage *stage = &rollout->stages[rollout->stage];
	const char *who = event->who ? event->who : "";

	if (rollout_state_is_final(rollout->state) ||
	    rollout->state == ROLLOUT_ROLLING_BACK ||
	    !rollout_approvals_missing(rollout)) {
		refuse(rollout, "no stage waits for an approval");
		return;
	}
	for (size_t i = 0; i < stage->approvers.n; i++) {
		if (strcmp(stage->approvers.items[i], who) == 0) {
			refuse(rollout, "you approved this stage before; "
					"another person is needed");
			return;
		}
	}
	*vec_add(&stage->approvers) = mem_str(who);
	rollout_log(rollout, "approved", event->who, "stage %s approved: %s",
		    rollout->config.stages.items[rollout->stage].name,
		    reason_of(event));
	rollout->is_changed = true;
}

void rollout_operate(struct rollout *rollout, const struct event *event)
{
	static void (*const verbs[])(struct rollout *, const struct event *) = {
		[OPERATOR_START] = start,     [OPERATOR_PAUSE] = pause_now,
		[OPERATOR_RESUME] = resume,   [OPERATOR_PROMOTE] = promote,
		[OPERATOR_RETRY] = retry,     [OPERATOR_ROLLBACK] = rollback,
		[OPERATOR_ABORT] = abort_all, [OPERATOR_APPROVE] = approve,
	};

	if ((size_t)event->verb < COUNT_OF(verbs))
		verbs[event->verb](rollout, event);
}
