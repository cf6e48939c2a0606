/*
 * driver.h - all rollouts of this controller: started, kept going, asked.
 *
 * One rollout a service at a time; what comes meanwhile waits, takes over or is
 * refused, as its plan says. Everything is journaled before it is acted on,
 * one synced transaction a turn of the loop. After a start it goes on where
 * the one before ended, however that was.
 */
#pragma once

#include "core/data/blobs.h"
#include "core/remote/transport.h"
#include "core/sys/loop.h"
#include "core/text/json.h"
#include "rollouts/run.h"

struct driver;

struct driver_options {
	struct loop *loop;
	const char *home;   /* folder of the database; copied */
	const char *holder; /* who reigns, for people; copied */
	const char *agent_command;
	struct remote *remote;
	struct blobs *blobs;
	/* What was stored about rollout ID has changed. */
	void (*changed)(void *ctx, const char *id);
	/* Nothing may be done any more: the store is lost or another's. */
	void (*fatal)(void *ctx, const struct err *err);
	void *ctx;
};

/* All but the strings above is borrowed. Takes an epoch and goes on with what
 * was running. */
int driver_new(const struct driver_options *options, struct driver **out,
	       struct err *err) MUST_CHECK;
/* Stores what is pending and lets go of the hosts; they ride on their leases.
 */
void driver_free(struct driver *driver);
/* A release is being imported on another thread, which uses the blobs. */
bool driver_is_importing(const struct driver *driver);

/* A rollout asked for; all strings are copied. */
struct driver_launch {
	const char *plan_path;
	const char *plan_text;
	const char *base_dir; /* where the plan's paths start */
	const char *who;
	const char *reason; /* or NULL */
};
/* id: of the new rollout, stored and under way or queued; or NULL, err, and
 * the mistakes of the plan as sentences. All borrowed. */
typedef void (*driver_launched_fn)(void *ctx, const char *id,
				   const struct err *err,
				   const struct js *mistakes);
/* DONE is called on the loop when the release is imported, or cannot be. */
void driver_launch(struct driver *driver, const struct driver_launch *launch,
		   driver_launched_fn done, void *ctx);

/* NAME below: a rollout's id, or a service for its newest. ERR_NOT_FOUND. */
int driver_operate(struct driver *driver, const char *name,
		   const struct run_order *order, struct err *err) MUST_CHECK;
int driver_view(struct driver *driver, const char *name, bool has_hosts,
		struct js **out, struct err *err) MUST_CHECK;
/* Newest first; service may be NULL. */
int driver_list(struct driver *driver, const char *service, bool only_active,
		struct js **out, struct err *err) MUST_CHECK;
int driver_why(struct driver *driver, const char *name, char **out,
	       struct err *err) MUST_CHECK;
/* Where the entries about a rollout begin, and is it still under way? */
int driver_log_start(struct driver *driver, const char *name, char **out_id,
		     uint64_t *out_after, bool *out_is_live,
		     struct err *err) MUST_CHECK;
/* Desired and actual release of every host; service may be NULL. */
struct js *driver_hosts(struct driver *driver, const char *service) MUST_CHECK;
/* For reading on this thread. */
struct store *driver_store(struct driver *driver);
/* For opening on another thread; what was told before is in it. */
int driver_flushed_path(struct driver *driver, const char **out,
			struct err *err) MUST_CHECK;
