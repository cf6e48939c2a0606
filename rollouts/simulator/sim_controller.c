#include <assert.h>
#include <string.h>

#include "rollouts/simulator/sim.h"

/*
 * What grayd does around the engine: journal, then act. A controller whose
 * epoch is no longer the store's finds out at its next commit.
 */

static void copy_event(const struct event *from, struct event *out)
{
	*out = *from;
	out->who = mem_str(from->who);
	out->reason = mem_str(from->reason);
	out->text = mem_str(from->text);
}

bool sim_has_leader(const struct sim *sim)
{
	const struct sim_controller *controller =
		&sim->controllers.items[sim->leader];

	return sim->controllers.n && controller->rollout &&
	       controller->rollout == sim->truth;
}

/* The state as the journal has it. */
struct rollout *sim_fold(struct sim *sim)
{
	struct rollout_config config;
	struct rollout *rollout;

	sim_config_copy(&sim->config, &config);
	rollout = rollout_new(&config);
	for (size_t i = 0; i < sim->journal.n; i++) {
		struct actions actions;

		rollout_step(rollout, &sim->journal.items[i], &actions);
		actions_release(&actions);
	}
	return rollout;
}

void sim_controller_die(struct sim *sim, uint32_t at)
{
	struct sim_controller *controller = &sim->controllers.items[at];

	if (!controller->rollout)
		return;
	if (controller->rollout != sim->truth)
		rollout_free(controller->rollout);
	controller->rollout = NULL;
	free(controller->links);
	controller->links = NULL;
	for (size_t i = 0; i < controller->held.n; i++)
		sim_item_free(controller->held.items[i]);
	vec_release(&controller->held);
}

/* True if the controller still reigns: the event is in the journal. */
static bool commit(struct sim *sim, struct sim_controller *controller,
		   const struct event *event, const struct actions *actions)
{
	if (sim->epoch != controller->epoch)
		return false; /* the compare of compare-and-swap */
	copy_event(event, vec_add(&sim->journal));
	for (size_t i = 0; i < actions->list.n; i++) {
		const struct action *action = &actions->list.items[i];

		if (action->kind == ACTION_COMMAND)
			*vec_add(&sim->intents) = (struct sim_intent){
				.host = action->host,
				.verb = action->verb,
				.epoch = controller->epoch,
				.seq = action->seq,
			};
	}
	return true;
}

static void put_on_the_wire(struct sim *sim, const struct sim_link *link,
			    uint64_t epoch, const struct action *action,
			    size_t intent, uint64_t aged_ms)
{
	const struct sim_host *host = &sim->hosts[action->host];
	uint64_t valid_ms = sim->config.valid_ms;
	uint64_t delay = sim_between(sim, 5, 120);
	struct sim_item *item;

	if (!sim->is_quiet && sim_chance(sim, sim->faults.late_command)) {
		sim_hurt(sim, SIM_HURT_LATE);
		delay = sim_between(sim, 100,
				    sim_chance(sim, 500000) ? 2 * valid_ms
							    : 40 * valid_ms);
	}
	item = sim_plan(sim, SIM_DELIVER, delay);
	item->host = action->host;
	item->command = *action;
	item->epoch = epoch;
	item->boot = link->boot;
	item->intent = intent;
	item->valid_until_ms = sim_host_now(sim, host) + action->valid_ms;
	item->valid_until_ms -= MIN_OF(aged_ms, item->valid_until_ms);
}

static void send_command(struct sim *sim, struct sim_controller *controller,
			 const struct action *action, size_t intent,
			 uint64_t aged_ms)
{
	const struct sim_link *link = &controller->links[action->host];

	if (!link->is_up || aged_ms >= action->valid_ms)
		return;
	if (!sim->is_quiet && sim_chance(sim, sim->faults.double_command)) {
		sim_hurt(sim, SIM_HURT_DOUBLE);
		put_on_the_wire(sim, link, controller->epoch, action, intent,
				aged_ms);
	}
	if (!sim->is_quiet && sim_chance(sim, sim->faults.lose_command)) {
		sim->n_faults++;
		sim_hurt(sim, SIM_HURT_LOST);
		return;
	}
	put_on_the_wire(sim, link, controller->epoch, action, intent, aged_ms);
}

static void judge(struct sim *sim, uint32_t at, const struct action *action)
{
	struct sim_item *item =
		sim_plan(sim, SIM_EVENT, sim_between(sim, 100, 3000));
	struct event *event = &item->event;
	uint32_t n_exposed = sim->controllers.items[at].rollout->n_exposed;

	item->controller = at;
	item->token = sim->controllers.items[at].epoch;
	event->kind = EVENT_VERDICT;
	event->stage = action->stage;
	event->gate = action->gate;
	event->verdict = VERDICT_PASS;
	event->n_samples = sim_between(sim, 0, 3000);
	if (!sim->is_quiet && sim_chance(sim, sim->faults.gate_blind))
		event->verdict = VERDICT_INCONCLUSIVE +
				 (enum verdict)sim_between(sim, 0, 2);
	if (sim_chance(sim, sim->faults.gate_fails) ||
	    (sim->is_release_bad && n_exposed > sim->harm_after &&
	     sim_chance(sim, sim->harm)))
		event->verdict = VERDICT_FAIL;
	if (event->verdict == VERDICT_FAIL)
		sim_hurt(sim, SIM_HURT_GATE);
	else if (event->verdict != VERDICT_PASS)
		sim_hurt(sim, SIM_HURT_BLIND);
	event->text = mem_format("%u requests", (unsigned)event->n_samples);
}

static void send_all(struct sim *sim, uint32_t at,
		     const struct actions *actions, size_t intent,
		     uint64_t aged_ms)
{
	struct sim_controller *controller = &sim->controllers.items[at];

	for (size_t i = 0; i < actions->list.n; i++) {
		const struct action *action = &actions->list.items[i];

		if (action->kind == ACTION_COMMAND)
			send_command(sim, controller, action, intent++,
				     aged_ms);
		else if (action->kind == ACTION_JUDGE)
			judge(sim, at, action);
	}
}

static void plan_wake(struct sim *sim, uint32_t at, uint64_t wake_ms)
{
	struct sim_controller *controller = &sim->controllers.items[at];
	uint64_t now = sim->now_ms + controller->skew_ms;
	struct sim_item *item;

	if (wake_ms == controller->wake_ms && wake_ms > now)
		return;
	controller->wake_ms = wake_ms;
	controller->wake_token++;
	if (wake_ms == UINT64_MAX)
		return;
	item = sim_plan(sim, SIM_WAKE, wake_ms > now ? wake_ms - now : 1);
	item->controller = at;
	item->token = controller->wake_token;
}

/* The controller is gone; another one takes over after IN_MS. */
static void fall(struct sim *sim, uint32_t at, uint64_t in_ms)
{
	sim->n_faults++;
	sim_hurt(sim, SIM_HURT_CONTROLLER);
	sim_controller_die(sim, at);
	(void)sim_plan(sim, SIM_REIGN, in_ms);
}

/* Stopped by its operating system; somebody else takes over meanwhile. */
static uint64_t freeze(struct sim *sim, uint32_t at)
{
	struct sim_controller *controller = &sim->controllers.items[at];
	uint64_t for_ms = sim_between(sim, 500, 12000);
	struct sim_item *item = sim_plan(sim, SIM_THAW, for_ms);

	item->controller = at;
	controller->frozen_until_ms = sim->now_ms + for_ms;
	sim->n_faults++;
	sim_hurt(sim, SIM_HURT_FROZEN);
	(void)sim_plan(sim, SIM_REIGN, sim_between(sim, 100, for_ms));
	return for_ms;
}

/* What was to be sent when it froze is sent as soon as it goes on. */
static void hold_back(struct sim *sim, uint32_t at,
		      const struct actions *actions, size_t intent,
		      uint64_t for_ms)
{
	struct sim_controller *controller = &sim->controllers.items[at];

	for (size_t i = 0; i < actions->list.n; i++) {
		const struct action *action = &actions->list.items[i];
		const struct sim_link *link;

		if (action->kind != ACTION_COMMAND)
			continue;
		link = &controller->links[action->host];
		if (link->is_up && for_ms < action->valid_ms) {
			struct sim_item *item =
				sim_plan(sim, SIM_DELIVER, for_ms + 20);

			item->host = action->host;
			item->command = *action;
			item->epoch = controller->epoch;
			item->boot = link->boot;
			item->intent = intent;
			item->valid_until_ms =
				sim_host_now(sim, &sim->hosts[action->host]) +
				action->valid_ms;
		}
		intent++;
	}
}

static void act(struct sim *sim, uint32_t at, const struct actions *actions,
		size_t intent)
{
	struct sim_controller *controller = &sim->controllers.items[at];
	bool is_leader = controller->rollout == sim->truth;

	if (is_leader && !sim->is_quiet &&
	    sim_chance(sim, sim->faults.crash_at_commit)) {
		sim_trace(sim, "controller %u dies after a commit", at);
		sim_check_fold(sim, controller->rollout);
		/* Some of it was sent, or nothing. */
		if (sim_chance(sim, 500000))
			send_all(sim, at, actions, intent, 0);
		fall(sim, at, sim_between(sim, 100, 30000));
		return;
	}
	if (is_leader && !sim->is_quiet &&
	    sim_chance(sim, sim->faults.freeze_at_commit)) {
		sim_trace(sim, "controller %u freezes", at);
		hold_back(sim, at, actions, intent, freeze(sim, at));
		return;
	}
	send_all(sim, at, actions, intent, 0);
}

void sim_controller_feed(struct sim *sim, uint32_t at,
			 const struct event *event)
{
	struct sim_controller *controller = &sim->controllers.items[at];
	struct rollout *rollout = controller->rollout;
	struct event dated = *event;
	struct sim_before before;
	AUTO_VALUE(actions) actions;
	size_t intent = sim->intents.n;

	dated.now_ms = sim->now_ms + controller->skew_ms;
	dated.wall_ms = (int64_t)sim->now_ms;
	sim_check_before(rollout, &before);
	rollout_step(rollout, &dated, &actions);
	if (actions.is_changed && !commit(sim, controller, &dated, &actions)) {
		sim_trace(sim, "controller %u reigns no more", at);
		sim_controller_die(sim, at);
		return;
	}
	for (size_t i = 0; i < actions.list.n; i++) {
		const struct action *action = &actions.list.items[i];

		if (action->kind == ACTION_COMMAND)
			sim_trace(sim, "send %u: %s %u, seq %u", at,
				  agent_verb_name(action->verb), action->host,
				  (unsigned)action->seq);
		else if (action->kind == ACTION_LOG)
			sim_trace(sim, "log: %s", action->text);
		if (action->kind == ACTION_LOG && rollout == sim->truth &&
		    sim->options.told)
			sim->options.told(sim, action);
	}
	if (rollout == sim->truth)
		sim_check_after(sim, rollout, &before, &actions);
	plan_wake(sim, at, actions.wake_ms);
	act(sim, at, &actions, intent);
}

static bool is_frozen(const struct sim *sim,
		      const struct sim_controller *controller)
{
	return sim->now_ms < controller->frozen_until_ms;
}

/* Takes ITEM. */
void sim_controller_event(struct sim *sim, struct sim_item *item)
{
	struct sim_controller *controller =
		&sim->controllers.items[item->controller];

	if (!controller->rollout) {
		sim_item_free(item);
		return;
	}
	if (is_frozen(sim, controller)) {
		*vec_add(&controller->held) = item;
		return;
	}
	if (!item->needs_link ||
	    controller->links[item->event.host].id == item->token)
		sim_controller_feed(sim, item->controller, &item->event);
	sim_item_free(item);
}

void sim_controller_thaw(struct sim *sim, const struct sim_item *item)
{
	struct sim_controller *controller =
		&sim->controllers.items[item->controller];
	struct event tick = { .kind = EVENT_TICK };
	VEC(struct sim_item *) held = { 0 };

	if (!controller->rollout || is_frozen(sim, controller))
		return;
	sim_trace(sim, "controller %u goes on", item->controller);
	memcpy(&held, &controller->held, sizeof(held));
	memset(&controller->held, 0, sizeof(controller->held));
	sim_controller_feed(sim, item->controller, &tick);
	for (size_t i = 0; i < held.n; i++)
		sim_controller_event(sim, held.items[i]);
	vec_release(&held);
}

void sim_controller_wake(struct sim *sim, const struct sim_item *item)
{
	struct sim_controller *controller =
		&sim->controllers.items[item->controller];
	struct event tick = { .kind = EVENT_TICK };

	if (!controller->rollout || item->token != controller->wake_token ||
	    is_frozen(sim, controller))
		return;
	controller->wake_ms = 0;
	sim_controller_feed(sim, item->controller, &tick);
}

static void plan_event(struct sim *sim, uint32_t at, uint32_t host,
		       const struct event *event, uint64_t in_ms)
{
	struct sim_item *item = sim_plan(sim, SIM_EVENT, in_ms);

	item->controller = at;
	item->token = sim->controllers.items[at].links[host].id;
	item->needs_link = true;
	copy_event(event, &item->event);
	item->event.host = host;
}

static void plan_connect(struct sim *sim, uint32_t at, uint32_t host,
			 uint64_t in_ms)
{
	struct sim_item *item = sim_plan(sim, SIM_CONNECT, in_ms);

	item->controller = at;
	item->host = host;
}

void sim_controller_connect(struct sim *sim, const struct sim_item *item)
{
	struct sim_controller *controller =
		&sim->controllers.items[item->controller];
	struct sim_host *host = &sim->hosts[item->host];
	struct event event = { .kind = EVENT_STATUS };
	struct sim_link *link;

	if (!controller->rollout)
		return;
	link = &controller->links[item->host];
	if (link->is_up)
		return;
	if (is_frozen(sim, controller)) {
		plan_connect(sim, item->controller, item->host, 1000);
		return;
	}
	if (host->is_cut || !host->is_on) {
		char text[] = "connect: timed out";

		event.kind = EVENT_LOST;
		event.code = ERR_UNREACHABLE;
		event.text = text;
		plan_event(sim, item->controller, item->host, &event, 0);
		plan_connect(sim, item->controller, item->host,
			     sim_between(sim, 1000, 5000));
		return;
	}
	link->is_up = true;
	link->id++;
	link->boot = host->boot;
	sim_host_greet(sim, item->host);
	sim_host_status(sim, item->host, &event);
	plan_event(sim, item->controller, item->host, &event,
		   sim_between(sim, 5, 100));
}

/* The way to HOST is cut for all; its commands may still be on it. */
void sim_links_cut(struct sim *sim, uint32_t host)
{
	char text[] = "connection lost";
	struct event event = { .kind = EVENT_LOST,
			       .code = ERR_UNREACHABLE,
			       .text = text };

	for (uint32_t i = 0; i < sim->controllers.n; i++) {
		struct sim_controller *controller = &sim->controllers.items[i];
		uint64_t noticed = sim_between(sim, 10, 3000);

		if (!controller->rollout || !controller->links[host].is_up)
			continue;
		controller->links[host].is_up = false;
		controller->links[host].id++;
		plan_event(sim, i, host, &event, noticed);
		plan_connect(sim, i, host,
			     noticed + sim_between(sim, 500, 3000));
	}
}

/* A result goes to whoever is connected and asked: the newest. */
void sim_answer(struct sim *sim, uint32_t host, const struct event *event)
{
	for (uint32_t i = 0; i < sim->controllers.n; i++) {
		struct sim_controller *controller = &sim->controllers.items[i];
		uint64_t delay = sim_between(sim, 5, 120);

		if (!controller->rollout || !controller->links[host].is_up)
			continue;
		if (!sim->is_quiet &&
		    sim_chance(sim, sim->faults.lose_answer)) {
			sim->n_faults++;
			sim_hurt(sim, SIM_HURT_LOST);
			continue;
		}
		if (!sim->is_quiet &&
		    sim_chance(sim, sim->faults.late_answer)) {
			sim_hurt(sim, SIM_HURT_LATE);
			delay = sim_between(sim, 100, 4 * sim->config.valid_ms);
		}
		plan_event(sim, i, host, event, delay);
	}
}

/* A new controller: takes the next epoch, folds the journal, and reigns. */
void sim_controller_add(struct sim *sim)
{
	struct event reign = { .kind = EVENT_REIGN };
	struct sim_controller *controller;
	uint32_t at = (uint32_t)sim->controllers.n;
	struct sim_controller *before =
		at ? &sim->controllers.items[sim->leader] : NULL;
	struct rollout *rollout = sim_fold(sim);

	if (!before || before->rollout != sim->truth)
		rollout_free(sim->truth);
	controller = vec_add(&sim->controllers);
	controller->rollout = rollout;
	controller->epoch = ++sim->epoch;
	controller->skew_ms = sim_between(sim, 1000, 1000000000);
	controller->links =
		mem_array(sim->config.hosts.n, sizeof(*controller->links));
	sim->truth = rollout;
	sim->leader = at;
	sim_trace(sim, "controller %u takes over", at);
	for (uint32_t i = 0; i < sim->config.hosts.n; i++)
		plan_connect(sim, at, i, sim_between(sim, 10, 1500));
	reign.epoch = controller->epoch;
	sim_controller_feed(sim, at, &reign);
}
