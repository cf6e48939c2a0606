#include "rollouts/bootstrap_look.h"

#include <string.h>

#include "core/base/str.h"
#include "core/wire/frame.h"

#define MARK	 "GRAY-LOOK "
#define SAID_MAX 120	     /* letters of what a shell said that are told */
#define SPARE	 (64u << 10) /* bytes beside the agent: its host_id, blocks */
#define UNIT_MAX 255
#define UNIT_CHARS                                                       \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789" \
	":_.@-"

bool step_unit_is_plain(const char *unit)
{
	size_t n = strspn(unit, UNIT_CHARS);

	return n && !unit[n] && n <= UNIT_MAX && unit[0] != '-';
}

static char *ask_restart(const char *unit)
{
	if (!unit)
		return mem_str("");
	return mem_format("may=no; if test $(id -u) = 0; then may=root; elif "
			  "sudo -n -l systemctl restart %s >/dev/null 2>&1; "
			  "then may=sudo; fi; ",
			  unit);
}

char *step_look(const struct agent_binary *binary, const char *unit)
{
	AUTO_STR char *restart = ask_restart(unit);

	/* The last line of a mount point is the one that counts. */
	return mem_format(
		"sh -c 'f=%s; p=.; test -d " AGENT_BINARY_DIR
		" && p=" AGENT_BINARY_DIR
		"; opts=; set -- $(df -Pk $p 2>/dev/null | tail -n 1); "
		"while read -r d m t o r; do test \"$m\" = \"$6\" && opts=$o; "
		"done </proc/mounts; w=no; test -w $p && w=yes; %s"
		"echo \"" MARK "machine=$(uname -m) "
		"agents=$(ls " AGENT_BINARY_DIR " 2>/dev/null | "
		"grep -c ^gray-agent-) "
		"digest=$(test -x $f && sha256sum $f | cut -c1-64) "
		"free=$4 mount=$opts write=$w shell=$SHELL restart=$may\"'",
		binary->remote_path, restart);
}

void step_seen_copy(const struct step_seen *from, struct step_seen *out)
{
	*out = *from;
	out->machine = mem_str(from->machine);
	out->shell = mem_str(from->shell);
	out->mount = mem_str(from->mount);
	out->restart = mem_str(from->restart);
}

void step_seen_release(struct step_seen *seen)
{
	free(seen->machine);
	free(seen->shell);
	free(seen->mount);
	free(seen->restart);
	memset(seen, 0, sizeof(*seen));
}

/* ---- reading ---- */

/* What the login shell said instead, as far as it is worth telling. */
static char *said(const char *text, const char *complaint)
{
	const char *words = text[strspn(text, " \t\r\n")] ? text : complaint;
	AUTO_STR char *clean = NULL;

	words += strspn(words, " \t\r\n");
	clean = str_clean(words,
			  MIN_OF(strcspn(words, "\r\n"), (size_t)SAID_MAX));
	return *clean ? mem_format("it said \"%s\"", clean)
		      : mem_str("it said nothing");
}

static int no_answer(const char *text, const char *complaint, int status,
		     struct err *err)
{
	AUTO_STR char *words = said(text, complaint);

	if (strlen(text) > FRAME_NOISE_MAX)
		return err_set(err, ERR_PROTOCOL,
			       "its login shell prints too much before a "
			       "command");
	return err_set(err, ERR_PROTOCOL,
		       "its login shell did not run the command: %s and ended "
		       "with status %d",
		       words, status);
}

/* The value of KEY= in a line of such words; NULL if it has none. */
static char *word_of(const char *line, const char *key)
{
	size_t n = strlen(key);

	for (const char *at = line; *at && *at != '\n';) {
		size_t size = strcspn(at, " \n");

		if (size > n && strncmp(at, key, n) == 0 && at[n] == '=')
			return size > n + 1
				       ? str_clean(at + n + 1, size - n - 1)
				       : NULL;
		at += size + (at[size] == ' ');
	}
	return NULL;
}

int step_look_read(const char *text, const char *complaint, int status,
		   const struct agent_binary *binary, struct step_seen *out,
		   struct err *err)
{
	const char *at = strstr(text, MARK);
	AUTO_STR char *agents = NULL;
	AUTO_STR char *digest = NULL;
	AUTO_STR char *room = NULL;
	AUTO_STR char *write = NULL;
	struct err none = ERR_INIT;
	char hex[DIGEST_HEX + 1];
	uint64_t n = 0, kib = 0;

	if (!at && strstr(text, FRAME_MAGIC)) {
		*out = (struct step_seen){ .is_bound = true };
		return 0;
	}
	if (!at || (size_t)(at - text) > FRAME_NOISE_MAX)
		return no_answer(text, complaint, status, err);
	at += strlen(MARK);
	agents = word_of(at, "agents");
	digest = word_of(at, "digest");
	room = word_of(at, "free");
	write = word_of(at, "write");
	digest_format(&binary->digest, hex);
	*out = (struct step_seen){
		.is_there = digest && strcmp(digest, hex) == 0,
		.machine = word_of(at, "machine"),
		.shell = word_of(at, "shell"),
		.mount = word_of(at, "mount"),
		.restart = word_of(at, "restart"),
		.can_write = write && strcmp(write, "yes") == 0,
		.has_free = room && str_parse_u64(room, UINT64_MAX >> 10, &kib,
						  &none) == 0,
	};
	out->free_bytes = kib << 10;
	if (agents && str_parse_u64(agents, 1000000, &n, &none) == 0)
		/* The name alone says that one is ours, be it whole or not. */
		out->n_other = (unsigned)(n - (n && digest));
	return 0;
}

/* ---- judging ---- */

static bool has_option(const char *options, const char *option)
{
	size_t n = strlen(option);

	for (const char *at = options; at; at = strchr(at, ',')) {
		at += *at == ',';
		if (strncmp(at, option, n) == 0 && (!at[n] || at[n] == ','))
			return true;
	}
	return false;
}

static bool is_restricted(const char *shell)
{
	static const char *const names[] = { "rbash", "rksh", "rzsh", "rsh" };
	const char *slash = strrchr(shell, '/');
	const char *name = slash ? slash + 1 : shell;

	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

static int judge_room(const struct step_seen *seen,
		      const struct agent_binary *binary, struct err *err)
{
	uint64_t need = binary->size + SPARE;
	char is_free[32], needed[32];

	if (has_option(seen->mount, "ro"))
		return err_set(
			err, ERR_SYSTEM,
			"its login folder is on a read-only file system");
	if (!seen->can_write)
		return err_set(err, ERR_SYSTEM,
			       "its login folder is not there or not the login "
			       "user's: nothing can be put in it");
	if (!seen->has_free || seen->free_bytes >= need)
		return 0;
	str_format_bytes(seen->free_bytes, is_free, sizeof(is_free));
	str_format_bytes(need, needed, sizeof(needed));
	return err_set(err, ERR_NO_SPACE,
		       "its login folder's file system is full: %s are free, "
		       "the agent needs %s",
		       is_free, needed);
}

int step_look_judge(const struct step_seen *seen,
		    const struct agent_binary *binary, struct err *err)
{
	const char *machine = seen->machine ? seen->machine : "?";

	if (seen->is_bound)
		return 0;
	if (*binary->machine && strcmp(binary->machine, machine) != 0)
		return err_set(err, ERR_INVALID,
			       "its machine is %s, our agent is for %s",
			       machine, binary->machine);
	if (seen->shell && is_restricted(seen->shell))
		return err_set(err, ERR_INVALID,
			       "its login shell %s is a restricted one and "
			       "starts no program by its path",
			       seen->shell);
	if (has_option(seen->mount, "noexec"))
		return err_set(err, ERR_SYSTEM,
			       "its login folder is on a file system mounted "
			       "noexec: no agent can run there");
	return seen->is_there ? 0 : judge_room(seen, binary, err);
}

char *step_sudoers_line(const char *user, const char *unit)
{
	AUTO_VALUE(buf) line = BUF_INIT;

	buf_format(&line, "%s ALL=(root) NOPASSWD: /usr/bin/systemctl restart ",
		   user);
	for (; *unit; unit++) {
		if (*unit == ':') /* means more to sudo */
			buf_append_char(&line, '\\');
		buf_append_char(&line, *unit);
	}
	return buf_take_str(&line);
}
