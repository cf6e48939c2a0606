/*
 * deploy.h - one deployment root's state machine: what may follow what.
 *
 * Pure: no clock, no file, no process. Events go in (a command, the end of a
 * piece of work, time), actions come out; agents/guard carries them out on a
 * host, the simulator on thousands of pretended ones. What must survive is in
 * struct deploy_record, a plain value: write it and nothing else is needed.
 *
 *	IDLE --stage--> STAGED --activate--> ARMED --flip--> UNCONFIRMED
 *	 ^  <--drop---- STAGED               |  |             | |     |
 *	 |        ^---- (failed before drain)+  |             | | confirm
 *	 |                                      v             | |     v
 *	 +------------- REVERTING <----failure--+---<---------+ | CONFIRMED
 *	                    |    <- lease over, reboot, revert -+     |
 *	                    +--> STUCK (revert again)                 |
 *	CONFIRMED --stage--> STAGED, --revert--> REVERTING <----------+
 *
 * A command counts only on the boot it was made for, before it is too old, and
 * when its (epoch, seq) is above the highest accepted pair, which is on disk
 * before anything else happens. An equal pair gets the stored result, a lower
 * one ERR_STALE. One command is carried out at a time.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/base/digest.h"
#include "core/base/err.h"
#include "core/sys/clock.h"
#include "core/wire/agent.h"

#define DEPLOY_TEXT	  1024
#define DEPLOY_NAME	  65
#define DEPLOY_VERSION	  129
#define DEPLOY_KEEP_LEAST 2

/* How the last accepted command ended. */
struct deploy_result {
	enum agent_verb verb;
	uint32_t code; /* enum err_code */
	bool is_known; /* false: still being carried out */
	char text[DEPLOY_TEXT];
};

/* Durable. All text ends in a NUL; all digests may be zero: none. */
struct deploy_record {
	enum agent_host_state state;
	uint64_t epoch; /* highest pair accepted; never falls */
	uint64_t seq;
	char rollout[DEPLOY_NAME];
	char version[DEPLOY_VERSION]; /* of `to`, for people */
	struct digest current; /* what the link named when last we looked */
	struct digest from;    /* what a revert goes back to */
	struct digest to;      /* staged, armed or switched to */
	struct digest stable;  /* last confirmed, or went back to */
	struct digest target;  /* REVERTING: where it ends */
	/* The lease of UNCONFIRMED, on BOOTTIME of boot_id. */
	char boot_id[BOOT_ID_SIZE];
	uint64_t lease_end_ms;
	uint64_t slot_start_ms; /* start of one of the host's slots */
	uint64_t slot_ms;
	uint64_t slot_period_ms; /* 0: no slots, at once */
	struct deploy_result result;
	char note[DEPLOY_TEXT]; /* what last happened by itself */
};

/* What the machine asks for; each ends in one DEPLOY_DONE. id, name */
#define DEPLOY_WORKS(X)                                                      \
	X(DEPLOY_NOTHING, "nothing")                                         \
	X(DEPLOY_STAGE, "stage")   /* bring release into releases/ */        \
	X(DEPLOY_VERIFY, "verify") /* release, and other unless zero, */     \
	/* are whole by digest */                                            \
	X(DEPLOY_PREPARE, "prepare") /* the hook of release */               \
	X(DEPLOY_DRAIN, "drain")     /* the hook of release */               \
	X(DEPLOY_FLIP, "flip")	     /* current names release; zero: gone */ \
	X(DEPLOY_RESTART, "restart") /* the service, from release */         \
	X(DEPLOY_PROBE, "probe")     /* until it is healthy long enough */   \
	X(DEPLOY_DROP, "drop")	     /* remove release, unless pinned */     \
	X(DEPLOY_PRUNE, "prune")     /* keep `keep` releases and the pinned */
#define DEPLOY_ENUM(id, name) id,
enum deploy_work { DEPLOY_WORKS(DEPLOY_ENUM) };
#undef DEPLOY_ENUM
const char *deploy_work_name(enum deploy_work work);

enum deploy_event_kind {
	DEPLOY_START, /* the guard began with a record from disk, or none */
	DEPLOY_COMMAND,
	DEPLOY_DONE, /* the work asked for has ended */
	DEPLOY_TIMER /* the time asked for has come (early is harmless) */
};
struct deploy_event {
	enum deploy_event_kind kind;
	uint64_t now_ms; /* BOOTTIME */
	/* START, COMMAND: what the link names now; zero: there is none. */
	struct digest current;
	/* START, COMMAND: the link is not ours to change; a sentence, or "". */
	const char *current_problem;
	/* START */
	const char *boot_id;
	bool is_boot; /* before the service: switch only, restart nothing */
	/* COMMAND; borrowed. digests by value in it. */
	const struct agent_command *command;
	/* DONE */
	enum deploy_work work;
	enum err_code code; /* ERR_NONE: it succeeded */
	const char *text;   /* why not */
};

/*
 * To be carried out in this order. A record that is to be kept must be synced
 * before the rest; when that fails nothing else may happen.
 */
struct deploy_actions {
	bool persist; /* deploy->record */
	enum deploy_work work;
	struct digest release; /* of the work */
	struct digest other;   /* VERIFY: this one too, unless zero */
	uint32_t keep;	       /* PRUNE */
	bool is_revert; /* of the work: no hook but the restart may run */
	/* The answer to the command with this pair. */
	bool answer;
	bool is_repeat;
	uint64_t epoch;
	uint64_t seq;
	enum agent_verb verb;
	enum err_code code;
	char text[DEPLOY_TEXT];
};

struct deploy {
	struct deploy_record record;
	/* Volatile. */
	char boot_id[BOOT_ID_SIZE];
	bool is_boot;
	enum deploy_work work; /* going on */
	bool has_command;      /* it is this one's: */
	enum agent_verb verb;
	uint64_t epoch;
	uint64_t seq;
	uint64_t received_ms;
	uint32_t keep;
	struct digest arming; /* STAGE, REVERT: the release asked for */
	char version[DEPLOY_VERSION];
	uint64_t lease_ms, slot_in_ms, slot_ms, slot_period_ms;
	struct err failure; /* why it goes back; ERR_NONE: it was told to */
};

/* Nothing accepted yet, nothing deployed. */
void deploy_init(struct deploy *deploy);

/* OUT is overwritten. */
void deploy_step(struct deploy *deploy, const struct deploy_event *event,
		 struct deploy_actions *out);

/* Work is going on: a new command would be told to come again. */
bool deploy_is_busy(const struct deploy *deploy);
/* When to send DEPLOY_TIMER, BOOTTIME; 0: no need. */
uint64_t deploy_timer_ms(const struct deploy *deploy, uint64_t now_ms);
uint64_t deploy_lease_left_ms(const struct deploy *deploy, uint64_t now_ms);
/* The guard has to stay: the host may have to save itself. */
bool deploy_needs_guard(const struct deploy *deploy);
/* A record from disk is one we could have written. */
int deploy_check_record(const struct deploy_record *record,
			struct err *err) MUST_CHECK;
