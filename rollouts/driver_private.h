/*
 * driver_private.h - what the driver's files share; nobody else includes it.
 */
#pragma once

#include "rollouts/driver.h"

/* One rollout that is stored. */
struct entry {
	struct record_summary summary;
	struct run *run; /* NULL: over, or broken */
	char *broken;	 /* why it cannot be loaded, or NULL */
	bool is_dirty;	 /* wrote to the ledger since the last flush */
};

struct driver {
	struct loop *loop;
	struct loop_timer *flusher;
	struct run_world world;
	struct ledger *ledger;
	struct releases *releases;
	char *agent_command;
	void (*changed)(void *ctx, const char *id);
	void (*fatal)(void *ctx, const struct err *err);
	void *ctx;
	VEC(struct entry *) entries; /* by serial */
	bool is_lost;		     /* fatal was called */
	unsigned n_launching;
};

struct entry *driver_add(struct driver *driver,
			 const struct record_summary *summary);
struct entry *driver_newest(struct driver *driver, const char *service);
/* By id, or a service's newest. */
int driver_must_find(struct driver *driver, const char *name,
		     struct entry **out, struct err *err) MUST_CHECK;
/* The one of SERVICE that holds the hosts now, or NULL. */
struct entry *driver_running(struct driver *driver, const char *service);
/* Start the oldest that waits, if none of SERVICE is under way. */
void driver_start_next(struct driver *driver, const char *service);
/* It cannot go on; a person must look. */
void driver_break(struct entry *entry, const struct err *err);
/* Nothing may be done any more. */
void driver_give_up(struct driver *driver, const struct err *err);
/* An epoch of this controller's own; gives up when another reigns. */
int driver_new_epoch(struct driver *driver, uint64_t *out,
		     struct err *err) MUST_CHECK;
/* driver_recover.c: load what is stored, and reign over what is not over. */
int driver_recover(struct driver *driver, struct err *err) MUST_CHECK;
/* Make durable, then act. Not from inside a link's or a gate's callback. */
int driver_flush(struct driver *driver, struct err *err) MUST_CHECK;
/* Stored at the next flush. */
int driver_operate_entry(struct driver *driver, struct entry *entry,
			 const struct run_order *order,
			 struct err *err) MUST_CHECK;
