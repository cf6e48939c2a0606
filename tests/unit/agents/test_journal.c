#include "agents/journal.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/tmpdir.h"

#define SLOT_BYTES 65536

struct place {
	char *path;
	int dir;
};

static int set_up(void **state)
{
	struct place *place = MEM_NEW(struct place);

	place->path = tmpdir_make();
	place->dir = open(place->path, O_RDONLY | O_DIRECTORY);
	*state = place;
	return 0;
}

static int tear_down(void **state)
{
	struct place *place = *state;

	(void)close(place->dir);
	tmpdir_remove(place->path);
	free(place);
	return 0;
}

static struct journal *open_journal(const struct place *place)
{
	struct journal *journal = NULL;
	struct err err = ERR_INIT;

	if (journal_open(place->dir, &journal, &err) < 0)
		fail_msg("%s", err.text);
	return journal;
}

static void write_seq(struct journal *journal, uint64_t seq)
{
	struct journal_entry *entry = MEM_NEW(struct journal_entry);
	struct err err = ERR_INIT;

	entry->record.seq = seq;
	entry->record.result.is_known = true;
	(void)snprintf(entry->output, sizeof(entry->output), "said %d",
		       (int)seq);
	if (journal_write(journal, entry, &err) < 0)
		fail_msg("%s", err.text);
	free(entry);
}

/* What a new process finds; 0: nothing. */
static uint64_t seq_on_disk(const struct place *place)
{
	struct journal *journal = open_journal(place);
	const struct journal_entry *last = journal_last(journal);
	uint64_t seq = last ? last->record.seq : 0;

	journal_close(journal);
	return seq;
}

static void damage(const struct place *place, off_t at, size_t size)
{
	AUTO_FD int fd = openat(place->dir, "state", O_RDWR);
	AUTO_STR char *bytes = mem_alloc(size);

	memset(bytes, 0x5a, size);
	assert_int_equal(pwrite(fd, bytes, size, at), size);
}

static void test_what_was_written_last_is_found(void **state)
{
	struct place *place = *state;
	struct journal *journal = open_journal(place);

	assert_null(journal_last(journal));
	for (uint64_t seq = 1; seq <= 5; seq++) {
		write_seq(journal, seq);
		assert_int_equal(seq_on_disk(place), seq);
	}
	assert_string_equal(journal_last(journal)->output, "said 5");
	journal_close(journal);
}

static void test_torn_write_leaves_the_one_before(void **state)
{
	struct place *place = *state;

	/* Slots take turns: 1 and 3 are in the first, 2 in the second. */
	for (size_t size = 1; size < 60000; size = size * 3 + 1) {
		struct journal *journal = open_journal(place);

		write_seq(journal, 1);
		write_seq(journal, 2);
		write_seq(journal, 3);
		journal_close(journal);
		damage(place, 200, size);
		assert_int_equal(seq_on_disk(place), 2);
		assert_int_equal(unlinkat(place->dir, "state", 0), 0);
	}
}

static void test_journal_goes_on_after_a_torn_write(void **state)
{
	struct place *place = *state;
	struct journal *journal = open_journal(place);

	write_seq(journal, 1);
	write_seq(journal, 2);
	journal_close(journal);
	damage(place, SLOT_BYTES + 100, 10);
	journal = open_journal(place);
	assert_int_equal(journal_last(journal)->record.seq, 1);
	write_seq(journal, 7);
	journal_close(journal);
	assert_int_equal(seq_on_disk(place), 7);
}

static void test_first_write_that_was_torn_never_was(void **state)
{
	struct place *place = *state;
	struct journal *journal = open_journal(place);

	write_seq(journal, 1);
	journal_close(journal);
	damage(place, 100, 10);
	assert_int_equal(seq_on_disk(place), 0);
}

static void test_two_damaged_slots_are_an_error(void **state)
{
	struct place *place = *state;
	struct journal *journal = open_journal(place);
	struct err err = ERR_INIT;

	write_seq(journal, 1);
	write_seq(journal, 2);
	journal_close(journal);
	damage(place, 100, 10);
	damage(place, SLOT_BYTES + 100, 10);
	journal = NULL;
	assert_int_equal(journal_open(place->dir, &journal, &err),
			 -ERR_CORRUPT);
	assert_null(journal);
}

static void test_file_cut_short_is_an_error(void **state)
{
	struct place *place = *state;
	struct journal *journal = open_journal(place);
	struct err err = ERR_INIT;
	AUTO_FD int fd = -1;

	journal_close(journal);
	fd = openat(place->dir, "state", O_RDWR);
	assert_int_equal(ftruncate(fd, SLOT_BYTES), 0);
	assert_int_equal(journal_open(place->dir, &journal, &err),
			 -ERR_CORRUPT);
}

static void test_file_never_grows(void **state)
{
	struct place *place = *state;
	struct journal *journal = open_journal(place);
	struct stat before;
	struct stat after;

	assert_int_equal(fstatat(place->dir, "state", &before, 0), 0);
	for (uint64_t seq = 1; seq < 20; seq++)
		write_seq(journal, seq);
	assert_int_equal(fstatat(place->dir, "state", &after, 0), 0);
	assert_int_equal(before.st_size, after.st_size);
	assert_int_equal(before.st_blocks, after.st_blocks);
	journal_close(journal);
}

#define JOURNAL_TEST(name) \
	cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		JOURNAL_TEST(test_what_was_written_last_is_found),
		JOURNAL_TEST(test_torn_write_leaves_the_one_before),
		JOURNAL_TEST(test_journal_goes_on_after_a_torn_write),
		JOURNAL_TEST(test_first_write_that_was_torn_never_was),
		JOURNAL_TEST(test_two_damaged_slots_are_an_error),
		JOURNAL_TEST(test_file_cut_short_is_an_error),
		JOURNAL_TEST(test_file_never_grows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
