#include "rollouts/ledger.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "core/sys/file.h"

#define DATABASE      "gray.db"
#define RESERVE	      "reserve"
#define RESERVE_BYTES (8 << 20)

/* Best effort: without it a full disk only stops us earlier. */
static void hold_reserve(const char *path)
{
	AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd >= 0 && posix_fallocate(fd, 0, RESERVE_BYTES) != 0)
		(void)unlink(path);
}

int ledger_open(const char *home, const char *holder, struct ledger **out,
		struct err *err)
{
	AUTO(ledger) ledger = MEM_NEW(struct ledger);

	ledger->holder = mem_str(holder);
	ledger->path = mem_format("%s/" DATABASE, home);
	ledger->reserve = mem_format("%s/" RESERVE, home);
	if (store_open_sqlite(ledger->path, &ledger->store, err) ||
	    changelog_open(ledger->store, &ledger->log, err))
		return err_again(err);
	hold_reserve(ledger->reserve);
	*out = TAKE(ledger);
	return 0;
}

void ledger_free(struct ledger *ledger)
{
	if (!ledger)
		return;
	store_batch_release(&ledger->batch);
	changelog_free(ledger->log);
	store_free(ledger->store);
	free(ledger->holder);
	free(ledger->path);
	free(ledger->reserve);
	free(ledger);
}

int ledger_take_epoch(struct ledger *ledger, struct err *err)
{
	if (ledger->epoch > 0 &&
	    store_keep_epoch(ledger->store, ledger->epoch, err))
		return err_again(err);
	return store_take_epoch(ledger->store, ledger->holder, &ledger->epoch,
				err);
}

void ledger_log(struct ledger *ledger, const struct changelog_entry *entry)
{
	changelog_add(ledger->log, &ledger->batch, entry);
}

bool ledger_is_clean(const struct ledger *ledger)
{
	return ledger->batch.changes.n == 0;
}

int ledger_flush(struct ledger *ledger, bool *out_is_tight, struct err *err)
{
	struct err again = ERR_INIT;
	int failed;

	if (out_is_tight)
		*out_is_tight = false;
	if (ledger_is_clean(ledger))
		return 0;
	failed =
		store_commit(ledger->store, ledger->epoch, &ledger->batch, err);
	if (failed == -ERR_NO_SPACE && out_is_tight &&
	    unlink(ledger->reserve) == 0) {
		*out_is_tight = true;
		failed = store_commit(ledger->store, ledger->epoch,
				      &ledger->batch, err);
	}
	store_batch_release(&ledger->batch);
	if (failed && changelog_reload(ledger->log, &again))
		return err_wrap(err, "%s; and then", again.text);
	return failed;
}
