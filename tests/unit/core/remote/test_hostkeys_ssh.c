/*
 * The ssh program and we read the same known_hosts files and meet the same
 * server: both ask for the same type of key first, and say the same of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <sys/stat.h>

#include "core/remote/hostkeys.h"
#include "core/sys/file.h"
#include "tests/support/sshd.h"
#include "tests/support/tmpdir.h"

#define IN_FLIGHT  4u
#define OUTPUT_MAX (1 << 20)

/*
 * In the files %E is the server's ED25519 key ("ssh-ed25519 AAAA..."), %C its
 * ECDSA and %R its RSA key; %e %c %r are those of another. %B is the base64 of
 * %E alone, %L a comment of 100 kB, %0 a NUL, %X a key of a CA.
 */
struct row {
	const char *what;
	const char *host;
	unsigned port; /* 0: 22 */
	const char *alias;
	const char *without; /* a type that ssh and we do not ask for */
	bool is_hashed;	     /* the first file, by ssh-keygen */
	const char *files[3];
	const char *want; /* so that both cannot be wrong together */
};

static const struct row rows[] = {
	{ .what = "nothing is known", .host = "web-1", .want = "unknown" },
	{ .what = "the key is known",
	  .host = "web-1",
	  .files = { "web-1 %E\n" },
	  .want = "known" },
	{ .what = "another key is known",
	  .host = "web-1",
	  .files = { "web-1 %e\n" },
	  .want = "changed" },
	{ .what = "another host is known",
	  .host = "web-1",
	  .files = { "web-2 %E\n" },
	  .want = "unknown" },
	{ .what = "capitals in the file",
	  .host = "web-1",
	  .files = { "Web-1.IDC,WEB-1 %E\n" },
	  .want = "known" },
	{ .what = "capitals in what is asked for",
	  .host = "WEB-1",
	  .files = { "web-1 %E\n" },
	  .want = "known" },
	{ .what = "capitals and a hashed name",
	  .host = "WEB-1",
	  .is_hashed = true,
	  .files = { "web-1 %E\n" },
	  .want = "known" },
	{ .what = "several names",
	  .host = "10.0.0.1",
	  .files = { "web-0,web-1,10.0.0.1 %E\n" },
	  .want = "known" },
	{ .what = "an address is not the name that it has",
	  .host = "127.0.0.1",
	  .files = { "localhost %e\n" },
	  .want = "unknown" },
	{ .what = "the line of the address does not speak for the name",
	  .host = "localhost",
	  .files = { "127.0.0.1 %e\nlocalhost %E\n" },
	  .want = "known" },
	{ .what = "an address of the new kind, at a port",
	  .host = "::1",
	  .port = 2222,
	  .files = { "[::1]:2222 %E\n" },
	  .want = "known" },
	{ .what = "part of a name",
	  .host = "web",
	  .files = { "web-1,xweb %E\n" },
	  .want = "unknown" },
	{ .what = "a star",
	  .host = "a.b.idc",
	  .files = { "*.idc %E\n" },
	  .want = "known" },
	{ .what = "a question mark is one letter",
	  .host = "web-10",
	  .files = { "web-? %e\nweb-?? %E\n" },
	  .want = "known" },
	{ .what = "a negated pattern",
	  .host = "bad.idc",
	  .files = { "*.idc,!bad.idc %E\n" },
	  .want = "unknown" },
	{ .what = "a negated pattern in front",
	  .host = "web.idc",
	  .files = { "!bad.idc,*.idc %E\n" },
	  .want = "known" },
	{ .what = "a negated pattern alone",
	  .host = "web.idc",
	  .files = { "!bad.idc %E\n" },
	  .want = "unknown" },
	{ .what = "a pattern for a port",
	  .host = "web-1",
	  .port = 2222,
	  .files = { "[web-*]:2222 %E\n" },
	  .want = "known" },
	{ .what = "hashed names",
	  .host = "web-1",
	  .is_hashed = true,
	  .files = { "web-2 %e\nweb-1 %E\n" },
	  .want = "known" },
	{ .what = "a hashed name, another key",
	  .host = "web-1",
	  .is_hashed = true,
	  .files = { "web-1 %e\n" },
	  .want = "changed" },
	{ .what = "a hashed name at a port",
	  .host = "web-1",
	  .port = 2222,
	  .is_hashed = true,
	  .files = { "[web-1]:2222 %E\n" },
	  .want = "known" },
	{ .what = "a hash that is none",
	  .host = "web-1",
	  .files = { "|1|x|y %e\n|1||= %e\n|2|a|b %e\nweb-1 %E\n" },
	  .want = "known" },
	{ .what = "a port of its own",
	  .host = "web-1",
	  .port = 2222,
	  .files = { "[web-1]:2222 %E\n" },
	  .want = "known" },
	{ .what = "another port",
	  .host = "web-1",
	  .port = 2222,
	  .files = { "[web-1]:2223 %E\n" },
	  .want = "unknown" },
	{ .what = "a port is known, the usual one is asked",
	  .host = "web-1",
	  .files = { "[web-1]:2222 %E\n" },
	  .want = "unknown" },
	{ .what = "the usual port in brackets is another name",
	  .host = "web-1",
	  .files = { "[web-1]:22 %E\n" },
	  .want = "unknown" },
	{ .what = "the plain name speaks for a port",
	  .host = "web-1",
	  .port = 2222,
	  .files = { "web-1 %E\n" },
	  .want = "known" },
	{ .what = "the plain name does not speak against a port",
	  .host = "web-1",
	  .port = 2222,
	  .files = { "web-1 %e\n" },
	  .want = "unknown" },
	{ .what = "the port's key goes before the plain name's",
	  .host = "web-1",
	  .port = 2222,
	  .files = { "web-1 %E\n[web-1]:2222 %e\n" },
	  .want = "changed" },
	{ .what = "the plain name chooses no type for a port",
	  .host = "web-1",
	  .port = 2222,
	  .files = { "web-1 %C\n" },
	  .want = "unknown" },
	{ .what = "revoked for all",
	  .host = "web-1",
	  .files = { "web-1 %E\n@revoked * %E\n" },
	  .want = "revoked" },
	{ .what = "revoked, and nothing else known",
	  .host = "web-1",
	  .files = { "@revoked web-1 %E\n" },
	  .want = "revoked" },
	{ .what = "another key is revoked",
	  .host = "web-1",
	  .files = { "@revoked * %e\nweb-1 %E\n" },
	  .want = "known" },
	{ .what = "only another key, and that is revoked",
	  .host = "web-1",
	  .files = { "@revoked * %e\n" },
	  .want = "unknown" },
	{ .what = "revoked for another host",
	  .host = "web-1",
	  .files = { "@revoked web-2 %E\nweb-1 %E\n" },
	  .want = "known" },
	{ .what = "revoked for the plain name",
	  .host = "web-1",
	  .port = 2222,
	  .files = { "@revoked web-1 %E\n" },
	  .want = "revoked" },
	{ .what = "revoked in the second file",
	  .host = "web-1",
	  .files = { "web-1 %E\n", "@revoked * %E\n" },
	  .want = "revoked" },
	{ .what = "revoked in the machine's file",
	  .host = "web-1",
	  .files = { "web-1 %E\n", NULL, "@revoked * %E\n" },
	  .want = "revoked" },
	{ .what = "an authority only",
	  .host = "web-1",
	  .files = { "@cert-authority * %X\n" },
	  .want = "unknown" },
	{ .what = "an authority with the server's own key",
	  .host = "web-1",
	  .files = { "@cert-authority web-1 %E\n" },
	  .want = "unknown" },
	{ .what = "an authority and the key",
	  .host = "web-1",
	  .files = { "@cert-authority * %X\nweb-1 %E\n" },
	  .want = "known" },
	{ .what = "an authority and another key",
	  .host = "web-1",
	  .files = { "@cert-authority * %X\nweb-1 %e\n" },
	  .want = "changed" },
	{ .what = "two marks",
	  .host = "web-1",
	  .files = { "@revoked @revoked * %E\nweb-1 %E\n" },
	  .want = "known" },
	{ .what = "a mark that nobody knows",
	  .host = "web-1",
	  .files = { "@what web-1 %E\n" },
	  .want = "unknown" },
	{ .what = "a tab behind the mark",
	  .host = "web-1",
	  .files = { "@revoked\tweb-1 %E\nweb-1 %E\n" },
	  .want = "known" },
	{ .what = "bad lines in the middle",
	  .host = "web-1",
	  .files = { "web-0 %e\nweb-1 ssh-ed25519 %%%%\nrubbish\n\n# c\n"
		     "web-1\nweb-1 ssh-ed25519\nweb-1 ssh-ed25519 AAAA\n"
		     "web-1 ssh-rsa %B\nweb-1 %E\n" },
	  .want = "known" },
	{ .what = "a bad line alone",
	  .host = "web-1",
	  .files = { "web-1 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA\n" },
	  .want = "unknown" },
	{ .what = "a type that does not fit the key",
	  .host = "web-1",
	  .files = { "web-1 ecdsa-sha2-nistp256 %B\n" },
	  .want = "unknown" },
	{ .what = "a type that nobody knows",
	  .host = "web-1",
	  .files = { "web-1 ssh-what AAAACHNzaC13aGF0AAAAAA==\n" },
	  .want = "unknown" },
	{ .what = "a key with more behind it",
	  .host = "web-1",
	  .files = { "web-1 %EAAAA\n" },
	  .want = "unknown" },
	{ .what = "line ends of the other kind",
	  .host = "web-1",
	  .files = { "web-0 %e\r\nweb-1 %E\r\n" },
	  .want = "known" },
	{ .what = "no end at the last line",
	  .host = "web-1",
	  .files = { "web-0 %e\nweb-1 %E" },
	  .want = "known" },
	{ .what = "comments, and blanks of both kinds",
	  .host = "web-1",
	  .files = { " # web-1 %e\n \t web-1\t \t%E\tme@here and more\n" },
	  .want = "known" },
	{ .what = "a comment in the place of a key",
	  .host = "web-1",
	  .files = { "web-1 # %E\n" },
	  .want = "unknown" },
	{ .what = "a very long line",
	  .host = "web-1",
	  .files = { "web-0 %e %L\nweb-1 %E %L\n" },
	  .want = "known" },
	{ .what = "a very long name",
	  .host = "web-1",
	  .files = { "%L,web-1 %E\n" },
	  .want = "unknown" },
	{ .what = "a NUL in a line",
	  .host = "web-1",
	  .files = { "web-0 %e %0 web-1\nweb-1%0 %e\nweb-1 %E\n" },
	  .want = "known" },
	{ .what = "the first of two keys of a type",
	  .host = "web-1",
	  .files = { "web-1 %E\nweb-1 %e\n" },
	  .want = "known" },
	{ .what = "the second of two keys of a type",
	  .host = "web-1",
	  .files = { "web-1 %e\nweb-1 %E\n" },
	  .want = "known" },
	{ .what = "keys of all types",
	  .host = "web-1",
	  .files = { "web-1 %R\nweb-1 %C\nweb-1 %E\n" },
	  .want = "known" },
	{ .what = "a known type is asked for first",
	  .host = "web-1",
	  .files = { "web-1 %C\n" },
	  .want = "known" },
	{ .what = "a known type is asked for first, and has changed",
	  .host = "web-1",
	  .files = { "web-1 %c\n" },
	  .want = "changed" },
	{ .what = "the type that is known is not to be had",
	  .host = "web-1",
	  .without = "ssh-ed25519",
	  .files = { "web-1 %E\n" },
	  .want = "changed" },
	{ .what = "a known type of another host",
	  .host = "web-1",
	  .files = { "web-2 %C\nweb-1 %E\n" },
	  .want = "known" },
	{ .what = "a revoked key chooses no type",
	  .host = "web-1",
	  .files = { "@revoked web-1 %C\n" },
	  .want = "unknown" },
	{ .what = "a key of a type that cannot be asked for",
	  .host = "web-1",
	  .files = { "web-1 %R\n" },
	  .want = "changed" },
	{ .what = "an RSA key by the name of its signatures",
	  .host = "web-1",
	  .files = { "web-1 rsa-sha2-512 AAAAB3NzaC1yc2E=\n" },
	  .want = "unknown" },
	{ .what = "known in the second file",
	  .host = "web-1",
	  .files = { "web-2 %e\n", "web-1 %E\n" },
	  .want = "known" },
	{ .what = "known in the machine's file",
	  .host = "web-1",
	  .files = { NULL, NULL, "web-1 %E\n" },
	  .want = "known" },
	{ .what = "one file against the other",
	  .host = "web-1",
	  .files = { "web-1 %e\n", NULL, "web-1 %E\n" },
	  .want = "known" },
	{ .what = "files that know other types",
	  .host = "web-1",
	  .files = { "web-1 %C\n", "web-1 %E\n" },
	  .want = "known" },
	{ .what = "an alias",
	  .host = "10.0.0.1",
	  .alias = "web-1",
	  .files = { "web-1 %E\n10.0.0.1 %e\n" },
	  .want = "known" },
	{ .what = "an alias has no port",
	  .host = "10.0.0.1",
	  .port = 2222,
	  .alias = "web-1",
	  .files = { "web-1 %E\n[10.0.0.1]:2222 %e\n[web-1]:2222 %e\n" },
	  .want = "known" },
	{ .what = "an alias, and only the host is known",
	  .host = "10.0.0.1",
	  .port = 2222,
	  .alias = "web-1",
	  .files = { "10.0.0.1,[10.0.0.1]:2222 %E\n" },
	  .want = "unknown" },
	{ .what = "an alias with capitals",
	  .host = "10.0.0.1",
	  .alias = "WEB-1",
	  .files = { "web-1 %E\n" },
	  .want = "known" },
};

struct keys {
	const char *letters; /* of the marks in files */
	char *text[7];
};

static char *dir;
static struct keys server = { .letters = "ECRecrX" };

static char *read_text(const char *name)
{
	AUTO_STR char *path = file_join(dir, name);
	AUTO_VALUE(buf) text = BUF_INIT;
	struct err err = ERR_INIT;

	assert_int_equal(file_read(path, OUTPUT_MAX, &text, &err), 0);
	return buf_take_str(&text);
}

static int setup(void **state)
{
	static const char *const names[] = { "E",  "C",	 "R", "e2",
					     "c2", "r2", "X" };

	(void)state;
	dir = tmpdir_make();
	(void)mkdir("/run/sshd", 0755); /* as root sshd wants this one */
	sshd_shell("cd '%s' && for k in E e2 X; do ssh-keygen -q -t ed25519 "
		   "-N '' -f $k; done && for k in C c2; do ssh-keygen -q -t "
		   "ecdsa -N '' -f $k; done && for k in R r2; do ssh-keygen -q "
		   "-t rsa -b 2048 -N '' -f $k; done && printf '%%s\\n' "
		   "'HostKey %s/E' 'HostKey %s/C' 'HostKey %s/R' 'UsePAM no' "
		   "'PidFile none' 'StrictModes no' > conf",
		   dir, dir, dir, dir);
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		AUTO_STR char *file = mem_format("%s.pub", names[i]);
		AUTO_STR char *text = read_text(file);

		/* Type and base64, without the comment. */
		*strrchr(text, ' ') = '\0';
		server.text[i] = TAKE(text);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(server.text); i++)
		free(server.text[i]);
	tmpdir_remove(dir);
	return 0;
}

static void put_mark(FILE *file, char letter)
{
	const char *key = strchr(server.letters, letter);

	if (key)
		(void)fputs(server.text[key - server.letters], file);
	else if (letter == 'B')
		(void)fputs(strchr(server.text[0], ' ') + 1, file);
	else if (letter == 'L')
		(void)fprintf(file, "%0100000d", 0);
	else
		(void)fputc(letter == '0' ? '\0' : letter, file);
}

/* File NAME of ROW; its path is the caller's. */
static char *write_file(size_t row, size_t i)
{
	const char *text = rows[row].files[i];
	char *path = mem_format("%s/%zu.%zu", dir, row, i);
	AUTO_FILE FILE *file = text ? fopen(path, "we") : NULL;

	for (; text && *text; text++) {
		if (*text == '%')
			put_mark(file, *++text);
		else
			(void)fputc(*text, file);
	}
	if (file)
		(void)fclose(TAKE(file));
	if (i == 0 && rows[row].is_hashed)
		sshd_shell("ssh-keygen -q -H -f '%s' >/dev/null 2>&1 && "
			   "grep -q '^|1|' '%s'",
			   path, path);
	return path;
}

/* What ssh is to leave out: what libssh2 has not, and what ROW says. */
static FILE *start_ssh(const struct row *row, char *const files[3])
{
	AUTO_STR char *alias =
		row->alias ? mem_format("-o HostKeyAlias=%s", row->alias)
			   : mem_str("");
	AUTO_STR char *line = mem_format(
		"ssh -F none -v -o BatchMode=yes -o StrictHostKeyChecking=yes "
		"-o UserKnownHostsFile='%s %s' -o GlobalKnownHostsFile='%s' "
		"-o 'ProxyCommand=/usr/sbin/sshd -i -f %s/conf -E %s/log' "
		"-o 'HostKeyAlgorithms=-*-cert-*,sk-*,*rsa*,%s' "
		"-o PreferredAuthentications=none %s -p %u '%s' true 2>&1",
		files[0], files[1], files[2], dir, dir,
		row->without ? row->without : "ssh-dss", alias,
		row->port ? row->port : 22, row->host);
	FILE *pipe = popen(line, "re");

	assert_non_null(pipe);
	return pipe;
}

/* "known ssh-ed25519" and so on; the caller's. */
static char *end_ssh(FILE *pipe)
{
	static const struct {
		const char *says;
		const char *verdict;
	} words[] = {
		{ "REVOKED HOST KEY DETECTED", "revoked" },
		{ "REMOTE HOST IDENTIFICATION HAS CHANGED", "changed" },
		{ "host key is known for", "unknown" },
		{ "is known and matches", "known" },
	};
	static const char type[] = "kex: host key algorithm: ";
	AUTO_VALUE(buf) out = BUF_INIT;
	const char *verdict = NULL, *at;
	char part[4096];
	size_t n;

	while ((n = fread(part, 1, sizeof(part), pipe)) > 0)
		buf_append(&out, part, n);
	(void)pclose(pipe);
	for (size_t i = 0; i < COUNT_OF(words) && !verdict; i++)
		if (strstr(buf_str(&out), words[i].says))
			verdict = words[i].verdict;
	at = strstr(buf_str(&out), type);
	if (!verdict || !at) {
		print_message("%s\n", buf_str(&out));
		fail_msg("ssh gave no verdict");
	}
	at += strlen(type);
	return mem_format("%s %.*s", verdict, (int)strcspn(at, "\r\n"), at);
}

/* The server's key of the first type that we ask for and it may show. */
static const char *key_shown(const char *types, const struct row *row)
{
	AUTO_STR char *list = mem_str(types);
	char *rest = NULL;

	for (char *type = strtok_r(list, ",", &rest); type;
	     type = strtok_r(NULL, ",", &rest))
		for (size_t i = 0; i < 2; i++) /* E and C */
			if ((!row->without || strcmp(row->without, type)) &&
			    strncmp(server.text[i], type, strlen(type)) == 0)
				return server.text[i];
	fail_msg("%s: no type to ask for", row->what);
	return NULL;
}

static char *ask_us(const struct row *row, char *const files[3])
{
	static const char *const verdicts[] = {
		[HOSTKEYS_KNOWN] = "known",
		[HOSTKEYS_UNKNOWN] = "unknown",
		[HOSTKEYS_CHANGED] = "changed",
		[HOSTKEYS_REVOKED] = "revoked",
	};
	AUTO_STR char *list =
		mem_format("%s\n%s\n%s", files[0], files[1], files[2]);
	const char *host = row->alias ? row->alias : row->host;
	uint16_t port = row->alias ? 22 : (uint16_t)row->port;
	AUTO(hostkeys) keys = NULL;
	AUTO_STR char *types = NULL;
	AUTO_VALUE(buf) key = BUF_INIT;
	enum hostkeys_verdict verdict;
	struct err err = ERR_INIT;
	const char *shown;

	assert_int_equal(hostkeys_load(list, &keys, &err), 0);
	hostkeys_types(keys, host, port, &types);
	shown = strchr(key_shown(types, row), ' ');
	assert_true(hostkey_base64_decode(shown + 1, strlen(shown + 1), &key));
	verdict = hostkeys_check(keys, host, port, key.bytes, key.size, &err);
	if (verdict != HOSTKEYS_KNOWN)
		assert_int_equal(err.code, ERR_HOSTKEY);
	return mem_format("%s %s", verdicts[verdict],
			  hostkey_type_at(hostkey_place(key.bytes, key.size)));
}

static unsigned compare(const struct row *row, char *files[3], FILE *pipe)
{
	AUTO_STR char *theirs = end_ssh(pipe);
	AUTO_STR char *ours = ask_us(row, files);
	size_t n = strcspn(theirs, " ");

	for (size_t i = 0; i < 3; i++)
		free(files[i]);
	if (strcmp(ours, theirs) == 0 && strlen(row->want) == n &&
	    strncmp(theirs, row->want, n) == 0)
		return 0;
	print_message("%s: ssh says %s, we say %s, expected %s\n", row->what,
		      theirs, ours, row->want);
	return 1;
}

static void test_ssh_and_we_say_the_same_of_every_file(void **state)
{
	char *files[IN_FLIGHT][3];
	FILE *pipes[IN_FLIGHT];
	unsigned n_bad = 0;

	(void)state;
	for (size_t at = 0; at < COUNT_OF(rows); at += IN_FLIGHT) {
		size_t n = MIN_OF(COUNT_OF(rows) - at, (size_t)IN_FLIGHT);

		for (size_t i = 0; i < n; i++) {
			for (size_t k = 0; k < 3; k++)
				files[i][k] = write_file(at + i, k);
			pipes[i] = start_ssh(&rows[at + i], files[i]);
		}
		for (size_t i = 0; i < n; i++)
			n_bad += compare(&rows[at + i], files[i], pipes[i]);
	}
	print_message("%zu cases\n", COUNT_OF(rows));
	assert_int_equal(n_bad, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ssh_and_we_say_the_same_of_every_file),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
