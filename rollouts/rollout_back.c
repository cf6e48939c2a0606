#include <inttypes.h>
#include <stdarg.h>

#include "core/base/str.h"
#include "rollouts/rollout_state.h"

/*
 * Everything from STAGE on goes back, now: no gate, no approval, no question,
 * only the budget of hosts that may be out. Its end is bounded: a host that
 * cannot be reached goes back by itself, or is named.
 */
void rollout_back_begin(struct rollout *rollout, uint32_t stage,
			bool is_partial, const char *who, const char *fmt, ...)
{
	const struct rollout_stage_config *stages =
		rollout->config.stages.items;
	char text[1024];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	mem_set_str(&rollout->back_text, text);
	rollout->state = ROLLOUT_ROLLING_BACK;
	rollout->cause = PAUSE_NONE;
	rollout->is_back = true;
	rollout->is_back_partial = is_partial;
	rollout->back_stage = stage;
	rollout->back_from = stage ? stages[stage - 1].n_hosts : 0;
	rollout->back_ms = rollout->clock_ms;
	rollout->ended_wall_ms = 0;
	for (size_t i = rollout->back_from; i < rollout->config.hosts.n; i++) {
		struct rollout_host *host = &rollout->hosts[i];

		host->attempts = 0;
		host->retry_ms = 0;
		host->is_lost = false;
	}
	if (is_partial)
		rollout_log(rollout, "rollback_started", who,
			    "going back from stage %s on: %s",
			    stages[stage].name, text);
	else
		rollout_log(rollout, "rollback_started", who, "going back: %s",
			    text);
	rollout->is_changed = true;
	rollout_touch_all(rollout);
}

/* "web3, web7 and 2 more" */
static void names_of_lost(const struct rollout *rollout, struct buf *out)
{
	uint32_t n = 0;

	for (size_t i = 0; i < rollout->config.hosts.n; i++) {
		if (!(rollout->hosts[i].flags & HOST_LOST) || ++n > 8)
			continue;
		buf_format(out, "%s%s", n > 1 ? ", " : "",
			   rollout->config.hosts.items[i].name);
	}
	if (n > 8)
		buf_format(out, " and %" PRIu32 " more", n - 8);
}

static uint64_t exposed_total(const struct rollout *rollout)
{
	uint64_t total = rollout->exposed_total;

	for (size_t i = 0; i < rollout->config.hosts.n; i++) {
		uint64_t since = rollout->hosts[i].exposed_ms;

		if (since != ROLLOUT_NEVER)
			total += rollout->clock_ms - since;
	}
	return total;
}

/* Those stages have not happened. */
static void forget_stages(struct rollout *rollout)
{
	uint32_t last = rollout->stage;

	for (uint32_t i = rollout->back_stage; i <= last; i++)
		rollout_stage_reset(rollout, i);
	rollout->stage = rollout->back_stage;
	for (size_t i = rollout->back_from; i < rollout->config.hosts.n; i++) {
		struct rollout_host *host = &rollout->hosts[i];

		if (host->fate != FATE_FAILED)
			continue;
		host->fate = FATE_OPEN;
		host->n_lapses = 0;
	}
	for (size_t i = rollout->back_from; i < rollout->config.hosts.n; i++)
		rollout->hosts[i].attempts = 0;
}

static void end_partial(struct rollout *rollout, const char *lost)
{
	const char *name =
		rollout->config.stages.items[rollout->back_stage].name;

	rollout->is_back = false;
	forget_stages(rollout);
	if (*lost)
		rollout_pause(rollout, PAUSE_FAILURE,
			      "went back to before stage %s, but not on %s",
			      name, lost);
	else
		rollout_pause(rollout, PAUSE_OPERATOR,
			      "went back to before stage %s; resume starts it "
			      "again",
			      name);
}

static void end_whole(struct rollout *rollout, const char *lost)
{
	char exposed[64];
	char taken[64];

	rollout->is_back = false;
	str_format_duration(exposed_total(rollout), exposed, sizeof(exposed));
	str_format_duration(rollout->clock_ms - rollout->back_ms, taken,
			    sizeof(taken));
	if (*lost)
		rollout_log(
			rollout, "failed", NULL,
			"failed: not known to be back after %s: %s; %" PRIu32
			" hosts were exposed, %s in all",
			taken, lost, rollout->n_exposed, exposed);
	else
		rollout_log(rollout, "rolled_back", NULL,
			    "rolled back in %s; %" PRIu32
			    " hosts were exposed, %s in all",
			    taken, rollout->n_exposed, exposed);
	rollout_end(rollout, *lost ? ROLLOUT_FAILED : ROLLOUT_ROLLED_BACK);
}

bool rollout_back_progress(struct rollout *rollout)
{
	AUTO_VALUE(buf) lost = BUF_INIT;

	if (rollout->n[HOST_UNSETTLED_BIT])
		return false;
	names_of_lost(rollout, &lost);
	if (rollout->is_back_partial)
		end_partial(rollout, buf_str(&lost));
	else
		end_whole(rollout, buf_str(&lost));
	return true;
}
