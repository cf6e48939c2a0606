#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/sys/log.h"
#include "rollouts/driver_private.h"

/*
 * A rollout that ends the controller when it is loaded must not end it for
 * ever: the tries are counted before, and forgotten with the first flush after.
 * Another version of the program may try anew.
 */
#define MAX_TRIES 3
#define TRY_FORM  GRAY_VERSION " %u"

static char *try_key(const struct entry *entry)
{
	return mem_format("loading/%s", entry->summary.id);
}

static int count_try(struct driver *driver, const struct entry *entry,
		     unsigned *out, struct err *err)
{
	AUTO_STR char *key = try_key(entry);
	AUTO_STR char *text = NULL;
	AUTO_VALUE(buf) stored = BUF_INIT;
	struct err none = ERR_INIT;
	const char *number;

	*out = 0;
	if (store_get(driver->ledger->store, key, &stored, &none) == 0) {
		number = strchr(buf_str(&stored), ' ');
		text = mem_format(TRY_FORM, 0u);
		if (number &&
		    strncmp(buf_str(&stored), text, strlen(text) - 1) == 0)
			*out = (unsigned)strtoul(number + 1, NULL, 10);
	}
	if (*out >= MAX_TRIES)
		return 0;
	free(TAKE(text));
	text = mem_format(TRY_FORM, *out + 1);
	store_batch_put(&driver->ledger->batch, key, text);
	return ledger_flush(driver->ledger, NULL, err);
}

/* With the events of its reign, at the first flush. */
static void forget_tries(struct driver *driver, const struct entry *entry)
{
	AUTO_STR char *key = try_key(entry);

	store_batch_delete(&driver->ledger->batch, key);
}

/* A rollout without a last view is not over. */
static int load_one(struct driver *driver, struct entry *entry, struct err *err)
{
	AUTO(js) view = NULL;
	struct err bad = ERR_INIT;
	unsigned n_tries;
	int failed = record_load_view(driver->ledger->store, entry->summary.id,
				      false, &view, err);

	if (failed != -ERR_NOT_FOUND)
		return failed;
	if (count_try(driver, entry, &n_tries, err))
		return err_again(err);
	if (n_tries >= MAX_TRIES) {
		(void)err_set(&bad, ERR_CORRUPT,
			      "grayd " GRAY_VERSION " ended %u times while "
			      "loading it; its hosts go back by themselves",
			      n_tries);
		driver_break(entry, &bad);
	} else if (run_load(&driver->world, entry->summary.id, &entry->run,
			    &bad)) {
		driver_break(entry, &bad);
	}
	return 0;
}

static int load_all(struct driver *driver, struct err *err)
{
	struct record_list list;
	int failed = 0;

	if (record_list_load(driver->ledger->store, &list, err))
		return err_again(err);
	for (size_t i = 0; !failed && i < list.items.n; i++)
		failed = load_one(
			driver, driver_add(driver, &list.items.items[i]), err);
	record_list_release(&list);
	return failed;
}

static int reign(struct driver *driver, struct entry *entry, struct err *err)
{
	uint64_t epoch = 0;

	if (!entry->run)
		return 0;
	if (!run_is_queued(entry->run)) {
		if (driver_new_epoch(driver, &epoch, err))
			return err_again(err);
		log_info("%s goes on, epoch %" PRIu64, entry->summary.id,
			 epoch);
		run_reign(entry->run, epoch);
	}
	forget_tries(driver, entry);
	return 0;
}

int driver_recover(struct driver *driver, struct err *err)
{
	if (load_all(driver, err))
		return err_again(err);
	for (size_t i = 0; i < driver->entries.n; i++)
		if (reign(driver, driver->entries.items[i], err))
			return err_again(err);
	for (size_t i = 0; i < driver->entries.n; i++)
		driver_start_next(driver,
				  driver->entries.items[i]->summary.service);
	return 0;
}
