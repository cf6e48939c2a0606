#include "tests/support/store_suite.h"

#include <stdarg.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

struct fixture {
	const struct store_subject *subject;
	char *place;
	struct store *store;
	uint64_t epoch;
};

static const struct store_subject *the_subject;

static int set_up(void **state)
{
	struct fixture *f = MEM_NEW(struct fixture);
	struct err err = ERR_INIT;

	f->subject = the_subject;
	f->place = f->subject->make_place();
	assert_int_equal(f->subject->open(f->place, &f->store, &err), 0);
	assert_int_equal(store_take_epoch(f->store, "one", &f->epoch, &err), 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	store_free(f->store);
	f->subject->remove_place(f->place);
	free(f);
	return 0;
}

static int join_event(void *ctx, uint64_t revision, const char *text,
		      struct err *err)
{
	(void)err;
	buf_format(ctx, "%llu=%s;", (unsigned long long)revision, text);
	return 0;
}

static int join_key(void *ctx, const char *key, const char *text,
		    struct err *err)
{
	(void)err;
	buf_format(ctx, "%s=%s;", key, text);
	return 0;
}

static void assert_stream(struct store *store, const char *stream,
			  uint64_t after, const char *expected)
{
	AUTO_VALUE(buf) got = BUF_INIT;
	struct err err = ERR_INIT;

	assert_int_equal(
		store_read(store, stream, after, join_event, &got, &err), 0);
	assert_string_equal(buf_str(&got), expected);
}

static int append(struct fixture *f, const char *stream, uint64_t revision,
		  const char *text, struct err *err)
{
	AUTO_VALUE(store_batch) batch = { 0 };

	store_batch_append(&batch, stream, revision, text);
	return store_commit(f->store, f->epoch, &batch, err);
}

static void test_a_stream_is_read_back_in_order(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;
	uint64_t revision = 99;

	assert_int_equal(store_revision(f->store, "s", &revision, &err), 0);
	assert_int_equal(revision, 0);
	assert_int_equal(append(f, "s", 0, "a", &err), 0);
	assert_int_equal(append(f, "s", 1, "b \xc3\xa4 \"\n", &err), 0);
	assert_int_equal(append(f, "other", 0, "x", &err), 0);
	assert_stream(f->store, "s", 0, "1=a;2=b \xc3\xa4 \"\n;");
	assert_stream(f->store, "s", 1, "2=b \xc3\xa4 \"\n;");
	assert_stream(f->store, "s", 2, "");
	assert_int_equal(store_revision(f->store, "s", &revision, &err), 0);
	assert_int_equal(revision, 2);
}

static void test_appending_at_another_revision_changes_nothing(void **state)
{
	struct fixture *f = *state;
	AUTO_VALUE(store_batch) batch = { 0 };
	struct err err = ERR_INIT;

	assert_int_equal(append(f, "s", 0, "a", &err), 0);
	store_batch_put(&batch, "k", "v");
	store_batch_append(&batch, "t", 0, "x");
	store_batch_append(&batch, "s", 0, "again");
	assert_int_equal(store_commit(f->store, f->epoch, &batch, &err),
			 -ERR_CONFLICT);
	assert_stream(f->store, "s", 0, "1=a;");
	assert_stream(f->store, "t", 0, "");
	assert_int_equal(store_get(f->store, "k", &(struct buf)BUF_INIT, &err),
			 -ERR_NOT_FOUND);
	assert_int_equal(append(f, "s", 5, "gap", &err), -ERR_CONFLICT);
}

static void test_one_batch_may_append_twice_to_a_stream(void **state)
{
	struct fixture *f = *state;
	AUTO_VALUE(store_batch) batch = { 0 };
	struct err err = ERR_INIT;

	store_batch_append(&batch, "s", 0, "a");
	store_batch_append(&batch, "t", 0, "x");
	store_batch_append(&batch, "s", 1, "b");
	assert_int_equal(store_commit(f->store, f->epoch, &batch, &err), 0);
	assert_stream(f->store, "s", 0, "1=a;2=b;");
	assert_stream(f->store, "t", 0, "1=x;");
}

static void test_keys_are_put_added_and_deleted(void **state)
{
	struct fixture *f = *state;
	AUTO_VALUE(store_batch) first = { 0 };
	AUTO_VALUE(store_batch) second = { 0 };
	AUTO_VALUE(store_batch) third = { 0 };
	AUTO_VALUE(buf) got = BUF_INIT;
	struct err err = ERR_INIT;

	store_batch_add(&first, "a/2", "two");
	store_batch_put(&first, "a/1", "one");
	store_batch_put(&first, "a/10", "ten");
	store_batch_put(&first, "b", "else");
	assert_int_equal(store_commit(f->store, f->epoch, &first, &err), 0);
	store_batch_put(&second, "a/1", "uno");
	store_batch_delete(&second, "a/10");
	store_batch_delete(&second, "never/there");
	assert_int_equal(store_commit(f->store, f->epoch, &second, &err), 0);
	store_batch_add(&third, "a/2", "again");
	assert_int_equal(store_commit(f->store, f->epoch, &third, &err),
			 -ERR_CONFLICT);
	assert_int_equal(store_list(f->store, "a/", join_key, &got, &err), 0);
	assert_string_equal(buf_str(&got), "a/1=uno;a/2=two;");
	buf_clear(&got);
	assert_int_equal(store_get(f->store, "b", &got, &err), 0);
	assert_string_equal(buf_str(&got), "else");
}

static void test_a_later_epoch_ends_the_one_before(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;
	uint64_t next = 0;

	assert_int_equal(store_keep_epoch(f->store, f->epoch, &err), 0);
	assert_int_equal(store_take_epoch(f->store, "two", &next, &err), 0);
	assert_true(next > f->epoch);
	assert_int_equal(store_keep_epoch(f->store, f->epoch, &err),
			 -ERR_STALE);
	assert_non_null(strstr(err.text, "two"));
	assert_int_equal(append(f, "s", 0, "a", &err), -ERR_STALE);
	assert_stream(f->store, "s", 0, "");
	f->epoch = next;
	assert_int_equal(append(f, "s", 0, "a", &err), 0);
}

static void test_another_opening_sees_it_and_takes_over(void **state)
{
	struct fixture *f = *state;
	AUTO(store) other = NULL;
	struct err err = ERR_INIT;
	uint64_t epoch = 0;

	assert_int_equal(append(f, "s", 0, "a", &err), 0);
	assert_int_equal(f->subject->open(f->place, &other, &err), 0);
	assert_stream(other, "s", 0, "1=a;");
	assert_int_equal(store_take_epoch(other, "two", &epoch, &err), 0);
	assert_true(epoch > f->epoch);
	assert_int_equal(append(f, "s", 1, "zombie", &err), -ERR_STALE);
}

static int stop_walk(void *ctx, uint64_t revision, const char *text,
		     struct err *err)
{
	(void)ctx;
	(void)text;
	return err_set(err, ERR_FAILED, "stopped at %llu",
		       (unsigned long long)revision);
}

static void test_a_walk_ends_where_its_function_fails(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;

	assert_int_equal(append(f, "s", 0, "a", &err), 0);
	assert_int_equal(append(f, "s", 1, "b", &err), 0);
	assert_int_equal(store_read(f->store, "s", 0, stop_walk, NULL, &err),
			 -ERR_FAILED);
	assert_string_equal(err.text, "stopped at 1");
	assert_stream(f->store, "s", 0, "1=a;2=b;");
}

int store_suite_run(const struct store_subject *subject)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_a_stream_is_read_back_in_order),
		TEST(test_appending_at_another_revision_changes_nothing),
		TEST(test_one_batch_may_append_twice_to_a_stream),
		TEST(test_keys_are_put_added_and_deleted),
		TEST(test_a_later_epoch_ends_the_one_before),
		TEST(test_another_opening_sees_it_and_takes_over),
		TEST(test_a_walk_ends_where_its_function_fails),
	};
#undef TEST

	the_subject = subject;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
