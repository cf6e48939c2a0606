#include <string.h>

#include "tests/sim/sim.h"

/* The real state machine of a host, with pretended work, disk and power. */

#define HOST_CLOCK_MS 1000 /* BOOTTIME at boot */

uint64_t sim_host_now(const struct sim *sim, const struct sim_host *host)
{
	return sim->now_ms - host->on_ms + HOST_CLOCK_MS;
}

static void boot_name(const struct sim_host *host, char out[BOOT_ID_SIZE])
{
	(void)snprintf(out, BOOT_ID_SIZE, "boot-%u", (unsigned)host->boot);
}

/* All works of an activation and its way back fit into D, just so. */
static uint64_t work_ms(struct sim *sim, const struct sim_host *host,
			enum deploy_work work)
{
	static const uint64_t most[] = {
		[DEPLOY_STAGE] = 8000,	 [DEPLOY_VERIFY] = 1500,
		[DEPLOY_PREPARE] = 2000, [DEPLOY_DRAIN] = 1500,
		[DEPLOY_FLIP] = 300,	 [DEPLOY_RESTART] = 3000,
		[DEPLOY_PROBE] = 4000,	 [DEPLOY_DROP] = 500,
		[DEPLOY_PRUNE] = 500,
	};

	if (host->is_slow)
		return work == DEPLOY_STAGE ? 10 * most[work] : most[work];
	return sim_between(sim, most[work] / 20, most[work]);
}

static bool is_switching(const struct sim_host *host)
{
	const struct deploy *deploy = &host->deploy;

	if (deploy->record.state == AGENT_HOST_STATE_REVERTING)
		return true;
	return deploy->record.state == AGENT_HOST_STATE_ARMED &&
	       deploy->work != DEPLOY_PREPARE;
}

/* Its lease ran out, and nobody was there to take it back in its slot. */
static bool is_overdue(const struct sim *sim, const struct sim_host *host)
{
	return host->deploy.record.state == AGENT_HOST_STATE_UNCONFIRMED &&
	       deploy_lease_left_ms(&host->deploy, sim_host_now(sim, host)) ==
		       0;
}

/* Out of service, and it is the rollout's doing, not the fault's. */
static void count_down(struct sim *sim, uint32_t at)
{
	struct sim_host *host = &sim->hosts[at];
	uint32_t domain = sim->config.hosts.items[at].domain;
	bool is_down;

	/* Stuck, it is down already: one more way back costs nothing. */
	if (host->deploy.record.state == AGENT_HOST_STATE_STUCK)
		host->is_wreck = true;
	else if (!is_switching(host) && !is_overdue(sim, host))
		host->is_wreck = false;
	is_down = host->is_on && host->is_guarded && !host->is_wreck &&
		  !host->deploy.is_boot && is_switching(host);
	if (is_down == host->is_down)
		return;
	host->is_down = is_down;
	if (is_down) {
		sim->n_down++;
		sim->domain_down[domain]++;
	} else {
		sim->n_down--;
		sim->domain_down[domain]--;
	}
}

static void plan_timer(struct sim *sim, uint32_t at)
{
	struct sim_host *host = &sim->hosts[at];
	uint64_t now = sim_host_now(sim, host);
	uint64_t timer = deploy_timer_ms(&host->deploy, now);
	struct sim_item *item;

	host->timer_token++;
	if (!timer)
		return;
	/* A process is woken late, within what a slot allows for. */
	item = sim_plan(sim, SIM_TIMER,
			(timer > now ? timer - now : 0) +
				sim_between(sim, 0, 2000));
	item->host = at;
	item->token = host->timer_token;
}

static void begin_work(struct sim *sim, uint32_t at,
		       const struct deploy_actions *out)
{
	struct sim_host *host = &sim->hosts[at];
	uint32_t chance = sim->faults.work_fails;
	struct sim_item *item =
		sim_plan(sim, SIM_WORK, work_ms(sim, host, out->work));

	item->host = at;
	item->token = ++host->work_token;
	item->event.gate = out->work;
	item->event.current = out->release;
	if (out->is_revert)
		chance =
			out->work == DEPLOY_FLIP ? 0 : sim->faults.revert_fails;
	else if (out->work == DEPLOY_STAGE)
		chance = sim->faults.stage_fails;
	if (!out->is_revert && host->is_bad &&
	    (out->work == DEPLOY_PROBE || out->work == DEPLOY_RESTART))
		chance = 700000;
	item->event.code = sim_chance(sim, chance) ? ERR_FAILED : ERR_NONE;
	/* The link changes early in the work; a cut after it finds it so. */
	if (out->work == DEPLOY_FLIP && !item->event.code)
		host->current = out->release;
}

static void carry_out(struct sim *sim, uint32_t at,
		      const struct deploy_actions *out)
{
	struct sim_host *host = &sim->hosts[at];
	struct event event = { .kind = EVENT_RESULT };

	if (out->persist)
		host->disk = host->deploy.record;
	if (out->work || out->answer)
		sim_trace(sim, "host %u: %s, %s%s%s", at,
			  agent_host_state_name(host->deploy.record.state),
			  deploy_work_name(out->work),
			  out->answer ? "; answers " : "",
			  out->answer ? err_name(out->code) : "");
	if (out->work)
		begin_work(sim, at, out);
	count_down(sim, at);
	sim_check_host(sim, at);
	plan_timer(sim, at);
	if (!out->answer)
		return;
	event.seq = out->seq;
	event.command = out->verb;
	event.code = out->code;
	event.text = mem_str(out->text);
	sim_host_status(sim, at, &event);
	sim_answer(sim, at, &event);
	event_release(&event);
}

static void step(struct sim *sim, uint32_t at, struct deploy_event *event)
{
	struct sim_host *host = &sim->hosts[at];
	struct deploy_actions out;

	event->now_ms = sim_host_now(sim, host);
	deploy_step(&host->deploy, event, &out);
	if (out.persist || out.work || out.answer) {
		carry_out(sim, at, &out);
	} else {
		count_down(sim, at);
		plan_timer(sim, at);
	}
}

static void start_guard(struct sim *sim, uint32_t at, bool is_boot)
{
	struct sim_host *host = &sim->hosts[at];
	char boot[BOOT_ID_SIZE];
	struct deploy_event event = {
		.kind = DEPLOY_START,
		.current = host->current,
		.boot_id = boot,
		.is_boot = is_boot,
	};

	boot_name(host, boot);
	deploy_init(&host->deploy);
	host->deploy.record = host->disk;
	host->is_guarded = true;
	/*
	 * The guard is what must not die. Killed, and the host not seen until
	 * its lease is over, is more than the slots are made for.
	 */
	if (!is_boot && is_overdue(sim, host))
		host->is_wreck = true;
	step(sim, at, &event);
}

void sim_host_init(struct sim *sim, uint32_t at)
{
	struct sim_host *host = &sim->hosts[at];

	host->from = sim->config.hosts.items[at].from;
	host->current = host->from;
	host->is_on = true;
	host->on_ms = sim->now_ms;
	deploy_init(&host->deploy);
	host->disk = host->deploy.record;
	start_guard(sim, at, false);
}

void sim_host_status(struct sim *sim, uint32_t at, struct event *out)
{
	const struct sim_host *host = &sim->hosts[at];
	const struct deploy_record *record = &host->deploy.record;

	out->host = at;
	out->host_state = record->state;
	out->current = record->current;
	out->to = record->to;
	out->host_epoch = record->epoch;
	out->host_seq = record->seq;
	out->is_busy = deploy_is_busy(&host->deploy);
	out->lease_left_ms =
		deploy_lease_left_ms(&host->deploy, sim_host_now(sim, host));
}

void sim_host_deliver(struct sim *sim, const struct sim_item *item)
{
	struct sim_host *host = &sim->hosts[item->host];
	enum agent_host_state before = host->deploy.record.state;
	uint64_t epoch = host->deploy.record.epoch;
	uint64_t seq = host->deploy.record.seq;
	char boot[BOOT_ID_SIZE];
	char rollout[] = "sim-1";
	struct agent_command command = {
		.verb = item->command.verb,
		.epoch = item->epoch,
		.seq = item->command.seq,
		.rollout = rollout,
		.release = sim->release,
		.boot_id = boot,
		.valid_until_ms = item->valid_until_ms,
		.lease_ms = item->command.lease_ms,
		.slot_in_ms = item->command.slot_in_ms,
		.slot_ms = item->command.slot_ms,
		.slot_period_ms = item->command.slot_period_ms,
		.target = item->command.target,
	};
	struct deploy_event event = {
		.kind = DEPLOY_COMMAND,
		.current = host->current,
		.command = &command,
	};

	if (!host->is_on || !host->is_guarded)
		return;
	(void)snprintf(boot, sizeof(boot), "boot-%u", (unsigned)item->boot);
	step(sim, item->host, &event);
	if (host->deploy.record.epoch != epoch ||
	    host->deploy.record.seq != seq)
		sim_check_effect(sim, item->host, item->intent, before);
}

void sim_host_work_done(struct sim *sim, const struct sim_item *item)
{
	struct sim_host *host = &sim->hosts[item->host];
	struct deploy_event event = {
		.kind = DEPLOY_DONE,
		.work = (enum deploy_work)item->event.gate,
		.code = item->event.code,
		.text = "it failed",
	};

	if (item->token != host->work_token || !host->is_on ||
	    !host->is_guarded)
		return;
	step(sim, item->host, &event);
}

void sim_host_timer(struct sim *sim, const struct sim_item *item)
{
	struct sim_host *host = &sim->hosts[item->host];
	struct deploy_event event = { .kind = DEPLOY_TIMER };

	if (item->token != host->timer_token || !host->is_on ||
	    !host->is_guarded)
		return;
	step(sim, item->host, &event);
}

void sim_host_power_off(struct sim *sim, uint32_t at)
{
	struct sim_host *host = &sim->hosts[at];

	host->is_on = false;
	host->is_guarded = false;
	host->work_token++;
	host->timer_token++;
	count_down(sim, at);
	sim_links_cut(sim, at);
	sim_check_host(sim, at);
}

void sim_host_power_on(struct sim *sim, uint32_t at)
{
	struct sim_host *host = &sim->hosts[at];

	if (host->is_on)
		return;
	host->is_on = true;
	host->boot++;
	host->on_ms = sim->now_ms;
	/* `recover` runs before the service, then the guard as always. */
	start_guard(sim, at, true);
}

void sim_host_kill_guard(struct sim *sim, uint32_t at)
{
	struct sim_host *host = &sim->hosts[at];

	if (!host->is_on || !host->is_guarded)
		return;
	sim_trace(sim, "host %u loses its guard", at);
	if (is_switching(host))
		host->is_wreck = true;
	host->is_guarded = false;
	host->work_token++;
	host->timer_token++;
	count_down(sim, at);
	sim_links_cut(sim, at);
}

void sim_host_greet(struct sim *sim, uint32_t at)
{
	if (!sim->hosts[at].is_guarded)
		start_guard(sim, at, false);
}
