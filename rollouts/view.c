#include "rollouts/view.h"

#include "core/base/str.h"
#include "rollouts/rollout_state.h"

#define MAX_PROBLEMS 100 /* in one view; host_list has them all */

static void set_time(struct js *json, const char *key, int64_t wall_ms)
{
	char time[40];

	if (wall_ms > 0)
		str_format_time(wall_ms, time, sizeof(time));
	js_set_str(json, key, wall_ms > 0 ? time : NULL);
}

static void set_digest(struct js *json, const char *key,
		       const struct digest *digest)
{
	char hex[DIGEST_HEX + 1];

	digest_format(digest, hex);
	js_set_str(json, key, digest_is_zero(digest) ? NULL : hex);
}

/* The moment to count to: now, or the end. */
static uint64_t clock_of(const struct view_source *source)
{
	const struct rollout *rollout = source->rollout;

	return rollout_state_is_final(rollout->state)
		       ? rollout->last_ms
		       : rollout_clock_at(rollout, source->now_ms);
}

static int64_t wall_of(const struct view_source *source, uint64_t clock_ms)
{
	return source->wall_ms -
	       (int64_t)(rollout_clock_at(source->rollout, source->now_ms) -
			 clock_ms);
}

/* Counts of hosts by state; the names are part of the contract. */
#define COUNTED(X)                                     \
	X(AGENT_HOST_STATE_IDLE, "idle")               \
	X(AGENT_HOST_STATE_STAGED, "staged")           \
	X(AGENT_HOST_STATE_ARMED, "armed")             \
	X(AGENT_HOST_STATE_UNCONFIRMED, "unconfirmed") \
	X(AGENT_HOST_STATE_CONFIRMED, "confirmed")     \
	X(AGENT_HOST_STATE_REVERTING, "reverting")     \
	X(AGENT_HOST_STATE_STUCK, "stuck")

/* A release confirmed by an earlier rollout is not this one's success. */
static enum agent_host_state shown_state(const struct rollout *rollout,
					 const struct rollout_host *host)
{
	if (host->state == AGENT_HOST_STATE_CONFIRMED &&
	    !rollout_host_is_on_new(rollout, host))
		return AGENT_HOST_STATE_IDLE;
	return host->state;
}

static struct js *counts_json(const struct rollout *rollout)
{
	struct js *json = js_object();
	uint64_t by_state[AGENT_HOST_STATE_STUCK + 1] = { 0 };
	uint64_t n_unreachable = 0;
	uint64_t n_failed = 0;

	for (size_t i = 0; i < rollout->config.hosts.n; i++) {
		const struct rollout_host *host = &rollout->hosts[i];
		unsigned state = shown_state(rollout, host);

		if (state < COUNT_OF(by_state))
			by_state[state]++;
		n_unreachable += (host->flags & HOST_UNREACHABLE) != 0;
		n_failed += (host->flags & HOST_FAILED) != 0;
	}
	js_set_int(json, "total", (int64_t)rollout->config.hosts.n);
#define SET(state, name) js_set_int(json, name, (int64_t)by_state[state]);
	COUNTED(SET)
#undef SET
	js_set_int(json, "unreachable", (int64_t)n_unreachable);
	js_set_int(json, "failed", (int64_t)n_failed);
	return json;
}

static struct js *exposed_json(const struct rollout *rollout, uint64_t clock_ms)
{
	struct js *json = js_object();
	uint64_t host_ms = rollout->exposed_total;

	for (size_t i = 0; i < rollout->config.hosts.n; i++) {
		uint64_t since_ms = rollout->hosts[i].exposed_ms;

		if (since_ms != ROLLOUT_NEVER && clock_ms > since_ms)
			host_ms += clock_ms - since_ms;
	}
	js_set_int(json, "hosts", rollout->n_exposed);
	js_set_int(json, "host_ms", (int64_t)host_ms);
	return json;
}

static struct js *gates_json(const struct view_source *source, uint32_t at)
{
	const struct rollout *rollout = source->rollout;
	const struct rollout_stage_config *config =
		&rollout->config.stages.items[at];
	struct js *gates = js_array();

	for (uint32_t i = 0; i < rollout->config.gates.n; i++) {
		const struct rollout_gate *gate = &rollout->gates[i];
		struct js *json;

		if (!(config->gates & 1u << i))
			continue;
		json = js_object();
		js_set_str(json, "name", rollout->config.gates.items[i]);
		if (at == rollout->stage && gate->verdict != VERDICT_NONE) {
			js_set_str(json, "verdict",
				   verdict_name(gate->verdict));
			js_set_str(json, "text", gate->text);
			set_time(json, "at", wall_of(source, gate->at_ms));
			js_set_int(json, "samples", (int64_t)gate->n_samples);
		} else {
			js_set_str(json, "verdict", verdict_name(VERDICT_NONE));
		}
		js_append(gates, json);
	}
	return gates;
}

static bool is_done(const struct rollout *rollout,
		    const struct rollout_host *host)
{
	return rollout_host_is_on_new(rollout, host) &&
	       (host->state == AGENT_HOST_STATE_UNCONFIRMED ||
		host->state == AGENT_HOST_STATE_CONFIRMED);
}

static bool is_in_flight(const struct rollout_host *host)
{
	return host->command != AGENT_VERB_NONE || host->is_busy;
}

static struct js *stage_json(const struct view_source *source, uint32_t at,
			     uint64_t clock_ms)
{
	const struct rollout *rollout = source->rollout;
	const struct rollout_stage_config *config =
		&rollout->config.stages.items[at];
	const struct rollout_stage *stage = &rollout->stages[at];
	uint32_t first = at ? config[-1].n_hosts : 0;
	struct js *json = js_object();
	uint32_t n_done = 0;
	uint32_t n_flying = 0;

	for (uint32_t i = first; i < config->n_hosts; i++) {
		const struct rollout_host *host = &rollout->hosts[i];

		n_done += is_done(rollout, host);
		n_flying += is_in_flight(host);
	}
	js_set_str(json, "name", config->name);
	js_set_str(json, "state", stage_state_name(stage->state));
	js_set_int(json, "hosts", config->n_hosts);
	js_set_int(json, "new_hosts", config->n_hosts - first);
	js_set_int(json, "done", n_done);
	js_set_int(json, "in_flight", n_flying);
	js_set_int(json, "bake_ms", (int64_t)config->bake_ms);
	js_set_int(json, "bake_left_ms",
		   (int64_t)rollout_bake_left_ms(rollout, at, clock_ms));
	js_set_int(json, "approvals", (int64_t)stage->approvers.n);
	js_set_int(json, "approvals_needed", config->n_approvals);
	js_set(json, "gates", gates_json(source, at));
	return json;
}

static struct js *stages_json(const struct view_source *source,
			      uint64_t clock_ms)
{
	struct js *stages = js_array();

	for (uint32_t i = 0; i < source->rollout->config.stages.n; i++)
		js_append(stages, stage_json(source, i, clock_ms));
	return stages;
}

static struct js *flights_json(const struct view_source *source)
{
	const struct rollout *rollout = source->rollout;
	struct js *flights = js_array();

	for (size_t i = 0; i < rollout->config.hosts.n; i++) {
		const struct rollout_host *host = &rollout->hosts[i];
		struct js *json;

		if (host->command == AGENT_VERB_NONE)
			continue;
		json = js_object();
		js_set_str(json, "host", rollout->config.hosts.items[i].name);
		js_set_str(json, "verb", rollout_verb_name(host->command));
		set_time(json, "since", wall_of(source, host->command_ms));
		js_append(flights, json);
	}
	return flights;
}

/* NULL: nothing is wrong with it. */
static const char *problem_of(const struct rollout_host *host)
{
	if (host->fate == FATE_OPEN && !host->is_lost &&
	    host->state != AGENT_HOST_STATE_STUCK &&
	    !(host->flags & (HOST_UNREACHABLE | HOST_FAILED | HOST_UNHEALTHY)))
		return NULL;
	if (host->text)
		return host->text;
	if (host->state == AGENT_HOST_STATE_STUCK)
		return "stuck: neither the old nor the new release runs";
	return host->flags & HOST_UNREACHABLE ? "unreachable" : "failed";
}

static struct js *problems_json(const struct rollout *rollout)
{
	struct js *problems = js_array();

	for (size_t i = 0;
	     i < rollout->config.hosts.n && js_count(problems) < MAX_PROBLEMS;
	     i++) {
		const char *text = problem_of(&rollout->hosts[i]);
		struct js *json;

		if (!text)
			continue;
		json = js_object();
		js_set_str(json, "host", rollout->config.hosts.items[i].name);
		js_set_str(json, "text", text);
		js_append(problems, json);
	}
	return problems;
}

static const char *stage_of(const struct rollout *rollout, uint32_t host)
{
	const struct rollout_stage_config *stages =
		rollout->config.stages.items;

	for (size_t i = 0; i < rollout->config.stages.n; i++)
		if (host < stages[i].n_hosts)
			return stages[i].name;
	return NULL;
}

static struct js *hosts_json(const struct rollout *rollout)
{
	struct js *hosts = js_array();

	for (uint32_t i = 0; i < rollout->config.hosts.n; i++) {
		const struct rollout_host *host = &rollout->hosts[i];
		struct js *json = js_object();

		js_set_str(json, "name", rollout->config.hosts.items[i].name);
		js_set_str(json, "stage", stage_of(rollout, i));
		js_set_str(json, "state",
			   rollout_host_state_name(shown_state(rollout, host)));
		js_set_bool(json, "reachable", rollout_host_is_up(host));
		set_digest(json, "release", &host->current);
		js_set_str(json, "text", problem_of(host));
		js_append(hosts, json);
	}
	return hosts;
}

size_t view_exposed_hosts(const struct rollout *rollout, uint32_t *out)
{
	size_t n = 0;

	for (uint32_t i = 0; i < rollout->config.hosts.n; i++)
		if (rollout_host_is_up(&rollout->hosts[i]) &&
		    is_done(rollout, &rollout->hosts[i]))
			out[n++] = i;
	return n;
}

struct js *view_json(const struct view_source *source, bool has_hosts)
{
	const struct record *record = source->record;
	const struct rollout *rollout = source->rollout;
	AUTO_STR char *why = rollout_why(rollout, source->now_ms);
	uint64_t clock_ms = clock_of(source);
	struct js *json = js_object();

	js_set_str(json, "id", record->id);
	js_set_str(json, "service", record->service);
	set_digest(json, "release", &record->release);
	js_set_str(json, "version", record->version);
	js_set_str(json, "state", rollout_state_name(rollout->state));
	js_set_str(json, "cause", pause_cause_name(rollout->cause));
	js_set_str(json, "why", why);
	js_set_str(json, "who", record->who);
	js_set_str(json, "reason", record->reason);
	js_set_str(json, "plan", record->plan_path);
	set_time(json, "created", record->created_wall_ms);
	set_time(json, "started", rollout->started_wall_ms);
	set_time(json, "ended",
		 rollout_state_is_final(rollout->state) ? rollout->ended_wall_ms
							: 0);
	js_set_int(json, "epoch", (int64_t)rollout->epoch);
	js_set_int(json, "revision", (int64_t)source->revision);
	js_set(json, "hosts", counts_json(rollout));
	js_set(json, "exposed", exposed_json(rollout, clock_ms));
	js_set(json, "stages", stages_json(source, clock_ms));
	js_set(json, "in_flight", flights_json(source));
	js_set(json, "problems", problems_json(rollout));
	if (has_hosts)
		js_set(json, "host_list", hosts_json(rollout));
	return json;
}
