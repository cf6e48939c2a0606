#include "rollouts/bootstrap_steps.h"

#include <string.h>

#include "core/base/str.h"

#define KEY_CHARS                                                        \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789" \
	"+/="
#define KEY_TYPE_CHARS "abcdefghijklmnopqrstuvwxyz0123456789-@."
#define COMMENT_CHARS                                                    \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789" \
	"@.-_"
#define KEY_MAX 8192 /* letters */

/* ---- commands ---- */

char *step_send(const char *temp)
{
	/* A full disk is not left fuller. */
	return mem_format("sh -c 'umask 077; mkdir -p " AGENT_BINARY_DIR
			  " && cd " AGENT_BINARY_DIR
			  " && { cat > .new.%s || { rm -f .new.%s; "
			  "exit 1; }; }'",
			  temp, temp);
}

char *step_place(const struct agent_binary *binary, const char *temp)
{
	const char *name = strrchr(binary->remote_path, '/') + 1;
	char hex[DIGEST_HEX + 1];

	digest_format(&binary->digest, hex);
	/* Also gone: what earlier tries, cut off, left behind. */
	return mem_format(
		"sh -c 'cd " AGENT_BINARY_DIR " && n=.new.%s && "
		"s=$(sha256sum $n | cut -c1-64) && "
		"if test \"$s\" = %s; then chmod 755 $n && "
		"mv -f $n %s; else rm -f $n; "
		"echo \"what arrived has the digest ${s:-(none)}\" >&2; "
		"exit 1; fi && "
		"find . -name \".new.*\" -mmin +60 -exec rm -f {} +'",
		temp, hex, name);
}

char *step_bind(void)
{
	/*
	 * One line of an older agent for the same key goes: the first line of a
	 * key is the one that counts.
	 */
	return mem_str(
		"sh -c 'umask 077; f=.ssh/authorized_keys; mkdir -p .ssh && "
		"touch $f && IFS= read -r old && IFS= read -r line && "
		"if grep -qxF -e \"$line\" $f; then exit 0; fi && "
		"if grep -q -e \"$old\" $f; then "
		"{ grep -v -e \"$old\" $f; echo \"$line\"; } > $f.gray && "
		"mv -f $f.gray $f; else "
		"{ test -z \"$(tail -c 1 $f)\" || echo; echo \"$line\"; } "
		">> $f; fi'");
}

/* ---- keys ---- */

int step_key_parse(const char *text, char **out, struct err *err)
{
	const char *line = text + strspn(text, " \t");
	size_t type = strspn(line, KEY_TYPE_CHARS);
	const char *body = line + type + strspn(line + type, " \t");
	size_t size = strspn(body, KEY_CHARS);
	const char *rest = body + size + strspn(body + size, " \t");
	const char *end = rest + strcspn(rest, "\r\n");

	if (strstr(text, "PRIVATE KEY"))
		return err_set(err, ERR_INVALID,
			       "it is the private half; name the .pub file");
	if (!type || body == line + type || size < 40 || size > KEY_MAX ||
	    (rest == body + size && rest != end))
		return err_set(err, ERR_INVALID,
			       "not a public key (\"ssh-ed25519 AAAA...\")");
	if (end[strspn(end, "\r\n \t")])
		return err_set(err, ERR_INVALID, "more than one line");
	*out = mem_format("%.*s %.*s%s%.*s", (int)type, line, (int)size, body,
			  strspn(rest, COMMENT_CHARS) ? " " : "",
			  (int)strspn(rest, COMMENT_CHARS), rest);
	return 0;
}

char *step_key_line(const struct agent_binary *binary, const char *key)
{
	return mem_format("restrict,command=\"%s\" %s", binary->command, key);
}

char *step_bind_input(const struct agent_binary *binary, const char *key)
{
	AUTO_STR char *line = step_key_line(binary, key);
	const char *body = strchr(key, ' ') + 1;

	/* A basic regular expression: no letter of a key means more there. */
	return mem_format("^restrict,command=\"\\.gray/bin/gray-agent-"
			  "[0-9a-f]* serve\" %.*s\n%s\n",
			  (int)(body - key + (ptrdiff_t)strcspn(body, " ")),
			  key, line);
}

/* ---- what went wrong ---- */

/* Words of a sentence; 0: the code stays. The first that fits counts. */
static const struct {
	const char *words;
	enum err_code code;
	const char *remedy;
} hints[] = {
	{ "No space left", ERR_NO_SPACE,
	  "make room in the login folder's file system" },
	{ "quota exceeded", ERR_NO_SPACE, "raise the login user's quota" },
	{ "Read-only file system", ERR_SYSTEM,
	  "mount the login folder's file system for writing" },
	{ "sha256sum: not found", ERR_SYSTEM,
	  "install sha256sum (coreutils or busybox) on the host" },
	{ "sha256sum: command not found", ERR_SYSTEM,
	  "install sha256sum (coreutils or busybox) on the host" },
	{ "noexec", 0,
	  "mount it with exec, or log in as a user whose folder is elsewhere" },
	{ "read-only file system", 0, "mount it for writing" },
	{ "is full", 0,
	  "make room there, or log in as a user whose folder is "
	  "elsewhere" },
	{ "is not there or not", 0,
	  "give the login user a folder of its own (mkhomedir_helper USER)" },
	{ "restricted one", 0,
	  "give the login user a plain shell (chsh -s /bin/sh USER); a key "
	  "with "
	  "a forced command restricts as well" },
	{ "may not be run", 0,
	  "is the login folder's file system mounted noexec? Mount it with "
	  "exec, or log in as a user whose folder is elsewhere" },
	{ "Permission denied", ERR_SYSTEM,
	  "the login user must own ~/.gray and ~/.ssh" },
	{ "no agent of this version", 0, "run `grayctl hosts add`" },
	{ "only run the agent", 0,
	  "use a fleet file whose identity is a key without a forced command" },
	{ "agent is for", 0,
	  "name an agent built for that machine with --agent" },
	{ "did not run the command", 0,
	  "the host is well; give the login user a shell that runs commands "
	  "(chsh -s /bin/sh USER), or name another user in the fleet file" },
	{ "prints too much", 0,
	  "let its start-up files be silent when there is no terminal" },
	{ "ran no command within", 0,
	  "the host is well; see what the login shell's start-up files wait "
	  "for" },
	{ "connect to", 0,
	  "is it up, and are address, port and firewall right?" },
	{ "look up", 0, "is the address in the fleet file right?" },
	{ "ended with status 127", 0, "run `grayctl hosts add`" },
	{ "what arrived has", ERR_CORRUPT, "try again" },
	{ "key is not known", 0,
	  "compare it with `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` "
	  "on the host, then `grayctl hosts add` on a terminal, or with "
	  "--fingerprint SHA256:...; --accept-new takes every new key" },
	{ "not the one given", 0,
	  "compare both with `ssh-keygen -lf "
	  "/etc/ssh/ssh_host_ed25519_key.pub` on the host" },
};

const char *step_remedy(const struct err *err)
{
	for (size_t i = 0; i < COUNT_OF(hints); i++)
		if (strstr(err->text, hints[i].words))
			return hints[i].remedy;
	return NULL;
}

int step_explain(const char *what, int status, const char *complaint,
		 struct err *err)
{
	AUTO_STR char *words = str_clean(complaint, strlen(complaint));
	enum err_code code = ERR_SYSTEM;

	for (char *p = words; *p; p++)
		if (*p == '\n' || *p == '\t')
			*p = ' ';
	for (size_t n = strlen(words); n && words[n - 1] == ' '; n--)
		words[n - 1] = '\0';
	for (size_t i = 0; i < COUNT_OF(hints); i++)
		if (hints[i].code && strstr(words, hints[i].words)) {
			code = hints[i].code;
			break;
		}
	if (status == 126)
		return err_set(err, ERR_SYSTEM, "%s: it may not be run%s%s",
			       what, *words ? ": " : "", words);
	return err_set(err, code, "%s: ended with status %d%s%s", what, status,
		       *words ? ": " : "", words);
}
