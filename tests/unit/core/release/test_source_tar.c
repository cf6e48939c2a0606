#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/release/source.h"
#include "core/sys/file.h"
#include "tests/support/release_store.h"
#include "tests/support/tarball.h"

static int import(const struct release_store *store, const struct buf *tar,
		  const char *sha256, struct manifest **out, struct err *err)
{
	AUTO_STR char *path = release_store_path(store, "release.tar");
	AUTO_FILE FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(tar->bytes, 1, tar->size, file), tar->size);
	assert_int_equal(fflush(file), 0);
	return source_from_tarball(path, sha256, store->blobs, out, err);
}

static void make_good(struct buf *tar)
{
	tarball_header(tar, '5', "./", 0755, 0, NULL);
	tarball_header(tar, '5', "./bin/", 02775, 0, NULL);
	tarball_file(tar, "./bin/app", 0755, "program");
	tarball_file(tar, "etc/conf", 0666, "text");
	tarball_header(tar, '5', "empty", 0755, 0, NULL);
	tarball_header(tar, '2', "./run", 0777, 0, "bin/app");
	tarball_file(tar, ".//nothing", 0600, "");
	tarball_end(tar);
}

static const char good_lines[] = "0755 bin/app=program\n"
				 "0644 etc/conf=text\n"
				 "0644 nothing=\n"
				 "link run>bin/app\n";

static void test_a_tarball_becomes_a_release(void **state)
{
	static const char *const filters[] = { NULL, "gzip", "zstd", "xz" };

	for (size_t i = 0; i < COUNT_OF(filters); i++) {
		AUTO_VALUE(buf) tar = BUF_INIT;
		AUTO(manifest) manifest = NULL;
		struct err err = ERR_INIT;

		make_good(&tar);
		if (filters[i])
			tarball_compress(&tar, filters[i]);
		if (import(*state, &tar, NULL, &manifest, &err) < 0)
			fail_msg("%s: %s", filters[i], err.text);
		release_store_assert_holds(*state, manifest, good_lines);
	}
}

static void test_an_unknown_compression_is_refused(void **state)
{
	AUTO_VALUE(buf) tar = BUF_INIT;
	struct manifest *manifest = NULL;
	struct err err = ERR_INIT;

	make_good(&tar);
	tarball_compress(&tar, "bzip2");
	release_store_assert_refused(
		*state, import(*state, &tar, NULL, &manifest, &err), &err,
		"not a good tar file");
}

static void test_the_sha256_must_be_the_files(void **state)
{
	AUTO_VALUE(buf) tar = BUF_INIT;
	AUTO(manifest) manifest = NULL;
	struct digest digest;
	char hex[DIGEST_HEX + 1];
	struct err err = ERR_INIT;

	make_good(&tar);
	digest_of("other", 5, &digest);
	digest_format(&digest, hex);
	release_store_assert_refused(*state,
				     import(*state, &tar, hex, &manifest, &err),
				     &err, "its sha256 is");
	digest_of(tar.bytes, tar.size, &digest);
	digest_format(&digest, hex);
	assert_int_equal(import(*state, &tar, hex, &manifest, &err), 0);
	release_store_assert_holds(*state, manifest, good_lines);
}

static void test_names_are_utf8_in_any_locale(void **state)
{
	AUTO_VALUE(buf) tar = BUF_INIT;
	AUTO(manifest) manifest = NULL;
	struct err err = ERR_INIT;

	tarball_file(&tar, "\xe7\x81\xb0", 0644, "ustar");
	tarball_pax(&tar, "path", "\xe5\xba\xa6");
	tarball_file(&tar, "short", 0644, "pax");
	tarball_pax(&tar, "linkpath", "\xe5\xba\xa6");
	tarball_header(&tar, '2', "l", 0777, 0, "short");
	tarball_end(&tar);
	if (import(*state, &tar, NULL, &manifest, &err) < 0)
		fail_msg("%s", err.text);
	release_store_assert_holds(*state, manifest,
				   "link l>\xe5\xba\xa6\n"
				   "0644 \xe5\xba\xa6=pax\n"
				   "0644 \xe7\x81\xb0=ustar\n");
}

static void test_hostile_entries_are_refused_by_name(void **state)
{
	static const struct {
		char type;
		const char *name;
		unsigned mode;
		const char *target;
		const char *words;
	} cases[] = {
		{ '0', "../bad", 0644, NULL, "entry \"../bad\"" },
		{ '0', "./../bad", 0644, NULL, "entry \"../bad\"" },
		{ '0', "a/../../bad", 0644, NULL, "entry \"a/../../bad\"" },
		{ '0', "/bad", 0644, NULL, "entry \"/bad\": is absolute" },
		{ '0', ".//../bad", 0644, NULL, "entry \"../bad\"" },
		{ '5', "../bad/", 0755, NULL, "entry \"../bad\"" },
		{ '5', "/bad/", 0755, NULL, "entry \"/bad\": is absolute" },
		{ '5', "/", 0755, NULL, "entry \"/\"" },
		{ '5', "..", 0755, NULL, "entry \"..\"" },
		{ '0', "a//bad", 0644, NULL, "entry \"a//bad\"" },
		{ '0', "a/./bad", 0644, NULL, "entry \"a/./bad\"" },
		{ '0', "a\nbad", 0644, NULL, "entry \"a?bad\"" },
		{ '0', "bad\x1b[2J", 0644, NULL, "entry \"bad?[2J\"" },
		{ '0', ".gray/x", 0644, NULL, "entry \".gray/x\"" },
		{ '0', "./current", 0644, NULL, "entry \"current\"" },
		{ '0', "good", 0644, NULL, "entry \"good\": is there twice" },
		{ '0', "./good", 0644, NULL, "entry \"good\": is there twice" },
		{ '0', "good/x", 0644, NULL, "entry \"good/x\": has a file" },
		{ '0', "bad", 04755, NULL, "entry \"bad\": has the set-user" },
		{ '0', "bad", 02755, NULL, "entry \"bad\": has the set-group" },
		{ '0', "bad", 01644, NULL, "entry \"bad\": has the sticky" },
		{ '1', "bad", 0644, "good", "entry \"bad\": is a hard link" },
		{ '1', "bad", 0644, "/etc/shadow", "is a hard link" },
		{ '2', "bad", 0777, "/etc", "entry \"bad\": link target" },
		{ '2', "bad", 0777, "..", "leaves the release" },
		{ '2', "bad", 0777, "x/../../y", "leaves the release" },
		{ '2', "bad", 0777, "bad", "entry \"bad\": link target" },
		{ '3', "bad", 0666, NULL, "entry \"bad\": is a device" },
		{ '4', "bad", 0666, NULL, "entry \"bad\": is a device" },
		{ '6', "bad", 0666, NULL, "entry \"bad\": is a fifo" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		AUTO_VALUE(buf) tar = BUF_INIT;
		void *store;
		struct manifest *manifest = NULL;
		struct err err = ERR_INIT;

		assert_int_equal(release_store_setup(&store), 0);
		tarball_file(&tar, "good", 0644, "content");
		tarball_header(&tar, cases[i].type, cases[i].name,
			       cases[i].mode, 0, cases[i].target);
		tarball_file(&tar, "after", 0644, "more");
		tarball_end(&tar);
		release_store_assert_refused(
			store, import(store, &tar, NULL, &manifest, &err), &err,
			cases[i].words);
		release_store_teardown(&store);
	}
}

/* The classic: a link first, then a file that is written through it. */
static void test_a_file_through_a_link_is_refused(void **state)
{
	AUTO_VALUE(buf) tar = BUF_INIT;
	struct manifest *manifest = NULL;
	struct err err = ERR_INIT;

	tarball_file(&tar, "dir/good", 0644, "content");
	tarball_header(&tar, '2', "way", 0777, 0, "dir");
	tarball_file(&tar, "way/bad", 0644, "x");
	tarball_end(&tar);
	release_store_assert_refused(
		*state, import(*state, &tar, NULL, &manifest, &err), &err,
		"entry \"way/bad\": goes through a link");
}

static void test_names_from_pax_headers_are_checked_too(void **state)
{
	static const struct {
		const char *key;
		const char *value;
		const char *words;
	} cases[] = {
		{ "path", "../../bad", "entry \"../../bad\"" },
		{ "path", "/bad", "entry \"/bad\"" },
		{ "path", "bad\xff", "" },
		{ "linkpath", "../../bad", "leaves the release" },
		{ "GNU.sparse.size", "100000", "" },
		{ "size", "99999999", "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		AUTO_VALUE(buf) tar = BUF_INIT;
		void *store;
		struct manifest *manifest = NULL;
		struct err err = ERR_INIT;
		bool is_link = strcmp(cases[i].key, "linkpath") == 0;

		assert_int_equal(release_store_setup(&store), 0);
		tarball_file(&tar, "good", 0644, "content");
		tarball_pax(&tar, cases[i].key, cases[i].value);
		if (is_link)
			tarball_header(&tar, '2', "b", 0777, 0, "good");
		else
			tarball_file(&tar, "b", 0644, "x");
		tarball_end(&tar);
		release_store_assert_refused(
			store, import(store, &tar, NULL, &manifest, &err), &err,
			cases[i].words);
		release_store_teardown(&store);
	}
}

/* PAX sparse 1.0: the map is in front of the data. */
static void test_a_sparse_file_is_refused(void **state)
{
	static const char lines[] = "22 GNU.sparse.major=1\n"
				    "22 GNU.sparse.minor=0\n"
				    "23 GNU.sparse.name=bad\n"
				    "32 GNU.sparse.realsize=10000000\n";
	char content[1024] = "1\n9999999\n1\n";
	AUTO_VALUE(buf) tar = BUF_INIT;
	struct manifest *manifest = NULL;
	struct err err = ERR_INIT;

	content[512] = 'x';
	tarball_header(&tar, 'x', "pax", 0644, strlen(lines), NULL);
	tarball_data(&tar, lines, strlen(lines));
	tarball_header(&tar, '0', "other", 0644, 513, NULL);
	tarball_data(&tar, content, 513);
	tarball_end(&tar);
	release_store_assert_refused(
		*state, import(*state, &tar, NULL, &manifest, &err), &err,
		"entry \"bad\": is a sparse file");
}

static void test_a_cut_tarball_is_refused(void **state)
{
	static const char *const filters[] = { NULL, "gzip", "zstd", "xz" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(filters); i++) {
		AUTO_VALUE(buf) whole = BUF_INIT;

		make_good(&whole);
		if (filters[i])
			tarball_compress(&whole, filters[i]);
		/* a plain one may miss the second of its last two blocks */
		for (size_t cut = 0; cut < whole.size - (filters[i] ? 0 : 1024);
		     cut += filters[i] ? 7 : 256) {
			struct buf part = { .bytes = whole.bytes, .size = cut };
			struct manifest *manifest = NULL;
			void *store;
			struct err err = ERR_INIT;

			assert_int_equal(release_store_setup(&store), 0);
			release_store_assert_refused(
				store,
				import(store, &part, NULL, &manifest, &err),
				&err, "");
			release_store_teardown(&store);
		}
	}
}

static void test_damage_is_noticed(void **state)
{
	AUTO_VALUE(buf) tar = BUF_INIT;
	struct manifest *manifest = NULL;
	struct err err = ERR_INIT;

	make_good(&tar);
	tar.bytes[1024 + 10] ^= 1; /* in the header of bin/app */
	release_store_assert_refused(
		*state, import(*state, &tar, NULL, &manifest, &err), &err,
		"not a good tar file");
}

static void test_a_bomb_is_refused(void **state)
{
	AUTO_VALUE(buf) tar = BUF_INIT;
	size_t size = 64u << 20;
	struct manifest *manifest = NULL;
	struct err err = ERR_INIT;

	tarball_header(&tar, '0', "bomb", 0644, size, NULL);
	memset(buf_reserve(&tar, size), 0, size);
	tar.size += size;
	tarball_end(&tar);
	tarball_compress(&tar, "zstd");
	release_store_assert_refused(
		*state, import(*state, &tar, NULL, &manifest, &err), &err,
		"entry \"bomb\": unpacks to more than 1000 times");
}

static void test_what_is_no_tarball_is_refused(void **state)
{
	static const char *const texts[] = { "", "hello", "\x1f\x8b",
					     "PK\3\4" };

	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		AUTO_VALUE(buf) tar = BUF_INIT;
		struct manifest *manifest = NULL;
		struct err err = ERR_INIT;

		buf_append_str(&tar, texts[i]);
		release_store_assert_refused(
			*state, import(*state, &tar, NULL, &manifest, &err),
			&err, "release.tar");
	}
}

#define TEST(name)                                                 \
	cmocka_unit_test_setup_teardown(name, release_store_setup, \
					release_store_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_tarball_becomes_a_release),
		TEST(test_an_unknown_compression_is_refused),
		TEST(test_the_sha256_must_be_the_files),
		TEST(test_names_are_utf8_in_any_locale),
		cmocka_unit_test(test_hostile_entries_are_refused_by_name),
		TEST(test_a_file_through_a_link_is_refused),
		cmocka_unit_test(test_names_from_pax_headers_are_checked_too),
		TEST(test_a_sparse_file_is_refused),
		cmocka_unit_test(test_a_cut_tarball_is_refused),
		TEST(test_damage_is_noticed),
		TEST(test_a_bomb_is_refused),
		TEST(test_what_is_no_tarball_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
