/*
 * rollout.h - one execution that moves a service from one release to another.
 *
 * The heart, and pure: no clock, no I/O, no chance of its own. Events go in (an
 * operator's verb, a host's answer, a verdict, time), actions come out. The
 * driver journals each event that had an effect together with its actions, then
 * carries the actions out; after a crash the same events, fed again, give the
 * same state, and EVENT_REIGN settles what was open.
 *
 *	PENDING -> PROGRESSING <-> PAUSED -> SUCCEEDED
 *	   |            +-------------+----> ROLLING_BACK -> ROLLED_BACK |
 *FAILED
 *	   +-> CANCELED              SUCCEEDED -> ROLLING_BACK (later rollback)
 *
 *	stage	WAITING -> DEPLOYING -> BAKING -> PASSED | FAILED
 *	host	IDLE -> STAGED -> ARMED -> UNCONFIRMED -> CONFIRMED
 *		any of these -> REVERTING -> IDLE | STUCK
 *
 * A host's state is its own last answer; unreachable is an attribute. What is
 * not seen counts as down. The rules R1-R11 and the invariants I1-I12 are in
 * gray(7); rollouts/simulator asserts the invariants after every event.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/base/digest.h"
#include "core/base/vec.h"
#include "core/wire/agent.h"
#include "rollouts/plan.h"

#define ROLLOUT_NO_HOST UINT32_MAX

/* id, name */
#define ROLLOUT_STATES(X)                       \
	X(ROLLOUT_PENDING, "pending")           \
	X(ROLLOUT_PROGRESSING, "progressing")   \
	X(ROLLOUT_PAUSED, "paused")             \
	X(ROLLOUT_ROLLING_BACK, "rolling_back") \
	X(ROLLOUT_SUCCEEDED, "succeeded")       \
	X(ROLLOUT_ROLLED_BACK, "rolled_back")   \
	X(ROLLOUT_FAILED, "failed")             \
	X(ROLLOUT_CANCELED, "canceled")

#define PAUSE_CAUSES(X)                                                       \
	X(PAUSE_NONE, "")                                                     \
	X(PAUSE_OPERATOR, "operator") /* a verb, or rollback --stage */       \
	X(PAUSE_FAILURE, "failure")   /* on_failure: hold */                  \
	X(PAUSE_NO_DATA, "no_data")   /* on_no_data, its hold is over */      \
	X(PAUSE_INFRA, "infra")	      /* the unreachable budget is used up */ \
	X(PAUSE_STORE, "store")	      /* the fleet knows a newer epoch */     \
	X(PAUSE_DEADLINE, "deadline")

#define STAGE_STATES(X)                 \
	X(STAGE_WAITING, "waiting")     \
	X(STAGE_DEPLOYING, "deploying") \
	X(STAGE_BAKING, "baking")       \
	X(STAGE_PASSED, "passed")       \
	X(STAGE_FAILED, "failed")

#define VERDICTS(X)                                                         \
	X(VERDICT_NONE, "none") /* not judged yet */                        \
	X(VERDICT_PASS, "pass")                                             \
	X(VERDICT_FAIL, "fail") /* evidence of harm: alone may roll back */ \
	X(VERDICT_INCONCLUSIVE, "inconclusive")                             \
	X(VERDICT_NO_DATA, "no-data")                                       \
	X(VERDICT_ERROR, "error") /* the gate itself is broken */

#define OPERATOR_VERBS(X)                \
	X(OPERATOR_START, "start")       \
	X(OPERATOR_PAUSE, "pause")       \
	X(OPERATOR_RESUME, "resume")     \
	X(OPERATOR_PROMOTE, "promote")   \
	X(OPERATOR_RETRY, "retry")       \
	X(OPERATOR_ROLLBACK, "rollback") \
	X(OPERATOR_ABORT, "abort")       \
	X(OPERATOR_APPROVE, "approve")

#define ROLLOUT_ENUM(id, name) id,
enum rollout_state { ROLLOUT_STATES(ROLLOUT_ENUM) };
enum pause_cause { PAUSE_CAUSES(ROLLOUT_ENUM) };
enum stage_state { STAGE_STATES(ROLLOUT_ENUM) };
enum verdict { VERDICTS(ROLLOUT_ENUM) };
enum operator_verb { OPERATOR_VERBS(ROLLOUT_ENUM) };
#undef ROLLOUT_ENUM

const char *rollout_state_name(enum rollout_state state);
const char *pause_cause_name(enum pause_cause cause);
const char *stage_state_name(enum stage_state state);
const char *verdict_name(enum verdict verdict);
const char *operator_verb_name(enum operator_verb verb);
const char *rollout_host_state_name(enum agent_host_state state);
const char *rollout_verb_name(enum agent_verb verb);
bool rollout_state_is_final(enum rollout_state state);

/* What never changes while the rollout lives (I11). Times in ms. */
struct rollout_host_config {
	char *name;
	uint32_t domain;    /* failure domain, 0 .. n_domains-1 */
	struct digest from; /* last confirmed release; zero: none yet */
};
struct rollout_stage_config {
	char *name;
	uint32_t n_hosts; /* cumulative: hosts 0 .. n_hosts-1 are in */
	uint64_t bake_ms;
	uint64_t min_requests;
	uint32_t n_approvals; /* needed before the stage starts */
	enum plan_on_failure on_failure;
	uint32_t gates; /* bit i: gate i judges the stage */
};
struct rollout_config {
	char *id; /* "feed-7" */
	char *service;
	char *version;
	struct digest release;
	VEC(struct rollout_host_config) hosts; /* in the order of the stages */
	VEC(struct rollout_stage_config) stages;
	VEC(char *) gates;	   /* names, by place */
	uint32_t gates_final_only; /* bit i: asked once, at the end of a bake */
	uint32_t max_unavailable;  /* hosts, at least 1 */
	enum plan_domains domains;
	/* Hosts of the stages begun: so many and it stops, 0 is like 1. What an
	 * operator went on with stops it no more; one more does. */
	uint32_t budget_failed;
	uint32_t budget_unreachable;
	uint32_t budget_unhealthy;
	uint32_t n_attempts; /* tries of a command on a host, at least 1 */
	uint64_t confirm_ms; /* L: a host's lease */
	uint64_t switch_ms;  /* D: most that one activation or revert takes */
	uint64_t valid_ms; /* V: a command is void so long after it was sent */
	uint64_t gate_interval_ms;
	uint64_t no_data_hold_ms;
	enum plan_then no_data_then;
	uint64_t deadline_ms;
	uint64_t seq_base; /* sequence numbers start above it */
};
void rollout_config_release(struct rollout_config *config);

enum event_kind {
	EVENT_TICK,  /* time passed */
	EVENT_REIGN, /* a controller took over: fence every target first */
	EVENT_OPERATOR,
	EVENT_STATUS, /* a host's state, asked for or on connecting */
	EVENT_RESULT, /* the end of a command on a host */
	EVENT_LOST,   /* no connection to the host (any more) */
	EVENT_VERDICT
};
struct event {
	enum event_kind kind;
	uint64_t
		now_ms; /* BOOTTIME of the controller; never falls in a reign */
	int64_t wall_ms; /* for the log only */
	uint64_t epoch;	 /* REIGN */
	/* OPERATOR */
	enum operator_verb verb;
	char *who;
	char *reason;
	uint32_t
		stage; /* ROLLBACK: from this stage; UINT32_MAX: all. VERDICT */
	/* STATUS, RESULT, LOST */
	uint32_t host;
	enum agent_host_state host_state;
	struct digest current;
	struct digest to;
	uint64_t host_epoch; /* highest pair the host accepted */
	uint64_t host_seq;
	uint64_t lease_left_ms;
	bool is_busy; /* a command is being carried out there */
	/* RESULT */
	uint64_t seq;
	enum agent_verb command;
	enum err_code code; /* ERR_NONE: done. LOST: why */
	char *text;	    /* RESULT, LOST, VERDICT: the sentence */
	/* VERDICT */
	uint32_t gate;
	enum verdict verdict;
	uint64_t n_samples; /* requests behind it; 0 unknown */
};
void event_release(struct event *event);

enum action_kind {
	ACTION_COMMAND, /* an intent: journal it, then send it */
	ACTION_JUDGE,	/* look at gate for stage; EVENT_VERDICT answers */
	ACTION_LOG	/* a line of the change log */
};
struct action {
	enum action_kind kind;
	/* COMMAND */
	uint32_t host;
	enum agent_verb verb;
	uint64_t seq;
	uint64_t valid_ms;
	uint64_t lease_ms;   /* ACTIVATE, EXTEND */
	uint64_t slot_in_ms; /* from now to the start of the host's slot */
	uint64_t slot_ms;
	uint64_t slot_period_ms;
	struct digest target; /* REVERT: the release to end on */
	/* JUDGE */
	uint32_t stage;
	uint32_t gate;
	/* LOG */
	const char *log_kind; /* "stage_passed"; a literal */
	char *text;
	char *who; /* or NULL: gray itself */
};
struct actions {
	VEC(struct action) list;
	bool is_changed;  /* the event had an effect: it must be journaled */
	uint64_t wake_ms; /* when to send the next TICK at the latest */
	/* OPERATOR: why the verb does not apply (nothing changed), or empty */
	struct err refusal;
};
void actions_release(struct actions *actions);
MEM_AUTO_VALUE(actions)

/*
 * How long a slot is: one revert, later by as much as a command may take to
 * arrive and by the eighth of a slot that a host may be late.
 */
uint64_t rollout_slot_ms(uint64_t switch_ms, uint64_t valid_ms);

struct rollout; /* state; read through rollouts/view and the getters below */

/* CONFIG moves into the rollout. */
struct rollout *rollout_new(struct rollout_config *config);
void rollout_free(struct rollout *rollout);
MEM_AUTO(rollout)

/* The whole of a rollout. OUT is empty before; the caller releases it. */
void rollout_step(struct rollout *rollout, const struct event *event,
		  struct actions *out);

const struct rollout_config *rollout_config(const struct rollout *rollout);
enum rollout_state rollout_state(const struct rollout *rollout);
/* The stage it is in, by place. */
uint32_t rollout_stage_now(const struct rollout *rollout);

/*
 * One sentence for `grayctl why`: what it waits for, since when, until when,
 * and what would move it. Owned by the caller.
 */
char *rollout_why(const struct rollout *rollout, uint64_t now_ms) MUST_CHECK;
