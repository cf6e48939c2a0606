#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <sys/stat.h>

#include "core/sys/file.h"
#include "core/wire/agent.h"
#include "core/wire/frame.h"
#include "rollouts/bootstrap.h"
#include "rollouts/bootstrap_steps.h"
#include "tests/support/tmpdir.h"

#define KEY            \
	"ssh-ed25519 " \
	"AAAAC3NzaC1lZDI1NTE5AAAAIIjh32K80YBN9j5UEQaNKSiUNkg2WfIm4pF3w0URUuo2"

/* A host that is this one, with a home of its own; its agent is a script. */
struct place {
	char *dir; /* the home */
	struct agent_binary binary;
	struct bootstrap_options options;
	struct bootstrap_report last; /* its strings are not kept */
	char *remedy;
	char *version;
	struct bootstrap_counts counts;
};

static void write_file(const char *path, const void *bytes, size_t size)
{
	AUTO_FILE FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, size, file), size);
}

/* The magic line and a hello, as a file that the script prints. */
static void write_hello(const struct place *place, unsigned protocol)
{
	char version[] = "9.8.7";
	struct agent_hello hello = { .protocol = protocol, .version = version };
	AUTO_VALUE(buf) out = BUF_INIT;
	AUTO_STR char *path = file_join(place->dir, "hello");
	size_t start;

	buf_append_str(&out, "welcome to this host\n" FRAME_MAGIC);
	start = frame_begin(&out, AGENT_HELLO);
	agent_hello_encode(&hello, &out);
	frame_end(&out, start);
	write_file(path, out.bytes, out.size);
}

static void set_agent(struct place *place, const char *script)
{
	char hex[DIGEST_HEX + 1];

	free(place->binary.path);
	free(place->binary.remote_path);
	free(place->binary.command);
	place->binary.path = file_join(place->dir, "agent");
	write_file(place->binary.path, script, strlen(script));
	digest_of(script, strlen(script), &place->binary.digest);
	digest_format(&place->binary.digest, hex);
	place->binary.machine = "";
	place->binary.remote_path =
		mem_format(AGENT_BINARY_DIR "/gray-agent-%.16s", hex);
	place->binary.command =
		mem_format("%s serve", place->binary.remote_path);
}

static int setup(void **state)
{
	struct place *place = MEM_NEW(struct place);

	place->dir = tmpdir_make();
	(void)setenv("HOME", place->dir, 1);
	write_hello(place, AGENT_PROTOCOL);
	set_agent(place, "#!/bin/sh\ncat hello -\n");
	place->options.binary = &place->binary;
	*state = place;
	return 0;
}

static int teardown(void **state)
{
	struct place *place = *state;

	free(place->binary.path);
	free(place->binary.remote_path);
	free(place->binary.command);
	free(place->remedy);
	free(place->version);
	tmpdir_remove(place->dir);
	free(place);
	return 0;
}

static void report_cb(const struct bootstrap_report *report, void *ctx)
{
	struct place *place = ctx;

	place->last = *report;
	mem_set_str(&place->remedy, report->remedy);
	mem_set_str(&place->version, report->version);
}

static void run(struct place *place)
{
	char name[] = "web-1", address[] = "local:";
	struct fleet_host host = { .name = name, .address = address };
	const struct fleet_host *hosts[] = { &host };
	struct err err = ERR_INIT;

	assert_int_equal(bootstrap_run(hosts, 1, &place->options, report_cb,
				       place, &place->counts, &err),
			 0);
	assert_int_equal(place->counts.n_ready + place->counts.n_failed, 1);
}

static void assert_failed(const struct place *place, enum err_code code,
			  const char *words)
{
	assert_false(place->last.is_ready);
	assert_non_null(strstr(place->last.err.text, words));
	assert_int_equal(place->last.err.code, code);
}

static void test_the_agent_is_brought_once_and_then_found(void **state)
{
	struct place *place = *state;
	AUTO_STR char *path = file_join(place->dir, place->binary.remote_path);
	struct stat info;

	run(place);
	assert_true(place->last.is_ready && place->last.is_new);
	assert_string_equal(place->version, "9.8.7");
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 07777, 0755);
	run(place);
	assert_true(place->last.is_ready && !place->last.is_new);
}

static void test_a_check_leaves_the_host_as_it_is(void **state)
{
	struct place *place = *state;
	AUTO_STR char *path = file_join(place->dir, ".gray");

	place->options.goal = BOOTSTRAP_CHECK;
	run(place);
	assert_failed(place, ERR_NOT_FOUND, "no agent of this version");
	assert_string_equal(place->remedy, "run `grayctl hosts add`");
	assert_int_equal(access(path, F_OK), -1);
}

static void test_another_machine_is_named(void **state)
{
	struct place *place = *state;

	place->binary.machine = "vax";
	run(place);
	assert_failed(place, ERR_INVALID, "our agent is for vax");
}

static void test_an_agent_that_does_not_greet_is_not_ready(void **state)
{
	struct place *place = *state;

	set_agent(place, "#!/bin/sh\necho no luck >&2\nexit 9\n");
	run(place);
	assert_failed(place, ERR_SYSTEM,
		      "start the agent: ended with status 9: no luck");
	set_agent(place, "#!/bin/sh\n");
	run(place);
	assert_failed(place, ERR_PROTOCOL, "ended without a word");
	set_agent(place, "#!/bin/sh\ncat hello -\n#\n");
	write_hello(place, AGENT_PROTOCOL + 1);
	run(place);
	assert_failed(place, ERR_PROTOCOL, "we speak");
}

static void test_an_agent_that_may_not_be_run_gets_a_remedy(void **state)
{
	struct place *place = *state;

	/* A folder cannot be run, as a file on a noexec mount cannot. */
	mem_set_str(&place->binary.command, "/etc serve");
	run(place);
	assert_failed(place, ERR_SYSTEM, "start the agent: it may not be run");
	assert_non_null(strstr(place->remedy, "noexec"));
}

static void test_a_program_that_changed_meanwhile_is_not_sent(void **state)
{
	struct place *place = *state;
	struct err err = ERR_INIT;

	write_file(place->binary.path, "other", 5);
	assert_int_equal(bootstrap_run(NULL, 0, &place->options, report_cb,
				       place, &place->counts, &err),
			 -ERR_CONFLICT);
}

static void read_keys(const struct place *place, struct buf *out)
{
	AUTO_STR char *path = file_join(place->dir, ".ssh/authorized_keys");
	struct err err = ERR_INIT;

	assert_int_equal(file_read(path, 4096, out, &err), 0);
}

static void test_a_key_replaces_its_line_of_another_agent(void **state)
{
	struct place *place = *state;
	AUTO_STR char *dir = file_join(place->dir, ".ssh");
	AUTO_STR char *path = file_join(dir, "authorized_keys");
	AUTO_STR char *line = step_key_line(&place->binary, KEY " me@here");
	AUTO_STR char *want = mem_format("# mine\n%s\n", line);
	static const char before[] =
		"# mine\nrestrict,command=\".gray/bin/gray-agent-00ff "
		"serve\" " KEY " old";

	assert_int_equal(mkdir(dir, 0700), 0);
	write_file(path, before, strlen(before));
	place->options.key = KEY " me@here";
	for (int i = 0; i < 2; i++) {
		AUTO_VALUE(buf) keys = BUF_INIT;

		run(place);
		assert_true(place->last.is_ready);
		read_keys(place, &keys);
		assert_string_equal(buf_str(&keys), want);
	}
}

static void test_only_one_whole_public_key_is_taken(void **state)
{
	static const char *const bad[] = {
		"",
		"hello",
		"ssh-ed25519 AAAA",
		KEY "\n" KEY,
		KEY "'; rm -rf /",
		"-----BEGIN OPENSSH PRIVATE KEY-----\n",
		"command=\"x\" " KEY,
	};
	AUTO_STR char *key = NULL;
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_int_equal(step_key_parse(bad[i], &key, &err),
				 -ERR_INVALID);
	assert_int_equal(step_key_parse(KEY " me@here$(id)\n", &key, &err), 0);
	assert_string_equal(key, KEY " me@here");
}

static void test_a_look_is_read_behind_noise(void **state)
{
	struct place *place = *state;
	AUTO_VALUE(step_seen) seen = { 0 };
	struct err err = ERR_INIT;

	assert_int_equal(step_look_read("fortune\nGRAY-LOOK machine=riscv64 "
					"agents=2 digest= free=12 mount=rw,ro "
					"write=yes shell=/bin/sh restart=\n"
					"machine=vax",
					"", 0, &place->binary, &seen, &err),
			 0);
	assert_true(seen.can_write && seen.has_free);
	assert_int_equal(seen.free_bytes, 12288);
	assert_null(seen.restart);
	assert_string_equal(seen.machine, "riscv64");
	assert_int_equal(seen.n_other, 2);
	assert_false(seen.is_there || seen.is_bound);
	step_seen_release(&seen);
	assert_int_equal(step_look_read("noise\n" FRAME_MAGIC, "", 0,
					&place->binary, &seen, &err),
			 0);
	assert_true(seen.is_bound);
	step_seen_release(&seen);
	assert_int_equal(step_look_read("This account is not available.\n", "x",
					1, &place->binary, &seen, &err),
			 -ERR_PROTOCOL);
	assert_string_equal(err.text,
			    "its login shell did not run the command: it said "
			    "\"This account is not available.\" and ended with "
			    "status 1");
	assert_int_equal(step_look_read("", "", 1, &place->binary, &seen, &err),
			 -ERR_PROTOCOL);
	assert_non_null(strstr(err.text, "it said nothing"));
}

static void test_a_look_behind_too_much_noise_is_told(void **state)
{
	struct place *place = *state;
	AUTO_VALUE(step_seen) seen = { 0 };
	AUTO_VALUE(buf) text = BUF_INIT;
	struct err err = ERR_INIT;

	for (size_t i = 0; i <= FRAME_NOISE_MAX; i++)
		buf_append_char(&text, '.');
	buf_append_str(&text, "\nGRAY-LOOK machine=x86_64 agents=0\n");
	assert_int_equal(step_look_read(buf_str(&text), "", 0, &place->binary,
					&seen, &err),
			 -ERR_PROTOCOL);
	assert_non_null(strstr(err.text, "prints too much"));
}

static void assert_unfit(const struct step_seen *seen,
			 const struct agent_binary *binary, enum err_code code,
			 const char *words, const char *remedy)
{
	struct err err = ERR_INIT;

	assert_int_equal(step_look_judge(seen, binary, &err), -(int)code);
	assert_non_null(strstr(err.text, words));
	assert_non_null(strstr(step_remedy(&err), remedy));
}

static void test_where_no_agent_can_live_is_told_with_a_remedy(void **state)
{
	struct place *place = *state;
	char machine[] = "vax", restricted[] = "/bin/rbash", sh[] = "/bin/sh";
	char noexec[] = "rw,noexec,nosuid", read_only[] = "ro,relatime";
	char fine[] = "rw,nonoexec,errors=ro";
	struct step_seen seen = { .machine = machine,
				  .shell = sh,
				  .mount = fine,
				  .can_write = true,
				  .has_free = true,
				  .free_bytes = 1 << 20 };
	struct err err = ERR_INIT;

	place->binary.size = 500000;
	assert_int_equal(step_look_judge(&seen, &place->binary, &err), 0);
	seen.free_bytes = 400000;
	assert_unfit(&seen, &place->binary, ERR_NO_SPACE, "is full",
		     "make room");
	seen.can_write = false;
	assert_unfit(&seen, &place->binary, ERR_SYSTEM, "nothing can be put",
		     "folder of its own");
	seen.mount = read_only;
	assert_unfit(&seen, &place->binary, ERR_SYSTEM, "read-only",
		     "for writing");
	seen.is_there = true; /* nothing need be put there */
	assert_int_equal(step_look_judge(&seen, &place->binary, &err), 0);
	seen.mount = noexec;
	assert_unfit(&seen, &place->binary, ERR_SYSTEM, "noexec", "with exec");
	seen.shell = restricted;
	assert_unfit(&seen, &place->binary, ERR_INVALID, "restricted",
		     "plain shell");
}

static void test_a_look_changes_nothing_and_says_what_is_missing(void **state)
{
	struct place *place = *state;
	AUTO_STR char *path = file_join(place->dir, ".gray");

	place->options.goal = BOOTSTRAP_LOOK;
	run(place);
	assert_true(place->last.is_ready && !place->last.is_new);
	assert_int_equal(access(path, F_OK), -1);
}

static void test_a_unit_is_asked_for_and_its_sudoers_line_is_exact(void **state)
{
	AUTO_STR char *line = step_sudoers_line("me", "a:b@1.service");

	(void)state;
	assert_string_equal(line, "me ALL=(root) NOPASSWD: /usr/bin/systemctl "
				  "restart a\\:b@1.service");
	assert_true(step_unit_is_plain("feed@1.service"));
	assert_false(step_unit_is_plain(""));
	assert_false(step_unit_is_plain("-h"));
	assert_false(step_unit_is_plain("a; rm -rf"));
	assert_false(step_unit_is_plain("a'b"));
}

static void test_a_full_disk_is_called_so(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(step_explain("copy", 1,
				      "cat: write error: No space left on "
				      "device\n",
				      &err),
			 -ERR_NO_SPACE);
	assert_string_equal(err.text,
			    "copy: ended with status 1: cat: write error: No "
			    "space left on device");
	assert_non_null(strstr(step_remedy(&err), "make room"));
	assert_int_equal(step_explain("start", 126, "Permission denied", &err),
			 -ERR_SYSTEM);
	assert_non_null(strstr(step_remedy(&err), "noexec"));
}

#define PLACE_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLACE_TEST(test_the_agent_is_brought_once_and_then_found),
		PLACE_TEST(test_a_check_leaves_the_host_as_it_is),
		PLACE_TEST(test_another_machine_is_named),
		PLACE_TEST(test_an_agent_that_does_not_greet_is_not_ready),
		PLACE_TEST(test_an_agent_that_may_not_be_run_gets_a_remedy),
		PLACE_TEST(test_a_program_that_changed_meanwhile_is_not_sent),
		PLACE_TEST(test_a_key_replaces_its_line_of_another_agent),
		cmocka_unit_test(test_only_one_whole_public_key_is_taken),
		PLACE_TEST(test_a_look_is_read_behind_noise),
		PLACE_TEST(test_a_look_behind_too_much_noise_is_told),
		PLACE_TEST(test_where_no_agent_can_live_is_told_with_a_remedy),
		PLACE_TEST(
			test_a_look_changes_nothing_and_says_what_is_missing),
		cmocka_unit_test(
			test_a_unit_is_asked_for_and_its_sudoers_line_is_exact),
		cmocka_unit_test(test_a_full_disk_is_called_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
