#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "core/base/str.h"
#include "rollouts/rollout_state.h"

/* A gate that has not answered for so long is broken. */
#define GATE_PATIENCE_MS 600000

static struct rollout_stage *stage_now(struct rollout *rollout)
{
	return &rollout->stages[rollout->stage];
}

static const struct rollout_stage_config *
config_now(const struct rollout *rollout)
{
	return &rollout->config.stages.items[rollout->stage];
}

static bool is_judging(const struct rollout *rollout, size_t gate)
{
	return config_now(rollout)->gates >> gate & 1;
}

static bool is_open(const struct rollout_stage *stage)
{
	return stage->state == STAGE_DEPLOYING || stage->state == STAGE_BAKING;
}

/* As if it had not begun; approvals are void. */
void rollout_stage_reset(struct rollout *rollout, uint32_t at)
{
	struct rollout_stage *stage = &rollout->stages[at];

	for (size_t i = 0; i < stage->approvers.n; i++)
		free(stage->approvers.items[i]);
	vec_release(&stage->approvers);
	memset(stage, 0, sizeof(*stage));
	stage->bake_left_ms = rollout->config.stages.items[at].bake_ms;
	stage->bake_since_ms = ROLLOUT_NEVER;
	stage->hold_since_ms = ROLLOUT_NEVER;
	for (size_t i = 0; i < rollout->config.gates.n; i++) {
		free(rollout->gates[i].text);
		memset(&rollout->gates[i], 0, sizeof(rollout->gates[i]));
	}
	rollout->is_changed = true;
}

uint32_t rollout_approvals_missing(const struct rollout *rollout)
{
	const struct rollout_stage *stage = &rollout->stages[rollout->stage];
	uint32_t needed = config_now(rollout)->n_approvals;

	if (stage->state != STAGE_WAITING || stage->approvers.n >= needed)
		return 0;
	return needed - (uint32_t)stage->approvers.n;
}

uint64_t rollout_bake_left_ms(const struct rollout *rollout, uint32_t at,
			      uint64_t clock_ms)
{
	const struct rollout_stage *stage = &rollout->stages[at];
	uint64_t past;

	if (stage->bake_since_ms == ROLLOUT_NEVER)
		return stage->bake_left_ms;
	past = clock_ms > stage->bake_since_ms ? clock_ms - stage->bake_since_ms
					       : 0;
	return past < stage->bake_left_ms ? stage->bake_left_ms - past : 0;
}

void rollout_pause(struct rollout *rollout, enum pause_cause cause,
		   const char *fmt, ...)
{
	char text[1024];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	rollout->state = ROLLOUT_PAUSED;
	rollout->cause = cause;
	rollout->paused_ms = rollout->clock_ms;
	/* Whether the stage may pass is asked anew afterwards. */
	stage_now(rollout)->is_confirming = false;
	mem_set_str(&rollout->cause_text, text);
	rollout_log(rollout, "paused", NULL, "paused: %s", text);
	rollout->is_changed = true;
	rollout_touch_all(rollout);
}

void rollout_fail(struct rollout *rollout, const char *fmt, ...)
{
	char text[1024];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (config_now(rollout)->on_failure == FAILURE_HOLD) {
		rollout_pause(rollout, PAUSE_FAILURE, "%s", text);
		return;
	}
	stage_now(rollout)->state = STAGE_FAILED;
	rollout_back_begin(rollout, 0, false, NULL, "%s", text);
}

/* Some gate's last word is neither pass nor fail. */
static bool has_doubt(const struct rollout *rollout, bool is_source_only)
{
	for (size_t i = 0; i < rollout->config.gates.n; i++) {
		enum verdict verdict = rollout->gates[i].verdict;

		if (!is_judging(rollout, i))
			continue;
		if (verdict == VERDICT_NO_DATA || verdict == VERDICT_ERROR ||
		    (verdict == VERDICT_INCONCLUSIVE && !is_source_only))
			return true;
	}
	return false;
}

/* No more hosts start while a gate is blind; too few samples is no reason. */
bool rollout_stage_is_held(const struct rollout *rollout)
{
	return !rollout->stages[rollout->stage].is_promoted &&
	       has_doubt(rollout, true);
}

static bool is_bake_over(const struct rollout *rollout)
{
	return rollout->stages[rollout->stage].state == STAGE_BAKING &&
	       rollout_bake_left_ms(rollout, rollout->stage,
				    rollout->clock_ms) == 0;
}

static bool is_short_of_requests(const struct rollout *rollout)
{
	return rollout->stages[rollout->stage].n_samples <
	       config_now(rollout)->min_requests;
}

static bool have_gates_passed(const struct rollout *rollout)
{
	for (size_t i = 0; i < rollout->config.gates.n; i++) {
		const struct rollout_gate *gate = &rollout->gates[i];

		if (is_judging(rollout, i) &&
		    (gate->verdict != VERDICT_PASS || !gate->is_after_bake))
			return false;
	}
	return true;
}

static bool may_judge(const struct rollout *rollout)
{
	const struct rollout_stage *stage = &rollout->stages[rollout->stage];

	return is_open(stage) && !stage->is_promoted && !stage->is_confirming &&
	       rollout->n[HOST_DONE_BIT] > 0;
}

static bool is_askable(const struct rollout *rollout, size_t gate)
{
	bool is_final = rollout->config.gates_final_only >> gate & 1;

	return is_judging(rollout, gate) && !rollout->gates[gate].is_asked &&
	       (!is_final || is_bake_over(rollout));
}

static bool needs_last_word(const struct rollout *rollout, size_t gate)
{
	return is_bake_over(rollout) && !rollout->gates[gate].is_after_bake &&
	       !rollout->gates[gate].asked_after_bake;
}

static void ask(struct rollout *rollout, uint32_t at)
{
	struct action *action = vec_add(&rollout->out->list);
	struct rollout_gate *gate = &rollout->gates[at];

	action->kind = ACTION_JUDGE;
	action->host = ROLLOUT_NO_HOST;
	action->stage = rollout->stage;
	action->gate = at;
	gate->is_asked = true;
	gate->asked_ms = rollout->clock_ms;
	gate->asked_after_bake = is_bake_over(rollout);
	rollout->is_changed = true;
}

static void ask_gates(struct rollout *rollout)
{
	if (!may_judge(rollout))
		return;
	for (uint32_t i = 0; i < rollout->config.gates.n; i++) {
		struct rollout_gate *gate = &rollout->gates[i];

		if (gate->is_asked &&
		    rollout->clock_ms >= gate->asked_ms + GATE_PATIENCE_MS) {
			gate->is_asked = false;
			gate->verdict = VERDICT_ERROR;
			mem_set_str(&gate->text, "the gate did not answer");
			rollout->is_changed = true;
		}
		if (is_askable(rollout, i) &&
		    (rollout->clock_ms >= gate->next_ms ||
		     needs_last_word(rollout, i)))
			ask(rollout, i);
	}
}

/* An answer to what is no longer asked; harm is never too late. */
static bool is_late(const struct rollout *rollout, const struct event *event)
{
	const struct rollout_stage *stage = &rollout->stages[rollout->stage];

	return (rollout->state != ROLLOUT_PROGRESSING &&
		rollout->state != ROLLOUT_PAUSED) ||
	       event->stage != rollout->stage ||
	       !rollout->gates[event->gate].is_asked || !is_open(stage) ||
	       (stage->is_confirming && event->verdict != VERDICT_FAIL);
}

void rollout_stage_verdict(struct rollout *rollout, const struct event *event)
{
	struct rollout_stage *stage = stage_now(rollout);
	struct rollout_gate *gate;
	const char *name;
	const char *text = event->text ? event->text : "";

	if (event->gate >= rollout->config.gates.n)
		return;
	gate = &rollout->gates[event->gate];
	name = rollout->config.gates.items[event->gate];
	if (is_late(rollout, event)) {
		rollout_log(rollout, "gate_late", NULL,
			    "gate %s said %s too late; not used: %s", name,
			    verdict_name(event->verdict), text);
		return;
	}
	if (gate->verdict != event->verdict)
		rollout_log(rollout, "gate_verdict", NULL,
			    "stage %s, gate %s: %s: %s",
			    config_now(rollout)->name, name,
			    verdict_name(event->verdict), text);
	gate->verdict = event->verdict;
	mem_set_str(&gate->text, text);
	gate->at_ms = rollout->clock_ms;
	gate->n_samples = event->n_samples;
	gate->is_asked = false;
	gate->is_after_bake = gate->asked_after_bake;
	gate->asked_after_bake = false;
	gate->next_ms = rollout->clock_ms + rollout->config.gate_interval_ms;
	stage->n_samples = MAX_OF(stage->n_samples, event->n_samples);
	rollout->is_changed = true;
	if (event->verdict == VERDICT_FAIL && !stage->is_promoted &&
	    !(rollout->state == ROLLOUT_PAUSED &&
	      (rollout->cause == PAUSE_FAILURE ||
	       rollout->cause == PAUSE_STORE)))
		rollout_fail(rollout, "stage %s, gate %s failed: %s",
			     config_now(rollout)->name, name, text);
}

/* A host came onto the release: the quiet time begins again. */
void rollout_stage_activated(struct rollout *rollout)
{
	struct rollout_stage *stage = stage_now(rollout);

	stage->bake_left_ms = config_now(rollout)->bake_ms;
	stage->bake_since_ms = ROLLOUT_NEVER;
	for (size_t i = 0; i < rollout->config.gates.n; i++) {
		rollout->gates[i].is_after_bake = false;
		rollout->gates[i].asked_after_bake = false;
	}
}

static void run_bake_clock(struct rollout *rollout)
{
	struct rollout_stage *stage = stage_now(rollout);
	bool should_run = stage->state == STAGE_BAKING &&
			  !has_doubt(rollout, false) &&
			  (rollout->state == ROLLOUT_PROGRESSING ||
			   rollout->cause == PAUSE_OPERATOR);
	bool runs = stage->bake_since_ms != ROLLOUT_NEVER;

	if (should_run == runs)
		return;
	stage->bake_left_ms = rollout_bake_left_ms(rollout, rollout->stage,
						   rollout->clock_ms);
	stage->bake_since_ms = should_run ? rollout->clock_ms : ROLLOUT_NEVER;
	rollout->is_changed = true;
}

static bool is_holding(const struct rollout *rollout)
{
	const struct rollout_stage *stage = &rollout->stages[rollout->stage];

	if (stage->is_promoted || !is_open(stage))
		return false;
	return has_doubt(rollout, false) ||
	       (is_bake_over(rollout) && is_short_of_requests(rollout));
}

static void give_up_hold(struct rollout *rollout)
{
	const char *name = config_now(rollout)->name;
	char held[64];

	str_format_duration(rollout->config.no_data_hold_ms, held,
			    sizeof(held));
	stage_now(rollout)->hold_since_ms = rollout->clock_ms;
	if (rollout->config.no_data_then == THEN_ROLLBACK)
		rollout_back_begin(rollout, 0, false, NULL,
				   "stage %s had no usable verdict for %s, "
				   "and on_no_data says rollback",
				   name, held);
	else
		rollout_pause(rollout, PAUSE_NO_DATA,
			      "stage %s had no usable verdict for %s", name,
			      held);
}

/* True if the hold is over and something was done about it. */
static bool run_hold_clock(struct rollout *rollout)
{
	struct rollout_stage *stage = stage_now(rollout);

	if (!is_holding(rollout)) {
		if (stage->hold_since_ms != ROLLOUT_NEVER)
			rollout->is_changed = true;
		stage->hold_since_ms = ROLLOUT_NEVER;
		return false;
	}
	if (stage->hold_since_ms == ROLLOUT_NEVER) {
		stage->hold_since_ms = rollout->clock_ms;
		rollout->is_changed = true;
	}
	if (rollout->state != ROLLOUT_PROGRESSING ||
	    rollout->clock_ms <
		    stage->hold_since_ms + rollout->config.no_data_hold_ms)
		return false;
	give_up_hold(rollout);
	return true;
}

/* The name and the words of one host that has FLAG, for a sentence. */
static void example_of(const struct rollout *rollout, unsigned flag, char *out,
		       size_t size)
{
	out[0] = '\0';
	for (size_t i = 0; i < rollout->config.hosts.n; i++) {
		const struct rollout_host *host = &rollout->hosts[i];

		if (!(host->flags & flag))
			continue;
		(void)snprintf(out, size, "%s: %.200s",
			       rollout_host_name(rollout, host),
			       host->text ? host->text : "no answer");
		return;
	}
}

/* The number that is met stops; 0, like 1, stops at the first. */
static bool is_met(uint32_t n, uint32_t budget, uint32_t accepted)
{
	return n >= MAX_OF(budget, 1u) && n > accepted;
}

static bool check_budgets(struct rollout *rollout)
{
	const struct rollout_config *config = &rollout->config;
	uint32_t n_failed = rollout->n[HOST_FAILED_BIT];
	uint32_t n_unhealthy = rollout->n[HOST_UNHEALTHY_BIT];
	uint32_t n_unreachable = rollout->n[HOST_UNREACHABLE_BIT];
	char example[320];

	if (rollout->state == ROLLOUT_PAUSED && rollout->cause == PAUSE_FAILURE)
		return false;
	if (is_met(n_failed, config->budget_failed, rollout->accepted_failed)) {
		example_of(rollout, HOST_FAILED, example, sizeof(example));
		rollout_fail(rollout,
			     "%" PRIu32 " hosts failed, the budget is %" PRIu32
			     " (%s)",
			     n_failed, config->budget_failed, example);
		return true;
	}
	if (is_met(n_unhealthy, config->budget_unhealthy,
		   rollout->accepted_unhealthy)) {
		example_of(rollout, HOST_UNHEALTHY, example, sizeof(example));
		rollout_fail(rollout,
			     "%" PRIu32 " hosts are unhealthy, %" PRIu32
			     " is the budget (%s)",
			     n_unhealthy, config->budget_unhealthy, example);
		return true;
	}
	if (rollout->state == ROLLOUT_PROGRESSING &&
	    is_met(n_unreachable, config->budget_unreachable,
		   rollout->accepted_unreachable)) {
		example_of(rollout, HOST_UNREACHABLE, example, sizeof(example));
		rollout_pause(rollout, PAUSE_INFRA,
			      "%" PRIu32 " hosts cannot be reached, %" PRIu32
			      " is the budget (%s)",
			      n_unreachable, config->budget_unreachable,
			      example);
		return true;
	}
	return false;
}

static bool check_blocked(struct rollout *rollout)
{
	char example[320];

	if (!rollout_is_blocked(rollout))
		return false;
	example_of(rollout, HOST_STUCK, example, sizeof(example));
	rollout_pause(rollout, PAUSE_FAILURE,
		      "stuck hosts use up max_unavailable, so that no more "
		      "can start (%s); mend them, then retry",
		      example);
	return true;
}

static uint64_t deadline_at_ms(const struct rollout *rollout)
{
	if (!rollout->config.deadline_ms ||
	    rollout->state != ROLLOUT_PROGRESSING)
		return ROLLOUT_NEVER;
	return rollout->deadline_from_ms + rollout->config.deadline_ms;
}

static bool check_deadline(struct rollout *rollout)
{
	char allowed[64];

	if (rollout->clock_ms < deadline_at_ms(rollout))
		return false;
	str_format_duration(rollout->config.deadline_ms, allowed,
			    sizeof(allowed));
	rollout_pause(rollout, PAUSE_DEADLINE,
		      "the deadline of %s has passed in stage %s", allowed,
		      config_now(rollout)->name);
	return true;
}

static bool begin(struct rollout *rollout)
{
	const struct rollout_stage_config *config = config_now(rollout);
	uint32_t before = 0;

	if (rollout->state != ROLLOUT_PROGRESSING ||
	    rollout_approvals_missing(rollout))
		return false;
	if (rollout->stage)
		before = config[-1].n_hosts;
	stage_now(rollout)->state = STAGE_DEPLOYING;
	rollout_log(rollout, "stage_started", NULL,
		    "stage %s started: %" PRIu32 " hosts, %" PRIu32 " in all",
		    config->name, config->n_hosts - before, config->n_hosts);
	rollout_slots_begin(rollout);
	rollout_touch_all(rollout);
	return true;
}

/* "0 of n hosts" is no success, however large the budgets are. */
static bool is_empty(struct rollout *rollout)
{
	const char *name = config_now(rollout)->name;
	char example[320];

	if (rollout->n[HOST_NEW_DONE_BIT])
		return false;
	if (rollout->n[HOST_FAILED_BIT] + rollout->n[HOST_UNHEALTHY_BIT]) {
		example_of(rollout, HOST_FAILED | HOST_UNHEALTHY, example,
			   sizeof(example));
		rollout_fail(rollout,
			     "none of the new hosts of stage %s has the "
			     "release (%s)",
			     name, example);
	} else {
		rollout_pause(rollout, PAUSE_INFRA,
			      "none of the new hosts of stage %s can be "
			      "reached",
			      name);
	}
	return true;
}

/* All hosts of the stage are on the release, or accounted for. */
static bool deployed(struct rollout *rollout)
{
	if (rollout->n[HOST_OPEN_BIT] || rollout->state != ROLLOUT_PROGRESSING)
		return false;
	if (is_empty(rollout))
		return true;
	stage_now(rollout)->state = STAGE_BAKING;
	rollout->is_changed = true;
	return true;
}

static void succeed(struct rollout *rollout)
{
	uint32_t n = (uint32_t)rollout->config.hosts.n;

	rollout_log(rollout, "succeeded", NULL,
		    "%s is on %" PRIu32 " of %" PRIu32 " hosts: succeeded",
		    rollout->config.version, rollout->n[HOST_DONE_BIT], n);
	rollout_end(rollout, ROLLOUT_SUCCEEDED);
}

static void pass(struct rollout *rollout)
{
	struct rollout_stage *stage = stage_now(rollout);

	stage->state = STAGE_PASSED;
	stage->is_confirming = false;
	rollout_log(rollout, "stage_passed", NULL,
		    "stage %s passed: %" PRIu32 " hosts confirmed%s",
		    config_now(rollout)->name, rollout->n[HOST_DONE_BIT],
		    stage->is_promoted ? ", promoted by an operator" : "");
	if (rollout->stage + 1 == rollout->config.stages.n) {
		succeed(rollout);
		return;
	}
	rollout->stage++;
	rollout_stage_reset(rollout, rollout->stage);
	if (rollout_approvals_missing(rollout))
		rollout_log(rollout, "approval_needed", NULL,
			    "stage %s waits for %" PRIu32 " approvals",
			    config_now(rollout)->name,
			    rollout_approvals_missing(rollout));
	rollout_touch_all(rollout);
}

static bool bake(struct rollout *rollout)
{
	struct rollout_stage *stage = stage_now(rollout);

	if (rollout->state != ROLLOUT_PROGRESSING || rollout->n[HOST_OPEN_BIT])
		return false;
	if (is_empty(rollout))
		return true;
	if (stage->is_confirming) {
		if (rollout->n[HOST_UNCONFIRMED_BIT])
			return false;
		pass(rollout);
		return true;
	}
	if (!stage->is_promoted &&
	    (!is_bake_over(rollout) || !have_gates_passed(rollout) ||
	     is_short_of_requests(rollout)))
		return false;
	stage->is_confirming = true;
	rollout->is_changed = true;
	rollout_touch_all(rollout);
	return true;
}

bool rollout_stage_progress(struct rollout *rollout)
{
	if (rollout->state != ROLLOUT_PROGRESSING &&
	    (rollout->state != ROLLOUT_PAUSED || rollout->cause == PAUSE_STORE))
		return false;
	if (check_budgets(rollout) || check_deadline(rollout) ||
	    check_blocked(rollout))
		return true;
	run_bake_clock(rollout);
	if (run_hold_clock(rollout))
		return true;
	ask_gates(rollout);
	switch (stage_now(rollout)->state) {
	case STAGE_WAITING:
		return begin(rollout);
	case STAGE_DEPLOYING:
		return deployed(rollout);
	case STAGE_BAKING:
		return bake(rollout);
	case STAGE_PASSED:
	case STAGE_FAILED:
		break;
	}
	return false;
}

static uint64_t gate_wake_ms(const struct rollout *rollout, size_t at)
{
	const struct rollout_gate *gate = &rollout->gates[at];

	if (!is_judging(rollout, at))
		return ROLLOUT_NEVER;
	if (gate->is_asked)
		return gate->asked_ms + GATE_PATIENCE_MS;
	return is_askable(rollout, at) ? gate->next_ms : ROLLOUT_NEVER;
}

uint64_t rollout_stage_wake_ms(const struct rollout *rollout)
{
	const struct rollout_stage *stage = &rollout->stages[rollout->stage];
	uint64_t at = deadline_at_ms(rollout);

	if (rollout->state != ROLLOUT_PROGRESSING &&
	    rollout->state != ROLLOUT_PAUSED)
		return ROLLOUT_NEVER;
	if (stage->bake_since_ms != ROLLOUT_NEVER && !is_bake_over(rollout))
		at = MIN_OF(at, stage->bake_since_ms + stage->bake_left_ms);
	if (stage->hold_since_ms != ROLLOUT_NEVER &&
	    rollout->state == ROLLOUT_PROGRESSING)
		at = MIN_OF(at, stage->hold_since_ms +
					rollout->config.no_data_hold_ms);
	if (!may_judge(rollout))
		return at;
	for (size_t i = 0; i < rollout->config.gates.n; i++)
		at = MIN_OF(at, gate_wake_ms(rollout, i));
	return at;
}
