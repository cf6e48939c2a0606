#include <string.h>

#include "rollouts/driver_private.h"

/* Of what cannot be loaded there is little to see. */
static struct js *broken_view(const struct entry *entry)
{
	struct js *view = js_object();

	js_set_str(view, "id", entry->summary.id);
	js_set_str(view, "service", entry->summary.service);
	js_set_str(view, "state", rollout_state_name(ROLLOUT_PAUSED));
	js_set_str(view, "cause", pause_cause_name(PAUSE_STORE));
	js_set_str(view, "why", entry->broken);
	return view;
}

static int entry_view(struct driver *driver, const struct entry *entry,
		      bool has_hosts, struct js **out, struct err *err)
{
	if (!entry->run && !entry->broken)
		return record_load_view(driver->ledger->store,
					entry->summary.id, has_hosts, out, err);
	*out = entry->run ? run_view(entry->run, has_hosts)
			  : broken_view(entry);
	return 0;
}

int driver_view(struct driver *driver, const char *name, bool has_hosts,
		struct js **out, struct err *err)
{
	struct entry *entry;

	if (driver_must_find(driver, name, &entry, err) ||
	    driver_flush(driver, err))
		return err_again(err);
	return entry_view(driver, entry, has_hosts, out, err);
}

int driver_list(struct driver *driver, const char *service, bool only_active,
		struct js **out, struct err *err)
{
	AUTO(js) list = js_array();

	if (driver_flush(driver, err))
		return err_again(err);
	for (size_t i = driver->entries.n; i-- > 0;) {
		const struct entry *entry = driver->entries.items[i];
		struct js *view;

		if ((service && strcmp(service, entry->summary.service) != 0) ||
		    (only_active && !entry->run && !entry->broken))
			continue;
		if (entry_view(driver, entry, false, &view, err))
			return err_again(err);
		js_append(list, view);
	}
	*out = TAKE(list);
	return 0;
}

int driver_why(struct driver *driver, const char *name, char **out,
	       struct err *err)
{
	AUTO(js) view = NULL;

	if (driver_view(driver, name, false, &view, err))
		return err_again(err);
	*out = mem_str(js_get_str(view, "why", ""));
	return 0;
}

int driver_log_start(struct driver *driver, const char *name, char **out_id,
		     uint64_t *out_after, bool *out_is_live, struct err *err)
{
	AUTO(record) record = NULL;
	struct entry *entry;

	if (driver_must_find(driver, name, &entry, err) ||
	    record_load(driver->ledger->store, entry->summary.id, &record,
			err) ||
	    driver_flush(driver, err))
		return err_again(err);
	*out_id = mem_str(entry->summary.id);
	*out_after = record->log_after;
	*out_is_live = entry->run != NULL;
	return 0;
}

struct js *driver_hosts(struct driver *driver, const char *service)
{
	return releases_json(driver->releases, service);
}

struct store *driver_store(struct driver *driver)
{
	return driver->ledger->store;
}

int driver_flushed_path(struct driver *driver, const char **out,
			struct err *err)
{
	if (driver_flush(driver, err))
		return err_again(err);
	*out = driver->ledger->path;
	return 0;
}
