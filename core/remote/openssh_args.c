#include "core/remote/openssh_args.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A dead peer is noticed by ssh too, but those who ping notice earlier. */
#define ARGS_RULES(X)                            \
	X("BatchMode=yes")                       \
	X("StrictHostKeyChecking=yes")           \
	X("NoHostAuthenticationForLocalhost=no") \
	X("UpdateHostKeys=no")                   \
	X("HashKnownHosts=no")                   \
	X("VerifyHostKeyDNS=no")                 \
	X("ServerAliveInterval=15")              \
	X("ServerAliveCountMax=4")               \
	X("ForwardAgent=no")                     \
	X("ForwardX11=no")                       \
	X("ClearAllForwardings=yes")             \
	X("Tunnel=no")                           \
	X("EscapeChar=none")                     \
	X("RequestTTY=no")                       \
	X("ControlMaster=no")                    \
	X("ControlPath=none")                    \
	X("PermitLocalCommand=no")               \
	X("RemoteCommand=none")                  \
	X("SessionType=default")                 \
	X("StdinNull=no")                        \
	X("ForkAfterAuthentication=no")          \
	X("AddKeysToAgent=no")                   \
	X("LogLevel=DEBUG1")

void openssh_args_release(struct openssh_args *args)
{
	for (size_t i = 0; i < args->words.n; i++)
		free(args->words.items[i]);
	vec_release(&args->words);
}

/* Nothing that is taken for an option, or that a line cannot hold. */
static bool is_plain(const char *text)
{
	if (!text)
		return true;
	for (const char *p = text; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return false;
	return *text && *text != '-';
}

int openssh_args_check(const struct remote_target *target, struct err *err)
{
	if (!is_plain(target->address) || strpbrk(target->address, "/@ "))
		return err_set(err, ERR_INVALID,
			       "\"%s\" is not an address for ssh",
			       target->address);
	if (!is_plain(target->user))
		return err_set(err, ERR_INVALID, "\"%s\" is no user for ssh",
			       target->user);
	return 0;
}

void openssh_args_add(struct openssh_args *args, const char *fmt, ...)
{
	va_list list;
	char *word;

	va_start(list, fmt);
	if (vasprintf(&word, fmt, list) < 0)
		abort();
	va_end(list);
	*vec_add(&args->words) = word;
}

static void add_option(struct openssh_args *args, const char *line)
{
	openssh_args_add(args, "-o");
	openssh_args_add(args, "%s", line);
}

/* One line of PATH. */
static void quote(struct buf *line, const char *path)
{
	buf_append_char(line, '"');
	for (const char *p = path; *p && *p != '\n'; p++) {
		if (*p == '"' || *p == '\\')
			buf_append_char(line, '\\');
		if (*p == '%')
			buf_append_char(line, '%');
		buf_append_char(line, *p);
	}
	buf_append_char(line, '"');
}

void openssh_args_add_paths(struct openssh_args *args, const char *name,
			    const char *first, const char *more)
{
	AUTO_VALUE(buf) line = BUF_INIT;

	buf_format(&line, "%s=", name);
	quote(&line, first);
	for (const char *at = more; at && *at;) {
		at += strspn(at, "\n");
		if (*at) {
			buf_append_char(&line, ' ');
			quote(&line, at);
		}
		at += strcspn(at, "\n");
	}
	add_option(args, buf_str(&line));
}

static void add_lines(struct openssh_args *args, const char *lines)
{
	while (lines && *lines) {
		size_t n = strcspn(lines, "\n");
		AUTO_STR char *line = mem_strn(lines, n);

		if (n)
			add_option(args, line);
		lines += n + (lines[n] == '\n');
	}
}

void openssh_args_add_target(struct openssh_args *args,
			     const struct remote_target *target)
{
	if (target->config) {
		openssh_args_add(args, "-F");
		openssh_args_add(args, "%s", target->config);
	}
	if (target->user) {
		openssh_args_add(args, "-l");
		openssh_args_add(args, "%s", target->user);
	}
	if (target->port) {
		openssh_args_add(args, "-p");
		openssh_args_add(args, "%u", target->port);
	}
	if (target->identity) {
		openssh_args_add_paths(args, "IdentityFile", target->identity,
				       NULL);
		add_option(args, "IdentitiesOnly=yes");
	}
	if (target->known_hosts) {
		const char *more = strchr(target->known_hosts, '\n');

		openssh_args_add_paths(args, "UserKnownHostsFile",
				       target->known_hosts, more);
	}
	if (target->host_key_alias) {
		openssh_args_add(args, "-o");
		openssh_args_add(args, "HostKeyAlias=%s",
				 target->host_key_alias);
	}
	add_lines(args, target->options);
}

void openssh_args_add_rules(struct openssh_args *args, uint64_t connect_ms)
{
	static const char *const rules[] = {
#define RULE(line) line,
		ARGS_RULES(RULE)
#undef RULE
	};

	for (size_t i = 0; i < COUNT_OF(rules); i++)
		add_option(args, rules[i]);
	openssh_args_add(args, "-o");
	openssh_args_add(args, "ConnectTimeout=%llu",
			 (unsigned long long)(connect_ms + 999) / 1000);
}

void openssh_args_finish(struct openssh_args *args, const char *address,
			 const char *command)
{
	openssh_args_add(args, "--");
	openssh_args_add(args, "%s", address);
	if (command)
		openssh_args_add(args, "%s", command);
	*vec_add(&args->words) = NULL;
}
