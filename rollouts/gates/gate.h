/*
 * gate.h - a condition to advance: one file a kind, one row in gate.c.
 *
 * A gate looks once when asked and says a verdict with one sentence and the
 * numbers behind it. It changes nothing and decides nothing: what a verdict
 * means for the rollout is the engine's business. A gate whose source cannot be
 * read says no-data, one that is broken itself says error; neither is harm.
 */
#pragma once

#include "core/sys/loop.h"
#include "core/wire/agent.h"
#include "rollouts/plan.h"
#include "rollouts/rollout.h"

struct gate_look; /* one look under way */

struct gate_result {
	enum verdict verdict;
	char text[512]; /* "errors: 41 of 10213 requests failed, 0.40%, ..." */
	uint64_t n_samples; /* requests seen; 0: does not count any */
};
typedef void (*gate_done_fn)(void *ctx, const struct gate_result *result);

/* What a host said to a check; NULL: it could not be asked (text says why). */
typedef void (*gate_checked_fn)(void *ctx, uint32_t host,
				const struct agent_checked *checked,
				const char *text);

/* What gates need of the world; the driver lends it, tests fake it. */
struct gate_env {
	struct loop *loop;
	/*
	 * Ask HOST (by place in the rollout's list); FN is called once, on the
	 * loop, within the check's timeout, unless cancelled by CTX.
	 */
	void (*check_host)(void *world, uint32_t host,
			   const struct agent_check *check, gate_checked_fn fn,
			   void *ctx);
	void (*cancel_checks)(void *world, void *ctx);
	const char *(*host_name)(void *world, uint32_t host);
	const char *(*host_address)(void *world, uint32_t host);
	void *world;
	const char *dir; /* the plan's folder: command gates run there */
	const struct plan *plan;
	const char *rollout_id;
	const char *version;
};

struct gate_subject {
	uint32_t stage;
	const char *stage_name;
	const uint32_t *hosts; /* on the new release, reachable; borrowed */
	size_t n_hosts;
	/*
	 * The counters of earlier looks of this gate in this stage, by host:
	 * the gate keeps its own memory here between looks. NULL at first.
	 */
	void **memory;
};

/*
 * Look at GATE. DONE is called once, on the loop, within the gate's timeout,
 * unless the look is cancelled. Everything is borrowed until then.
 */
struct gate_look *gate_look(const struct gate_env *env,
			    const struct plan_gate *gate,
			    const struct gate_subject *subject,
			    gate_done_fn done, void *ctx);
void gate_cancel(struct gate_look *look);
void gate_memory_free(const struct plan_gate *gate, void *memory);
/* Asked once at the end of a bake rather than all through it? */
bool gate_is_final_only(enum plan_gate_kind kind);
const char *gate_kind_name(enum plan_gate_kind kind);
