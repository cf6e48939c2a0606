#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "rollouts/rollout_state.h"

#define NAME_ROW(id, name) [id] = name,
#define NAME_FUNCTION(function, type, TABLE)                                 \
	const char *function(enum type value)                                \
	{                                                                    \
		static const char *const names[] = { TABLE(NAME_ROW) };      \
		return (size_t)value < COUNT_OF(names) ? names[value] : "?"; \
	}
NAME_FUNCTION(rollout_state_name, rollout_state, ROLLOUT_STATES)
NAME_FUNCTION(pause_cause_name, pause_cause, PAUSE_CAUSES)
NAME_FUNCTION(stage_state_name, stage_state, STAGE_STATES)
NAME_FUNCTION(verdict_name, verdict, VERDICTS)
NAME_FUNCTION(operator_verb_name, operator_verb, OPERATOR_VERBS)

const char *rollout_host_state_name(enum agent_host_state state)
{
	return agent_host_state_name(state);
}

const char *rollout_verb_name(enum agent_verb verb)
{
	return agent_verb_name(verb);
}

bool rollout_state_is_final(enum rollout_state state)
{
	return state == ROLLOUT_SUCCEEDED || state == ROLLOUT_ROLLED_BACK ||
	       state == ROLLOUT_FAILED || state == ROLLOUT_CANCELED;
}

void rollout_config_release(struct rollout_config *config)
{
	for (size_t i = 0; i < config->hosts.n; i++)
		free(config->hosts.items[i].name);
	for (size_t i = 0; i < config->stages.n; i++)
		free(config->stages.items[i].name);
	for (size_t i = 0; i < config->gates.n; i++)
		free(config->gates.items[i]);
	vec_release(&config->hosts);
	vec_release(&config->stages);
	vec_release(&config->gates);
	free(config->id);
	free(config->service);
	free(config->version);
	memset(config, 0, sizeof(*config));
}

void event_release(struct event *event)
{
	free(event->who);
	free(event->reason);
	free(event->text);
	memset(event, 0, sizeof(*event));
}

void actions_release(struct actions *actions)
{
	for (size_t i = 0; i < actions->list.n; i++) {
		free(actions->list.items[i].text);
		free(actions->list.items[i].who);
	}
	vec_release(&actions->list);
}

static void domains_init(struct rollout *rollout)
{
	uint32_t n = 1;

	for (size_t i = 0; i < rollout->config.hosts.n; i++)
		n = MAX_OF(n, rollout->config.hosts.items[i].domain + 1);
	rollout->n_domains = n;
	rollout->domains = mem_array(n, sizeof(*rollout->domains));
}

struct rollout *rollout_new(struct rollout_config *config)
{
	struct rollout *rollout = MEM_NEW(struct rollout);
	uint64_t least;

	rollout->config = *config;
	memset(config, 0, sizeof(*config));
	config = &rollout->config;
	assert(config->hosts.n > 0 && config->hosts.n < ROLLOUT_NO_HOST);
	assert(config->stages.n > 0);
	config->max_unavailable = MAX_OF(config->max_unavailable, 1u);
	config->n_attempts = MAX_OF(config->n_attempts, 1u);
	/*
	 * A lease must outlive an activation elsewhere with time to renew it;
	 * one that cannot would stop the rollout for ever.
	 */
	least = 2 * (config->valid_ms + config->switch_ms);
	rollout->lease_ms = MAX_OF(config->confirm_ms, least);
	rollout->slot_ms = rollout_slot_ms(config->switch_ms, config->valid_ms);
	rollout->stages = mem_array(config->stages.n, sizeof(*rollout->stages));
	rollout->gates = mem_array(MAX_OF(config->gates.n, (size_t)1),
				   sizeof(*rollout->gates));
	rollout->hosts = mem_array(config->hosts.n, sizeof(*rollout->hosts));
	domains_init(rollout);
	for (size_t i = 0; i < config->hosts.n; i++) {
		struct rollout_host *host = &rollout->hosts[i];

		host->seq = config->seq_base;
		host->exposed_ms = ROLLOUT_NEVER;
	}
	rollout_due_init(rollout);
	for (uint32_t i = (uint32_t)config->stages.n; i-- > 0;)
		rollout_stage_reset(rollout, i);
	rollout_slots_begin(rollout);
	return rollout;
}

static void stage_release(struct rollout_stage *stage)
{
	for (size_t i = 0; i < stage->approvers.n; i++)
		free(stage->approvers.items[i]);
	vec_release(&stage->approvers);
}

void rollout_free(struct rollout *rollout)
{
	if (!rollout)
		return;
	for (size_t i = 0; i < rollout->config.stages.n; i++)
		stage_release(&rollout->stages[i]);
	for (size_t i = 0; i < rollout->config.gates.n; i++)
		free(rollout->gates[i].text);
	for (size_t i = 0; i < rollout->config.hosts.n; i++)
		free(rollout->hosts[i].text);
	free(rollout->stages);
	free(rollout->gates);
	free(rollout->hosts);
	free(rollout->domains);
	free(rollout->heap);
	free(rollout->cause_text);
	free(rollout->back_text);
	rollout_config_release(&rollout->config);
	free(rollout);
}

void rollout_log(struct rollout *rollout, const char *kind, const char *who,
		 const char *fmt, ...)
{
	struct action *action = vec_add(&rollout->out->list);
	struct buf text = BUF_INIT;
	char line[1024];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	buf_append_str(&text, line);
	action->kind = ACTION_LOG;
	action->host = ROLLOUT_NO_HOST;
	action->log_kind = kind;
	action->text = buf_take_str(&text);
	action->who = mem_str(who);
}

uint32_t rollout_n_in(const struct rollout *rollout)
{
	if (rollout->state == ROLLOUT_PENDING)
		return 0;
	return rollout->config.stages.items[rollout->stage].n_hosts;
}

void rollout_end(struct rollout *rollout, enum rollout_state state)
{
	rollout->state = state;
	rollout->cause = PAUSE_NONE;
	rollout->ended_wall_ms = rollout->last_wall_ms;
	rollout->is_changed = true;
	rollout_touch_all(rollout);
}

uint64_t rollout_clock_at(const struct rollout *rollout, uint64_t now_ms)
{
	uint64_t clock = rollout->base_ms;

	if (now_ms > rollout->base_now_ms)
		clock += now_ms - rollout->base_now_ms;
	return MAX_OF(clock, rollout->last_ms);
}

int64_t rollout_wall_ms(const struct rollout *rollout, uint64_t clock_ms)
{
	return rollout->last_wall_ms - (int64_t)(rollout->last_ms - clock_ms);
}

/* The clock stands still between two reigns and never falls. */
static void set_clock(struct rollout *rollout, const struct event *event)
{
	if (!rollout->is_clocked || event->kind == EVENT_REIGN) {
		rollout->base_ms = rollout->is_clocked ? rollout->last_ms : 1;
		rollout->base_now_ms = event->now_ms;
		rollout->is_clocked = true;
		rollout->is_changed = true;
	}
	rollout->clock_ms = rollout_clock_at(rollout, event->now_ms);
}

/*
 * A controller took over. What it knows is old, what was sent may still
 * arrive: every host is asked before it is told anything.
 */
static void reign(struct rollout *rollout, const struct event *event)
{
	rollout->epoch = MAX_OF(rollout->epoch, event->epoch);
	for (size_t i = 0; i < rollout->config.hosts.n; i++)
		rollout_host_reign(rollout, &rollout->hosts[i]);
	for (size_t i = 0; i < rollout->config.gates.n; i++) {
		rollout->gates[i].is_asked = false;
		rollout->gates[i].next_ms = rollout->clock_ms;
	}
	rollout_slots_begin(rollout);
	rollout->is_changed = true;
	rollout_touch_all(rollout);
}

static void handle(struct rollout *rollout, const struct event *event)
{
	switch (event->kind) {
	case EVENT_TICK:
		break;
	case EVENT_REIGN:
		reign(rollout, event);
		break;
	case EVENT_OPERATOR:
		rollout_operate(rollout, event);
		break;
	case EVENT_STATUS:
		rollout_host_status(rollout, event);
		break;
	case EVENT_RESULT:
		rollout_host_result(rollout, event);
		break;
	case EVENT_LOST:
		rollout_host_lost(rollout, event);
		break;
	case EVENT_VERDICT:
		rollout_stage_verdict(rollout, event);
		break;
	}
}

static uint64_t wake_ms(const struct rollout *rollout, uint64_t now_ms)
{
	uint64_t at = rollout_stage_wake_ms(rollout);

	if (rollout->n_heap)
		at = MIN_OF(at, rollout->hosts[rollout->heap[0]].due_ms);
	if (at == ROLLOUT_NEVER)
		return ROLLOUT_NEVER;
	return at > rollout->clock_ms ? now_ms + (at - rollout->clock_ms)
				      : now_ms + 1;
}

void rollout_step(struct rollout *rollout, const struct event *event,
		  struct actions *out)
{
	int64_t wall_ms = rollout->last_wall_ms;
	bool was_clocked = rollout->is_clocked;
	bool again = true;

	memset(out, 0, sizeof(*out));
	rollout->out = out;
	rollout->is_changed = false;
	rollout->last_wall_ms = event->wall_ms;
	set_clock(rollout, event);
	handle(rollout, event);
	if (out->refusal.code != ERR_NONE) {
		/* As if it had not been said. */
		rollout->is_clocked = was_clocked;
		rollout->last_wall_ms = wall_ms;
		out->wake_ms = wake_ms(rollout, event->now_ms);
		rollout->out = NULL;
		return;
	}
	rollout_touch_due(rollout);
	while (again) {
		again = rollout->state == ROLLOUT_ROLLING_BACK
				? rollout_back_progress(rollout)
				: rollout_stage_progress(rollout);
		rollout_dispatch(rollout);
	}
	out->is_changed = rollout->is_changed || out->list.n > 0;
	if (out->is_changed)
		rollout->last_ms = rollout->clock_ms;
	else
		rollout->last_wall_ms = wall_ms;
	out->wake_ms = wake_ms(rollout, event->now_ms);
	rollout->out = NULL;
}

const struct rollout_config *rollout_config(const struct rollout *rollout)
{
	return &rollout->config;
}

enum rollout_state rollout_state(const struct rollout *rollout)
{
	return rollout->state;
}

uint64_t rollout_slot_ms(uint64_t switch_ms, uint64_t valid_ms)
{
	return (switch_ms + valid_ms) * 7 / 6 + 1;
}

uint32_t rollout_stage_now(const struct rollout *rollout)
{
	return rollout->stage;
}
