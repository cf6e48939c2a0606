/*
 * rollout_state.h - what a rollout remembers, and how its files call each
 * other.
 *
 * For rollouts/rollout*.c, the view and the tests; nobody else includes it.
 * Times are on the rollout's own clock: it follows the controller's BOOTTIME
 * in a reign and stands still between two reigns, so that what is bounded by
 * time is never believed to be over too early.
 */
#pragma once

#include "rollouts/rollout.h"

#define ROLLOUT_STAGING_MAX 32 /* transfers at once */
#define ROLLOUT_MAX_LAPSES  3  /* leases that ran out on one host */
#define ROLLOUT_NEVER	    UINT64_MAX

/* What the rollout thinks of a host beyond the host's own answer. */
enum host_fate {
	FATE_OPEN,
	FATE_FAILED,	/* its activation failed, or it went back by itself */
	FATE_UNHEALTHY, /* it is not what is recorded: drift */
	FATE_BLOCKED,	/* it cannot take the release; counts as unreachable */
};

/* One bit each; rollout->n[] counts the hosts that have it. id, meaning */
#define HOST_FLAGS(X)                                                   \
	X(HOST_OUT)	    /* counts against max_unavailable */        \
	X(HOST_UNREACHABLE) /* counted against its budget */            \
	X(HOST_FAILED)                                                  \
	X(HOST_UNHEALTHY)                                               \
	X(HOST_DONE)	    /* of the stage, live, on the release */    \
	X(HOST_NEW_DONE)    /* the same, and new in this stage */       \
	X(HOST_UNCONFIRMED) /* done, and not yet confirmed */           \
	X(HOST_OPEN)	    /* of the stage, still to be switched */    \
	X(HOST_AWAITED)	    /* has not answered in this reign yet */    \
	X(HOST_READY)	    /* wants to be activated */                 \
	X(HOST_STAGEABLE)   /* wants the release's files */             \
	X(HOST_STAGING)	    /* gets them */                             \
	X(HOST_STUCK)	    /* between two releases, until mended */    \
	X(HOST_FLYING)	    /* activates or reverts, for all we know */ \
	X(HOST_UNSETTLED)   /* rollback: not yet known to be back */    \
	X(HOST_REVERTABLE)  /* rollback: wants to be reverted */        \
	X(HOST_IS_DOWN)	    /* the same, and is down already */         \
	X(HOST_IS_SHORT)    /* the same, and counts as out already */   \
	X(HOST_LOST)	    /* rollback: given up, to be named */

enum host_flag_bit {
#define HOST_FLAG_BIT(id) id##_BIT,
	HOST_FLAGS(HOST_FLAG_BIT)
#undef HOST_FLAG_BIT
		HOST_N_FLAGS
};
enum host_flag {
#define HOST_FLAG(id) id = 1 << id##_BIT,
	HOST_FLAGS(HOST_FLAG)
#undef HOST_FLAG
};

struct rollout_host {
	/* Its own last answer. */
	enum agent_host_state state;
	struct digest current;
	struct digest to;
	uint64_t seen_epoch; /* the highest pair it said it accepted */
	uint64_t seen_seq;
	bool is_known; /* it answered a fence, ever */
	bool is_busy;  /* carrying out a command */

	/* The way to it. */
	bool is_up;	  /* connected */
	bool is_mute;	  /* connected, and does not answer */
	bool is_heard;	  /* it was fenced once in this reign */
	bool is_fenced;	  /* its answer is newer than all that was sent */
	unsigned n_mute;  /* fences without an answer */
	uint64_t lost_ms; /* not reachable since */

	/* The one outstanding command. */
	enum agent_verb command; /* AGENT_VERB_NONE: none */
	uint64_t command_seq;
	uint64_t command_ms;
	uint64_t deadline_ms;
	/* The last ACTIVATE or REVERT that is not known to have ended. */
	enum agent_verb flying;
	uint64_t flying_epoch;
	uint64_t flying_seq;
	uint64_t flying_ms;
	uint64_t seq; /* the last one given out */
	unsigned attempts;
	uint64_t retry_ms; /* no command before */

	/* The lease: it ends at lease_ms at the earliest, and whatever the
	 * host does by itself is over at settled_ms. */
	uint64_t lease_ms;
	uint64_t extend_ms; /* when to extend it */
	uint64_t settled_ms;
	uint32_t rank; /* its place in the order of the slots */
	unsigned n_lapses;

	bool was_touched; /* an ACTIVATE was issued */
	bool is_lost;	  /* rollback: given up */
	enum host_fate fate;
	char *text;	     /* why, or NULL */
	uint64_t exposed_ms; /* on the new release since; NEVER: it is not */

	unsigned flags;
	uint64_t due_ms; /* look at it again at; kept in a heap */
	uint32_t heap_at;
};

struct rollout_gate {
	enum verdict verdict;
	char *text;
	uint64_t at_ms; /* of the verdict */
	uint64_t n_samples;
	bool is_asked;
	bool is_after_bake; /* the verdict was asked for after the bake */
	bool asked_after_bake;
	uint64_t asked_ms;
	uint64_t next_ms;
};

struct rollout_stage {
	enum stage_state state;
	VEC(char *) approvers;
	bool is_promoted;   /* gates and bake are skipped */
	bool is_confirming; /* passed but for the hosts' acknowledgement */
	uint64_t bake_left_ms;
	uint64_t bake_since_ms; /* its clock runs since; NEVER: stands */
	uint64_t hold_since_ms; /* no usable verdict since; NEVER: none */
	uint64_t n_samples;	/* the most a gate has seen */
};

struct rollout_domain {
	uint32_t n_out;
	uint32_t n_ready;
};

struct rollout {
	struct rollout_config config;
	enum rollout_state state;
	enum pause_cause cause;
	char *cause_text;
	uint64_t epoch;
	uint32_t stage; /* the current one */
	struct rollout_stage *stages;
	struct rollout_gate *gates; /* of the current stage */
	struct rollout_host *hosts;
	struct rollout_domain *domains;
	uint32_t n_domains;
	uint32_t n_domains_out;

	/* Derived from the config. */
	uint64_t lease_ms; /* confirm_ms, but never too short to work */
	uint64_t slot_ms;

	/* The order of self-reverts. */
	uint64_t slots_from_ms;
	uint64_t slot_period_ms;

	/* Rollback. */
	uint32_t back_from; /* first host that goes back */
	bool is_back;	    /* under way, even while paused */
	bool is_back_partial;
	uint32_t back_stage;
	uint64_t back_ms;
	char *back_text; /* the evidence */

	/* Failures that an operator has accepted by going on. */
	uint32_t accepted_failed;
	uint32_t accepted_unreachable;
	uint32_t accepted_unhealthy;

	/* Time. */
	uint64_t base_ms;     /* of the rollout's clock when the reign began */
	uint64_t base_now_ms; /* of the controller's at that moment */
	uint64_t last_ms;     /* of the last event that changed something */
	int64_t last_wall_ms;
	bool is_clocked;
	uint64_t started_ms;
	uint64_t paused_ms;
	uint64_t deadline_from_ms;
	int64_t started_wall_ms;
	int64_t ended_wall_ms;

	/* Who was on the new release, and for how long. */
	uint32_t n_exposed;	/* hosts, ever */
	uint64_t exposed_total; /* host-ms of those that are back */

	uint32_t n[HOST_N_FLAGS];
	uint32_t *heap;
	uint32_t n_heap;
	uint32_t activate_cursor;
	uint32_t stage_cursor;
	uint32_t revert_cursor;

	/* Only while in rollout_step. */
	uint64_t clock_ms;
	struct actions *out;
	bool is_changed;
};

/* rollout.c */
void rollout_log(struct rollout *rollout, const char *kind, const char *who,
		 const char *fmt, ...) PRINTF_LIKE(4, 5);
uint32_t rollout_n_in(const struct rollout *rollout); /* hosts of the stages
							 started so far */
void rollout_end(struct rollout *rollout, enum rollout_state state);
/* Milliseconds since 1970 of a time on the rollout's clock. */
int64_t rollout_wall_ms(const struct rollout *rollout, uint64_t clock_ms);
uint64_t rollout_clock_at(const struct rollout *rollout, uint64_t now_ms);

/* rollout_due.c: which host to look at next, a binary heap */
void rollout_due_set(struct rollout *rollout, uint32_t at, uint64_t due_ms);
void rollout_due_init(struct rollout *rollout);

/* rollout_host.c: what a host says and what follows for it */
void rollout_host_status(struct rollout *rollout, const struct event *event);
void rollout_host_result(struct rollout *rollout, const struct event *event);
void rollout_host_lost(struct rollout *rollout, const struct event *event);
void rollout_host_fate(struct rollout *rollout, struct rollout_host *host,
		       enum host_fate fate, const char *text);
void rollout_host_reign(struct rollout *rollout, struct rollout_host *host);
bool rollout_host_is_up(const struct rollout_host *host);
bool rollout_host_is_settled(const struct rollout_host *host);
bool rollout_host_is_on_new(const struct rollout *rollout,
			    const struct rollout_host *host);
const char *rollout_host_name(const struct rollout *rollout,
			      const struct rollout_host *host);

/* rollout_touch.c: the flags of a host, and its commands outside budgets */
void rollout_touch(struct rollout *rollout, struct rollout_host *host);
void rollout_touch_all(struct rollout *rollout);
void rollout_touch_due(struct rollout *rollout);

/* rollout_command.c: sending, leases and slots */
void rollout_command(struct rollout *rollout, struct rollout_host *host,
		     enum agent_verb verb);
void rollout_slots_begin(struct rollout *rollout);
/* A lease too short to be sure that it outlives an activation (R4). */
uint64_t rollout_lease_short_ms(const struct rollout *rollout,
				const struct rollout_host *host);
/* The longest that an unreachable host's own way back takes. */
uint64_t rollout_dead_man_ms(const struct rollout *rollout);
/* Hosts are ready, and only stuck ones take up the room. */
bool rollout_is_blocked(const struct rollout *rollout);
/* Send what the budgets leave room for. */
void rollout_dispatch(struct rollout *rollout);

/* rollout_stage.c: stages, bake, gates, budgets */
void rollout_stage_reset(struct rollout *rollout, uint32_t stage);
void rollout_stage_verdict(struct rollout *rollout, const struct event *event);
/* True if something happened and it should be called again. */
bool rollout_stage_progress(struct rollout *rollout);
void rollout_stage_activated(struct rollout *rollout);
bool rollout_stage_is_held(const struct rollout *rollout);
uint64_t rollout_stage_wake_ms(const struct rollout *rollout);
uint64_t rollout_bake_left_ms(const struct rollout *rollout, uint32_t stage,
			      uint64_t clock_ms);
uint32_t rollout_approvals_missing(const struct rollout *rollout);
void rollout_pause(struct rollout *rollout, enum pause_cause cause,
		   const char *fmt, ...) PRINTF_LIKE(3, 4);
/* There is evidence of harm: roll back or hold, as the stage says. */
void rollout_fail(struct rollout *rollout, const char *fmt, ...)
	PRINTF_LIKE(2, 3);

/* rollout_back.c */
void rollout_back_begin(struct rollout *rollout, uint32_t stage,
			bool is_partial, const char *who, const char *fmt, ...)
	PRINTF_LIKE(5, 6);
bool rollout_back_progress(struct rollout *rollout);

/* rollout_verbs.c */
void rollout_operate(struct rollout *rollout, const struct event *event);

/*
 * rollout_digest.c: all of the state but what is derived from it, as a number;
 * equal for a rollout and for the fold of its journal.
 */
uint64_t rollout_digest(const struct rollout *rollout);
