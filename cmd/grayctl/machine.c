#include "cmd/grayctl/machine.h"

#include <stdio.h>

#include "agents/deploy.h"

/* Together they fill D, there and back: a switch that is just in time. */
static const struct machine_work works[] = {
	[DEPLOY_NOTHING] = { "nothing", MACHINE_SWITCH, 0 },
	[DEPLOY_STAGE] = { "stage", MACHINE_STAGE, 8000 },
	[DEPLOY_VERIFY] = { "verify", MACHINE_SWITCH, 1500 },
	[DEPLOY_PREPARE] = { "prepare", MACHINE_SWITCH, 2000 },
	[DEPLOY_DRAIN] = { "drain", MACHINE_SWITCH, 1500 },
	[DEPLOY_FLIP] = { "flip", MACHINE_FLIP, 300 },
	[DEPLOY_RESTART] = { "restart", MACHINE_HEALTH, 3000 },
	[DEPLOY_PROBE] = { "probe", MACHINE_HEALTH, 4000 },
	[DEPLOY_DROP] = { "drop", MACHINE_SWITCH, 500 },
	[DEPLOY_PRUNE] = { "prune", MACHINE_SWITCH, 500 },
};

static void init(void *state)
{
	deploy_init(state);
}

static void recall(void *state, const void *kept)
{
	struct deploy *deploy = state;

	deploy_init(deploy);
	deploy->record = ((const struct deploy *)kept)->record;
}

static void step(void *state, const struct machine_input *input,
		 struct machine_output *out)
{
	static const enum deploy_event_kind kinds[] = {
		[MACHINE_START] = DEPLOY_START,
		[MACHINE_COMMAND] = DEPLOY_COMMAND,
		[MACHINE_DONE] = DEPLOY_DONE,
		[MACHINE_TIMER] = DEPLOY_TIMER,
	};
	struct deploy_event event = {
		.kind = kinds[input->event],
		.now_ms = input->now_ms,
		.current = input->current,
		.boot_id = input->boot_id,
		.is_boot = input->is_boot,
		.command = input->command,
		.work = (enum deploy_work)input->work,
		.code = input->code,
		.text = input->text,
	};
	struct deploy_actions actions;

	deploy_step(state, &event, &actions);
	out->is_kept = actions.persist;
	out->work = actions.work;
	out->release = actions.release;
	out->is_revert = actions.is_revert;
	out->is_answer = actions.answer;
	out->seq = actions.seq;
	out->verb = actions.verb;
	out->code = actions.code;
	(void)snprintf(out->text, sizeof(out->text), "%s", actions.text);
}

/* Out of service: from the flip's preparations to the last probe. */
static bool is_switching(const struct deploy *deploy)
{
	if (deploy->record.state == AGENT_HOST_STATE_REVERTING)
		return true;
	return deploy->record.state == AGENT_HOST_STATE_ARMED &&
	       deploy->work != DEPLOY_PREPARE;
}

static void view(const void *state, uint64_t now_ms, struct machine_view *out)
{
	const struct deploy *deploy = state;
	const struct deploy_record *record = &deploy->record;

	*out = (struct machine_view){
		.state = record->state,
		.current = record->current,
		.to = record->to,
		.epoch = record->epoch,
		.seq = record->seq,
		.is_busy = deploy_is_busy(deploy),
		.is_boot = deploy->is_boot,
		.is_switching = is_switching(deploy),
		.is_verifying = deploy->work == DEPLOY_VERIFY,
		.lease_left_ms = deploy_lease_left_ms(deploy, now_ms),
		.timer_ms = deploy_timer_ms(deploy, now_ms),
	};
}

const struct machine machine_agent = {
	.size = sizeof(struct deploy),
	.works = works,
	.init = init,
	.recall = recall,
	.step = step,
	.view = view,
};
