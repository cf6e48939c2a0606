#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/buf.h"
#include "core/remote/hostkeys.h"
#include "core/sys/file.h"
#include "tests/support/tmpdir.h"

/* Made, hashed and fingerprinted by ssh-keygen; nobody has the other halves. */
#define A64 \
	"AAAAC3NzaC1lZDI1NTE5AAAAIIj+txgtvCNyD5nlsaOs1DWtEyCLMJR6hFYOAujf9xgp"
#define B64 \
	"AAAAC3NzaC1lZDI1NTE5AAAAIJXKvM9NEfEE6h3+Sd4s59796OZt9JTPc4wHiXI/vpWV"
#define C64                                                                    \
	"AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBLb0hA7K3G2nErv"  \
	"raYtSvOUs143QlUMX1FacskPsaGG5xmXS3jRkLn+HLzUwUSqoPS84FYdf6rJTX8yGMig" \
	"BRco="
#define D64                                                                    \
	"AAAAB3NzaC1yc2EAAAADAQABAAAAgQDcgUT5PfAUte4SpgjDqz9ADIlYJ7SDWVXz2Jb"  \
	"HdN/23it9FLfc3DONou59ovUeGVc/Nxgz91U8Za/jtyAqxdkSw4o8KnIY4QejOm/2uLV" \
	"dqE+q1sxhfWEymClQ9ezP7ByXr7Dg/"                                       \
	"jjj69VJIi9kyjhNc3NZHTZ4YdXz9S8mwbvVDw=="
#define A	" ssh-ed25519 " A64 "\n"
#define B	" ssh-ed25519 " B64 "\n"
#define C	" ecdsa-sha2-nistp256 " C64 "\n"
#define D	" ssh-rsa " D64 "\n"
#define A_PRINT "SHA256:SQ/mNxZ++69otC3iL2yjhwkpOM4nnX2q1MKPW3UG7fs"
#define B_PRINT "SHA256:COdZj4BZgZcI3OkQYI9wFwz78HDB2GEIUzgUS+Mk+hQ"
/* web-1 and [10.0.0.1]:2222 */
#define HASHED                                                           \
	"|1|O/3nFv5Y5AF93PFCwzlttoXIXLY=|3aNZsIFaUKK9XBEUCj/hU9V1PG8=" A \
	"|1|nm4ZwzcEoNy7Kbushw+bbFHoEqQ=|YZB4n0mJAgiQv/thnz1E08Dvny4=" A

#define ALL                                                               \
	"ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-" \
	"nistp521"
#define C_FIRST                                                           \
	"ecdsa-sha2-nistp256,ssh-ed25519,ecdsa-sha2-nistp384,ecdsa-sha2-" \
	"nistp521"

struct key {
	uint8_t bytes[512];
	size_t size;
};

static struct key key_of(const char *text)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklm"
				      "nopqrstuvwxyz0123456789+/";
	struct key key = { .size = 0 };
	uint32_t bits = 0;

	for (size_t i = 0; text[i] && text[i] != '='; i++) {
		bits = bits << 6 |
		       (uint32_t)(strchr(letters, text[i]) - letters);
		if (i % 4)
			key.bytes[key.size++] =
				(uint8_t)(bits >> (6 - i % 4 * 2));
	}
	return key;
}

static enum hostkeys_verdict verdict_of(const char *file, const char *host,
					uint16_t port, const char *key64,
					struct err *err)
{
	AUTO(hostkeys) keys = hostkeys_parse("kh", file, strlen(file));
	struct key key = key_of(key64);

	*err = (struct err)ERR_INIT;
	return hostkeys_check(keys, host, port, key.bytes, key.size, err);
}

static void assert_verdict(const char *file, const char *host, uint16_t port,
			   const char *key64, enum hostkeys_verdict want)
{
	struct err err;

	assert_int_equal(verdict_of(file, host, port, key64, &err), want);
	assert_int_equal(err.code, want == HOSTKEYS_KNOWN ? 0 : ERR_HOSTKEY);
}

static void assert_types(const char *file, const char *host, uint16_t port,
			 const char *want)
{
	AUTO(hostkeys) keys = hostkeys_parse("kh", file, strlen(file));
	AUTO_STR char *types = NULL;

	hostkeys_types(keys, host, port, &types);
	assert_string_equal(types, want);
}

static void test_a_known_key_is_known(void **state)
{
	(void)state;
	assert_verdict("web-1" A, "web-1", 22, A64, HOSTKEYS_KNOWN);
	assert_verdict("web-1" A, "WEB-1", 22, A64, HOSTKEYS_KNOWN);
	assert_verdict("web-1" A, "web-2", 22, A64, HOSTKEYS_UNKNOWN);
	assert_verdict("", "web-1", 22, A64, HOSTKEYS_UNKNOWN);
}

static void test_an_unknown_key_is_told_with_fingerprint_and_remedy(void **s)
{
	struct err err;

	(void)s;
	(void)verdict_of("", "web-1", 22, A64, &err);
	assert_string_equal(err.text, "its key (ED25519 " A_PRINT
				      ") is not in kh; add it with `grayctl "
				      "hosts add`");
}

static void test_a_changed_key_is_told_with_both_fingerprints(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(
		verdict_of("# c\nweb-1" C "web-1" A, "web-1", 2222, B64, &err),
		HOSTKEYS_UNKNOWN);
	assert_int_equal(verdict_of("# c\n[web-1]:2222" C "[Web-1]:2222" A,
				    "web-1", 2222, B64, &err),
			 HOSTKEYS_CHANGED);
	assert_non_null(strstr(err.text, "shows ED25519 " B_PRINT));
	assert_non_null(strstr(err.text, "kh:3 knows ED25519 " A_PRINT));
	assert_non_null(
		strstr(err.text, "run `ssh-keygen -R '[web-1]:2222' -f kh`"));
}

static void test_several_names_a_line(void **state)
{
	(void)state;
	assert_verdict("web-0,web-1,10.0.0.1" A, "web-1", 22, A64,
		       HOSTKEYS_KNOWN);
	assert_verdict("web-0,web-1,10.0.0.1" A, "10.0.0.1", 22, A64,
		       HOSTKEYS_KNOWN);
	assert_verdict("web-0,web-1" A, "web", 22, A64, HOSTKEYS_UNKNOWN);
}

static void test_patterns_and_their_negation(void **state)
{
	(void)state;
	assert_verdict("*.idc,!bad.idc" A, "web.idc", 22, A64, HOSTKEYS_KNOWN);
	assert_verdict("*.idc,!bad.idc" A, "bad.idc", 22, A64,
		       HOSTKEYS_UNKNOWN);
	assert_verdict("!bad.idc" A, "web.idc", 22, A64, HOSTKEYS_UNKNOWN);
	assert_verdict("web-?" A, "web-1", 22, A64, HOSTKEYS_KNOWN);
	assert_verdict("web-?" A, "web-10", 22, A64, HOSTKEYS_UNKNOWN);
	assert_verdict("w*-*1*" A, "web-211", 22, A64, HOSTKEYS_KNOWN);
	assert_verdict("*" A, "any", 22, A64, HOSTKEYS_KNOWN);
}

static void test_hashed_names_as_ssh_keygen_writes_them(void **state)
{
	(void)state;
	assert_verdict(HASHED, "web-1", 22, A64, HOSTKEYS_KNOWN);
	assert_verdict(HASHED, "10.0.0.1", 2222, A64, HOSTKEYS_KNOWN);
	assert_verdict(HASHED, "10.0.0.1", 22, A64, HOSTKEYS_UNKNOWN);
	assert_verdict(HASHED, "web-2", 22, A64, HOSTKEYS_UNKNOWN);
	assert_verdict(HASHED, "web-1", 22, B64, HOSTKEYS_CHANGED);
}

static void test_a_port_has_its_own_keys(void **state)
{
	(void)state;
	assert_verdict("[web-1]:2222" A, "web-1", 2222, A64, HOSTKEYS_KNOWN);
	assert_verdict("[web-1]:2222" A, "web-1", 2223, A64, HOSTKEYS_UNKNOWN);
	assert_verdict("[web-1]:2222" A, "web-1", 22, A64, HOSTKEYS_UNKNOWN);
	assert_verdict("[web-1]:2222" A, "web-1", 2222, B64, HOSTKEYS_CHANGED);
}

static void test_the_plain_name_speaks_for_a_port_but_not_against(void **state)
{
	(void)state;
	assert_verdict("web-1" A, "web-1", 2222, A64, HOSTKEYS_KNOWN);
	assert_verdict("web-1" A, "web-1", 2222, B64, HOSTKEYS_UNKNOWN);
	assert_verdict("web-1" B "[web-1]:2222" A, "web-1", 2222, A64,
		       HOSTKEYS_KNOWN);
}

static void test_a_revoked_key_is_refused_before_all(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(
		verdict_of("web-1" A "@revoked *" A, "web-1", 22, A64, &err),
		HOSTKEYS_REVOKED);
	assert_non_null(strstr(err.text, "revoked"));
	assert_verdict("web-1" B "@revoked *" A, "web-1", 22, B64,
		       HOSTKEYS_KNOWN);
}

static void test_an_authority_does_not_make_a_key_known(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(
		verdict_of("@cert-authority *" A, "web-1", 22, A64, &err),
		HOSTKEYS_UNKNOWN);
	assert_non_null(strstr(err.text, "certificate authority"));
	assert_verdict("@cert-authority *" B "web-1" A, "web-1", 22, A64,
		       HOSTKEYS_KNOWN);
}

static void test_a_bad_line_in_the_middle_does_not_matter(void **state)
{
	(void)state;
	assert_verdict("web-1" A "web-2 ssh-ed25519 %%%%\nrubbish\n\n# web-3\n"
		       "web-4 ssh-rsa " A64 "\n@what web-4" A "|1|x|y" A
		       "web-5" A,
		       "web-5", 22, A64, HOSTKEYS_KNOWN);
	assert_verdict("web-4 ssh-rsa " A64 "\n", "web-4", 22, A64,
		       HOSTKEYS_UNKNOWN);
	assert_verdict("@what web-4" A, "web-4", 22, A64, HOSTKEYS_UNKNOWN);
}

static void test_line_ends_and_comments_of_all_kinds(void **state)
{
	(void)state;
	assert_verdict("web-1 ssh-ed25519 " A64 " me@here\r\n", "web-1", 22,
		       A64, HOSTKEYS_KNOWN);
	assert_verdict("\tweb-1\tssh-ed25519\t" A64, "web-1", 22, A64,
		       HOSTKEYS_KNOWN);
}

static void test_known_types_are_asked_for_first(void **state)
{
	(void)state;
	assert_types("web-1" C, "web-1", 22, C_FIRST);
	assert_types("web-1" C "web-1" A, "web-1", 22, ALL);
	assert_types("web-2" C, "web-1", 22, ALL);
	assert_types("web-1" D, "web-1", 22, ALL);
	assert_types("@revoked web-1" C, "web-1", 22, ALL);
	assert_types("[web-1]:2222" C, "web-1", 2222, C_FIRST);
	assert_types("web-1" C, "web-1", 2222, ALL);
}

static void test_of_a_host_with_an_rsa_key_only_this_is_said(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(verdict_of("web-1" D, "web-1", 22, A64, &err),
			 HOSTKEYS_CHANGED);
	assert_non_null(strstr(err.text, "kh:1 knows only RSA SHA256:"));
}

static void test_an_added_line_makes_its_key_known(void **state)
{
	char *dir = tmpdir_make();
	AUTO_STR char *path = mem_format("%s/kh", dir);
	struct key key = key_of(B64);
	AUTO_STR char *line = hostkeys_line("Web-1", 2222, key.bytes, key.size);
	AUTO(hostkeys) keys = NULL;
	AUTO_VALUE(buf) text = BUF_INIT;
	struct err err = ERR_INIT;
	AUTO_FILE FILE *file = fopen(path, "we");

	(void)state;
	assert_string_equal(line, "[web-1]:2222 ssh-ed25519 " B64);
	(void)fputs("web-9 ssh-ed25519 " A64, file); /* no newline */
	(void)fclose(TAKE(file));
	assert_int_equal(hostkeys_append(path, line, &err), 0);
	assert_int_equal(file_read(path, 4096, &text, &err), 0);
	assert_string_equal(buf_str(&text), "web-9" A "[web-1]:2222" B);
	assert_int_equal(hostkeys_load(path, &keys, &err), 0);
	assert_int_equal(
		hostkeys_check(keys, "web-1", 2222, key.bytes, key.size, &err),
		HOSTKEYS_KNOWN);
	tmpdir_remove(dir);
}

static void test_several_files_count_together(void **state)
{
	char *dir = tmpdir_make();
	AUTO_STR char *list = mem_format("%s/none\n%s/a\n%s/b", dir, dir, dir);
	AUTO_STR char *first = hostkeys_first_file(list);
	AUTO_STR char *none = mem_format("%s/none", dir);
	AUTO_STR char *a = mem_format("%s/a", dir);
	AUTO_STR char *b = mem_format("%s/b", dir);
	struct key key = key_of(A64);
	AUTO(hostkeys) keys = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_string_equal(first, none);
	assert_int_equal(hostkeys_append(a, "web-2 ssh-ed25519 " A64, &err), 0);
	assert_int_equal(hostkeys_append(b, "web-1 ssh-ed25519 " A64, &err), 0);
	assert_int_equal(hostkeys_load(list, &keys, &err), 0);
	assert_int_equal(
		hostkeys_check(keys, "web-1", 22, key.bytes, key.size, &err),
		HOSTKEYS_KNOWN);
	assert_true(hostkeys_is_fresh(keys, list));
	assert_false(hostkeys_is_fresh(keys, a));
	assert_int_equal(hostkeys_append(b, "web-3 ssh-ed25519 " A64, &err), 0);
	assert_false(hostkeys_is_fresh(keys, list));
	tmpdir_remove(dir);
}

static void test_a_hashed_line_is_known_and_tells_no_name(void **state)
{
	AUTO_STR char *line =
		hostkeys_line_hashed("[web-1]:2222 ssh-ed25519 " A64);
	AUTO_STR char *again =
		hostkeys_line_hashed("[web-1]:2222 ssh-ed25519 " A64);

	(void)state;
	assert_null(strstr(line, "web-1"));
	assert_string_not_equal(line, again);
	assert_verdict(line, "web-1", 2222, A64, HOSTKEYS_KNOWN);
	assert_verdict(line, "web-2", 2222, A64, HOSTKEYS_UNKNOWN);
}

static void test_a_new_file_is_for_its_user_alone(void **state)
{
	char *dir = tmpdir_make();
	AUTO_STR char *folder = mem_format("%s/.ssh", dir);
	AUTO_STR char *path = mem_format("%s/known_hosts", folder);
	struct err err = ERR_INIT;
	struct stat is;

	(void)state;
	assert_int_equal(hostkeys_append(path, "web-1 ssh-ed25519 " A64, &err),
			 0);
	assert_int_equal(stat(folder, &is), 0);
	assert_int_equal(is.st_mode & 07777, 0700);
	assert_int_equal(stat(path, &is), 0);
	assert_int_equal(is.st_mode & 07777, 0600);
	tmpdir_remove(dir);
}

static void test_a_file_that_is_not_there_knows_nobody(void **state)
{
	AUTO(hostkeys) keys = NULL;
	AUTO_STR char *types = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(hostkeys_load("/no/such/file", &keys, &err), 0);
	hostkeys_types(keys, "web-1", 22, &types);
	assert_string_equal(types, ALL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_known_key_is_known),
		cmocka_unit_test(
			test_an_unknown_key_is_told_with_fingerprint_and_remedy),
		cmocka_unit_test(
			test_a_changed_key_is_told_with_both_fingerprints),
		cmocka_unit_test(test_several_names_a_line),
		cmocka_unit_test(test_patterns_and_their_negation),
		cmocka_unit_test(test_hashed_names_as_ssh_keygen_writes_them),
		cmocka_unit_test(test_a_port_has_its_own_keys),
		cmocka_unit_test(
			test_the_plain_name_speaks_for_a_port_but_not_against),
		cmocka_unit_test(test_a_revoked_key_is_refused_before_all),
		cmocka_unit_test(test_an_authority_does_not_make_a_key_known),
		cmocka_unit_test(test_a_bad_line_in_the_middle_does_not_matter),
		cmocka_unit_test(test_line_ends_and_comments_of_all_kinds),
		cmocka_unit_test(test_known_types_are_asked_for_first),
		cmocka_unit_test(
			test_of_a_host_with_an_rsa_key_only_this_is_said),
		cmocka_unit_test(test_an_added_line_makes_its_key_known),
		cmocka_unit_test(test_several_files_count_together),
		cmocka_unit_test(test_a_hashed_line_is_known_and_tells_no_name),
		cmocka_unit_test(test_a_new_file_is_for_its_user_alone),
		cmocka_unit_test(test_a_file_that_is_not_there_knows_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
