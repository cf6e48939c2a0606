/*
 * run.h - one rollout that is alive: its engine, its links, its looks.
 *
 * Feeds the engine what happens, puts what had an effect into the ledger, and
 * carries the actions out after the ledger is flushed, never before. Whoever
 * owns it flushes: `dirty` asks for that, run_act follows.
 *
 *	queued -> reigning -> over		over: a final state, no links
 */
#pragma once

#include "core/data/blobs.h"
#include "core/remote/transport.h"
#include "core/sys/loop.h"
#include "rollouts/ledger.h"
#include "rollouts/record.h"
#include "rollouts/releases.h"

struct run;

/* Lent by the owner, for all runs. */
struct run_world {
	struct loop *loop;
	struct remote *remote;
	struct blobs *blobs;
	struct ledger *ledger;
	struct releases *releases;
	const char *agent_command;
	/* The ledger was written for RUN: flush soon, then run_act. */
	void (*dirty)(void *ctx, struct run *run);
	void *ctx;
};

/*
 * The run of rollout ID as it is stored: its configuration, and the events of
 * its journal folded. Not connected; queued if it never started.
 */
int run_load(const struct run_world *world, const char *id, struct run **out,
	     struct err *err) MUST_CHECK;
void run_free(struct run *run);
MEM_AUTO(run)

const struct record *run_record(const struct run *run);
bool run_is_queued(const struct run *run);
bool run_is_final(const struct run *run);
/* Take over: connect to the hosts, and let the engine fence them. */
void run_reign(struct run *run, uint64_t epoch);
/* A queued run's first act: what hosts have now is what they go back to. */
int run_start(struct run *run, uint64_t epoch, struct err *err) MUST_CHECK;

struct run_order {
	enum operator_verb verb;
	const char *stage; /* ROLLBACK: from this one on; NULL: all */
	const char *who;
	const char *reason; /* or NULL */
};
/* ERR_CONFLICT when the verb does not apply now, saying why. */
int run_operate(struct run *run, const struct run_order *order,
		struct err *err) MUST_CHECK;
/* Would it apply? Nothing is stored: RUN may only be freed afterwards. */
int run_try(struct run *run, const struct run_order *order,
	    struct err *err) MUST_CHECK;
/* Carry out what was decided; the ledger has been flushed. */
void run_act(struct run *run);

struct js *run_view(const struct run *run, bool has_hosts) MUST_CHECK;
char *run_why(const struct run *run) MUST_CHECK;
