/*
 * sim.h - a rollout, its hosts and all that can go wrong, in one process.
 *
 * The engine is the real rollout_step, each host is the agent's real state
 * machine (machine.h); the clock, the network, the store, the disks and the
 * faults are pretended, and follow from one seed: the same seed gives the same
 * run. What must hold is checked after every event (sim_check.c); the first
 * thing that does not ends the run.
 *
 *	controllers (one leads, others may be left over) --commit--> store
 *	     ^  | commands: lost, doubled, late         the journal, an epoch
 *	     |  v
 *	    hosts: slow, cut off, rebooted, their guard killed, releases bad
 *
 * Who simulates fills in the config and the faults, and plays the people: in
 * `grayctl simulate` story.h does, in the tests a seed.
 */
#pragma once

#include "core/base/rand.h"
#include "core/sys/clock.h"
#include "rollouts/rollout.h"
#include "rollouts/rollout_state.h"
#include "rollouts/simulator/machine.h"

#define SIM_LATE_MS 2000  /* the latest that a host's process is woken */
#define SIM_LOOK_MS 60000 /* how often the people look */

/* Chances in a million for each occasion; times in ms. */
struct sim_faults {
	uint32_t lose_command;
	uint32_t lose_answer;
	uint32_t double_command;
	uint32_t late_command;
	uint32_t late_answer;
	uint32_t work_fails; /* of any kind but on the way back */
	uint32_t revert_fails;
	uint32_t stage_fails;
	uint32_t slow_host;	  /* by host, for the whole run */
	uint32_t crash_at_commit; /* each commit */
	uint32_t freeze_at_commit;
	uint64_t cut_every_ms; /* means; 0: never */
	uint64_t reboot_every_ms;
	uint64_t guard_every_ms;
	uint64_t outage_every_ms; /* of the controller */
	uint64_t split_every_ms;  /* of many hosts at once */
	uint64_t verb_every_ms;
	uint32_t gate_blind; /* each look */
	uint32_t gate_fails;
};

/* What went wrong, as it is counted. id, name, for people */
#define SIM_HURTS(X)                                                          \
	X(SIM_HURT_LOST, "messages_lost", "messages were lost")               \
	X(SIM_HURT_DOUBLE, "messages_doubled", "commands arrived twice")      \
	X(SIM_HURT_LATE, "messages_late", "messages came late")               \
	X(SIM_HURT_POWER, "power_losses", "times a host lost power")          \
	X(SIM_HURT_CUT, "cuts", "times a host could not be reached")          \
	X(SIM_HURT_GUARD, "guards_killed", "times a host's guard was killed") \
	X(SIM_HURT_CONTROLLER, "controller_losses",                           \
	  "times the controller died")                                        \
	X(SIM_HURT_FROZEN, "controller_freezes",                              \
	  "times the controller froze and another took over")                 \
	X(SIM_HURT_STAGE, "stagings_failed", "transfers to a host failed")    \
	X(SIM_HURT_WORK, "switches_failed", "switches failed on a host")      \
	X(SIM_HURT_REVERT, "reverts_failed", "ways back failed on a host")    \
	X(SIM_HURT_GATE, "gates_failed", "looks at a gate said fail")         \
	X(SIM_HURT_BLIND, "gates_blind",                                      \
	  "looks at a gate said nothing usable")                              \
	X(SIM_HURT_PEOPLE, "verbs", "verbs were given at random")
enum sim_hurt {
#define SIM_HURT_ENUM(id, name, words) id,
	SIM_HURTS(SIM_HURT_ENUM)
#undef SIM_HURT_ENUM
		SIM_N_HURTS
};
const char *sim_hurt_name(enum sim_hurt hurt);
const char *sim_hurt_words(enum sim_hurt hurt);

struct sim;

struct sim_options {
	uint64_t seed;
	const struct machine *machine; /* of every host */
	/* The people: called when a SIM_LOOK that they planned is due. They end
	 * the run with sim_end(). */
	void (*look)(struct sim *sim);
	/* A line of the change log by the controller that leads, or NULL. */
	void (*told)(struct sim *sim, const struct action *log);
	void *ctx;	 /* of both */
	bool is_watched; /* the people look from the start, not only when the
			    faults are over */
	bool is_traced;	 /* print what happens */
};

enum sim_kind {
	SIM_DELIVER, /* a command arrives at a host */
	SIM_EVENT,   /* something arrives at a controller */
	SIM_CONNECT, /* a controller tries to reach a host */
	SIM_WORK,    /* a piece of work on a host ends */
	SIM_TIMER,   /* a host's own clock */
	SIM_WAKE,    /* a controller's own clock */
	SIM_THAW,    /* a frozen controller goes on */
	SIM_REIGN,   /* a new controller takes over */
	SIM_POWER,   /* a host is switched on again */
	SIM_HEAL,    /* a host can be reached again */
	SIM_CUT,     /* faults; each plans the next of its kind */
	SIM_SPLIT,
	SIM_REBOOT,
	SIM_GUARD,
	SIM_OUTAGE,
	SIM_VERB,
	SIM_QUIET, /* no more faults: it has to come to an end */
	SIM_LOOK   /* the people look */
};

struct sim_item {
	uint64_t at_ms;
	uint64_t order;
	enum sim_kind kind;
	uint32_t host;
	uint32_t controller;
	uint64_t token; /* void if it is no longer the current one */
	/* DELIVER */
	struct action command;
	uint64_t epoch;
	uint64_t valid_until_ms; /* on the host's clock */
	uint64_t boot;
	size_t intent;
	/* EVENT */
	struct event event;
	bool needs_link; /* void if the connection is another one now */
};

struct sim_queue {
	struct sim_item **heap;
	size_t n;
	size_t room;
	uint64_t order;
};
void sim_queue_put(struct sim_queue *queue, struct sim_item *item);
struct sim_item *sim_queue_take(struct sim_queue *queue); /* NULL: empty */
void sim_queue_release(struct sim_queue *queue);
void sim_item_free(struct sim_item *item);

struct sim_host {
	void *state; /* of the machine */
	void *kept;  /* the same, as it was synced */
	struct machine_view view;
	struct machine_view disk; /* of what was synced */
	struct digest current;	  /* the link, durable */
	struct digest from;	  /* at the start of the run */
	bool is_on;		  /* has power */
	bool is_guarded;	  /* its guard process lives */
	bool is_cut;		  /* cannot be reached */
	bool is_full;		  /* its disk: no release gets onto it */
	bool is_slow;
	bool is_bad;	/* the release does not work here */
	bool is_wreck;	/* stuck, or its guard was killed in a switch */
	bool is_down;	/* out of service, because of us */
	uint64_t boot;	/* number of its boot */
	uint64_t on_ms; /* when it booted */
	uint64_t work_token;
	uint64_t timer_token;
	uint64_t top_epoch; /* highest pair that had an effect */
	uint64_t top_seq;
};

struct sim_link {
	bool is_up;
	uint64_t id;
	uint64_t boot; /* of the host when it came up */
};

struct sim_controller {
	struct rollout *rollout; /* NULL: dead */
	uint64_t epoch;
	uint64_t skew_ms; /* its clock */
	uint64_t frozen_until_ms;
	uint64_t wake_token;
	uint64_t wake_ms;
	struct sim_link *links;
	VEC(struct sim_item *) held; /* came while it was frozen */
};

/* What was committed and when: the proof for each effect. */
struct sim_intent {
	uint32_t host;
	enum agent_verb verb;
	uint64_t epoch;
	uint64_t seq;
};

struct sim {
	struct sim_options options;
	const struct machine *machine;
	struct sim_faults faults;
	struct rand rand;
	uint64_t now_ms;
	uint64_t end_ms;
	bool is_quiet;
	bool is_over;
	struct sim_queue queue;
	/* The store. */
	VEC(struct event) journal;
	VEC(struct sim_intent) intents;
	uint64_t epoch;
	/* The world. */
	struct rollout_config config; /* the pattern; copied for each fold */
	struct digest release;
	struct sim_host *hosts;
	VEC(struct sim_controller) controllers;
	uint32_t leader;       /* index of the last one */
	struct rollout *truth; /* what the store says; the leader's or ours */
	bool is_release_bad;
	uint32_t harm;	     /* each look, once a bad release is on more */
	uint32_t harm_after; /* hosts than these */
	/* What is checked. */
	uint32_t n_down;
	uint32_t most_down;
	uint32_t *domain_down;
	bool is_broken;
	char broken[512];
	/* What happened. */
	uint64_t trace_hash;
	uint64_t n_events;
	uint64_t n_faults;
	uint64_t hurts[SIM_N_HURTS];
	enum rollout_state ended;
	uint64_t ended_ms;
};

/* sim.c */
/*
 * A run takes these in order: sim_new, fill in config, end_ms and what the
 * world is like; sim_populate, then mark hosts and set the faults; sim_start,
 * sim_run.
 */
struct sim *sim_new(const struct sim_options *options) MUST_CHECK;
void sim_populate(struct sim *sim);
/* The faults end some time between the two. */
void sim_start(struct sim *sim, uint64_t quiet_least_ms,
	       uint64_t quiet_most_ms);
void sim_free(struct sim *sim);
MEM_AUTO(sim)
/* The rollout is over: nobody leads; the hosts are watched a while longer. */
void sim_end(struct sim *sim);
void sim_hurt(struct sim *sim, enum sim_hurt hurt);
/* False if something broke: sim->broken says what. */
bool sim_run(struct sim *sim);
void sim_trace(struct sim *sim, const char *fmt, ...) PRINTF_LIKE(2, 3);
bool sim_chance(struct sim *sim, uint32_t per_million);
uint64_t sim_between(struct sim *sim, uint64_t least, uint64_t most);
struct sim_item *sim_plan(struct sim *sim, enum sim_kind kind, uint64_t in_ms);
void sim_config_copy(const struct rollout_config *from,
		     struct rollout_config *out);

/* sim_host.c */
void sim_host_init(struct sim *sim, uint32_t at);
void sim_host_release(struct sim_host *host);
void sim_host_deliver(struct sim *sim, const struct sim_item *item);
void sim_host_work_done(struct sim *sim, const struct sim_item *item);
void sim_host_timer(struct sim *sim, const struct sim_item *item);
void sim_host_power_off(struct sim *sim, uint32_t at);
void sim_host_power_on(struct sim *sim, uint32_t at);
void sim_host_kill_guard(struct sim *sim, uint32_t at);
/* A connection was made: the guard is started if there is none. */
void sim_host_greet(struct sim *sim, uint32_t at);
void sim_host_status(struct sim *sim, uint32_t at, struct event *out);
uint64_t sim_host_now(const struct sim *sim, const struct sim_host *host);

/* sim_controller.c */
void sim_controller_add(struct sim *sim);
void sim_controller_feed(struct sim *sim, uint32_t at,
			 const struct event *event);
void sim_controller_event(struct sim *sim, struct sim_item *item);
void sim_controller_connect(struct sim *sim, const struct sim_item *item);
void sim_controller_wake(struct sim *sim, const struct sim_item *item);
void sim_controller_thaw(struct sim *sim, const struct sim_item *item);
void sim_controller_die(struct sim *sim, uint32_t at);
void sim_answer(struct sim *sim, uint32_t host, const struct event *event);
void sim_links_cut(struct sim *sim, uint32_t host);
struct rollout *sim_fold(struct sim *sim);
bool sim_has_leader(const struct sim *sim);

/* sim_faults.c */
void sim_faults_plan(struct sim *sim);
void sim_faults_do(struct sim *sim, const struct sim_item *item);
void sim_operate(struct sim *sim, enum operator_verb verb, uint32_t stage,
		 const char *why);

/* sim_check.c */
void sim_broken(struct sim *sim, const char *rule, const char *fmt, ...)
	PRINTF_LIKE(3, 4);
void sim_check_host(struct sim *sim, uint32_t at);
void sim_check_effect(struct sim *sim, uint32_t at, size_t intent,
		      enum agent_host_state before);
/* Around a step of the leader. */
struct sim_before {
	enum rollout_state state;
	uint32_t stage;
	enum stage_state stage_state;
};
void sim_check_before(const struct rollout *rollout, struct sim_before *out);
void sim_check_after(struct sim *sim, const struct rollout *rollout,
		     const struct sim_before *before,
		     const struct actions *actions);
void sim_check_fold(struct sim *sim, const struct rollout *live);
void sim_check_end(struct sim *sim);
