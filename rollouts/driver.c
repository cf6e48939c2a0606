#include "rollouts/driver_private.h"

#include <inttypes.h>
#include <string.h>

#include "core/sys/clock.h"
#include "core/sys/log.h"

static void entry_free(struct entry *entry)
{
	run_free(entry->run);
	free(entry->broken);
	free(entry->summary.id);
	free(entry->summary.service);
	free(entry);
}

struct entry *driver_newest(struct driver *driver, const char *service)
{
	for (size_t i = driver->entries.n; i-- > 0;)
		if (strcmp(driver->entries.items[i]->summary.service,
			   service) == 0)
			return driver->entries.items[i];
	return NULL;
}

static struct entry *find(struct driver *driver, const char *name)
{
	for (size_t i = driver->entries.n; i-- > 0;)
		if (strcmp(driver->entries.items[i]->summary.id, name) == 0)
			return driver->entries.items[i];
	return driver_newest(driver, name);
}

int driver_must_find(struct driver *driver, const char *name,
		     struct entry **out, struct err *err)
{
	*out = find(driver, name);
	if (*out)
		return 0;
	return err_set(err, ERR_NOT_FOUND,
		       "no rollout and no service is called \"%.80s\"", name);
}

struct entry *driver_running(struct driver *driver, const char *service)
{
	for (size_t i = 0; i < driver->entries.n; i++) {
		struct entry *entry = driver->entries.items[i];

		if (strcmp(entry->summary.service, service) != 0)
			continue;
		if (entry->broken ||
		    (entry->run && !run_is_queued(entry->run) &&
		     !run_is_final(entry->run)))
			return entry;
	}
	return NULL;
}

static struct entry *next_queued(struct driver *driver, const char *service)
{
	for (size_t i = 0; i < driver->entries.n; i++) {
		struct entry *entry = driver->entries.items[i];

		if (strcmp(entry->summary.service, service) == 0 &&
		    entry->run && run_is_queued(entry->run))
			return entry;
	}
	return NULL;
}

void driver_break(struct entry *entry, const struct err *err)
{
	log_error("%s cannot go on: %s", entry->summary.id, err->text);
	mem_set_str(&entry->broken, err->text);
	run_free(TAKE(entry->run));
}

void driver_give_up(struct driver *driver, const struct err *err)
{
	driver->is_lost = true;
	driver->fatal(driver->ctx, err);
}

int driver_new_epoch(struct driver *driver, uint64_t *out, struct err *err)
{
	if (ledger_take_epoch(driver->ledger, err)) {
		driver_give_up(driver, err);
		return err_again(err);
	}
	*out = driver->ledger->epoch;
	return 0;
}

/* Each reign over a rollout has an epoch of its own, so that its commands come
 * after all that other rollouts ever sent to the same hosts. */
void driver_start_next(struct driver *driver, const char *service)
{
	struct entry *entry = next_queued(driver, service);
	struct err err = ERR_INIT;
	uint64_t epoch = 0;

	if (!entry || driver_running(driver, service) ||
	    driver_new_epoch(driver, &epoch, &err))
		return;
	if (run_start(entry->run, epoch, &err))
		driver_break(entry, &err);
}

/* The disk is full, and what we held back is spent: start nothing more. */
static void pause_all(struct driver *driver)
{
	static const char reason[] = "the controller's disk is full; free some "
				     "space, then resume";
	struct run_order order = {
		.verb = OPERATOR_PAUSE,
		.who = "gray",
		.reason = reason,
	};

	log_error("%s", reason);
	for (size_t i = 0; i < driver->entries.n; i++) {
		struct entry *entry = driver->entries.items[i];
		struct err err = ERR_INIT;

		if (entry->run && !run_is_queued(entry->run) &&
		    !run_is_final(entry->run) &&
		    run_operate(entry->run, &order, &err))
			log_warn("%s: %s", entry->summary.id, err.text);
	}
}

/* After its last act: the stored view stands for it, the next may start. */
static void close_if_over(struct driver *driver, struct entry *entry)
{
	if (!entry->run || entry->is_dirty || !run_is_final(entry->run))
		return;
	run_free(TAKE(entry->run));
	driver_start_next(driver, entry->summary.service);
}

/* Only what was written before this flush: what the acts lead to is written
 * since, and waits for the next. */
static void act(struct driver *driver)
{
	VEC(struct entry *) written = { NULL, 0, 0 };

	for (size_t i = 0; i < driver->entries.n; i++) {
		struct entry *entry = driver->entries.items[i];

		if (entry->is_dirty)
			*vec_add(&written) = entry;
		entry->is_dirty = false;
	}
	for (size_t i = 0; i < written.n; i++) {
		struct entry *entry = written.items[i];

		if (entry->run)
			run_act(entry->run);
		driver->changed(driver->ctx, entry->summary.id);
		close_if_over(driver, entry);
	}
	vec_release(&written);
}

int driver_flush(struct driver *driver, struct err *err)
{
	bool is_tight = false;

	if (driver->is_lost)
		return err_set(err, ERR_SYSTEM, "the controller is ending");
	if (ledger_flush(driver->ledger, &is_tight, err)) {
		driver_give_up(driver, err);
		return err_again(err);
	}
	act(driver);
	if (is_tight)
		pause_all(driver);
	return 0;
}

static void flush_cb(void *ctx)
{
	struct driver *driver = ctx;
	struct err err = ERR_INIT;

	if (driver_flush(driver, &err))
		log_error("%s", err.text);
}

static void dirty_cb(void *ctx, struct run *run)
{
	struct driver *driver = ctx;

	for (size_t i = driver->entries.n; i-- > 0;)
		if (driver->entries.items[i]->run == run) {
			driver->entries.items[i]->is_dirty = true;
			break;
		}
	/* At the end of this turn of the loop, with all else that happens. */
	loop_timer_set(driver->flusher, 0);
}

struct entry *driver_add(struct driver *driver,
			 const struct record_summary *summary)
{
	struct entry *entry = MEM_NEW(struct entry);

	entry->summary = (struct record_summary){
		.id = mem_str(summary->id),
		.service = mem_str(summary->service),
		.number = summary->number,
		.serial = summary->serial,
	};
	*vec_add(&driver->entries) = entry;
	return entry;
}

int driver_new(const struct driver_options *options, struct driver **out,
	       struct err *err)
{
	struct driver *driver = MEM_NEW(struct driver);

	driver->loop = options->loop;
	driver->flusher = loop_timer_new(options->loop, flush_cb, driver);
	driver->agent_command = mem_str(options->agent_command);
	driver->changed = options->changed;
	driver->fatal = options->fatal;
	driver->ctx = options->ctx;
	if (ledger_open(options->home, options->holder, &driver->ledger, err) ||
	    releases_open(driver->ledger->store, &driver->releases, err) ||
	    ledger_take_epoch(driver->ledger, err)) {
		driver_free(driver);
		return err_again(err);
	}
	driver->world = (struct run_world){
		.loop = options->loop,
		.remote = options->remote,
		.blobs = options->blobs,
		.ledger = driver->ledger,
		.releases = driver->releases,
		.agent_command = driver->agent_command,
		.dirty = dirty_cb,
		.ctx = driver,
	};
	if (driver_recover(driver, err)) {
		driver_free(driver);
		return err_again(err);
	}
	*out = driver;
	return 0;
}

void driver_free(struct driver *driver)
{
	struct err err = ERR_INIT;
	bool is_tight;

	if (!driver)
		return;
	if (driver->ledger && !driver->is_lost &&
	    ledger_flush(driver->ledger, &is_tight, &err))
		log_error("%s", err.text);
	for (size_t i = 0; i < driver->entries.n; i++)
		entry_free(driver->entries.items[i]);
	vec_release(&driver->entries);
	loop_timer_free(driver->flusher);
	releases_free(driver->releases);
	ledger_free(driver->ledger);
	free(driver->agent_command);
	free(driver);
}

/* Did the hosts take what OTHER brought, for all we know? */
static bool has_left_its_mark(struct driver *driver, const struct entry *other)
{
	AUTO(js) view = NULL;
	struct err err = ERR_INIT;
	const char *state;

	if (other->run || other->broken ||
	    record_load_view(driver->ledger->store, other->summary.id, false,
			     &view, &err))
		return true;
	state = js_get_str(view, "state", "");
	return strcmp(state, rollout_state_name(ROLLOUT_CANCELED)) != 0 &&
	       strcmp(state, rollout_state_name(ROLLOUT_ROLLED_BACK)) != 0;
}

static int check_newest(struct driver *driver, const struct entry *entry,
			struct err *err)
{
	for (size_t i = driver->entries.n; i-- > 0;) {
		const struct entry *other = driver->entries.items[i];

		if (other == entry)
			return 0;
		if (strcmp(other->summary.service, entry->summary.service) !=
			    0 ||
		    !has_left_its_mark(driver, other))
			continue;
		return err_set(err, ERR_CONFLICT,
			       "%s came after %s: that one decides what the "
			       "hosts have",
			       other->summary.id, entry->summary.id);
	}
	return 0;
}

/* A rollout that is over begins anew: the last of its service that changed the
 * hosts. */
static int reopen(struct driver *driver, struct entry *entry,
		  const struct run_order *order, struct err *err)
{
	AUTO(run) trial = NULL;
	uint64_t epoch = 0;

	if (run_load(&driver->world, entry->summary.id, &trial, err) ||
	    run_try(trial, order, err) || check_newest(driver, entry, err))
		return err_again(err);
	if (run_load(&driver->world, entry->summary.id, &entry->run, err) ||
	    driver_new_epoch(driver, &epoch, err))
		return err_again(err);
	run_reign(entry->run, epoch);
	return run_operate(entry->run, order, err);
}

int driver_operate_entry(struct driver *driver, struct entry *entry,
			 const struct run_order *order, struct err *err)
{
	const struct entry *before;

	if (entry->broken)
		return err_set(err, ERR_CORRUPT, "%s: %s", entry->summary.id,
			       entry->broken);
	if (!entry->run)
		return reopen(driver, entry, order, err);
	before = driver_running(driver, entry->summary.service);
	if (run_is_queued(entry->run) && order->verb != OPERATOR_ABORT)
		return err_set(err, ERR_CONFLICT,
			       "%s is queued behind %s: it can only be aborted",
			       entry->summary.id,
			       before ? before->summary.id : "another");
	return run_operate(entry->run, order, err);
}

int driver_operate(struct driver *driver, const char *name,
		   const struct run_order *order, struct err *err)
{
	struct entry *entry;

	if (driver_must_find(driver, name, &entry, err) ||
	    driver_operate_entry(driver, entry, order, err))
		return err_again(err);
	return driver_flush(driver, err);
}
