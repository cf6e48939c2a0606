#include "agents/deploy.h"

#include <stdio.h>
#include <string.h>

#include "agents/deploy_verbs.h"
#include "core/base/macros.h"

#define SHORT_HEX 12

static const char *const work_names[] = {
#define DEPLOY_ROW(id, name) [id] = name,
	DEPLOY_WORKS(DEPLOY_ROW)
#undef DEPLOY_ROW
};

const char *deploy_work_name(enum deploy_work work)
{
	return (size_t)work < COUNT_OF(work_names) ? work_names[work]
						   : "unknown";
}

void deploy_init(struct deploy *deploy)
{
	memset(deploy, 0, sizeof(*deploy));
	deploy->record.result.is_known = true;
}

void deploy_copy_text(char *out, size_t size, const char *text)
{
	(void)snprintf(out, size, "%s", text ? text : "");
}

/* What people see of a digest. */
const char *deploy_shorten(const struct digest *digest,
			   char out[DIGEST_HEX + 1])
{
	if (digest_is_zero(digest))
		return "no release";
	digest_format(digest, out);
	out[SHORT_HEX] = '\0';
	return out;
}

bool deploy_is_busy(const struct deploy *deploy)
{
	return deploy->work != DEPLOY_NOTHING;
}

bool deploy_needs_guard(const struct deploy *deploy)
{
	return deploy_is_busy(deploy) ||
	       deploy->record.state == AGENT_HOST_STATE_ARMED ||
	       deploy->record.state == AGENT_HOST_STATE_UNCONFIRMED ||
	       deploy->record.state == AGENT_HOST_STATE_REVERTING;
}

uint64_t deploy_lease_left_ms(const struct deploy *deploy, uint64_t now_ms)
{
	const struct deploy_record *record = &deploy->record;

	if (record->state != AGENT_HOST_STATE_UNCONFIRMED ||
	    record->lease_end_ms <= now_ms)
		return 0;
	return record->lease_end_ms - now_ms;
}

/*
 * The start of the first of our slots after the lease in which there is still
 * time: a start may be a little late, never so late that the next host's slot
 * finds us down.
 */
static uint64_t revert_at(const struct deploy_record *record, uint64_t now_ms)
{
	uint64_t end = record->lease_end_ms;
	uint64_t period = record->slot_period_ms;
	uint64_t start = record->slot_start_ms;
	uint64_t late = record->slot_ms / 8;
	uint64_t least;

	if (!period)
		return end;
	least = now_ms > late && now_ms - late > end ? now_ms - late : end;
	if (start < least)
		start += (least - start + period - 1) / period * period;
	return start;
}

uint64_t deploy_timer_ms(const struct deploy *deploy, uint64_t now_ms)
{
	if (deploy->record.state != AGENT_HOST_STATE_UNCONFIRMED ||
	    deploy_is_busy(deploy))
		return 0;
	return MAX_OF(revert_at(&deploy->record, now_ms), 1);
}

void deploy_start_work(struct deploy *deploy, enum deploy_work work,
		       const struct digest *release, struct deploy_actions *out)
{
	deploy->work = work;
	out->work = work;
	out->release = *release;
	out->is_revert = deploy->record.state == AGENT_HOST_STATE_REVERTING;
}

static void answer(const struct deploy *deploy, enum err_code code,
		   const char *text, struct deploy_actions *out)
{
	out->answer = true;
	out->epoch = deploy->epoch;
	out->seq = deploy->seq;
	out->verb = deploy->verb;
	out->code = code;
	deploy_copy_text(out->text, sizeof(out->text), text);
}

/* Keep the result, unless a later pair (a fence) has been accepted since. */
void deploy_store_result(struct deploy *deploy, enum err_code code,
			 const char *text, struct deploy_actions *out)
{
	struct deploy_record *record = &deploy->record;

	out->persist = true;
	if (record->epoch != deploy->epoch || record->seq != deploy->seq)
		return;
	record->result.verb = deploy->verb;
	record->result.code = (uint32_t)code;
	record->result.is_known = true;
	deploy_copy_text(record->result.text, sizeof(record->result.text),
			 text);
}

/* The command, if this was one's, has ended. */
void deploy_finish(struct deploy *deploy, enum err_code code, const char *text,
		   struct deploy_actions *out)
{
	deploy->work = DEPLOY_NOTHING;
	out->persist = true;
	if (!deploy->has_command)
		return;
	deploy_store_result(deploy, code, text, out);
	answer(deploy, code, text, out);
	deploy->has_command = false;
}

/* A revert: on disk before anything of the service is touched (R9). */
void deploy_begin_revert(struct deploy *deploy, const struct digest *target,
			 struct deploy_actions *out)
{
	struct deploy_record *record = &deploy->record;

	record->state = AGENT_HOST_STATE_REVERTING;
	record->target = *target;
	deploy_copy_text(record->boot_id, sizeof(record->boot_id),
			 deploy->boot_id);
	out->persist = true;
	deploy_start_work(deploy, DEPLOY_FLIP, target, out);
}

static void fail_and_revert(struct deploy *deploy,
			    const struct deploy_event *event,
			    struct deploy_actions *out)
{
	struct digest from = deploy->record.from;

	(void)err_set(&deploy->failure, event->code, "%s: %s",
		      deploy_work_name(event->work), event->text);
	deploy_begin_revert(deploy, &from, out);
}

static void settle_revert(struct deploy *deploy, struct deploy_actions *out)
{
	struct deploy_record *record = &deploy->record;
	char hex[DIGEST_HEX + 1];

	record->state = AGENT_HOST_STATE_IDLE;
	record->current = record->target;
	record->stable = record->target;
	memset(&record->from, 0, sizeof(record->from));
	memset(&record->to, 0, sizeof(record->to));
	(void)snprintf(record->note, sizeof(record->note),
		       "%.900s%swent back to %s", deploy->failure.text,
		       deploy->failure.text[0] ? "; " : "",
		       deploy_shorten(&record->target, hex));
	deploy->is_boot = false;
	deploy_finish(deploy, deploy->failure.code, record->note, out);
	deploy->failure = (struct err)ERR_INIT;
}

static void get_stuck(struct deploy *deploy, const struct deploy_event *event,
		      struct deploy_actions *out)
{
	struct deploy_record *record = &deploy->record;
	char hex[DIGEST_HEX + 1];

	record->state = AGENT_HOST_STATE_STUCK;
	(void)snprintf(record->note, sizeof(record->note),
		       "%.400s%sstuck on the way back to %s: %s: %.400s",
		       deploy->failure.text,
		       deploy->failure.text[0] ? "; " : "",
		       deploy_shorten(&record->target, hex),
		       deploy_work_name(event->work), event->text);
	deploy->is_boot = false;
	deploy_finish(deploy, event->code, record->note, out);
	deploy->failure = (struct err)ERR_INIT;
}

static void step_revert(struct deploy *deploy, const struct deploy_event *event,
			struct deploy_actions *out)
{
	const struct digest target = deploy->record.target;

	if (event->code != ERR_NONE) {
		get_stuck(deploy, event, out);
		return;
	}
	if (event->work == DEPLOY_FLIP && !deploy->is_boot)
		deploy_start_work(deploy, DEPLOY_RESTART, &target, out);
	else if (event->work == DEPLOY_RESTART && !digest_is_zero(&target))
		deploy_start_work(deploy, DEPLOY_PROBE, &target, out);
	else
		settle_revert(deploy, out);
}

static void arm(struct deploy *deploy, struct deploy_actions *out)
{
	struct deploy_record *record = &deploy->record;

	record->state = AGENT_HOST_STATE_ARMED;
	record->from = record->current;
	deploy_copy_text(record->boot_id, sizeof(record->boot_id),
			 deploy->boot_id);
	record->lease_end_ms = deploy->received_ms + deploy->lease_ms;
	record->slot_start_ms = deploy->received_ms + deploy->slot_in_ms;
	record->slot_ms = deploy->slot_ms;
	record->slot_period_ms = deploy->slot_period_ms;
	out->persist = true;
	deploy_start_work(deploy, DEPLOY_PREPARE, &record->to, out);
}

/* Nothing of the service was touched: as if the activation had not begun. */
static void disarm(struct deploy *deploy, const struct deploy_event *event,
		   struct deploy_actions *out)
{
	char text[DEPLOY_TEXT];

	deploy->record.state = AGENT_HOST_STATE_STAGED;
	(void)snprintf(text, sizeof(text), "%s: %s",
		       deploy_work_name(event->work), event->text);
	deploy_finish(deploy, event->code, text, out);
}

static void step_armed(struct deploy *deploy, const struct deploy_event *event,
		       struct deploy_actions *out)
{
	struct deploy_record *record = &deploy->record;

	if (event->code != ERR_NONE) {
		if (event->work == DEPLOY_PREPARE)
			disarm(deploy, event, out);
		else
			fail_and_revert(deploy, event, out);
		return;
	}
	if (event->work == DEPLOY_PREPARE) {
		deploy_start_work(deploy, DEPLOY_DRAIN, &record->to, out);
	} else if (event->work == DEPLOY_DRAIN) {
		deploy_start_work(deploy, DEPLOY_FLIP, &record->to, out);
	} else if (event->work == DEPLOY_FLIP) {
		deploy_start_work(deploy, DEPLOY_RESTART, &record->to, out);
	} else if (event->work == DEPLOY_RESTART) {
		deploy_start_work(deploy, DEPLOY_PROBE, &record->to, out);
	} else {
		record->state = AGENT_HOST_STATE_UNCONFIRMED;
		record->current = record->to;
		record->note[0] = '\0';
		deploy_finish(deploy, ERR_NONE, "", out);
	}
}

/* Work of a state in which the service is not being touched. */
static void step_settled(struct deploy *deploy,
			 const struct deploy_event *event,
			 struct deploy_actions *out)
{
	struct deploy_record *record = &deploy->record;
	char text[DEPLOY_TEXT];

	/* The command has had its effect; what lies about does no harm. */
	if (event->work == DEPLOY_PRUNE && deploy->verb == AGENT_VERB_CONFIRM) {
		deploy_finish(deploy, ERR_NONE, event->code ? event->text : "",
			      out);
		return;
	}
	if (event->code != ERR_NONE) {
		(void)snprintf(text, sizeof(text), "%s: %s",
			       deploy_work_name(event->work), event->text);
		deploy_finish(deploy, event->code, text, out);
		return;
	}
	if (event->work == DEPLOY_STAGE) {
		record->state = AGENT_HOST_STATE_STAGED;
		record->from = record->current;
		record->to = deploy->arming;
		deploy_copy_text(record->version, sizeof(record->version),
				 deploy->version);
	} else if (event->work == DEPLOY_VERIFY &&
		   deploy->verb == AGENT_VERB_ACTIVATE) {
		arm(deploy, out);
		return;
	} else if (event->work == DEPLOY_VERIFY) {
		deploy_begin_revert(deploy, &deploy->arming, out);
		return;
	}
	deploy_finish(deploy, ERR_NONE, "", out);
}

static void step_done(struct deploy *deploy, const struct deploy_event *event,
		      struct deploy_actions *out)
{
	if (event->work != deploy->work || event->work == DEPLOY_NOTHING)
		return; /* not what we wait for */
	if (deploy->record.state == AGENT_HOST_STATE_REVERTING)
		step_revert(deploy, event, out);
	else if (deploy->record.state == AGENT_HOST_STATE_ARMED)
		step_armed(deploy, event, out);
	else
		step_settled(deploy, event, out);
}

static void step_timer(struct deploy *deploy, const struct deploy_event *event,
		       struct deploy_actions *out)
{
	struct deploy_record *record = &deploy->record;
	struct digest from = record->from;

	if (record->state != AGENT_HOST_STATE_UNCONFIRMED ||
	    deploy_is_busy(deploy) ||
	    event->now_ms < revert_at(record, event->now_ms))
		return;
	(void)err_set(&deploy->failure, ERR_TIMEOUT,
		      "the lease ended without word from the controller");
	deploy_begin_revert(deploy, &from, out);
}

static void step_start(struct deploy *deploy, const struct deploy_event *event,
		       struct deploy_actions *out)
{
	struct deploy_record *record = &deploy->record;
	struct digest from = record->from;
	bool is_same_boot = strcmp(record->boot_id, event->boot_id) == 0;

	deploy_copy_text(deploy->boot_id, sizeof(deploy->boot_id),
			 event->boot_id);
	deploy->is_boot = event->is_boot && !is_same_boot;
	if (!record->result.is_known) {
		record->result.is_known = true;
		record->result.code = ERR_FAILED;
		deploy_copy_text(record->result.text,
				 sizeof(record->result.text),
				 "the agent was stopped while it did this");
		out->persist = true;
	}
	if (!record->epoch && !record->seq)
		record->current = event->current;
	if (record->state == AGENT_HOST_STATE_REVERTING) {
		from = record->target;
		(void)err_set(&deploy->failure, ERR_FAILED,
			      "the way back was interrupted");
	} else if (record->state == AGENT_HOST_STATE_ARMED) {
		(void)err_set(&deploy->failure, ERR_FAILED,
			      "the activation was interrupted");
	} else if (record->state == AGENT_HOST_STATE_UNCONFIRMED &&
		   !is_same_boot) {
		(void)err_set(&deploy->failure, ERR_FAILED,
			      "the host was started anew before it was "
			      "confirmed");
	} else {
		deploy->is_boot = false;
		return;
	}
	deploy_begin_revert(deploy, &from, out);
}

static int compare_pair(const struct agent_command *command,
			const struct deploy_record *record)
{
	if (command->epoch != record->epoch)
		return command->epoch < record->epoch ? -1 : 1;
	if (command->seq != record->seq)
		return command->seq < record->seq ? -1 : 1;
	return 0;
}

/* An answer that leaves no trace: the command was not accepted. */
static void turn_away(const struct agent_command *command, enum err_code code,
		      const char *text, struct deploy_actions *out)
{
	out->answer = true;
	out->epoch = command->epoch;
	out->seq = command->seq;
	out->verb = command->verb;
	out->code = code;
	deploy_copy_text(out->text, sizeof(out->text), text);
}

static void repeat_result(const struct deploy *deploy,
			  const struct agent_command *command,
			  struct deploy_actions *out)
{
	const struct deploy_result *result = &deploy->record.result;

	if (deploy->has_command && deploy->epoch == command->epoch &&
	    deploy->seq == command->seq)
		return; /* its end will be told to all who asked */
	turn_away(command, (enum err_code)result->code, result->text, out);
	out->verb = result->verb;
	out->is_repeat = true;
}

/* A fence has no effect but the pair; what goes on, goes on. */
static void fence_busy(struct deploy *deploy,
		       const struct agent_command *command,
		       struct deploy_actions *out)
{
	struct deploy_record *record = &deploy->record;

	record->epoch = command->epoch;
	record->seq = command->seq;
	record->result.verb = command->verb;
	record->result.code = ERR_NONE;
	record->result.is_known = true;
	record->result.text[0] = '\0';
	out->persist = true;
	turn_away(command, ERR_NONE, "", out);
}

static void accept(struct deploy *deploy, const struct deploy_event *event,
		   struct deploy_actions *out)
{
	const struct agent_command *command = event->command;
	struct deploy_record *record = &deploy->record;

	record->epoch = command->epoch;
	record->seq = command->seq;
	deploy_copy_text(record->rollout, sizeof(record->rollout),
			 command->rollout);
	record->result.verb = command->verb;
	record->result.is_known = false;
	record->result.code = ERR_NONE;
	record->result.text[0] = '\0';
	deploy->has_command = true;
	deploy->verb = command->verb;
	deploy->epoch = command->epoch;
	deploy->seq = command->seq;
	deploy->received_ms = event->now_ms;
	deploy->keep = MAX_OF(command->keep, DEPLOY_KEEP_LEAST);
	deploy->failure = (struct err)ERR_INIT;
	out->persist = true;
	out->keep = deploy->keep;
	deploy_obey(deploy, event, out);
}

static void step_command(struct deploy *deploy,
			 const struct deploy_event *event,
			 struct deploy_actions *out)
{
	const struct agent_command *command = event->command;
	const struct deploy_record *record = &deploy->record;
	int order = compare_pair(command, record);
	char text[DEPLOY_TEXT];

	if (order == 0 && (record->epoch || record->seq)) {
		repeat_result(deploy, command, out);
	} else if (order <= 0) {
		(void)snprintf(text, sizeof(text),
			       "the host has accepted epoch %llu, sequence "
			       "%llu",
			       (unsigned long long)record->epoch,
			       (unsigned long long)record->seq);
		turn_away(command, ERR_STALE, text, out);
	} else if (!command->boot_id ||
		   strcmp(command->boot_id, deploy->boot_id) != 0 ||
		   command->valid_until_ms < event->now_ms) {
		turn_away(command, ERR_STALE, "the command is too old", out);
	} else if (deploy_is_busy(deploy) &&
		   command->verb == AGENT_VERB_FENCE) {
		fence_busy(deploy, command, out);
	} else if (deploy_is_busy(deploy)) {
		(void)snprintf(text, sizeof(text), "busy: %s",
			       deploy_work_name(deploy->work));
		turn_away(command, ERR_CONFLICT, text, out);
	} else {
		accept(deploy, event, out);
	}
}

void deploy_step(struct deploy *deploy, const struct deploy_event *event,
		 struct deploy_actions *out)
{
	memset(out, 0, sizeof(*out));
	switch (event->kind) {
	case DEPLOY_START:
		step_start(deploy, event, out);
		break;
	case DEPLOY_COMMAND:
		step_command(deploy, event, out);
		break;
	case DEPLOY_DONE:
		step_done(deploy, event, out);
		break;
	case DEPLOY_TIMER:
		step_timer(deploy, event, out);
		break;
	}
}

static bool is_text(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

int deploy_check_record(const struct deploy_record *record, struct err *err)
{
	if ((unsigned)record->state > AGENT_HOST_STATE_STUCK)
		return err_set(err, ERR_CORRUPT, "state %u is none of ours",
			       (unsigned)record->state);
	if (!is_text(record->rollout, sizeof(record->rollout)) ||
	    !is_text(record->version, sizeof(record->version)) ||
	    !is_text(record->boot_id, sizeof(record->boot_id)) ||
	    !is_text(record->note, sizeof(record->note)) ||
	    !is_text(record->result.text, sizeof(record->result.text)))
		return err_set(err, ERR_CORRUPT, "a text does not end");
	return 0;
}
