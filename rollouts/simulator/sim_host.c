#include <string.h>

#include "rollouts/simulator/sim.h"

/* The agent's state machine, with pretended work, disk and power. */

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
			const struct machine_work *work)
{
	bool is_staging = work->kind == MACHINE_STAGE;
	uint64_t most = work->share;

	if (!is_staging)
		most = most * sim->config.switch_ms / MACHINE_SHARES;
	if (host->is_slow)
		return is_staging ? 10 * most : most;
	return sim_between(sim, most / 20, most);
}

static void look(const struct sim *sim, struct sim_host *host)
{
	sim->machine->view(host->state, sim_host_now(sim, host), &host->view);
}

/* Its lease ran out, and nobody was there to take it back in its slot. */
static bool is_overdue(const struct sim_host *host)
{
	return host->view.state == AGENT_HOST_STATE_UNCONFIRMED &&
	       host->view.lease_left_ms == 0;
}

/* Out of service, and it is the rollout's doing, not the fault's. */
static void count_down(struct sim *sim, uint32_t at)
{
	struct sim_host *host = &sim->hosts[at];
	uint32_t domain = sim->config.hosts.items[at].domain;
	bool is_down;

	look(sim, host);
	/* Stuck, it is down already: one more way back costs nothing. */
	if (host->view.state == AGENT_HOST_STATE_STUCK)
		host->is_wreck = true;
	else if (!host->view.is_switching && !is_overdue(host))
		host->is_wreck = false;
	is_down = host->is_on && host->is_guarded && !host->is_wreck &&
		  !host->view.is_boot && host->view.is_switching;
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
	uint64_t timer = host->view.timer_ms;
	/* A process is woken late, within what a slot allows for. */
	uint64_t slack_ms =
		rollout_slot_ms(sim->config.switch_ms, sim->config.valid_ms) /
		8;
	uint64_t most_late = MIN_OF(slack_ms, (uint64_t)SIM_LATE_MS);
	struct sim_item *item;

	host->timer_token++;
	if (!timer)
		return;
	item = sim_plan(sim, SIM_TIMER,
			(timer > now ? timer - now : 0) +
				sim_between(sim, 0, most_late));
	item->host = at;
	item->token = host->timer_token;
}

static void begin_work(struct sim *sim, uint32_t at,
		       const struct machine_output *out)
{
	struct sim_host *host = &sim->hosts[at];
	const struct machine_work *work = &sim->machine->works[out->work];
	uint32_t chance = sim->faults.work_fails;
	struct sim_item *item =
		sim_plan(sim, SIM_WORK, work_ms(sim, host, work));

	item->host = at;
	item->token = ++host->work_token;
	item->event.gate = out->work;
	item->event.current = out->release;
	if (out->is_revert)
		chance = work->kind == MACHINE_FLIP ? 0
						    : sim->faults.revert_fails;
	else if (work->kind == MACHINE_STAGE)
		chance = sim->faults.stage_fails;
	if (!out->is_revert && host->is_bad && work->kind == MACHINE_HEALTH)
		chance = 700000;
	item->event.code = sim_chance(sim, chance) ? ERR_FAILED : ERR_NONE;
	if (host->is_full && work->kind == MACHINE_STAGE)
		item->event.code = ERR_NO_SPACE;
	if (item->event.code)
		sim_hurt(sim, out->is_revert		    ? SIM_HURT_REVERT
			      : work->kind == MACHINE_STAGE ? SIM_HURT_STAGE
							    : SIM_HURT_WORK);
	/* The link changes early in the work; a cut after it finds it so. */
	if (work->kind == MACHINE_FLIP && !item->event.code)
		host->current = out->release;
}

static void carry_out(struct sim *sim, uint32_t at,
		      const struct machine_output *out)
{
	struct sim_host *host = &sim->hosts[at];
	struct event event = { .kind = EVENT_RESULT };

	look(sim, host);
	if (out->is_kept) {
		memcpy(host->kept, host->state, sim->machine->size);
		host->disk = host->view;
	}
	if (out->work || out->is_answer)
		sim_trace(sim, "host %u: %s, %s%s%s", at,
			  agent_host_state_name(host->view.state),
			  sim->machine->works[out->work].name,
			  out->is_answer ? "; answers " : "",
			  out->is_answer ? err_name(out->code) : "");
	if (out->work)
		begin_work(sim, at, out);
	count_down(sim, at);
	sim_check_host(sim, at);
	plan_timer(sim, at);
	if (!out->is_answer)
		return;
	event.seq = out->seq;
	event.command = out->verb;
	event.code = out->code;
	event.text = mem_str(out->text);
	sim_host_status(sim, at, &event);
	sim_answer(sim, at, &event);
	event_release(&event);
}

static void step(struct sim *sim, uint32_t at, struct machine_input *input)
{
	struct sim_host *host = &sim->hosts[at];
	struct machine_output out;

	input->now_ms = sim_host_now(sim, host);
	sim->machine->step(host->state, input, &out);
	if (out.is_kept || out.work || out.is_answer) {
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
	struct machine_input input = {
		.event = MACHINE_START,
		.current = host->current,
		.boot_id = boot,
		.is_boot = is_boot,
	};

	boot_name(host, boot);
	sim->machine->recall(host->state, host->kept);
	host->is_guarded = true;
	look(sim, host);
	/*
	 * The guard is what must not die. Killed, and the host not seen until
	 * its lease is over, is more than the slots are made for.
	 */
	if (!is_boot && is_overdue(host))
		host->is_wreck = true;
	step(sim, at, &input);
}

void sim_host_init(struct sim *sim, uint32_t at)
{
	struct sim_host *host = &sim->hosts[at];

	host->from = sim->config.hosts.items[at].from;
	host->current = host->from;
	host->is_on = true;
	host->on_ms = sim->now_ms;
	host->state = mem_alloc(sim->machine->size);
	host->kept = mem_alloc(sim->machine->size);
	sim->machine->init(host->state);
	sim->machine->init(host->kept);
	look(sim, host);
	host->disk = host->view;
	start_guard(sim, at, false);
}

void sim_host_release(struct sim_host *host)
{
	free(host->state);
	free(host->kept);
}

void sim_host_status(struct sim *sim, uint32_t at, struct event *out)
{
	struct sim_host *host = &sim->hosts[at];

	look(sim, host);
	out->host = at;
	out->host_state = host->view.state;
	out->current = host->view.current;
	out->to = host->view.to;
	out->host_epoch = host->view.epoch;
	out->host_seq = host->view.seq;
	out->is_busy = host->view.is_busy;
	out->lease_left_ms = host->view.lease_left_ms;
}

void sim_host_deliver(struct sim *sim, const struct sim_item *item)
{
	struct sim_host *host = &sim->hosts[item->host];
	struct machine_view before = host->view;
	char boot[BOOT_ID_SIZE];
	struct agent_command command = {
		.verb = item->command.verb,
		.epoch = item->epoch,
		.seq = item->command.seq,
		.rollout = sim->config.id,
		.release = sim->release,
		.boot_id = boot,
		.valid_until_ms = item->valid_until_ms,
		.lease_ms = item->command.lease_ms,
		.slot_in_ms = item->command.slot_in_ms,
		.slot_ms = item->command.slot_ms,
		.slot_period_ms = item->command.slot_period_ms,
		.target = item->command.target,
	};
	struct machine_input input = {
		.event = MACHINE_COMMAND,
		.current = host->current,
		.command = &command,
	};

	if (!host->is_on || !host->is_guarded)
		return;
	(void)snprintf(boot, sizeof(boot), "boot-%u", (unsigned)item->boot);
	step(sim, item->host, &input);
	if (host->view.epoch != before.epoch || host->view.seq != before.seq)
		sim_check_effect(sim, item->host, item->intent, before.state);
}

void sim_host_work_done(struct sim *sim, const struct sim_item *item)
{
	struct sim_host *host = &sim->hosts[item->host];
	struct machine_input input = {
		.event = MACHINE_DONE,
		.work = item->event.gate,
		.code = item->event.code,
		.text = item->event.code == ERR_NO_SPACE ? "the disk is full"
							 : "it failed",
	};

	if (item->token != host->work_token || !host->is_on ||
	    !host->is_guarded)
		return;
	step(sim, item->host, &input);
}

void sim_host_timer(struct sim *sim, const struct sim_item *item)
{
	struct sim_host *host = &sim->hosts[item->host];
	struct machine_input input = { .event = MACHINE_TIMER };

	if (item->token != host->timer_token || !host->is_on ||
	    !host->is_guarded)
		return;
	step(sim, item->host, &input);
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
	sim_hurt(sim, SIM_HURT_GUARD);
	if (host->view.is_switching)
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
