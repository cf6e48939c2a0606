#include <inttypes.h>
#include <string.h>

#include "core/sys/log.h"
#include "rollouts/driver_private.h"
#include "rollouts/launch.h"

struct launching {
	struct driver *driver;
	struct launch *launch;
	driver_launched_fn done;
	void *ctx;
};

static void prepare_cb(void *ctx)
{
	struct launching *launching = ctx;

	launch_prepare(launching->launch);
}

static void name_rollout(struct driver *driver, struct record *record)
{
	const struct entry *newest = driver_newest(driver, record->service);

	record->number = newest ? newest->summary.number + 1 : 1;
	record->serial = driver->entries.n
				 ? driver->entries.items[driver->entries.n - 1]
						   ->summary.serial +
					   1
				 : 1;
	record->id = mem_format("%s-%" PRIu64, record->service, record->number);
	record->log_after = changelog_seq(driver->ledger->log);
}

/* Those of the service that are under way or waiting, as the plan wants it. */
static int settle_conflict(struct driver *driver, const struct launch *launch,
			   struct err *err)
{
	const char *service = launch->plan->service;
	struct run_order order = {
		.verb = OPERATOR_ABORT,
		.who = launch->who,
		.reason = "superseded by a newer rollout",
	};
	struct entry *now = driver_running(driver, service);

	if (now && now->broken)
		return driver_operate_entry(driver, now, &order, err);
	if (launch->plan->on_conflict == CONFLICT_REJECT && now)
		return err_set(err, ERR_CONFLICT,
			       "%s is still under way, and the plan says "
			       "on_conflict: reject",
			       now->summary.id);
	if (launch->plan->on_conflict != CONFLICT_SUPERSEDE)
		return 0;
	for (size_t i = 0; i < driver->entries.n; i++) {
		struct entry *entry = driver->entries.items[i];
		struct err refusal = ERR_INIT;

		/* One that is going back already refuses, and that is fine. */
		if (entry->run && !run_is_final(entry->run) &&
		    strcmp(entry->summary.service, service) == 0 &&
		    run_operate(entry->run, &order, &refusal))
			log_info("%s: %s", entry->summary.id, refusal.text);
	}
	return driver_flush(driver, err);
}

static void log_creation(struct driver *driver, const struct launch *launch)
{
	const struct record *record = launch->record;
	char release[DIGEST_HEX + 1];
	char plan[DIGEST_HEX + 1];
	struct digest digest;
	AUTO_STR char *text = NULL;
	struct changelog_entry entry = {
		.wall_ms = record->created_wall_ms,
		.who = record->who,
		.service = record->service,
		.rollout = record->id,
		.kind = "planned",
	};

	digest_of(record->plan_text, strlen(record->plan_text), &digest);
	digest_format(&digest, plan);
	digest_format(&record->release, release);
	text = mem_format("release %s (%s) for %zu hosts in %zu stages by plan "
			  "%s (sha256 %s)%s%s",
			  record->version, release, record->hosts.n,
			  launch->config.stages.n, record->plan_path, plan,
			  record->reason ? ": " : "",
			  record->reason ? record->reason : "");
	entry.text = text;
	ledger_log(driver->ledger, &entry);
}

static int store_launch(struct driver *driver, struct launch *launch,
			struct err *err)
{
	struct record *record = launch->record;
	bool was_clean;

	if (settle_conflict(driver, launch, err) || driver_flush(driver, err))
		return err_again(err);
	was_clean = ledger_is_clean(driver->ledger);
	name_rollout(driver, record);
	launch->config.id = mem_str(record->id);
	record_add(record, launch->manifest, &driver->ledger->batch);
	record_put_config(&launch->config, &driver->ledger->batch);
	log_creation(driver, launch);
	if (!ledger_flush(driver->ledger, NULL, err))
		return 0;
	/* Others' events went down with it? Then we know too much. */
	if (!was_clean)
		driver_give_up(driver, err);
	return err_again(err);
}

static int begin(struct driver *driver, struct launch *launch, struct err *err)
{
	struct record_summary summary;
	struct entry *entry;

	if (launch->err.code != ERR_NONE) {
		*err = launch->err;
		return err_again(err);
	}
	if (store_launch(driver, launch, err))
		return err_again(err);
	summary = (struct record_summary){
		.id = launch->record->id,
		.service = launch->record->service,
		.number = launch->record->number,
		.serial = launch->record->serial,
	};
	entry = driver_add(driver, &summary);
	if (run_load(&driver->world, entry->summary.id, &entry->run, err)) {
		driver_break(entry, err);
		return err_again(err);
	}
	driver_start_next(driver, entry->summary.service);
	return driver_flush(driver, err);
}

static void prepared_cb(void *ctx)
{
	struct launching *launching = ctx;
	struct launch *launch = launching->launch;
	struct err err = ERR_INIT;
	int failed = begin(launching->driver, launch, &err);

	launching->done(launching->ctx, failed ? NULL : launch->record->id,
			&err, launch->mistakes);
	launching->driver->n_launching--;
	launch_free(launch);
	free(launching);
}

void driver_launch(struct driver *driver, const struct driver_launch *launch,
		   driver_launched_fn done, void *ctx)
{
	struct launching *launching = MEM_NEW(struct launching);
	struct launch *made = MEM_NEW(struct launch);

	made->plan_path = mem_str(launch->plan_path);
	made->plan_text = mem_str(launch->plan_text);
	made->base_dir = mem_str(launch->base_dir);
	made->who = mem_str(launch->who);
	made->reason = mem_str(launch->reason);
	made->blobs = driver->world.blobs;
	*launching = (struct launching){
		.driver = driver,
		.launch = made,
		.done = done,
		.ctx = ctx,
	};
	driver->n_launching++;
	loop_work(driver->loop, prepare_cb, prepared_cb, launching);
}

bool driver_is_importing(const struct driver *driver)
{
	return driver->n_launching > 0;
}
