#include "agents/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/sys/file.h"

#define SLOT_BYTES  65536
#define SLOT_MAGIC  0x3130796172677c0aull /* differs when bytes are swapped */
#define SLOT_LAYOUT 1

struct slot_header {
	uint64_t magic;
	uint32_t layout;
	uint32_t size;
	uint64_t generation;
	struct digest digest; /* of generation and entry */
};

struct journal_slot {
	struct slot_header header;
	struct journal_entry entry;
};
_Static_assert(sizeof(struct journal_slot) <= SLOT_BYTES, "an entry fits");

struct journal {
	int fd;
	unsigned newest;     /* slot, 0 or 1 */
	uint64_t generation; /* 0: nothing was written yet */
	struct journal_slot slot;
};

static void digest_slot(const struct journal_slot *slot, struct digest *out)
{
	AUTO(digest_hash) hash = digest_hash_new();

	digest_hash_add(hash, &slot->header.generation,
			sizeof(slot->header.generation));
	digest_hash_add(hash, &slot->entry, sizeof(slot->entry));
	digest_hash_end(hash, out);
}

static int check_slot(const struct journal_slot *slot, struct err *err)
{
	struct digest digest;

	if (slot->header.magic != SLOT_MAGIC || !slot->header.generation)
		return err_set(err, ERR_CORRUPT, "no journal entry");
	if (slot->header.layout != SLOT_LAYOUT ||
	    slot->header.size != sizeof(slot->entry))
		return err_set(err, ERR_INVALID,
			       "written by another version of the agent "
			       "(layout %u)",
			       slot->header.layout);
	digest_slot(slot, &digest);
	if (!digest_equal(&digest, &slot->header.digest))
		return err_set(err, ERR_CORRUPT, "checksum does not match");
	if (deploy_check_record(&slot->entry.record, err) < 0 ||
	    !memchr(slot->entry.output, '\0', sizeof(slot->entry.output)))
		return err_set(err, ERR_CORRUPT, "not well formed");
	return spec_check(&slot->entry.spec, err);
}

static bool is_blank(const struct journal_slot *slot)
{
	const uint8_t *bytes = (const uint8_t *)slot;

	return bytes[0] == 0 &&
	       memcmp(bytes, bytes + 1, sizeof(*slot) - 1) == 0;
}

static int read_slot(int fd, unsigned at, struct journal_slot *out,
		     struct err *err)
{
	ssize_t n = pread(fd, out, sizeof(*out), (off_t)at * SLOT_BYTES);

	if (n < 0)
		return err_sys(err, "read the journal");
	if ((size_t)n < sizeof(*out))
		return err_set(err, ERR_CORRUPT, "the journal is cut short");
	return 0;
}

/* Both slots blank, or the newer of those that are whole. */
static int load(struct journal *journal, struct err *err)
{
	struct journal_slot *slot = MEM_NEW(struct journal_slot);
	struct err why = ERR_INIT;
	bool is_bad[2] = { false, false };
	unsigned n_blank = 0;
	int rc = 0;

	for (unsigned at = 0; at < 2 && rc == 0; at++) {
		rc = read_slot(journal->fd, at, slot, err);
		if (rc < 0)
			break;
		if (is_blank(slot)) {
			n_blank++;
		} else if (check_slot(slot, &why) < 0) {
			is_bad[at] = true;
		} else if (slot->header.generation > journal->generation) {
			journal->newest = at;
			journal->generation = slot->header.generation;
			journal->slot = *slot;
		}
	}
	free(slot);
	/* A first write that was torn counts as never begun. */
	if (rc == 0 && !journal->generation && (is_bad[0] || is_bad[1]) &&
	    (n_blank == 0 || why.code == ERR_INVALID))
		rc = err_set(err, why.code,
			     "the journal .gray/state cannot be used: %s",
			     why.text);
	return rc;
}

static int create(int dir, struct err *err)
{
	void *blank = mem_alloc(2 * SLOT_BYTES);
	/* Written, not only reserved, so that every block is there. */
	int rc =
		file_replace_at(dir, "state", blank, 2 * SLOT_BYTES, 0600, err);

	free(blank);
	return rc;
}

int journal_open(int dir, struct journal **out, struct err *err)
{
	struct journal *journal;
	int fd = openat(dir, "state", O_RDWR | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0 && errno == ENOENT) {
		if (create(dir, err) < 0)
			return err_wrap(err, "make the journal");
		fd = openat(dir, "state", O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	}
	if (fd < 0)
		return err_sys(err, "open the journal .gray/state");
	journal = MEM_NEW(struct journal);
	journal->fd = fd;
	if (load(journal, err) < 0) {
		journal_close(journal);
		return err_again(err);
	}
	*out = journal;
	return 0;
}

void journal_close(struct journal *journal)
{
	if (!journal)
		return;
	(void)close(journal->fd);
	free(journal);
}

const struct journal_entry *journal_last(const struct journal *journal)
{
	return journal->generation ? &journal->slot.entry : NULL;
}

int journal_write(struct journal *journal, const struct journal_entry *entry,
		  struct err *err)
{
	struct journal_slot *slot = &journal->slot;
	unsigned older = journal->generation ? !journal->newest : 0;
	ssize_t n;

	slot->header = (struct slot_header){
		.magic = SLOT_MAGIC,
		.layout = SLOT_LAYOUT,
		.size = sizeof(slot->entry),
		.generation = journal->generation + 1,
	};
	slot->entry = *entry;
	digest_slot(slot, &slot->header.digest);
	do {
		n = pwrite(journal->fd, slot, sizeof(*slot),
			   (off_t)older * SLOT_BYTES);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_sys(err, "write the journal");
	if ((size_t)n < sizeof(*slot))
		return err_set(err, ERR_SYSTEM, "write the journal: cut short");
	if (fdatasync(journal->fd) < 0)
		return err_sys(err, "sync the journal");
	journal->generation = slot->header.generation;
	journal->newest = older;
	return 0;
}
