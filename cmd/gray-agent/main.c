#include <getopt.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/gray-agent/commands.h"
#include "core/base/str.h"
#include "core/sys/log.h"

static const struct {
	const char *name;
	const char *args;
	const char *summary;
	int (*run)(const struct agent_options *options, struct err *err);
} commands[] = {
#define COMMAND_ROW(name, args, summary) \
	{ #name, args, summary, command_##name },
	AGENT_COMMANDS(COMMAND_ROW)
#undef COMMAND_ROW
};

static int usage(FILE *to, int status)
{
	(void)fprintf(to, "usage: gray-agent COMMAND [OPTION ...]\n\n");
	for (size_t i = 0; i < COUNT_OF(commands); i++)
		(void)fprintf(to, "  %s %s\n      %s\n", commands[i].name,
			      commands[i].args, commands[i].summary);
	(void)fprintf(to, "\n  --help, --version\n");
	return status;
}

/* sshd sets HOME; at boot nobody may have. */
static const char *find_home(void)
{
	const char *home = getenv("HOME");
	const struct passwd *user;

	if (home && home[0] == '/')
		return home;
	user = getpwuid(geteuid());
	return user && user->pw_dir[0] == '/' ? user->pw_dir : "/";
}

static int parse_options(int argc, char **argv, struct agent_options *out,
			 struct err *err)
{
	static const struct option known[] = {
		{ "root", required_argument, NULL, 'r' },
		{ "ready-fd", required_argument, NULL, 'f' },
		{ 0 },
	};
	uint64_t fd;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":", known, NULL)) != -1) {
		if (c == 'r' && out->n_roots < COUNT_OF(out->roots)) {
			out->roots[out->n_roots++] = optarg;
		} else if (c == 'f') {
			if (str_parse_u64(optarg, 1023, &fd, err) < 0)
				return err_wrap(err, "--ready-fd");
			out->ready_fd = (int)fd;
		} else {
			return err_set(err, ERR_INVALID,
				       "option %s: unknown, without its "
				       "argument, or too often",
				       argv[optind - 1]);
		}
	}
	if (optind < argc)
		return err_set(err, ERR_INVALID, "argument %s: not understood",
			       argv[optind]);
	return 0;
}

int main(int argc, char **argv)
{
	struct agent_options options = { .ready_fd = -1, .home = find_home() };
	struct err err = ERR_INIT;

	log_set_name("gray-agent");
	if (argc >= 2 && strcmp(argv[1], "--version") == 0)
		return printf("gray-agent %s\n", GRAY_VERSION) < 0;
	if (argc >= 2 && strcmp(argv[1], "--help") == 0)
		return usage(stdout, 0);
	for (size_t i = 0; argc >= 2 && i < COUNT_OF(commands); i++) {
		if (strcmp(argv[1], commands[i].name) != 0)
			continue;
		if (parse_options(argc - 1, argv + 1, &options, &err) == 0 &&
		    commands[i].run(&options, &err) == 0)
			return 0;
		log_error("%s: %s", commands[i].name, err.text);
		return err_exit_status(err.code);
	}
	return usage(stderr, err_exit_status(ERR_INVALID));
}
