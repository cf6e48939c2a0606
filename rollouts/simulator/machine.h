/*
 * machine.h - what a simulated host runs: the agent's own state machine, lent
 * by the program that simulates.
 *
 * Rollouts do not know agents, and a second state machine made for simulations
 * would be another one. So whoever links both sides gives the simulator this:
 * a struct of functions over a state that is a plain value of SIZE bytes. The
 * simulator pretends the rest of the host: clock, power, disk, work.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/digest.h"
#include "core/base/err.h"
#include "core/wire/agent.h"

/* What one piece of work means to the simulator. */
enum machine_kind {
	MACHINE_SWITCH, /* part of a switch: its time is a part of D */
	MACHINE_STAGE,	/* files are brought, beside a switch */
	MACHINE_FLIP,	/* `current` names the release */
	MACHINE_HEALTH	/* where a bad release shows on a host */
};
struct machine_work {
	const char *name;
	enum machine_kind kind;
	uint32_t share; /* the most it takes, in 20000ths of D; STAGE: ms */
};
#define MACHINE_SHARES 20000u

enum machine_event {
	MACHINE_START,	 /* with the state that was kept */
	MACHINE_COMMAND, /* a command arrives */
	MACHINE_DONE,	 /* the work asked for has ended */
	MACHINE_TIMER	 /* the time asked for has come */
};
struct machine_input {
	enum machine_event event;
	uint64_t now_ms;       /* BOOTTIME */
	struct digest current; /* START, COMMAND: what the link names */
	const char *boot_id;   /* START */
	bool is_boot;	       /* START: before the service */
	const struct agent_command *command; /* COMMAND */
	unsigned work;			     /* DONE: place in the works */
	enum err_code code;		     /* DONE; ERR_NONE: it succeeded */
	const char *text;		     /* DONE: why not */
};
struct machine_output {
	bool is_kept;  /* the state must be durable before the rest */
	unsigned work; /* place in the works; 0: none */
	struct digest release;
	bool is_revert;
	bool is_answer; /* to the command with this number: */
	uint64_t seq;
	enum agent_verb verb;
	enum err_code code;
	char text[1024];
};
struct machine_view {
	enum agent_host_state state;
	struct digest current;
	struct digest to;
	uint64_t epoch; /* the highest pair accepted */
	uint64_t seq;
	bool is_busy;
	bool is_boot;
	bool is_switching; /* the service is out while it is so */
	bool is_verifying; /* the first work of an activation or a revert */
	uint64_t lease_left_ms;
	uint64_t timer_ms; /* BOOTTIME; 0: none */
};

struct machine {
	size_t size;			  /* of a state */
	const struct machine_work *works; /* the first one is no work */
	void (*init)(void *state);
	/* As after a start: what is durable of KEPT, nothing else. */
	void (*recall)(void *state, const void *kept);
	void (*step)(void *state, const struct machine_input *input,
		     struct machine_output *out);
	void (*view)(const void *state, uint64_t now_ms,
		     struct machine_view *out);
};
