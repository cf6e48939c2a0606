#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "rollouts/simulator/sim.h"

/* The invariants I1-I12 of gray(7), as they can be seen from outside. */

void sim_broken(struct sim *sim, const char *rule, const char *fmt, ...)
{
	char text[400];
	va_list args;

	if (sim->is_broken)
		return;
	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	sim->is_broken = true;
	(void)snprintf(sim->broken, sizeof(sim->broken),
		       "%s at %" PRIu64 " ms: %s", rule, sim->now_ms, text);
	sim_trace(sim, "BROKEN %s", sim->broken);
}

static bool is_on_new(const struct sim *sim, const struct sim_host *host)
{
	return digest_equal(&host->current, &sim->release) &&
	       !digest_equal(&host->from, &sim->release);
}

/* After every step of a host. */
void sim_check_host(struct sim *sim, uint32_t at)
{
	struct sim_host *host = &sim->hosts[at];
	const struct machine_view *disk = &host->disk;
	bool is_new = is_on_new(sim, host);

	if (sim->n_down > sim->config.max_unavailable)
		sim_broken(sim, "I1", "%u hosts are down, %u may be (host %u)",
			   sim->n_down, sim->config.max_unavailable, at);
	sim->most_down = MAX_OF(sim->most_down, sim->n_down);
	if (!is_new && !digest_equal(&host->current, &host->from))
		sim_broken(sim, "I2", "host %u is on a third release", at);
	if (is_new && (disk->state == AGENT_HOST_STATE_IDLE ||
		       disk->state == AGENT_HOST_STATE_STAGED))
		sim_broken(sim, "I2",
			   "host %u is on the new release and %s: nobody "
			   "answers for it",
			   at, agent_host_state_name(disk->state));
	if (disk->epoch < host->top_epoch ||
	    (disk->epoch == host->top_epoch && disk->seq < host->top_seq))
		sim_broken(sim, "I7", "host %u forgot what it accepted", at);
	if (is_new && host->is_down && sim->truth &&
	    disk->state == AGENT_HOST_STATE_ARMED &&
	    (rollout_state(sim->truth) == ROLLOUT_ROLLED_BACK ||
	     rollout_state(sim->truth) == ROLLOUT_CANCELED))
		sim_broken(sim, "I10", "host %u is switched after the end", at);
}

static void check_activation(struct sim *sim, uint32_t at)
{
	const struct rollout *truth = sim->truth;
	uint32_t domain = sim->config.hosts.items[at].domain;

	/* Whose stage has not begun, or whose stages before are not passed. */
	if (at >= rollout_n_in(truth) ||
	    (truth->stages[truth->stage].state == STAGE_WAITING &&
	     (truth->stage == 0 ||
	      at >= sim->config.stages.items[truth->stage - 1].n_hosts)))
		sim_broken(sim, "I3", "host %u is switched before its stage",
			   at);
	for (uint32_t i = 0; i < truth->stage; i++) {
		if (truth->stages[i].state != STAGE_PASSED)
			sim_broken(sim, "I3", "stage %u has not passed", i);
	}
	if (sim->config.domains == DOMAINS_ONE_AT_A_TIME &&
	    sim->n_down > sim->domain_down[domain])
		sim_broken(sim, "I1", "host %u is of a second domain", at);
}

/* A host accepted the command of an intent. */
void sim_check_effect(struct sim *sim, uint32_t at, size_t intent,
		      enum agent_host_state before)
{
	struct sim_host *host = &sim->hosts[at];
	const struct machine_view *record = &host->view;
	const struct sim_intent *proof;

	if (intent >= sim->intents.n) {
		sim_broken(sim, "I4", "host %u obeys what nobody wrote down",
			   at);
		return;
	}
	proof = &sim->intents.items[intent];
	if (proof->host != at || proof->epoch != record->epoch ||
	    proof->seq != record->seq)
		sim_broken(sim, "I4", "host %u obeys another intent", at);
	if (record->epoch < host->top_epoch ||
	    (record->epoch == host->top_epoch && record->seq <= host->top_seq))
		sim_broken(sim, "I6",
			   "host %u obeys (%" PRIu64 ", %" PRIu64
			   ") after (%" PRIu64 ", %" PRIu64 ")",
			   at, record->epoch, record->seq, host->top_epoch,
			   host->top_seq);
	host->top_epoch = record->epoch;
	host->top_seq = record->seq;
	if (proof->verb == AGENT_VERB_ACTIVATE &&
	    before == AGENT_HOST_STATE_STAGED && host->view.is_verifying)
		check_activation(sim, at);
}

void sim_check_before(const struct rollout *rollout, struct sim_before *out)
{
	out->state = rollout->state;
	out->stage = rollout->stage;
	out->stage_state = rollout->stages[rollout->stage].state;
}

static void check_actions(struct sim *sim, bool was_going_back,
			  const struct actions *actions, size_t *n_logs)
{
	for (size_t i = 0; i < actions->list.n; i++) {
		const struct action *action = &actions->list.items[i];

		if (action->kind == ACTION_LOG)
			(*n_logs)++;
		if (action->kind == ACTION_JUDGE && was_going_back)
			sim_broken(sim, "I12", "a rollback asks a gate");
		if (action->kind == ACTION_COMMAND &&
		    action->verb == AGENT_VERB_REVERT &&
		    !digest_equal(&action->target,
				  &sim->hosts[action->host].from))
			sim_broken(sim, "I9",
				   "host %u is sent to a release it never "
				   "confirmed",
				   action->host);
	}
}

/* The step in which a stage passed: was it allowed to? */
static void check_pass(struct sim *sim, const struct rollout *rollout,
		       uint32_t stage)
{
	const struct rollout_stage_config *config =
		&rollout->config.stages.items[stage];
	uint32_t n_confirmed = 0;

	for (uint32_t i = 0; i < config->n_hosts; i++) {
		const struct sim_host *host = &sim->hosts[i];

		if (host->disk.state == AGENT_HOST_STATE_CONFIRMED)
			n_confirmed++;
		else if (host->disk.state == AGENT_HOST_STATE_UNCONFIRMED &&
			 host->is_on && rollout->hosts[i].flags & HOST_DONE)
			sim_broken(sim, "I10",
				   "stage %u passed, live host %u is not "
				   "confirmed",
				   stage, i);
	}
	if (n_confirmed == 0)
		sim_broken(sim, "I8", "stage %u passed with no host", stage);
	if (rollout->stages[stage].is_promoted)
		return;
	if (rollout->stages[stage].n_samples < config->min_requests)
		sim_broken(sim, "I8", "stage %u passed without its requests",
			   stage);
	/* A later stage has gates of its own: only the last can be seen. */
	if (stage != rollout->stage)
		return;
	for (size_t i = 0; i < rollout->config.gates.n; i++) {
		if (config->gates >> i & 1 &&
		    rollout->gates[i].verdict != VERDICT_PASS)
			sim_broken(sim, "I8",
				   "stage %u passed, gate %zu "
				   "did not",
				   stage, i);
	}
}

static void check_rolled_back(struct sim *sim)
{
	for (uint32_t i = 0; i < sim->config.hosts.n; i++) {
		if (is_on_new(sim, &sim->hosts[i]) &&
		    sim->hosts[i].disk.state != AGENT_HOST_STATE_REVERTING)
			sim_broken(sim, "I10",
				   "rolled back, and host %u is on the new "
				   "release",
				   i);
	}
}

static void check_succeeded(struct sim *sim, const struct rollout *rollout)
{
	for (uint32_t i = 0; i < sim->config.hosts.n; i++) {
		const struct sim_host *host = &sim->hosts[i];

		if (!host->is_on || host->is_cut ||
		    rollout->hosts[i].fate != FATE_OPEN ||
		    !rollout_host_is_up(&rollout->hosts[i]))
			continue;
		if (!digest_equal(&host->current, &sim->release))
			sim_broken(sim, "I10",
				   "succeeded, and live host %u is not on the "
				   "new release",
				   i);
	}
}

/* I12: a rollback's time is bounded, whatever the hosts do. */
static uint64_t back_bound_ms(const struct rollout *rollout)
{
	uint64_t n_batches =
		rollout->config.hosts.n / rollout->config.max_unavailable + 2;
	uint64_t tries = rollout->config.n_attempts + 1;

	return 4 * rollout_dead_man_ms(rollout) + 4 * rollout->slot_period_ms +
	       n_batches * tries *
		       (4 * rollout->config.valid_ms +
			4 * rollout->config.switch_ms);
}

void sim_check_after(struct sim *sim, const struct rollout *rollout,
		     const struct sim_before *before,
		     const struct actions *actions)
{
	size_t n_logs = 0;

	check_actions(sim, before->state == ROLLOUT_ROLLING_BACK, actions,
		      &n_logs);
	if (actions->refusal.code && (actions->is_changed || actions->list.n))
		sim_broken(sim, "verbs", "refused, and something done");
	if (rollout->state != before->state && n_logs == 0)
		sim_broken(sim, "I5", "became %s without a word in the log",
			   rollout_state_name(rollout->state));
	if (before->stage_state != STAGE_PASSED &&
	    rollout->stages[before->stage].state == STAGE_PASSED)
		check_pass(sim, rollout, before->stage);
	if (rollout->state == ROLLOUT_ROLLING_BACK && sim->is_quiet &&
	    rollout->clock_ms - rollout->back_ms > back_bound_ms(rollout))
		sim_broken(sim, "I12", "the rollback does not end");
	if (rollout->state == before->state)
		return;
	if (rollout->state == ROLLOUT_ROLLED_BACK)
		check_rolled_back(sim);
	if (rollout->state == ROLLOUT_SUCCEEDED)
		check_succeeded(sim, rollout);
}

/* The journal, folded, is the state. */
void sim_check_fold(struct sim *sim, const struct rollout *live)
{
	struct rollout *folded = sim_fold(sim);

	if (rollout_digest(folded) != rollout_digest(live))
		sim_broken(sim, "fold",
			   "the journal of %zu events gives "
			   "another state",
			   sim->journal.n);
	rollout_free(folded);
}

void sim_check_end(struct sim *sim)
{
	for (uint32_t i = 0; i < sim->config.hosts.n; i++) {
		const struct sim_host *host = &sim->hosts[i];
		enum agent_host_state state = host->disk.state;

		if (!host->is_on || !host->is_guarded)
			continue;
		if (state == AGENT_HOST_STATE_UNCONFIRMED ||
		    state == AGENT_HOST_STATE_ARMED ||
		    state == AGENT_HOST_STATE_REVERTING)
			sim_broken(sim, "liveness",
				   "host %u is %s long after the end", i,
				   agent_host_state_name(state));
	}
}
