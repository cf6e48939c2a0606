#include <inttypes.h>

#include "core/base/str.h"
#include "rollouts/rollout_state.h"

/* "1m 5s" in a ring of four, so that a sentence can hold several. */
struct words {
	char text[4][64];
	unsigned at;
};

static const char *span(struct words *words, uint64_t ms)
{
	char *text = words->text[words->at++ % COUNT_OF(words->text)];

	str_format_duration(ms, text, sizeof(words->text[0]));
	return text;
}

static const struct rollout_host *first_with(const struct rollout *rollout,
					     unsigned flag)
{
	for (size_t i = 0; i < rollout->config.hosts.n; i++) {
		if (rollout->hosts[i].flags & flag)
			return &rollout->hosts[i];
	}
	return NULL;
}

static const char *name_of_lost(const struct rollout *rollout)
{
	for (size_t i = 0; i < rollout->config.hosts.n; i++) {
		if (rollout->hosts[i].is_lost)
			return rollout->config.hosts.items[i].name;
	}
	return "one";
}

static char *why_paused(const struct rollout *rollout, uint64_t clock_ms)
{
	struct words words = { .at = 0 };

	return mem_format("paused (%s) for %s: %s; `resume` goes on, `abort` "
			  "takes all hosts back",
			  pause_cause_name(rollout->cause),
			  span(&words, clock_ms - rollout->paused_ms),
			  rollout->cause_text ? rollout->cause_text : "");
}

static char *why_back(const struct rollout *rollout, uint64_t clock_ms)
{
	const struct rollout_host *host = first_with(rollout, HOST_UNSETTLED);
	uint32_t n = rollout->n[HOST_UNSETTLED_BIT];
	struct words words = { .at = 0 };
	uint64_t until = rollout->back_ms + rollout_dead_man_ms(rollout);

	if (!host)
		return mem_format("going back: %s", rollout->back_text);
	if (rollout_host_is_up(host))
		return mem_format(
			"going back for %s (%s): %" PRIu32
			" hosts to go, at most %" PRIu32 " at once; next is %s",
			span(&words, clock_ms - rollout->back_ms),
			rollout->back_text, n, rollout->config.max_unavailable,
			rollout_host_name(rollout, host));
	until = MAX_OF(until, host->settled_ms);
	return mem_format(
		"going back for %s (%s): %" PRIu32
		" hosts to go; %s cannot be reached and goes back "
		"by itself, or is given up in %s",
		span(&words, clock_ms - rollout->back_ms), rollout->back_text,
		n, rollout_host_name(rollout, host),
		span(&words, until > clock_ms ? until - clock_ms : 0));
}

static char *why_waiting(const struct rollout *rollout, const char *name)
{
	uint32_t n = rollout_approvals_missing(rollout);

	if (n)
		return mem_format("stage %s waits for %" PRIu32
				  " more approvals; `approve` gives one",
				  name, n);
	return mem_format("stage %s is about to begin", name);
}

static char *why_deploying(const struct rollout *rollout, const char *name,
			   uint64_t clock_ms)
{
	const struct rollout_host *host = first_with(rollout, HOST_FLYING);
	uint32_t left = rollout->n[HOST_OPEN_BIT];
	struct words words = { .at = 0 };

	if (rollout->n[HOST_AWAITED_BIT]) {
		host = first_with(rollout, HOST_AWAITED);
		return mem_format("stage %s waits to hear from %" PRIu32
				  " hosts first, %s among them, or for %s "
				  "of silence",
				  name, rollout->n[HOST_AWAITED_BIT],
				  rollout_host_name(rollout, host),
				  span(&words, rollout->config.valid_ms));
	}
	if (host)
		return mem_format("stage %s: %" PRIu32 " hosts to go, %" PRIu32
				  " of them out of %" PRIu32
				  " that may be; %s for %s",
				  name, left, rollout->n[HOST_OUT_BIT],
				  rollout->config.max_unavailable,
				  rollout_host_name(rollout, host),
				  span(&words, clock_ms - host->flying_ms));
	if (rollout_stage_is_held(rollout))
		return mem_format("stage %s: %" PRIu32
				  " hosts to go; no more start until its "
				  "gates see again",
				  name, left);
	host = first_with(rollout, HOST_OUT);
	if (host)
		return mem_format("stage %s: %" PRIu32
				  " hosts to go; %s counts as out until it "
				  "is heard of",
				  name, left, rollout_host_name(rollout, host));
	return mem_format("stage %s: %" PRIu32 " hosts to go, %" PRIu32
			  " get the release's files",
			  name, left, rollout->n[HOST_STAGING_BIT]);
}

static char *why_held(const struct rollout *rollout, const char *name,
		      uint64_t clock_ms)
{
	const struct rollout_stage *stage = &rollout->stages[rollout->stage];
	uint64_t until = stage->hold_since_ms + rollout->config.no_data_hold_ms;
	struct words words = { .at = 0 };

	for (size_t i = 0; i < rollout->config.gates.n; i++) {
		const struct rollout_gate *gate = &rollout->gates[i];

		if (gate->verdict < VERDICT_INCONCLUSIVE)
			continue;
		return mem_format(
			"stage %s is held: gate %s says %s (%s) for %s; %s in "
			"%s unless it passes; `promote` skips it",
			name, rollout->config.gates.items[i],
			verdict_name(gate->verdict), gate->text,
			span(&words, clock_ms - stage->hold_since_ms),
			rollout->config.no_data_then == THEN_PAUSE
				? "it pauses"
				: "it goes back",
			span(&words, until > clock_ms ? until - clock_ms : 0));
	}
	return mem_format(
		"stage %s is held: %" PRIu64 " of %" PRIu64
		" requests seen; `promote` skips the rest",
		name, stage->n_samples,
		rollout->config.stages.items[rollout->stage].min_requests);
}

static char *why_baking(const struct rollout *rollout, const char *name,
			uint64_t clock_ms)
{
	const struct rollout_stage *stage = &rollout->stages[rollout->stage];
	uint64_t left = rollout_bake_left_ms(rollout, rollout->stage, clock_ms);
	struct words words = { .at = 0 };

	if (stage->is_confirming)
		return mem_format("stage %s passed; %" PRIu32
				  " hosts have to confirm it",
				  name, rollout->n[HOST_UNCONFIRMED_BIT]);
	if (stage->hold_since_ms != ROLLOUT_NEVER)
		return why_held(rollout, name, clock_ms);
	if (rollout->n[HOST_OPEN_BIT])
		return mem_format(
			"stage %s waits for %s to come back, or for "
			"%s of silence",
			name,
			rollout_host_name(rollout,
					  first_with(rollout, HOST_OPEN)),
			span(&words, rollout->config.valid_ms));
	if (left)
		return mem_format("stage %s bakes for %s more; `promote` skips "
				  "the rest",
				  name, span(&words, left));
	return mem_format("stage %s has baked and waits for the last word of "
			  "its gates",
			  name);
}

char *rollout_why(const struct rollout *rollout, uint64_t now_ms)
{
	const char *name = rollout->config.stages.items[rollout->stage].name;
	uint64_t clock_ms = rollout_clock_at(rollout, now_ms);

	switch (rollout->state) {
	case ROLLOUT_PENDING:
		return mem_format("it has not been started");
	case ROLLOUT_PAUSED:
		return why_paused(rollout, clock_ms);
	case ROLLOUT_ROLLING_BACK:
		return why_back(rollout, clock_ms);
	case ROLLOUT_SUCCEEDED:
		return mem_format("it is over: %s is released",
				  rollout->config.version);
	case ROLLOUT_ROLLED_BACK:
		return mem_format("it is over: all hosts are back (%s)",
				  rollout->back_text ? rollout->back_text : "");
	case ROLLOUT_FAILED:
		return mem_format("it is over: some hosts are not known to be "
				  "back, first of all %s; `retry` tries them "
				  "again",
				  name_of_lost(rollout));
	case ROLLOUT_CANCELED:
		return mem_format("it is over: canceled before it began");
	case ROLLOUT_PROGRESSING:
		break;
	}
	switch (rollout->stages[rollout->stage].state) {
	case STAGE_WAITING:
		return why_waiting(rollout, name);
	case STAGE_DEPLOYING:
		return why_deploying(rollout, name, clock_ms);
	case STAGE_BAKING:
		return why_baking(rollout, name, clock_ms);
	case STAGE_PASSED:
	case STAGE_FAILED:
		break;
	}
	return mem_format("stage %s is over", name);
}
