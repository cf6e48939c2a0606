#include "rollouts/judging.h"

#include <string.h>

#define GRACE_MS 2000 /* for the way there and back */

struct check {
	struct judging *judging;
	uint64_t id;
	uint32_t host;
	gate_checked_fn fn;
	void *ctx;
	struct loop_timer *timer;
};

struct look {
	struct judging *judging;
	uint32_t stage;
	uint32_t gate;
	uint32_t *hosts;
	struct gate_look *look;
	bool is_over; /* it ended before gate_look returned */
};

struct judging {
	struct judging_world world;
	struct gate_env env;
	uint64_t last_id;
	VEC(struct check *) checks;
	struct look *looks[PLAN_MAX_GATES];
	/* A gate's memory, of the stage it was made in. */
	void *memory[PLAN_MAX_GATES];
	uint32_t memory_stage[PLAN_MAX_GATES];
};

/* Take the check out of the list; it is the caller's now. */
static struct check *take_check(struct judging *judging, size_t at)
{
	struct check *check = judging->checks.items[at];

	vec_remove(&judging->checks, at);
	return check;
}

static void end_check(struct check *check, const struct agent_checked *checked,
		      const char *text)
{
	check->fn(check->ctx, check->host, checked, text);
	loop_timer_free(check->timer);
	free(check);
}

static void check_timer_cb(void *ctx)
{
	struct check *check = ctx;
	struct judging *judging = check->judging;

	for (size_t i = 0; i < judging->checks.n; i++)
		if (judging->checks.items[i] == check) {
			end_check(take_check(judging, i), NULL,
				  "no answer in time");
			return;
		}
}

static void check_host(void *world, uint32_t host,
		       const struct agent_check *check, gate_checked_fn fn,
		       void *ctx)
{
	struct judging *judging = world;
	struct agent_check numbered = *check;
	struct check *made = MEM_NEW(struct check);

	numbered.id = ++judging->last_id;
	*made = (struct check){
		.judging = judging,
		.id = numbered.id,
		.host = host,
		.fn = fn,
		.ctx = ctx,
	};
	made->timer = loop_timer_new(judging->world.loop, check_timer_cb, made);
	*vec_add(&judging->checks) = made;
	/* Without a way there it ends at once, but never inside this call. */
	loop_timer_set(made->timer,
		       judging->world.send(judging->world.ctx, host, &numbered)
			       ? check->timeout_ms + GRACE_MS
			       : 0);
}

static void cancel_checks(void *world, void *ctx)
{
	struct judging *judging = world;

	for (size_t i = judging->checks.n; i-- > 0;) {
		struct check *check = judging->checks.items[i];

		if (check->ctx != ctx)
			continue;
		(void)take_check(judging, i);
		loop_timer_free(check->timer);
		free(check);
	}
}

static const char *host_name(void *world, uint32_t host)
{
	const struct judging *judging = world;

	return judging->world.record->hosts.items[host].name;
}

static const char *host_address(void *world, uint32_t host)
{
	const struct judging *judging = world;

	return judging->world.record->hosts.items[host].address;
}

struct judging *judging_new(const struct judging_world *world)
{
	struct judging *judging = MEM_NEW(struct judging);

	judging->world = *world;
	judging->env = (struct gate_env){
		.loop = world->loop,
		.check_host = check_host,
		.cancel_checks = cancel_checks,
		.host_name = host_name,
		.host_address = host_address,
		.world = judging,
		.dir = world->record->base_dir,
		.plan = world->plan,
		.rollout_id = world->record->id,
		.version = world->record->version,
	};
	return judging;
}

static void look_free(struct look *look)
{
	free(look->hosts);
	free(look);
}

static void drop_look(struct judging *judging, uint32_t gate)
{
	struct look *look = TAKE(judging->looks[gate]);

	if (!look)
		return;
	gate_cancel(look->look);
	look_free(look);
}

void judging_cancel(struct judging *judging)
{
	for (uint32_t i = 0; i < PLAN_MAX_GATES; i++)
		drop_look(judging, i);
}

static void forget(struct judging *judging, uint32_t gate)
{
	if (judging->memory[gate])
		gate_memory_free(&judging->world.plan->gates.items[gate],
				 judging->memory[gate]);
	judging->memory[gate] = NULL;
}

void judging_free(struct judging *judging)
{
	if (!judging)
		return;
	judging_cancel(judging);
	for (uint32_t i = 0; i < judging->world.plan->gates.n; i++)
		forget(judging, i);
	while (judging->checks.n > 0) {
		struct check *check = take_check(judging, 0);

		loop_timer_free(check->timer);
		free(check);
	}
	vec_release(&judging->checks);
	free(judging);
}

static void look_done_cb(void *ctx, const struct gate_result *result)
{
	struct look *look = ctx;
	struct judging *judging = look->judging;

	judging->world.verdict(judging->world.ctx, look->stage, look->gate,
			       result);
	if (!look->look) {
		look->is_over = true; /* judging_look frees it */
		return;
	}
	judging->looks[look->gate] = NULL;
	look_free(look);
}

void judging_look(struct judging *judging, uint32_t stage, uint32_t gate,
		  const uint32_t *hosts, size_t n_hosts)
{
	const struct plan *plan = judging->world.plan;
	struct look *look = MEM_NEW(struct look);
	struct gate_subject subject = {
		.stage = stage,
		.stage_name = plan->stages.items[stage].name,
		.n_hosts = n_hosts,
		.memory = &judging->memory[gate],
	};

	drop_look(judging, gate);
	if (judging->memory_stage[gate] != stage)
		forget(judging, gate);
	judging->memory_stage[gate] = stage;
	look->judging = judging;
	look->stage = stage;
	look->gate = gate;
	look->hosts = mem_array(n_hosts + 1, sizeof(*hosts));
	if (n_hosts > 0)
		memcpy(look->hosts, hosts, n_hosts * sizeof(*hosts));
	subject.hosts = look->hosts;
	look->look = gate_look(&judging->env, &plan->gates.items[gate],
			       &subject, look_done_cb, look);
	if (look->is_over)
		look_free(look);
	else
		judging->looks[gate] = look;
}

void judging_checked(struct judging *judging, uint32_t host,
		     const struct agent_checked *checked)
{
	for (size_t i = 0; i < judging->checks.n; i++) {
		struct check *check = judging->checks.items[i];

		/* A host may only answer what it was asked. */
		if (check->id != checked->id || check->host != host)
			continue;
		end_check(take_check(judging, i), checked, NULL);
		return;
	}
}

void judging_lost(struct judging *judging, uint32_t host, const char *text)
{
	size_t i = 0;

	/* Its function may ask anew: from the start after each. */
	while (i < judging->checks.n) {
		if (judging->checks.items[i]->host == host) {
			end_check(take_check(judging, i), NULL, text);
			i = 0;
		} else {
			i++;
		}
	}
}
