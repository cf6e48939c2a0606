/*
 * fake_link.h - link.h and gate.h, played: hosts that are a struct each, in
 * shared memory, and a gate that says what it is told to.
 *
 * Defines what these headers declare, so one test program may include it, in
 * place of rollouts/link.c and gates/gate.c. A command is obeyed at once and
 * its result told a little later; point() is where the controller may be
 * killed.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "rollouts/gates/gate.h"
#include "rollouts/link.h"

#define N_HOSTS 3
#define KILLED	77

/* What a host keeps, whoever reigns. */
struct fake_host {
	enum agent_host_state state;
	struct digest current;
	struct digest from;
	struct digest to;
	uint64_t epoch;
	uint64_t seq;
	enum agent_verb verb; /* the last one, and how it ended */
	enum err_code code;
	unsigned n_activations;
	unsigned n_reverts;
};
static struct shared {
	struct fake_host hosts[N_HOSTS];
	unsigned n_points;    /* passed by all reigns so far */
	unsigned kill_at;     /* the point to die at; 0: never */
	enum verdict verdict; /* what the gate says */
	unsigned n_exposed;   /* hosts that it was shown last */
	bool is_bad; /* the release does not come up on the last host */
} * shared;

/* A place where the controller may be killed. */
static void point(void)
{
	if (++shared->n_points == shared->kill_at)
		_exit(KILLED);
}

struct link {
	struct loop_timer *timer;
	struct link_events events;
	void *ctx;
	struct fake_host *host;
	bool is_up;
	bool has_result;
};

static struct agent_status status_of(const struct fake_host *host)
{
	return (struct agent_status){
		.state = host->state,
		.epoch = host->epoch,
		.seq = host->seq,
		.current = host->current,
		.from = host->from,
		.to = host->to,
		.lease_left_ms =
			host->state == AGENT_HOST_STATE_UNCONFIRMED ? 60000 : 0,
	};
}

static void link_timer_cb(void *ctx)
{
	struct link *link = ctx;
	struct agent_status status = status_of(link->host);
	struct agent_hello hello = { .protocol = 1 };
	struct agent_result result = {
		.epoch = link->host->epoch,
		.seq = link->host->seq,
		.verb = link->host->verb,
		.code = link->host->code,
		.text = (char *)(link->host->code ? "it does not come up" : ""),
		.status = status,
	};

	if (!link->is_up) {
		link->is_up = true;
		link->events.on_up(link, &hello, &status, link->ctx);
	} else if (link->has_result) {
		link->has_result = false;
		point(); /* it was done, and nobody here knows */
		link->events.on_result(link, &result, link->ctx);
	}
}

struct link *link_new(struct loop *loop, struct remote *remote,
		      const struct link_options *options,
		      const struct link_events *events, void *ctx)
{
	struct link *link = MEM_NEW(struct link);

	(void)remote;
	assert_string_equal(options->service, "feed");
	link->host = &shared->hosts[options->name[4] - '1'];
	link->events = *events;
	link->ctx = ctx;
	link->timer = loop_timer_new(loop, link_timer_cb, link);
	loop_timer_set(link->timer, 1);
	return link;
}

void link_free(struct link *link)
{
	loop_timer_free(link->timer);
	free(link);
}

bool link_is_up(const struct link *link)
{
	return link->is_up;
}

static void activate(struct fake_host *host, const struct digest *release)
{
	bool fails = shared->is_bad && host == &shared->hosts[N_HOSTS - 1];

	host->n_activations++;
	host->from = host->current;
	host->to = *release;
	host->state =
		fails ? AGENT_HOST_STATE_IDLE : AGENT_HOST_STATE_UNCONFIRMED;
	host->code = fails ? ERR_FAILED : ERR_NONE;
	if (!fails)
		host->current = *release;
}

static void obey(struct fake_host *host, const struct agent_command *command)
{
	host->code = ERR_NONE;
	host->verb = command->verb;
	switch (command->verb) {
	case AGENT_VERB_STAGE:
		host->state = AGENT_HOST_STATE_STAGED;
		host->to = command->release;
		break;
	case AGENT_VERB_ACTIVATE:
		activate(host, &command->release);
		break;
	case AGENT_VERB_CONFIRM:
		host->state = AGENT_HOST_STATE_CONFIRMED;
		break;
	case AGENT_VERB_REVERT:
		host->n_reverts++;
		host->state = AGENT_HOST_STATE_IDLE;
		host->current = command->target;
		break;
	case AGENT_VERB_NONE:
	case AGENT_VERB_FENCE:
	case AGENT_VERB_EXTEND:
	case AGENT_VERB_DROP:
	case AGENT_VERB_GC:
		break;
	}
}

void link_command(struct link *link, const struct agent_command *command,
		  uint64_t valid_ms)
{
	struct fake_host *host = link->host;

	(void)valid_ms;
	point(); /* the intent is stored, nothing was sent */
	/* Never below what it accepted: the driver's epochs must see to it. */
	assert_true(
		command->epoch > host->epoch ||
		(command->epoch == host->epoch && command->seq > host->seq));
	host->epoch = command->epoch;
	host->seq = command->seq;
	obey(host, command);
	link->has_result = true;
	loop_timer_set(link->timer, 1);
}

void link_stage(struct link *link, const struct agent_command *command,
		uint64_t valid_ms, const struct manifest *manifest,
		struct blobs *blobs)
{
	assert_true(digest_equal(&manifest->digest, &command->release));
	assert_true(blobs_has(blobs, &manifest->entries.items[0].digest));
	link_command(link, command, valid_ms);
}

void link_check(struct link *link, const struct agent_check *check)
{
	(void)link;
	(void)check;
}

struct gate_look {
	struct loop_timer *timer;
	gate_done_fn done;
	void *ctx;
};

static void gate_timer_cb(void *ctx)
{
	struct gate_look *look = ctx;
	struct gate_result result = { .verdict = shared->verdict,
				      .text = "smoke: as told" };

	point(); /* the look is lost */
	look->done(look->ctx, &result);
	gate_cancel(look);
}

struct gate_look *gate_look(const struct gate_env *env,
			    const struct plan_gate *gate,
			    const struct gate_subject *subject,
			    gate_done_fn done, void *ctx)
{
	struct gate_look *look = MEM_NEW(struct gate_look);

	assert_string_equal(gate->name, "smoke");
	assert_string_equal(env->rollout_id, "feed-1");
	shared->n_exposed = (unsigned)subject->n_hosts;
	look->done = done;
	look->ctx = ctx;
	look->timer = loop_timer_new(env->loop, gate_timer_cb, look);
	loop_timer_set(look->timer, 1);
	return look;
}

void gate_cancel(struct gate_look *look)
{
	loop_timer_free(look->timer);
	free(look);
}

void gate_memory_free(const struct plan_gate *gate, void *memory)
{
	(void)gate;
	(void)memory;
}

bool gate_is_final_only(enum plan_gate_kind kind)
{
	(void)kind;
	return false;
}
