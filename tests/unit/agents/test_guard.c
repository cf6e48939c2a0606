/*
 * The agent's two processes, spoken to by a controller that this is: the same
 * program is serve and guard when it is started with their names.
 */
#include "agents/guard.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agents/serve.h"
#include "core/sys/clock.h"
#include "core/sys/file.h"
#include "tests/support/agent_client.h"
#include "tests/support/tmpdir.h"

#define LEASE_MS   60000
#define PATIENT_MS 10000

struct host {
	char *home;
	char *root;
	struct agent_client *client;
	uint64_t seq;
	struct agent_status status;
	struct agent_result result;
	size_t n_sent;
	struct agent_deploy deploy;
};

static void expect_ok(int rc, const struct err *err)
{
	if (rc < 0)
		fail_msg("%s", err->text);
}

static void connect_host(struct host *host)
{
	const char *argv[] = { "/proc/self/exe", "serve", NULL };
	struct err err = ERR_INIT;

	expect_ok(agent_client_start(argv, host->home, &host->client, &err),
		  &err);
	agent_status_release(&host->status);
	expect_ok(agent_client_open(host->client, host->root, &host->status,
				    &err),
		  &err);
	host->seq = host->status.seq;
}

static void disconnect(struct host *host)
{
	agent_client_stop(TAKE(host->client));
}

static int set_up(void **state)
{
	struct host *host = MEM_NEW(struct host);

	host->home = tmpdir_make();
	host->root = mem_format("%s/srv/feed", host->home);
	connect_host(host);
	*state = host;
	return 0;
}

/* The guard's pid, from the lock it holds; 0: nobody does. */
static pid_t guard_pid(const struct host *host)
{
	AUTO_STR char *path = mem_format("%s/.gray/lock", host->root);
	AUTO_FILE FILE *locks = fopen("/proc/locks", "r");
	char line[256];
	struct stat st;
	char wanted[64];

	if (!locks || stat(path, &st) < 0)
		return 0;
	(void)snprintf(wanted, sizeof(wanted), ":%lu ",
		       (unsigned long)st.st_ino);
	while (fgets(line, sizeof(line), locks)) {
		char *at = strstr(line, "WRITE");

		if (strstr(line, "FLOCK") && strstr(line, wanted) && at)
			return (pid_t)strtol(at + 5, NULL, 10);
	}
	return 0;
}

static void kill_guard(const struct host *host)
{
	pid_t pid = guard_pid(host);

	if (pid <= 1)
		return;
	(void)kill(pid, SIGKILL);
	for (int i = 0; i < 500 && guard_pid(host) == pid; i++)
		(void)usleep(10000);
}

static int tear_down(void **state)
{
	struct host *host = *state;

	if (host->client)
		disconnect(host);
	kill_guard(host);
	agent_status_release(&host->status);
	agent_result_release(&host->result);
	tmpdir_remove(host->home);
	free(host->root);
	free(host);
	return 0;
}

static struct sample_release *release_of(const char *version)
{
	struct sample_release *release = sample_release_new();

	sample_release_add(release, "VERSION", false, version);
	sample_release_add(release, "lib/same", false, "the same in all");
	sample_release_add(release, "bin/restart", true,
			   "#!/bin/sh\n"
			   "env | grep ^GRAY_ | sort > $GRAY_ROOT/shared/env\n"
			   "cat VERSION > $GRAY_ROOT/shared/running\n"
			   "echo x >> $GRAY_ROOT/shared/restarts\n");
	sample_release_add(release, "bin/forever", true,
			   "#!/bin/sh\nwhile :; do echo again; done\n");
	sample_release_add(release, "bin/daemon", true,
			   "#!/bin/sh\n"
			   "sleep 20 &\n"
			   "echo $! > $GRAY_ROOT/shared/pid\n"
			   "echo started\n");
	sample_release_add(release, "bin/fail", true,
			   "#!/bin/sh\necho no luck today >&2\nexit 3\n");
	sample_release_add(release, "bin/well", true,
			   "#!/bin/sh\ntest -e well || "
			   "test $(cat VERSION) != bad\n");
	sample_release_seal(release);
	return release;
}

/* argv of the one hook that HOOK is; borrowed for the test. */
static void set_hook(struct agent_hook *hook, bool *has, const char *program,
		     uint64_t timeout_ms)
{
	hook->argv = mem_array(1, sizeof(char *));
	hook->argv[0] = mem_str(program);
	hook->n_argv = 1;
	hook->timeout_ms = timeout_ms;
	*has = true;
}

static void set_restart(struct host *host, const char *program)
{
	host->deploy.restart = AGENT_RESTART_KIND_COMMAND;
	agent_hook_release(&host->deploy.command);
	set_hook(&host->deploy.command, &host->deploy.has_command, program,
		 PATIENT_MS);
}

static void set_probe(struct host *host, const char *program,
		      uint64_t timeout_ms)
{
	host->deploy.probes = MEM_NEW(struct agent_probe);
	host->deploy.n_probes = 1;
	host->deploy.probes->kind = AGENT_PROBE_KIND_COMMAND;
	host->deploy.probes->timeout_ms = timeout_ms;
	set_hook(&host->deploy.probes->command,
		 &host->deploy.probes->has_command, program, 0);
}

static struct agent_command command_of(struct host *host, enum agent_verb verb,
				       const struct sample_release *release)
{
	return (struct agent_command){
		.verb = verb,
		.epoch = 1,
		.seq = ++host->seq,
		.release = release ? release->manifest->digest
				   : (struct digest){ { 0 } },
		.lease_ms = LEASE_MS,
		.keep = 2,
		.has_deploy = verb == AGENT_VERB_ACTIVATE ||
			      verb == AGENT_VERB_REVERT,
		.deploy = host->deploy,
	};
}

static enum err_code ask(struct host *host, struct agent_command *command,
			 const struct sample_release *staged)
{
	struct err err = ERR_INIT;

	agent_result_release(&host->result);
	expect_ok(agent_client_command(host->client, command, staged,
				       &host->result, &host->n_sent, &err),
		  &err);
	assert_int_equal(host->result.seq, command->seq);
	return (enum err_code)host->result.code;
}

static enum err_code verb(struct host *host, enum agent_verb id,
			  const struct sample_release *release)
{
	struct agent_command command = command_of(host, id, release);

	return ask(host, &command, id == AGENT_VERB_STAGE ? release : NULL);
}

static void expect_done(const struct host *host, enum err_code code)
{
	if (code)
		fail_msg("%s: %s", agent_verb_name(host->result.verb),
			 host->result.text);
}

static void stage(struct host *host, const struct sample_release *release)
{
	expect_done(host, verb(host, AGENT_VERB_STAGE, release));
}

static void bring(struct host *host, const struct sample_release *release)
{
	stage(host, release);
	expect_done(host, verb(host, AGENT_VERB_ACTIVATE, release));
	expect_done(host, verb(host, AGENT_VERB_CONFIRM, release));
}

static bool is_current(const struct host *host,
		       const struct sample_release *release)
{
	AUTO_STR char *path = mem_format("%s/current", host->root);
	char hex[DIGEST_HEX + 1];
	char text[256];
	ssize_t n = readlink(path, text, sizeof(text) - 1);

	if (n < 0)
		return false;
	text[n] = '\0';
	digest_format(&release->manifest->digest, hex);
	return strlen(text) > 9 && strcmp(text + 9, hex) == 0;
}

/* A file of the root, owned by the caller; "" when it is not there. */
static char *read_file(const struct host *host, const char *name)
{
	AUTO_STR char *path = mem_format("%s/%s", host->root, name);
	struct buf text = BUF_INIT;
	struct err ignored = ERR_INIT;

	(void)!file_read(path, 1 << 20, &text, &ignored);
	return buf_take_str(&text);
}

static void expect_file(const struct host *host, const char *name,
			const char *text)
{
	AUTO_STR char *is = read_file(host, name);

	assert_string_equal(is, text);
}

static void wait_until_current(const struct host *host,
			       const struct sample_release *release)
{
	for (int i = 0; i < PATIENT_MS / 20; i++) {
		if (is_current(host, release))
			return;
		(void)usleep(20000);
	}
	fail_msg("current is not what it should be after %d ms", PATIENT_MS);
}

static void test_a_release_is_staged_activated_and_confirmed(void **state)
{
	struct host *host = *state;
	struct sample_release *one = release_of("one");
	char hex[DIGEST_HEX + 1];
	AUTO_STR char *expected = NULL;

	set_restart(host, "bin/restart");
	bring(host, one);
	assert_true(is_current(host, one));
	assert_int_equal(host->result.status.state, AGENT_HOST_STATE_CONFIRMED);
	digest_format(&one->manifest->digest, hex);
	expected = mem_format("GRAY_ADDRESS=127.0.0.1\nGRAY_HOST=web-1\n"
			      "GRAY_RELEASE=%s/releases/%s\nGRAY_ROOT=%s\n"
			      "GRAY_SERVICE=feed\nGRAY_VERSION=\n",
			      host->root, hex, host->root);
	expect_file(host, "shared/env", expected);
	expect_file(host, "shared/running", "one");
	agent_deploy_release(&host->deploy);
	sample_release_free(one);
}

static void test_only_what_the_host_lacks_is_sent(void **state)
{
	struct host *host = *state;
	struct sample_release *one = release_of("one");
	struct sample_release *two = release_of("two");

	stage(host, one);
	assert_int_equal(host->n_sent, one->files.n);
	stage(host, two);
	assert_int_equal(host->n_sent, 1);
	stage(host, one);
	assert_int_equal(host->n_sent, 0);
	sample_release_free(one);
	sample_release_free(two);
}

static void test_a_damaged_file_is_not_reused_and_is_mended(void **state)
{
	struct host *host = *state;
	struct sample_release *one = release_of("one");
	struct sample_release *two = release_of("two");
	char hex[DIGEST_HEX + 1];
	AUTO_STR char *path = NULL;
	AUTO_FD int fd = -1;

	stage(host, one);
	digest_format(&one->manifest->digest, hex);
	path = mem_format("%s/releases/%s/lib/same", host->root, hex);
	assert_int_equal(chmod(path, 0644), 0);
	fd = open(path, O_WRONLY);
	assert_int_equal(write(fd, "XHE", 3), 3);
	stage(host, two);
	assert_int_equal(host->n_sent, 2); /* VERSION, and the damaged one */
	stage(host, one);
	expect_done(host, verb(host, AGENT_VERB_ACTIVATE, one));
	sample_release_free(one);
	sample_release_free(two);
}

static void test_a_damaged_release_is_not_activated(void **state)
{
	struct host *host = *state;
	struct sample_release *one = release_of("one");
	char hex[DIGEST_HEX + 1];
	AUTO_STR char *path = NULL;
	AUTO_STR char *dir = NULL;

	stage(host, one);
	digest_format(&one->manifest->digest, hex);
	dir = mem_format("%s/releases/%s", host->root, hex);
	path = mem_format("%s/VERSION", dir);
	assert_int_equal(chmod(dir, 0755), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(verb(host, AGENT_VERB_ACTIVATE, one), ERR_CORRUPT);
	assert_non_null(strstr(host->result.text, "VERSION"));
	assert_int_equal(host->result.status.state, AGENT_HOST_STATE_STAGED);
	sample_release_free(one);
}

static void test_host_goes_back_when_the_controller_is_silent(void **state)
{
	struct host *host = *state;
	struct sample_release *one = release_of("one");
	struct sample_release *two = release_of("two");
	struct agent_command command;

	set_restart(host, "bin/restart");
	bring(host, one);
	stage(host, two);
	command = command_of(host, AGENT_VERB_ACTIVATE, two);
	command.lease_ms = 1500;
	expect_done(host, ask(host, &command, NULL));
	disconnect(host);
	assert_true(is_current(host, two));
	wait_until_current(host, one);
	(void)usleep(500000);
	connect_host(host);
	assert_int_equal(host->status.state, AGENT_HOST_STATE_IDLE);
	assert_non_null(strstr(host->status.note, "lease"));
	expect_file(host, "shared/running", "one");
	expect_file(host, "shared/restarts", "x\nx\nx\n");
	agent_deploy_release(&host->deploy);
	sample_release_free(one);
	sample_release_free(two);
}

static void test_guard_killed_while_it_waits_is_replaced(void **state)
{
	struct host *host = *state;
	struct sample_release *one = release_of("one");
	struct sample_release *two = release_of("two");
	struct agent_command command;
	struct err err = ERR_INIT;

	bring(host, one);
	stage(host, two);
	command = command_of(host, AGENT_VERB_ACTIVATE, two);
	command.lease_ms = 4000;
	expect_done(host, ask(host, &command, NULL));
	kill_guard(host);
	/* serve says so and ends; a new guard goes on waiting. */
	assert_true(agent_client_ask(host->client, &host->status, &err) < 0);
	assert_non_null(strstr(err.text, "guard"));
	disconnect(host);
	assert_true(is_current(host, two));
	wait_until_current(host, one);
	sample_release_free(one);
	sample_release_free(two);
}

static void test_a_failing_probe_brings_the_old_release_back(void **state)
{
	struct host *host = *state;
	struct sample_release *one = release_of("one");
	struct sample_release *bad = release_of("bad");

	set_restart(host, "bin/restart");
	set_probe(host, "bin/well", 1000);
	bring(host, one);
	stage(host, bad);
	assert_int_not_equal(verb(host, AGENT_VERB_ACTIVATE, bad), ERR_NONE);
	assert_non_null(strstr(host->result.text, "probe"));
	assert_int_equal(host->result.status.state, AGENT_HOST_STATE_IDLE);
	assert_true(is_current(host, one));
	expect_file(host, "shared/running", "one");
	agent_deploy_release(&host->deploy);
	sample_release_free(one);
	sample_release_free(bad);
}

static void test_a_failing_hook_is_named_with_its_last_words(void **state)
{
	struct host *host = *state;
	struct sample_release *one = release_of("one");

	set_hook(&host->deploy.prepare, &host->deploy.has_prepare, "bin/fail",
		 PATIENT_MS);
	stage(host, one);
	assert_int_equal(verb(host, AGENT_VERB_ACTIVATE, one), ERR_FAILED);
	assert_non_null(strstr(host->result.text, "exit status 3"));
	assert_non_null(strstr(host->result.text, "no luck today"));
	assert_non_null(strstr(host->result.output, "no luck today"));
	assert_int_equal(host->result.status.state, AGENT_HOST_STATE_STAGED);
	agent_deploy_release(&host->deploy);
	sample_release_free(one);
}

static void test_a_hook_that_prints_for_ever_is_cut_and_ended(void **state)
{
	struct host *host = *state;
	struct sample_release *one = release_of("one");
	struct agent_command command;
	struct err err = ERR_INIT;
	uint64_t took_ms = 0;

	set_hook(&host->deploy.prepare, &host->deploy.has_prepare,
		 "bin/forever", 1500);
	stage(host, one);
	command = command_of(host, AGENT_VERB_ACTIVATE, one);
	expect_ok(agent_client_send(host->client, &command, &err), &err);
	(void)usleep(300000);
	/* Meanwhile everything else is answered. */
	expect_ok(agent_client_ping(host->client, &took_ms, &err), &err);
	assert_true(took_ms < 500);
	agent_status_release(&host->status);
	expect_ok(agent_client_ask(host->client, &host->status, &err), &err);
	assert_true(host->status.is_busy);
	assert_int_equal(host->status.state, AGENT_HOST_STATE_ARMED);
	agent_result_release(&host->result);
	expect_ok(agent_client_result(host->client, NULL, &host->result, NULL,
				      &err),
		  &err);
	assert_int_equal(host->result.code, ERR_TIMEOUT);
	assert_true(strlen(host->result.output) > 4000);
	assert_non_null(strstr(host->result.output, "bytes left out"));
	agent_deploy_release(&host->deploy);
	sample_release_free(one);
}

static void
test_a_daemon_that_keeps_the_output_open_holds_nobody_up(void **state)
{
	struct host *host = *state;
	struct sample_release *one = release_of("one");
	uint64_t start_ms = clock_boot_ms();
	AUTO_STR char *pid = NULL;

	set_restart(host, "bin/daemon");
	stage(host, one);
	expect_done(host, verb(host, AGENT_VERB_ACTIVATE, one));
	assert_true(clock_boot_ms() - start_ms < PATIENT_MS);
	assert_string_equal(host->result.output, "started\n");
	pid = read_file(host, "shared/pid");
	assert_int_equal(kill((pid_t)strtol(pid, NULL, 10), SIGKILL), 0);
	agent_deploy_release(&host->deploy);
	sample_release_free(one);
}

static void test_a_repeat_gets_the_same_answer_and_runs_nothing(void **state)
{
	struct host *host = *state;
	struct sample_release *one = release_of("one");
	struct agent_command command;

	set_restart(host, "bin/restart");
	stage(host, one);
	command = command_of(host, AGENT_VERB_ACTIVATE, one);
	expect_done(host, ask(host, &command, NULL));
	disconnect(host);
	connect_host(host);
	command.boot_id = NULL;
	expect_done(host, ask(host, &command, NULL));
	assert_true(host->result.is_repeat);
	expect_file(host, "shared/restarts", "x\n");
	agent_deploy_release(&host->deploy);
	sample_release_free(one);
}

static void test_two_connections_are_fenced_by_the_pair(void **state)
{
	struct host *host = *state;
	struct host other = { .home = host->home, .root = host->root };
	struct sample_release *one = release_of("one");
	struct agent_command fence;

	stage(host, one);
	connect_host(&other);
	fence = command_of(&other, AGENT_VERB_FENCE, NULL);
	fence.epoch = 2;
	expect_done(&other, ask(&other, &fence, NULL));
	assert_int_equal(verb(host, AGENT_VERB_ACTIVATE, one), ERR_STALE);
	assert_int_equal(host->result.status.epoch, 2);
	disconnect(&other);
	agent_status_release(&other.status);
	agent_result_release(&other.result);
	sample_release_free(one);
}

static void test_a_lost_transfer_goes_on_where_it_was_cut(void **state)
{
	struct host *host = *state;
	struct sample_release *one = release_of("one");
	struct agent_command command = command_of(host, AGENT_VERB_STAGE, one);
	struct err err = ERR_INIT;

	manifest_encode(one->manifest, &command.manifest);
	expect_ok(agent_client_send(host->client, &command, &err), &err);
	buf_release(&command.manifest);
	expect_ok(agent_client_send_files(host->client, one, 2, &err), &err);
	disconnect(host);
	(void)usleep(500000);
	connect_host(host);
	assert_int_equal(host->status.state, AGENT_HOST_STATE_IDLE);
	stage(host, one);
	assert_int_equal(host->n_sent, one->files.n - 2);
	sample_release_free(one);
}

static void test_a_manifest_of_many_parts_is_understood(void **state)
{
	struct host *host = *state;
	struct sample_release *big = sample_release_new();
	char path[4001];

	for (unsigned i = 0; i < 300; i++) {
		for (size_t at = 0; at < sizeof(path) - 1; at++)
			path[at] = (char)(at % 200 == 199 ? '/' : 'a');
		(void)snprintf(path, 8, "f%06u", i % 1000);
		path[7] = 'b';
		path[sizeof(path) - 1] = '\0';
		path[sizeof(path) - 2] = 'z';
		sample_release_add(big, path, false, "same");
	}
	sample_release_seal(big);
	stage(host, big);
	assert_int_equal(host->n_sent, 1);
	sample_release_free(big);
}

static void test_a_manifest_of_another_release_is_refused(void **state)
{
	struct host *host = *state;
	struct sample_release *one = release_of("one");
	struct agent_command command = command_of(host, AGENT_VERB_STAGE, one);

	command.release.bytes[0] ^= 1;
	assert_int_equal(ask(host, &command, one), ERR_INVALID);
	assert_int_equal(host->result.status.n_releases, 0);
	sample_release_free(one);
}

static void test_current_that_is_not_ours_is_refused(void **state)
{
	struct host *host = *state;
	struct sample_release *one = release_of("one");
	AUTO_STR char *path = mem_format("%s/current", host->root);

	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(verb(host, AGENT_VERB_STAGE, one), ERR_CONFLICT);
	assert_non_null(strstr(host->result.text, "a folder"));
	sample_release_free(one);
}

static void test_old_releases_go_and_pinned_ones_stay(void **state)
{
	struct host *host = *state;

	for (int i = 0; i < 5; i++) {
		AUTO_STR char *name = mem_format("v%d", i);
		struct sample_release *release = release_of(name);

		bring(host, release);
		sample_release_free(release);
	}
	assert_int_equal(host->result.status.n_releases, 2);
}

static void test_a_second_guard_says_that_there_is_one(void **state)
{
	struct host *host = *state;
	struct guard_options options = { .root = host->root, .ready = -1 };
	struct err err = ERR_INIT;

	assert_int_equal(guard_run(&options, &err), -ERR_CONFLICT);
	assert_non_null(strstr(err.text, "another guard"));
}

static void test_a_root_with_a_long_path_works(void **state)
{
	struct host *host = *state;
	struct sample_release *one = release_of("one");

	disconnect(host);
	kill_guard(host);
	mem_set_str(&host->root,
		    "/a-very-long-path-that-is-longer-than-what-the-address-"
		    "of-a-socket-may-hold-which-is-one-hundred-and-seven-"
		    "bytes/feed");
	{
		AUTO_STR char *root =
			mem_format("%s%s", host->home, host->root);

		mem_set_str(&host->root, root);
	}
	connect_host(host);
	bring(host, one);
	assert_true(is_current(host, one));
	sample_release_free(one);
}

static void test_a_check_probes_once_and_changes_nothing(void **state)
{
	struct host *host = *state;
	struct agent_probe probe = { .kind = AGENT_PROBE_KIND_TCP };
	char target[] = "127.0.0.1:1";
	struct agent_check check = { .id = 7,
				     .has_probe = true,
				     .timeout_ms = 1000 };
	AUTO_VALUE(agent_checked) checked = { 0 };
	struct err err = ERR_INIT;

	probe.target = target;
	check.probe = probe;
	expect_ok(agent_client_check(host->client, &check, &checked, &err),
		  &err);
	assert_int_equal(checked.id, 7);
	assert_int_equal(checked.code, ERR_UNREACHABLE);
	assert_non_null(strstr(checked.text, "127.0.0.1:1"));
}

/* An exporter for one connection; its port. */
static unsigned export_once(const char *text, pid_t *out_pid)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t size = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
	*out_pid = fork();
	if (*out_pid == 0) {
		int to = accept(fd, NULL, NULL);
		char ask[2048];

		(void)!read(to, ask, sizeof(ask));
		(void)dprintf(to, "HTTP/1.1 200 OK\r\n\r\n%s", text);
		_exit(0);
	}
	(void)close(fd);
	return ntohs(at.sin_port);
}

static double value_of(const struct agent_sample *sample)
{
	double value;

	memcpy(&value, &sample->value_bits, sizeof(value));
	return value;
}

static void test_a_check_reads_the_services_metrics(void **state)
{
	struct host *host = *state;
	pid_t pid = 0;
	unsigned port = export_once("http_requests_total{code=\"200\"} 90\n"
				    "http_requests_total{code=\"500\"} 7\n"
				    "http_requests_total{code=\"503\"} 3\n"
				    "process_start_time_seconds 1700000000\n",
				    &pid);
	AUTO_STR char *url = mem_format("http://127.0.0.1:%u/metrics", port);
	char bad[] = "http_requests_total{code=~\"5..\"}";
	char all[] = "http_requests_total";
	char none[] = "not_exported";
	char *selectors[] = { bad, all, none };
	struct agent_check check = { .id = 8,
				     .metrics_url = url,
				     .selectors = selectors,
				     .n_selectors = 3,
				     .timeout_ms = PATIENT_MS };
	AUTO_VALUE(agent_checked) checked = { 0 };
	struct err err = ERR_INIT;

	expect_ok(agent_client_check(host->client, &check, &checked, &err),
		  &err);
	if (checked.code)
		fail_msg("%s", checked.text);
	assert_int_equal(checked.n_samples, 3);
	assert_true(value_of(&checked.samples[0]) == 10.0);
	assert_int_equal(checked.samples[0].n_series, 2);
	assert_true(value_of(&checked.samples[1]) == 100.0);
	assert_false(checked.samples[2].is_found);
	assert_int_not_equal(checked.started_bits, 0);
	(void)waitpid(pid, NULL, 0);
}

static int run_part(char **argv)
{
	struct err err = ERR_INIT;
	int rc;

	if (strcmp(argv[1], "serve") == 0) {
		rc = serve_run(STDIN_FILENO, STDOUT_FILENO, getenv("HOME"),
			       &err);
	} else {
		struct guard_options options = { .root = argv[3],
						 .home = getenv("HOME"),
						 .idle_ms = 2000,
						 .ready = 3 };

		rc = guard_run(&options, &err);
	}
	return rc < 0;
}

#define GUARD_TEST(name) \
	cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		GUARD_TEST(test_a_release_is_staged_activated_and_confirmed),
		GUARD_TEST(test_only_what_the_host_lacks_is_sent),
		GUARD_TEST(test_a_damaged_file_is_not_reused_and_is_mended),
		GUARD_TEST(test_a_damaged_release_is_not_activated),
		GUARD_TEST(test_host_goes_back_when_the_controller_is_silent),
		GUARD_TEST(test_guard_killed_while_it_waits_is_replaced),
		GUARD_TEST(test_a_failing_probe_brings_the_old_release_back),
		GUARD_TEST(test_a_failing_hook_is_named_with_its_last_words),
		GUARD_TEST(test_a_hook_that_prints_for_ever_is_cut_and_ended),
		GUARD_TEST(
			test_a_daemon_that_keeps_the_output_open_holds_nobody_up),
		GUARD_TEST(test_a_repeat_gets_the_same_answer_and_runs_nothing),
		GUARD_TEST(test_two_connections_are_fenced_by_the_pair),
		GUARD_TEST(test_a_lost_transfer_goes_on_where_it_was_cut),
		GUARD_TEST(test_a_manifest_of_many_parts_is_understood),
		GUARD_TEST(test_a_manifest_of_another_release_is_refused),
		GUARD_TEST(test_current_that_is_not_ours_is_refused),
		GUARD_TEST(test_old_releases_go_and_pinned_ones_stay),
		GUARD_TEST(test_a_second_guard_says_that_there_is_one),
		GUARD_TEST(test_a_root_with_a_long_path_works),
		GUARD_TEST(test_a_check_probes_once_and_changes_nothing),
		GUARD_TEST(test_a_check_reads_the_services_metrics),
	};

	if (argc > 1)
		return run_part(argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
