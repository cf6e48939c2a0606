#include <string.h>
#include <unistd.h>

#include "agents/facts.h"
#include "agents/guard_state.h"
#include "agents/kept.h"
#include "agents/stage.h"
#include "core/sys/clock.h"
#include "core/sys/log.h"

#define COPY_MS	    3600000 /* copying a release on a slow disk */
#define SILENT_MS   300000  /* no file for so long: the sender is gone */
#define RESERVE	    20	    /* one part in so many stays free */
#define RESERVE_MIN (1u << 20)

/*
 *	reuse (job): is it here already, whole? else copy what is
 *	need  -> files from the client, hashed while they are written
 *	build (job): a folder in releases/
 */

/* Exit of the first job: nothing is needed. Not an error, not an err_code. */
#define REUSE_ALL_HERE 100

void guard_stage_end(struct guard *guard)
{
	struct guard_stage *stage = &guard->stage;

	fetch_free(TAKE(stage->file));
	manifest_free(TAKE(stage->manifest));
	fetch_missing_release(&stage->missing);
	stage->n_received = 0;
	stage->step = GUARD_STAGE_NONE;
}

static void fail(struct guard *guard, struct err *err)
{
	struct err ignored = ERR_INIT;

	guard_stage_end(guard);
	/* On a full disk nothing may stay; else what came is kept for the
	 * next attempt. */
	if (err->code == ERR_NO_SPACE)
		(void)!stage_clean(guard->slot, &ignored);
	guard_done(guard, err);
}

static bool is_in_use(const struct guard *guard, const struct digest *release)
{
	const struct deploy_record *record = &guard->deploy.record;

	return digest_equal(release, &record->current) ||
	       digest_equal(release, &record->from) ||
	       digest_equal(release, &record->stable);
}

/* A job: whole already, or as much of it as other releases hold. */
static int run_reuse(void *ctx, struct err *err)
{
	struct guard *guard = ctx;
	const struct digest *release = &guard->stage.release;

	if (slot_has_release(guard->slot, release)) {
		if (kept_verify(guard->slot, release, err) == 0)
			_exit(REUSE_ALL_HERE);
		if (is_in_use(guard, release))
			return err_wrap(err, "in use");
		if (kept_remove(guard->slot, release, err) < 0)
			return err_again(err);
	}
	return fetch_reuse(guard->slot, guard->stage.manifest, err);
}

static int run_build(void *ctx, struct err *err)
{
	struct guard *guard = ctx;

	return stage_build(guard->slot, guard->stage.manifest, err);
}

static int begin(struct guard *guard, const struct digest *release,
		 struct err *err)
{
	struct guard_stage *stage = &guard->stage;
	struct guard_client *client = stage->client;

	if (!client || client->fd < 0)
		return err_set(err, ERR_UNREACHABLE, "the connection was lost");
	if (client->manifest_err.code) {
		*err = client->manifest_err;
		return err_again(err);
	}
	if (!client->manifest)
		return err_set(err, ERR_INVALID, "stage without a manifest");
	if (manifest_seal(client->manifest, err) < 0)
		return err_again(err);
	if (!digest_equal(&client->manifest->digest, release))
		return err_set(err, ERR_INVALID,
			       "the manifest is not that of the release");
	stage->manifest = TAKE(client->manifest);
	stage->release = *release;
	stage->step = GUARD_STAGE_REUSE;
	return guard_start_job(guard, "reuse", run_reuse, guard, COPY_MS, err);
}

void guard_stage_begin(struct guard *guard, const struct digest *release,
		       bool *out_is_done, struct err *err)
{
	guard_stage_end(guard);
	*out_is_done = begin(guard, release, err) < 0;
	if (*out_is_done)
		guard_stage_end(guard);
}

static void send_need(struct guard *guard)
{
	struct guard_stage *stage = &guard->stage;
	size_t sent = 0;
	uint64_t inodes;
	struct record_need need;

	do {
		size_t n = MIN_OF(stage->missing.files.n - sent, RECORD_FILES);

		memset(&need, 0, sizeof(need));
		(void)record_init(&need, RECORD_NEED);
		need.release = stage->release;
		need.n_files = (uint32_t)n;
		if (n)
			memcpy(need.files, stage->missing.files.items + sent,
			       n * sizeof(need.files[0]));
		sent += n;
		need.is_last = sent == stage->missing.files.n;
		facts_free(guard->slot->root, &need.free_bytes, &inodes);
		if (stage->client)
			guard_send(guard, stage->client, &need.head);
	} while (sent < stage->missing.files.n && stage->client);
}

static int check_space(const struct guard *guard, struct err *err)
{
	const struct guard_stage *stage = &guard->stage;
	uint64_t bytes = stage->missing.bytes + stage->missing.more_bytes;
	uint64_t wanted = bytes + bytes / RESERVE + RESERVE_MIN;
	uint64_t free_bytes;
	uint64_t free_inodes;

	facts_free(guard->slot->root, &free_bytes, &free_inodes);
	if (wanted > free_bytes)
		return err_set(err, ERR_NO_SPACE,
			       "the release needs %llu bytes, %llu are free: "
			       "%llu bytes are missing",
			       (unsigned long long)wanted,
			       (unsigned long long)free_bytes,
			       (unsigned long long)(wanted - free_bytes));
	if (2 * stage->manifest->entries.n > free_inodes)
		return err_set(err, ERR_NO_SPACE,
			       "the release needs %zu inodes, %llu are free",
			       2 * stage->manifest->entries.n,
			       (unsigned long long)free_inodes);
	return 0;
}

static void start_build(struct guard *guard)
{
	struct err err = ERR_INIT;

	guard->stage.step = GUARD_STAGE_BUILD;
	if (guard_start_job(guard, "build", run_build, guard, COPY_MS, &err) <
	    0)
		fail(guard, &err);
}

static void ask_for_files(struct guard *guard)
{
	struct guard_stage *stage = &guard->stage;
	struct err err = ERR_INIT;

	if (fetch_find_missing(guard->slot, stage->manifest, &stage->missing,
			       &err) < 0 ||
	    check_space(guard, &err) < 0) {
		fail(guard, &err);
		return;
	}
	send_need(guard);
	stage->step = GUARD_STAGE_FILES;
	stage->heard_ms = clock_boot_ms();
	if (!stage->missing.files.n)
		start_build(guard);
}

/* Every failure for want of space says how much that is. */
static void explain(const struct guard *guard, struct err *err)
{
	uint64_t free_bytes;
	uint64_t inodes;

	if (err->code != ERR_NO_SPACE || !guard->stage.manifest)
		return;
	facts_free(guard->slot->root, &free_bytes, &inodes);
	(void)err_wrap(err, "the release has %llu bytes, %llu are free",
		       (unsigned long long)guard->stage.manifest->total_bytes,
		       (unsigned long long)free_bytes);
}

void guard_stage_job_ended(struct guard *guard, const struct err *err)
{
	struct guard_stage *stage = &guard->stage;
	struct err why = *err;

	if ((unsigned)why.code == REUSE_ALL_HERE) {
		stage->missing.files.n = 0;
		send_need(guard);
		guard_stage_end(guard);
		guard_done(guard, &(struct err)ERR_INIT);
	} else if (why.code) {
		explain(guard, &why);
		fail(guard, &why);
	} else if (stage->step == GUARD_STAGE_BUILD) {
		guard_stage_end(guard);
		guard_done(guard, &why);
	} else {
		ask_for_files(guard);
	}
}

static int take_blob(struct guard *guard, const struct record_blob *blob,
		     struct err *err)
{
	struct guard_stage *stage = &guard->stage;
	const struct manifest_entry *entry =
		&stage->manifest->entries
			 .items[stage->missing.files.items[stage->n_received]];

	if (!digest_equal(&blob->digest, &entry->digest) ||
	    blob->offset != (stage->file ? fetch_size(stage->file) : 0))
		return err_set(err, ERR_INVALID,
			       "%s: a piece of a file came out of turn",
			       entry->path);
	if (!stage->file &&
	    fetch_begin(guard->slot, entry, &stage->file, err) < 0)
		return err_wrap(err, "%s", entry->path);
	if (fetch_write(stage->file, blob->bytes, blob->n_bytes, err) < 0)
		return err_wrap(err, "%s", entry->path);
	if (!blob->is_last)
		return 0;
	if (fetch_end(stage->file, err) < 0)
		return err_wrap(err, "%s", entry->path);
	fetch_free(TAKE(stage->file));
	stage->n_received++;
	return 0;
}

void guard_stage_blob(struct guard *guard, struct guard_client *client,
		      const struct record_blob *blob)
{
	struct guard_stage *stage = &guard->stage;
	struct err err = ERR_INIT;

	/* Late ones of a stage that has failed. */
	if (stage->step != GUARD_STAGE_FILES || stage->client != client)
		return;
	stage->heard_ms = clock_boot_ms();
	if (take_blob(guard, blob, &err) < 0) {
		explain(guard, &err);
		fail(guard, &err);
	} else if (stage->n_received == stage->missing.files.n) {
		start_build(guard);
	}
}

void guard_stage_tick(struct guard *guard, uint64_t now_ms)
{
	struct guard_stage *stage = &guard->stage;
	struct err err = ERR_INIT;

	if (stage->step != GUARD_STAGE_FILES)
		return;
	if (!stage->client)
		(void)err_set(&err, ERR_UNREACHABLE,
			      "the connection was lost while files came");
	else if (now_ms > stage->heard_ms + SILENT_MS)
		(void)err_set(&err, ERR_TIMEOUT, "no file came for %d seconds",
			      SILENT_MS / 1000);
	else
		return;
	fail(guard, &err);
}
