#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <unistd.h>

#include "core/remote/route.h"
#include "tests/support/remote_run.h"
#include "tests/support/sshd.h"

/* Two kinds of host, and what only the ssh program does about them. */
static struct sshd plain;
static struct sshd rsa; /* its host key, and the key that may log in */
static struct sshd *at;
static struct run_host host;

static void point_at(struct sshd *sshd)
{
	at = sshd;
	host.target.address = sshd->address;
	host.target.port = sshd->port;
	host.target.identity = sshd->key;
	host.target.known_hosts = sshd->known_hosts;
}

static int set_up(void **state)
{
	(void)state;
	run_host_init(&host);
	host.target.config = "none";
	point_at(&plain);
	return 0;
}

static struct run run_once(const char *command)
{
	struct run run = { 0 };

	run_host_start(&host);
	run_all(&host, &run, command, "hello", 5);
	run_host_stop(&host);
	assert_int_equal(run.n_closed, 1);
	return run;
}

static void assert_reached(const char *transport, const char *why)
{
	struct run run = run_once("cat; exit 3");

	assert_string_equal(run.err.text, "");
	assert_int_equal(run.status, 3);
	assert_string_equal(buf_str(&run.out), "hello");
	if (strcmp(run.transport, transport) != 0 || !strstr(run.why, why))
		print_error("got: %s: %s\n", run.transport, run.why);
	assert_string_equal(run.transport, transport);
	assert_non_null(strstr(run.why, why));
	run_release(&run);
}

static void assert_fails(enum err_code code, const char *text)
{
	struct run run = run_once("true");

	assert_int_equal(run.status, -1);
	if (!strstr(run.err.text, text))
		print_error("got: %s\n", run.err.text);
	assert_non_null(strstr(run.err.text, text));
	assert_int_equal(run.err.code, code);
	run_release(&run);
}

static char *write_config(const char *name, const char *text)
{
	AUTO_STR char *path = mem_format("%s/%s", plain.dir, name);
	AUTO_FILE FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	return TAKE(path);
}

static void test_a_plain_host_goes_by_libssh2(void **state)
{
	(void)state;
	assert_reached("libssh2", "nothing asks for more");
}

static void test_an_rsa_key_goes_by_ssh(void **state)
{
	AUTO_STR char *key = mem_format("%s/rsa", plain.dir);

	(void)state;
	sshd_shell("ssh-keygen -q -t rsa -N '' -f '%s' && cat '%s.pub' >> "
		   "'%s/authorized_keys'",
		   key, key, plain.dir);
	host.target.identity = key;
	assert_reached("ssh", "rsa is an RSA key");
	/* In the older format, without its public half, locked. */
	sshd_shell("ssh-keygen -q -p -m PEM -P '' -N '' -f '%s' >/dev/null && "
		   "rm '%s.pub'",
		   key, key);
	assert_reached("ssh", "rsa is an RSA key");
	host.target.transport = "libssh2";
	assert_fails(ERR_UNREACHABLE, "transport: libssh2 cannot do it: ");
}

static void test_a_host_with_an_rsa_key_only_goes_by_ssh(void **state)
{
	AUTO_STR char *key = mem_format("%s/id", plain.dir);

	(void)state;
	sshd_shell("cat '%s.pub' >> '%s/authorized_keys'", key, rsa.dir);
	point_at(&rsa);
	host.target.identity = key;
	assert_reached("ssh", "of its keys only an RSA or FIDO key");
	/* Nobody has seen it yet: only the handshake shows. */
	host.target.known_hosts = "/dev/null";
	assert_fails(ERR_HOSTKEY, "its key (RSA SHA256:");
	host.target.accept_new = true;
	assert_reached("ssh", "it offers no algorithm that libssh2 has");
	host.target.transport = "libssh2";
	assert_fails(ERR_UNREACHABLE, "SSH handshake: ");
}

/* By way of the RSA host; the caller's. */
static char *write_jump_config(void)
{
	AUTO_STR char *text = mem_format(
		"Host jump\n HostName %s\n Port %u\n IdentityFile %s\n "
		"UserKnownHostsFile %s\nHost 127.0.0.1\n ProxyJump jump\n",
		rsa.address, rsa.port, rsa.key, rsa.known_hosts);

	return write_config("jump", text);
}

static void test_a_jump_host_is_jumped_over(void **state)
{
	AUTO_STR char *config = write_jump_config();

	(void)state;
	host.target.config = config;
	assert_reached("ssh", "its way has ProxyJump jump");
	host.target.transport = "libssh2";
	assert_fails(ERR_UNREACHABLE, "cannot do it: its way has ProxyJump");
	/* The jump host is not the one we know: who says so is named. */
	sshd_shell("sed -i 's|%s|/dev/null|' '%s'", rsa.known_hosts, config);
	host.target.transport = NULL;
	assert_fails(ERR_HOSTKEY,
		     "on the way to it: Host key verification failed");
}

static void test_a_new_key_behind_a_jump_host_is_learnt(void **state)
{
	AUTO_STR char *config = write_jump_config();
	AUTO_STR char *want =
		mem_format("[127.0.0.1]:%u ssh-ed25519 AAAA", plain.port);
	struct run run;

	(void)state;
	host.target.config = config;
	host.target.known_hosts = "/dev/null";
	host.target.accept_new = true;
	run = run_once("echo in");
	assert_string_equal(run.err.text, "");
	assert_memory_equal(run.new_key, want, strlen(want));
	assert_true(run.is_taken);
	run_release(&run);
}

static void test_a_proxy_command_goes_by_ssh(void **state)
{
	AUTO_STR char *option = mem_format(
		"ProxyCommand=bash -c 'exec 3<>/dev/tcp/%s/%u; cat <&3 & cat "
		">&3'",
		plain.address, plain.port);

	(void)state;
	host.target.options = option;
	assert_reached("ssh", "its way has ProxyCommand bash");
}

static void test_certificates_of_both_sides_go_by_ssh(void **state)
{
	AUTO_STR char *key = NULL;
	struct sshd ca;

	(void)state;
	sshd_start(&ca, "");
	sshd_certify(&ca);
	key = mem_format("%s/certified", ca.dir);
	point_at(&ca);
	host.target.identity = key;
	assert_reached("ssh", "known_hosts has a certificate authority");
	sshd_shell("echo \"[%s]:%u $(cut -d' ' -f1,2 '%s/host.pub')\" >> "
		   "'%s'",
		   ca.address, ca.port, ca.dir, ca.known_hosts);
	assert_reached("ssh", "certified-cert.pub is a certificate");
	sshd_stop(&ca);
}

static void test_a_match_block_goes_by_ssh(void **state)
{
	AUTO_STR char *text =
		mem_format("Match exec \"test %%n = web.example\"\n HostName "
			   "%s\n Port %u\n",
			   plain.address, plain.port);
	AUTO_STR char *config = write_config("match", text);

	(void)state;
	sshd_shell("sed \"s/^/web.example,/\" '%s' >> '%s/known'",
		   plain.known_hosts, plain.dir);
	host.target.config = config;
	host.target.address = "web.example";
	host.target.port = 0;
	assert_reached("ssh", "its configuration has a Match");
}

static void test_libssh2_goes_where_the_configuration_says(void **state)
{
	AUTO_STR char *text = mem_format(
		"Host web\n HostName %s\n Port %u\n IdentityFile %s\n "
		"IdentitiesOnly yes\n UserKnownHostsFile %s\n",
		plain.address, plain.port, plain.key, plain.known_hosts);
	AUTO_STR char *config = write_config("alias", text);

	(void)state;
	host.target.config = config;
	host.target.address = "web";
	host.target.port = 0;
	host.target.identity = NULL;
	host.target.known_hosts = NULL;
	assert_reached("libssh2", "nothing asks for more");
	host.target.transport = "libssh2";
	assert_reached("libssh2", "the fleet file says so");
}

static void test_a_changed_configuration_is_asked_again(void **state)
{
	AUTO_STR char *included = write_config("part", "");
	AUTO_STR char *text = mem_format("Include %s\n", included);
	AUTO_STR char *config = write_config("whole", text);
	AUTO_STR char *more = NULL;
	AUTO(routes) routes = routes_new();
	struct err err = ERR_INIT;
	struct route route;

	(void)state;
	host.target.config = config;
	assert_int_equal(routes_find(routes, &host.target, 5000, &route, &err),
			 0);
	assert_string_equal(route.transport, "libssh2");
	route_release(&route);
	more = write_config("part", "ProxyJump elsewhere\n");
	assert_int_equal(routes_find(routes, &host.target, 5000, &route, &err),
			 0);
	assert_string_equal(route.transport, "ssh");
	assert_string_equal(route.why, "its way has ProxyJump elsewhere");
	route_release(&route);
}

/* How often the program was run since count_ssh. */
static unsigned ssh_count(void)
{
	AUTO_STR char *path = mem_format("%s/runs", plain.dir);
	AUTO_FILE FILE *file = fopen(path, "re");
	unsigned n = 0;

	assert_non_null(file);
	for (int c; (c = fgetc(file)) != EOF;)
		n += c == '\n';
	return n;
}

/* A wrapper comes first on the PATH. */
static void count_ssh(void)
{
	AUTO_STR char *path =
		mem_format("%s/bin:%s", plain.dir, getenv("PATH"));

	sshd_shell(
		"mkdir -p '%s/bin' && printf '#!/bin/sh\\necho >>%s/runs\\n"
		"exec %%s \"$@\"\\n' \"$(command -v ssh)\" > '%s/bin/ssh' && "
		"chmod 755 '%s/bin/ssh'",
		plain.dir, plain.dir, plain.dir, plain.dir);
	(void)setenv("PATH", path, 1);
}

static void test_ssh_is_asked_once_for_hosts_of_one_kind(void **state)
{
	AUTO_STR char *config =
		write_config("kinds", "Host web-7\n Port 7\nHost *\n Port 8\n");
	AUTO_STR char *path = mem_str(getenv("PATH"));
	AUTO(routes) routes = routes_new();
	struct err err = ERR_INIT;

	(void)state;
	host.target.config = config;
	host.target.port = 0;
	count_ssh();
	for (int i = 0; i < 500; i++) {
		AUTO_STR char *name = mem_format("web-%d", i);
		struct route route;

		host.target.address = name;
		assert_int_equal(
			routes_find(routes, &host.target, 5000, &route, &err),
			0);
		assert_string_equal(route.to.address, name);
		assert_int_equal(route.to.port, i == 7 ? 7 : 8);
		route_release(&route);
	}
	(void)setenv("PATH", path, 1);
	/* Without any configuration, for web-7, and for all the others. */
	assert_int_equal(ssh_count(), 3);
}

static void test_a_configuration_ssh_refuses_is_told(void **state)
{
	AUTO_STR char *config = write_config("broken", "NoSuchKeyword 1\n");

	(void)state;
	host.target.config = config;
	assert_fails(ERR_UNREACHABLE, "ssh -G: ");
	assert_fails(ERR_UNREACHABLE, "line 1: Bad configuration option");
}

static void test_without_ssh_libssh2_does_what_it_can(void **state)
{
	AUTO_STR char *path = mem_str(getenv("PATH"));

	(void)state;
	(void)setenv("PATH", "/nonexistent", 1);
	assert_reached("libssh2", "there is no ssh program");
	(void)setenv("PATH", path, 1);
}

static void test_names_that_look_like_options_are_refused(void **state)
{
	(void)state;
	host.target.address = "-oProxyCommand=touch /tmp/x";
	assert_fails(ERR_INVALID, "is not an address for ssh");
	host.target.address = "127.0.0.1";
	host.target.user = "-lroot";
	assert_fails(ERR_INVALID, "is no user for ssh");
	host.target.transport = "ssh";
	assert_fails(ERR_INVALID, "is no user for ssh");
}

static int start_all(void **state)
{
	(void)state;
	(void)unsetenv("SSH_AUTH_SOCK");
	sshd_start(&plain, "");
	sshd_start_with(&rsa, "rsa", "rsa", "");
	return 0;
}

static int stop_all(void **state)
{
	(void)state;
	sshd_stop(&plain);
	sshd_stop(&rsa);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_plain_host_goes_by_libssh2),
		TEST(test_an_rsa_key_goes_by_ssh),
		TEST(test_a_host_with_an_rsa_key_only_goes_by_ssh),
		TEST(test_a_jump_host_is_jumped_over),
		TEST(test_a_new_key_behind_a_jump_host_is_learnt),
		TEST(test_a_proxy_command_goes_by_ssh),
		TEST(test_certificates_of_both_sides_go_by_ssh),
		TEST(test_a_match_block_goes_by_ssh),
		TEST(test_libssh2_goes_where_the_configuration_says),
		TEST(test_a_changed_configuration_is_asked_again),
		TEST(test_ssh_is_asked_once_for_hosts_of_one_kind),
		TEST(test_a_configuration_ssh_refuses_is_told),
		TEST(test_without_ssh_libssh2_does_what_it_can),
		TEST(test_names_that_look_like_options_are_refused),
	};

	return cmocka_run_group_tests(tests, start_all, stop_all);
}
