/*
 * guard_state.h - the inside of the guard: only guard*.c include it.
 *
 *	guard.c		the loop, and feeding the state machine
 *	guard_clients.c	connections from serve, and what is said on them
 *	guard_work.c	carrying out a piece of work
 *	guard_stage.c	the longest of them: bringing a release to the host
 */
#pragma once

#include "agents/child.h"
#include "agents/fetch.h"
#include "agents/guard.h"
#include "agents/record.h"
#include "agents/slot.h"
#include "core/release/manifest.h"

#define GUARD_CLIENTS 16

struct guard_client {
	int fd; /* -1: a free place */
	bool is_greeted;
	struct buf out; /* records that it has not taken yet */
	/* The manifest that it has said so far. */
	struct manifest *manifest;
	struct err manifest_err;
	/* The command whose end it waits for. */
	bool is_waiting;
	uint64_t epoch;
	uint64_t seq;
};

/* A stage that is going on. */
enum guard_stage_step {
	GUARD_STAGE_NONE,
	GUARD_STAGE_REUSE, /* job: what the host has is copied */
	GUARD_STAGE_FILES, /* the rest comes from the client */
	GUARD_STAGE_BUILD  /* job: into a folder */
};
struct guard_stage {
	enum guard_stage_step step;
	struct manifest *manifest;   /* NULL: none is */
	struct guard_client *client; /* who sends the files; NULL: gone */
	struct digest release;
	struct fetch_missing missing;
	size_t n_received;
	struct fetch_file *file; /* being received */
	uint64_t heard_ms;	 /* from the client, last */
};

struct guard {
	struct slot *slot;
	struct journal *journal;
	struct journal_entry *entry; /* what is, or will next be, on disk */
	struct deploy deploy;
	const struct spec *offered; /* with the command being fed, or NULL */
	char boot_id[BOOT_ID_SIZE];
	int lock;
	int listener;
	int restart_log; /* where a restart's daemon writes; -1: nowhere */
	struct guard_client clients[GUARD_CLIENTS];
	uint64_t idle_since_ms;
	struct child *job; /* of deploy.work */
	struct guard_stage stage;
	struct err broken; /* why the journal cannot be written */
	uint64_t retry_ms; /* BOOTTIME, when to try again */
	bool has_retired;
};

/* guard.c */
/* Feed one event, carry out what follows. */
void guard_feed(struct guard *guard, struct deploy_event *event);
/* The work going on has ended, not well when ERR has a code. */
void guard_done(struct guard *guard, const struct err *err);
/* SPEC comes into force when the command begins something; may be NULL. */
void guard_command(struct guard *guard, const struct agent_command *command,
		   const struct spec *spec);

/* guard_clients.c */
int guard_listen(struct guard *guard, struct err *err) MUST_CHECK;
void guard_accept(struct guard *guard);
void guard_client_read(struct guard *guard, struct guard_client *client);
void guard_client_write(struct guard *guard, struct guard_client *client);
void guard_client_drop(struct guard *guard, struct guard_client *client);
void guard_send(struct guard *guard, struct guard_client *client,
		const struct record_head *head);
void guard_answer(struct guard *guard, const struct deploy_actions *actions);
/* Nothing can be promised any more: tell all who wait. */
void guard_answer_all(struct guard *guard, const struct err *err);

/* guard_work.c */
/*
 * Begin the work of ACTIONS. *out_is_done when it has ended already, ERR says
 * how; otherwise guard_done follows.
 */
void guard_work(struct guard *guard, const struct deploy_actions *actions,
		bool *out_is_done, struct err *err);
/* guard->job has ended. */
void guard_job_ended(struct guard *guard);
/* Start FN(CTX) as the job. */
int guard_start_job(struct guard *guard, const char *what, child_fn fn,
		    void *ctx, uint64_t timeout_ms, struct err *err) MUST_CHECK;
/* Keep what a daemon prints after a restart from filling the disk. */
void guard_trim_restart_log(struct guard *guard);

/* guard_stage.c */
void guard_stage_begin(struct guard *guard, const struct digest *release,
		       bool *out_is_done, struct err *err);
void guard_stage_job_ended(struct guard *guard, const struct err *err);
void guard_stage_blob(struct guard *guard, struct guard_client *client,
		      const struct record_blob *blob);
/* The one who sends the files is gone, or says nothing for too long. */
void guard_stage_tick(struct guard *guard, uint64_t now_ms);
void guard_stage_end(struct guard *guard);
