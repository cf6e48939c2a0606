#include "rollouts/push.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/rand.h"
#include "core/data/zstd.h"
#include "core/sys/clock.h"
#include "core/wire/frame.h"
#include "tests/support/fake_transport.h"
#include "tests/support/tmpdir.h"

#define TEXT_SIZE   (3 * PUSH_PIECE + 17) /* shrinks well */
#define CHANCE_SIZE (9 * PUSH_PIECE)	  /* does not shrink at all */

/* A store with three files, a push to a fake stream, and a host that reads. */
struct fixture {
	char *dir;
	struct blobs *blobs;
	struct manifest *manifest;
	struct buf files[3];
	struct loop *loop;
	struct remote *remote;
	struct stream *stream;
	struct loop_timer *poll;
	struct push *push;

	struct frame_decoder heard;
	size_t most_pending;
	size_t take_bytes; /* the host's appetite a turn */

	struct buf text; /* the manifest as it came */
	unsigned n_parts;
	struct agent_command command;
	struct buf got[3];
	unsigned n_zstd, n_plain;
	size_t n_done; /* files */
	size_t want;   /* files */
	struct err failed;
	uint64_t until;
};

static void on_command(struct agent_command *command, void *ctx)
{
	(void)ctx;
	command->valid_until_ms = 4711;
}

static void on_failed(const struct err *err, void *ctx)
{
	struct fixture *fixture = ctx;

	fixture->failed = *err;
	push_free(TAKE(fixture->push)); /* as the link does */
}

static const struct push_events events = { on_command, on_failed };

static void drained(struct stream *stream, void *ctx)
{
	struct fixture *fixture = ctx;

	(void)stream;
	if (fixture->push)
		push_drained(fixture->push);
}

static void closed(struct stream *stream, int status, const struct err *err,
		   void *ctx)
{
	(void)stream;
	(void)status;
	(void)err;
	(void)ctx;
}

/* ---- the host ---- */

static void hear_blob(struct fixture *fixture, const struct frame *frame)
{
	AUTO_VALUE(agent_blob) blob = { 0 };
	struct err err = ERR_INIT;
	struct buf *to = NULL;

	assert_int_equal(
		agent_blob_decode(frame->bytes, frame->size, &blob, &err), 0);
	for (size_t i = 0; i < 3; i++)
		if (digest_equal(&blob.digest,
				 &fixture->manifest->entries.items[i].digest))
			to = &fixture->got[i];
	assert_non_null(to);
	assert_int_equal(blob.offset, to->size);
	if (blob.encoding == AGENT_ENCODING_ZSTD) {
		fixture->n_zstd++;
		assert_int_equal(zstd_expand(blob.data.bytes, blob.data.size,
					     PUSH_PIECE, to, &err),
				 0);
	} else {
		fixture->n_plain++;
		buf_append(to, blob.data.bytes, blob.data.size);
	}
	fixture->n_done += blob.last;
}

static void hear_part(struct fixture *fixture, const struct frame *frame)
{
	AUTO_VALUE(agent_manifest_part) part = { 0 };
	struct err err = ERR_INIT;

	assert_int_equal(agent_manifest_part_decode(frame->bytes, frame->size,
						    &part, &err),
			 0);
	assert_int_equal(part.offset, fixture->text.size);
	assert_true(digest_equal(&part.release, &fixture->manifest->digest));
	buf_append(&fixture->text, part.bytes.bytes, part.bytes.size);
	fixture->n_parts++;
}

/* Take some of what was sent and look at the frames that are whole. */
static void hear(struct fixture *fixture)
{
	AUTO_VALUE(buf) taken = BUF_INIT;
	struct err err = ERR_INIT;
	struct frame frame;
	bool has = true;

	fixture->most_pending =
		MAX_OF(fixture->most_pending, stream_pending(fixture->stream));
	fake_take(fixture->stream, fixture->take_bytes, &taken);
	frame_decoder_add(&fixture->heard, taken.bytes, taken.size);
	while (has) {
		assert_int_equal(
			frame_decoder_next(&fixture->heard, &frame, &has, &err),
			0);
		if (has && frame.type == AGENT_BLOB)
			hear_blob(fixture, &frame);
		else if (has && frame.type == AGENT_MANIFEST_PART)
			hear_part(fixture, &frame);
		else if (has && frame.type == AGENT_COMMAND)
			assert_int_equal(
				agent_command_decode(frame.bytes, frame.size,
						     &fixture->command, &err),
				0);
	}
}

static bool is_over(const struct fixture *fixture)
{
	return fixture->failed.code ||
	       (fixture->command.seq && fixture->n_done >= fixture->want);
}

static void poll_cb(void *ctx)
{
	struct fixture *fixture = ctx;

	hear(fixture);
	if (is_over(fixture) || clock_boot_ms() > fixture->until)
		loop_stop(fixture->loop);
	else
		loop_timer_set(fixture->poll, 1);
}

/* The host reads until it has WANT files, or the push fails. */
static void run(struct fixture *fixture, size_t want)
{
	fixture->want = want;
	fixture->until = clock_boot_ms() + 20000;
	loop_timer_set(fixture->poll, 0);
	loop_run(fixture->loop);
	assert_true(is_over(fixture));
}

/* ---- the fixture ---- */

static void make_files(struct fixture *fixture)
{
	struct blobs_import *import;
	struct err err = ERR_INIT;

	while (fixture->files[0].size < TEXT_SIZE)
		buf_append_str(&fixture->files[0], "all work and no play\n");
	fixture->files[0].size = TEXT_SIZE;
	rand_bytes(buf_reserve(&fixture->files[1], CHANCE_SIZE), CHANCE_SIZE);
	fixture->files[1].size = CHANCE_SIZE;
	assert_int_equal(blobs_import_begin(fixture->blobs, &import, &err), 0);
	for (size_t i = 0; i < 3; i++) {
		AUTO_STR char *path = mem_format("file%zu", i);
		struct digest digest;
		uint64_t size;

		assert_int_equal(blobs_import_file_begin(import, &err), 0);
		assert_int_equal(
			blobs_import_file_write(import, fixture->files[i].bytes,
						fixture->files[i].size, &err),
			0);
		assert_int_equal(
			blobs_import_file_end(import, &digest, &size, &err), 0);
		assert_int_equal(manifest_add_file(fixture->manifest, path,
						   false, size, &digest, &err),
				 0);
	}
	assert_int_equal(blobs_import_keep(import, &err), 0);
	blobs_import_free(import);
}

static int set_up(void **state)
{
	static const struct stream_events stream_events = {
		.on_drained = drained,
		.on_closed = closed,
	};
	static const struct remote_target target = { .name = "a",
						     .address = "a" };
	static const struct remote_options options;
	struct fixture *fixture = MEM_NEW(struct fixture);
	struct err err = ERR_INIT;

	fixture->dir = tmpdir_make();
	fixture->take_bytes = SIZE_MAX;
	fixture->manifest = manifest_new();
	assert_int_equal(blobs_open(fixture->dir, &fixture->blobs, &err), 0);
	make_files(fixture);
	assert_int_equal(loop_new(&fixture->loop, &err), 0);
	assert_int_equal(
		remote_new(fixture->loop, &options, &fixture->remote, &err), 0);
	fixture->stream = remote_exec(fixture->remote, &target, "x",
				      &stream_events, fixture);
	fixture->poll = loop_timer_new(fixture->loop, poll_cb, fixture);
	frame_decoder_init(&fixture->heard, false);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	push_free(fixture->push);
	remote_free(fixture->remote);
	loop_timer_free(fixture->poll);
	loop_free(fixture->loop);
	blobs_free(fixture->blobs);
	manifest_free(fixture->manifest);
	tmpdir_remove(fixture->dir);
	frame_decoder_release(&fixture->heard);
	agent_command_release(&fixture->command);
	buf_release(&fixture->text);
	for (size_t i = 0; i < 3; i++) {
		buf_release(&fixture->files[i]);
		buf_release(&fixture->got[i]);
	}
	free(fixture);
	return 0;
}

static void start(struct fixture *fixture)
{
	static const struct agent_command command = { .verb = AGENT_VERB_STAGE,
						      .epoch = 1,
						      .seq = 2 };
	struct err err = ERR_INIT;

	assert_int_equal(manifest_seal(fixture->manifest, &err), 0);
	fixture->push =
		push_new(fixture->loop, fixture->stream, fixture->manifest,
			 fixture->blobs, &command, &events, fixture);
}

static int need(struct fixture *fixture, const uint32_t *files, size_t n,
		struct err *err)
{
	struct agent_need need = { .release = fixture->manifest->digest,
				   .files = (uint32_t *)(uintptr_t)files,
				   .n_files = n };

	return push_need(fixture->push, &need, err);
}

/* ---- tests ---- */

static void test_what_is_needed_arrives_as_it_was(void **state)
{
	static const uint32_t all[] = { 2, 0, 1 };
	struct fixture *fixture = *state;
	struct err err = ERR_INIT;
	AUTO_VALUE(buf) text = BUF_INIT;
	uint64_t sent, total;

	start(fixture);
	run(fixture, 0);
	manifest_encode(fixture->manifest, &text);
	assert_int_equal(fixture->command.manifest.size, text.size);
	assert_memory_equal(fixture->command.manifest.bytes, text.bytes,
			    text.size);
	assert_int_equal(fixture->command.valid_until_ms, 4711);
	assert_int_equal(need(fixture, all, 3, &err), 0);
	run(fixture, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(fixture->got[i].size, fixture->files[i].size);
		if (fixture->got[i].size)
			assert_memory_equal(fixture->got[i].bytes,
					    fixture->files[i].bytes,
					    fixture->got[i].size);
	}
	push_progress(fixture->push, &sent, &total);
	assert_int_equal(sent, TEXT_SIZE + CHANCE_SIZE);
	assert_int_equal(total, sent);
	/* the text's four pieces shrink; chance and the empty file do not,
	 * nor do the last 17 bytes of the text */
	assert_int_equal(fixture->n_zstd, 3);
	assert_int_equal(fixture->n_plain, 1 + 9 + 1);
}

static void test_a_slow_host_holds_the_queue_below_its_limit(void **state)
{
	static const uint32_t chance[] = { 1 };
	struct fixture *fixture = *state;
	struct err err = ERR_INIT;

	fixture->take_bytes = 10000;
	start(fixture);
	run(fixture, 0);
	assert_int_equal(need(fixture, chance, 1, &err), 0);
	run(fixture, 1);
	assert_true(fixture->most_pending > PUSH_IN_FLIGHT / 2);
	assert_true(fixture->most_pending <= PUSH_IN_FLIGHT);
	assert_int_equal(fixture->got[1].size, CHANCE_SIZE);
}

static void test_a_large_manifest_comes_in_parts(void **state)
{
	struct fixture *fixture = *state;
	struct err err = ERR_INIT;
	AUTO_VALUE(buf) text = BUF_INIT;

	for (int i = 0; i < 14000; i++) {
		AUTO_STR char *path = mem_format("more/%05d", i);
		struct digest digest = { { 1 } };

		assert_int_equal(manifest_add_file(fixture->manifest, path,
						   false, 1, &digest, &err),
				 0);
	}
	fixture->take_bytes = 50000;
	start(fixture);
	run(fixture, 0);
	manifest_encode(fixture->manifest, &text);
	assert_true(text.size > PUSH_IN_FLIGHT);
	assert_true(fixture->most_pending <= PUSH_IN_FLIGHT);
	assert_true(fixture->n_parts > 1);
	assert_int_equal(fixture->command.manifest.size, 0);
	assert_int_equal(fixture->command.manifest_bytes, text.size);
	assert_int_equal(fixture->text.size, text.size);
	assert_memory_equal(fixture->text.bytes, text.bytes, text.size);
}

static void test_a_blob_that_is_gone_is_named(void **state)
{
	static const uint32_t gone[] = { 3 };
	struct fixture *fixture = *state;
	struct digest digest = { { 7 } };
	struct err err = ERR_INIT;

	assert_int_equal(manifest_add_file(fixture->manifest, "gone", false, 5,
					   &digest, &err),
			 0);
	assert_int_equal(
		manifest_add_link(fixture->manifest, "link", "gone", &err), 0);
	start(fixture);
	run(fixture, 0);
	fixture->command.seq = 0;
	/* sorted by path: file0, file1, file2, gone */
	assert_int_equal(need(fixture, gone, 1, &err), 0);
	assert_int_equal(fixture->failed.code, ERR_NOT_FOUND);
	assert_non_null(strstr(fixture->failed.text, "gone: no blob 07/"));
}

static void test_a_need_that_makes_no_sense_is_refused(void **state)
{
	static const uint32_t link[] = { 3 };
	static const uint32_t beyond[] = { 4 };
	static const uint32_t first[] = { 0 };
	struct fixture *fixture = *state;
	struct agent_need other = { .release = { { 9 } } };
	struct err err = ERR_INIT;

	assert_int_equal(
		manifest_add_link(fixture->manifest, "link", "file0", &err), 0);
	start(fixture);
	run(fixture, 0);
	assert_int_equal(need(fixture, link, 1, &err), -ERR_PROTOCOL);
	assert_int_equal(need(fixture, beyond, 1, &err), -ERR_PROTOCOL);
	assert_int_equal(push_need(fixture->push, &other, &err), -ERR_PROTOCOL);
	assert_int_equal(need(fixture, first, 1, &err), 0);
	assert_int_equal(need(fixture, first, 1, &err), -ERR_PROTOCOL);
}

static void test_it_may_be_freed_while_a_piece_is_made(void **state)
{
	static const uint32_t chance[] = { 1 };
	struct fixture *fixture = *state;
	struct err err = ERR_INIT;

	start(fixture);
	run(fixture, 0);
	assert_int_equal(need(fixture, chance, 1, &err), 0);
	push_free(TAKE(fixture->push));
	/* tear_down's loop_free waits for the worker; nothing was written */
	assert_int_equal(stream_pending(fixture->stream), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_what_is_needed_arrives_as_it_was),
		TEST(test_a_slow_host_holds_the_queue_below_its_limit),
		TEST(test_a_large_manifest_comes_in_parts),
		TEST(test_a_blob_that_is_gone_is_named),
		TEST(test_a_need_that_makes_no_sense_is_refused),
		TEST(test_it_may_be_freed_while_a_piece_is_made),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
