#include "agents/deploy_verbs.h"

#include <stdio.h>
#include <string.h>

/* Leases and slots from outside stay far from where sums overflow. */
#define LONGEST_MS (400ull * 24 * 3600 * 1000)

/* A command that is accepted but does not apply: its end is on record. */
static void refuse(struct deploy *deploy, enum err_code code, const char *text,
		   struct deploy_actions *out)
{
	deploy_finish(deploy, code, text, out);
}

static bool is_state(const struct deploy *deploy, unsigned states)
{
	return states & 1u << deploy->record.state;
}

#define IN(state) (1u << AGENT_HOST_STATE_##state)

static void refuse_state(struct deploy *deploy, struct deploy_actions *out)
{
	char text[DEPLOY_TEXT];

	(void)snprintf(text, sizeof(text), "%s does not apply: the host is %s",
		       agent_verb_name(deploy->verb),
		       agent_host_state_name(deploy->record.state));
	refuse(deploy, ERR_CONFLICT, text, out);
}

/* Somebody changed the link by hand: what we know is not what is. */
static bool has_drifted(struct deploy *deploy, const struct deploy_event *event,
			const struct digest *expected,
			struct deploy_actions *out)
{
	char is[DIGEST_HEX + 1];
	char was[DIGEST_HEX + 1];
	char text[DEPLOY_TEXT];

	if (event->current_problem && event->current_problem[0]) {
		refuse(deploy, ERR_CONFLICT, event->current_problem, out);
		return true;
	}
	if (digest_equal(&event->current, expected))
		return false;
	(void)snprintf(text, sizeof(text),
		       "current names %s, not %s as recorded: it was changed "
		       "by another hand",
		       deploy_shorten(&event->current, is),
		       deploy_shorten(expected, was));
	refuse(deploy, ERR_CONFLICT, text, out);
	return true;
}

static void command_stage(struct deploy *deploy,
			  const struct deploy_event *event,
			  struct deploy_actions *out)
{
	struct deploy_record *record = &deploy->record;

	if (!is_state(deploy, IN(IDLE) | IN(STAGED) | IN(CONFIRMED))) {
		refuse_state(deploy, out);
		return;
	}
	/* A new rollout begins here: it takes the host as it finds it. */
	if (has_drifted(deploy, event, &event->current, out))
		return;
	if (digest_is_zero(&event->command->release)) {
		refuse(deploy, ERR_INVALID, "stage names no release", out);
		return;
	}
	record->current = event->current;
	deploy_copy_text(deploy->version, sizeof(deploy->version),
			 event->command->version);
	deploy->arming = event->command->release;
	deploy_start_work(deploy, DEPLOY_STAGE, &deploy->arming, out);
}

static uint64_t bounded(uint64_t ms)
{
	return MIN_OF(ms, LONGEST_MS);
}

static void take_lease(struct deploy *deploy,
		       const struct agent_command *command)
{
	deploy->lease_ms = bounded(command->lease_ms);
	deploy->slot_in_ms = bounded(command->slot_in_ms);
	deploy->slot_ms = bounded(command->slot_ms);
	deploy->slot_period_ms = bounded(command->slot_period_ms);
}

static void command_activate(struct deploy *deploy,
			     const struct deploy_event *event,
			     struct deploy_actions *out)
{
	struct deploy_record *record = &deploy->record;

	if (!is_state(deploy, IN(STAGED))) {
		refuse_state(deploy, out);
		return;
	}
	if (!digest_equal(&record->to, &event->command->release)) {
		refuse(deploy, ERR_CONFLICT, "another release is staged", out);
		return;
	}
	if (!event->command->lease_ms) {
		refuse(deploy, ERR_INVALID, "activate without a lease", out);
		return;
	}
	if (has_drifted(deploy, event, &record->current, out))
		return;
	take_lease(deploy, event->command);
	deploy_start_work(deploy, DEPLOY_VERIFY, &record->to, out);
	out->other = record->current;
}

static void command_extend(struct deploy *deploy,
			   const struct deploy_event *event,
			   struct deploy_actions *out)
{
	struct deploy_record *record = &deploy->record;

	if (!is_state(deploy, IN(UNCONFIRMED))) {
		refuse_state(deploy, out);
		return;
	}
	take_lease(deploy, event->command);
	record->lease_end_ms = event->now_ms + deploy->lease_ms;
	record->slot_start_ms = event->now_ms + deploy->slot_in_ms;
	record->slot_ms = deploy->slot_ms;
	record->slot_period_ms = deploy->slot_period_ms;
	deploy_finish(deploy, ERR_NONE, "", out);
}

static void command_confirm(struct deploy *deploy,
			    const struct deploy_event *event,
			    struct deploy_actions *out)
{
	struct deploy_record *record = &deploy->record;
	const struct digest *release = &event->command->release;

	if (!is_state(deploy, IN(UNCONFIRMED) | IN(CONFIRMED))) {
		refuse_state(deploy, out);
		return;
	}
	if (!digest_is_zero(release) && !digest_equal(release, &record->to)) {
		refuse(deploy, ERR_CONFLICT, "another release is current", out);
		return;
	}
	if (has_drifted(deploy, event, &record->to, out))
		return;
	record->state = AGENT_HOST_STATE_CONFIRMED;
	record->stable = record->to;
	if (!event->command->keep) {
		deploy_finish(deploy, ERR_NONE, "", out);
		return;
	}
	/* It counts from here on, whatever becomes of the tidying up. */
	deploy_store_result(deploy, ERR_NONE, "", out);
	deploy_start_work(deploy, DEPLOY_PRUNE, &record->to, out);
}

/* Where a revert ends when the command does not say. */
static struct digest default_target(const struct deploy_record *record)
{
	if (record->state == AGENT_HOST_STATE_STUCK)
		return record->target;
	if (record->state == AGENT_HOST_STATE_IDLE ||
	    record->state == AGENT_HOST_STATE_STAGED)
		return record->current;
	return record->from;
}

static void command_revert(struct deploy *deploy,
			   const struct deploy_event *event,
			   struct deploy_actions *out)
{
	struct deploy_record *record = &deploy->record;
	struct digest target = event->command->target;

	if (digest_is_zero(&target))
		target = default_target(record);
	if (event->current_problem && event->current_problem[0]) {
		refuse(deploy, ERR_CONFLICT, event->current_problem, out);
		return;
	}
	if (is_state(deploy, IN(UNCONFIRMED)) &&
	    digest_equal(&target, &record->to) &&
	    !digest_equal(&record->from, &record->to)) {
		refuse(deploy, ERR_CONFLICT,
		       "revert names the release that waits to be confirmed",
		       out);
		return;
	}
	if (is_state(deploy, IN(IDLE) | IN(STAGED) | IN(CONFIRMED)) &&
	    digest_equal(&target, &event->current)) {
		record->state = AGENT_HOST_STATE_IDLE;
		record->current = target;
		memset(&record->from, 0, sizeof(record->from));
		memset(&record->to, 0, sizeof(record->to));
		deploy_finish(deploy, ERR_NONE, "", out);
		return;
	}
	/* Going back to where it came from was made sure of when it armed. */
	if (digest_is_zero(&target) || (is_state(deploy, IN(UNCONFIRMED)) &&
					digest_equal(&target, &record->from))) {
		deploy_begin_revert(deploy, &target, out);
		return;
	}
	deploy->arming = target;
	deploy_start_work(deploy, DEPLOY_VERIFY, &target, out);
}

static void command_drop(struct deploy *deploy,
			 const struct deploy_event *event,
			 struct deploy_actions *out)
{
	struct deploy_record *record = &deploy->record;
	struct digest to = record->to;

	if (is_state(deploy, IN(IDLE) | IN(CONFIRMED))) {
		deploy_finish(deploy, ERR_NONE, "", out);
		return;
	}
	if (!is_state(deploy, IN(STAGED))) {
		refuse_state(deploy, out);
		return;
	}
	if (!digest_is_zero(&event->command->release) &&
	    !digest_equal(&event->command->release, &to)) {
		refuse(deploy, ERR_CONFLICT, "another release is staged", out);
		return;
	}
	record->state = AGENT_HOST_STATE_IDLE;
	memset(&record->from, 0, sizeof(record->from));
	memset(&record->to, 0, sizeof(record->to));
	deploy_start_work(deploy, DEPLOY_DROP, &to, out);
}

static void command_gc(struct deploy *deploy, struct deploy_actions *out)
{
	if (!is_state(deploy, IN(IDLE) | IN(STAGED) | IN(UNCONFIRMED) |
				      IN(CONFIRMED))) {
		refuse_state(deploy, out);
		return;
	}
	deploy_start_work(deploy, DEPLOY_PRUNE, &deploy->record.current, out);
}

void deploy_obey(struct deploy *deploy, const struct deploy_event *event,
		 struct deploy_actions *out)
{
	switch (event->command->verb) {
	case AGENT_VERB_FENCE:
		deploy_finish(deploy, ERR_NONE, "", out);
		break;
	case AGENT_VERB_STAGE:
		command_stage(deploy, event, out);
		break;
	case AGENT_VERB_ACTIVATE:
		command_activate(deploy, event, out);
		break;
	case AGENT_VERB_EXTEND:
		command_extend(deploy, event, out);
		break;
	case AGENT_VERB_CONFIRM:
		command_confirm(deploy, event, out);
		break;
	case AGENT_VERB_REVERT:
		command_revert(deploy, event, out);
		break;
	case AGENT_VERB_DROP:
		command_drop(deploy, event, out);
		break;
	case AGENT_VERB_GC:
		command_gc(deploy, out);
		break;
	case AGENT_VERB_NONE:
	default:
		refuse(deploy, ERR_INVALID, "unknown verb", out);
		break;
	}
}
