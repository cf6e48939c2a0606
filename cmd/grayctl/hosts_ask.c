#include "cmd/grayctl/hosts_ask.h"

#include <fcntl.h>
#include <string.h>
#include <termios.h>

#include "core/base/str.h"
#include "core/remote/hostkey.h"
#include "core/remote/ssh_agent.h"
#include "core/sys/file.h"

#define ANSWER_MAX  256
#define SECRET_MAX  1024
#define PUBLIC_MAX  (16 << 10)
#define CONTROL_C   3
#define CONTROL_D   4
#define FINGERPRINT "SHA256:"

bool ask_is_possible(void)
{
	return isatty(STDIN_FILENO);
}

/* Whole lines only: what is too long is no answer. */
static void read_answer(char *out, size_t size)
{
	if (!fgets(out, (int)size, stdin) || !strchr(out, '\n'))
		out[0] = '\0';
	out[strcspn(out, "\r\n")] = '\0';
}

bool ask_yes(const char *question)
{
	char answer[ANSWER_MAX];

	(void)fprintf(stderr, "%s [y/N] ", question);
	read_answer(answer, sizeof(answer));
	return strcmp(answer, "y") == 0 || strcmp(answer, "yes") == 0;
}

bool ask_key(const struct fleet_host *host, const char *words)
{
	const char *print = strchr(words, ' ') + 1;
	unsigned port = host->port ? host->port : 22;
	char answer[ANSWER_MAX];

	(void)fprintf(stderr,
		      "No key of %s (%s, port %u) is known. It shows\n"
		      "  %s\n"
		      "On the host, `ssh-keygen -lf "
		      "/etc/ssh/ssh_host_ed25519_key.pub` prints it.\n"
		      "Is it the host's? (yes, its fingerprint, or no) ",
		      host->name, host->address, port, words);
	read_answer(answer, sizeof(answer));
	if (strcmp(answer, "yes") == 0 || strcmp(answer, print) == 0)
		return true;
	if (str_starts(answer, FINGERPRINT))
		(void)fprintf(stderr, "That is not what %s shows.\n",
			      host->name);
	return false;
}

/* ---- passphrases ---- */

/* Does the ssh-agent hold IDENTITY, open? Then nobody need be asked. */
static bool is_in_agent(const char *identity)
{
	AUTO_STR char *path = mem_format("%s.pub", identity);
	AUTO_VALUE(buf) file = BUF_INIT;
	AUTO_VALUE(buf) key = BUF_INIT;
	AUTO(ssh_agent) agent = NULL;
	struct err none = ERR_INIT;
	const char *text;

	if (file_read(path, PUBLIC_MAX, &file, &none) < 0 ||
	    !(text = strchr(buf_str(&file), ' ')) ||
	    !hostkey_base64_decode(text + 1, strcspn(text + 1, " \n"), &key) ||
	    ssh_agent_open(&agent, &none) < 0)
		return false;
	for (size_t i = 0; i < agent->keys.n; i++)
		if (agent->keys.items[i].size == key.size &&
		    memcmp(agent->keys.items[i].blob, key.bytes, key.size) == 0)
			return true;
	return false;
}

/*
 * A line that is not shown, byte by byte: nothing of it stays in a stream's
 * memory. Control-C comes as a letter, so the echo is back in any case.
 */
static char *read_secret(int terminal)
{
	char text[SECRET_MAX] = "";
	size_t n = 0;
	char c = '\0', *out = NULL;

	while (n < sizeof(text) - 1 && read(terminal, &c, 1) == 1 &&
	       c != '\n' && c != '\r' && c != CONTROL_C && c != CONTROL_D)
		text[n++] = c;
	if (n && (c == '\n' || c == '\r'))
		out = mem_strn(text, n);
	explicit_bzero(text, sizeof(text));
	return out;
}

static char *ask_secret(const char *identity)
{
	AUTO_FD int terminal = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	AUTO_STR char *question = mem_format("Passphrase of %s: ", identity);
	struct termios before, silent;
	struct err none = ERR_INIT;
	char *out = NULL;

	if (terminal < 0 || tcgetattr(terminal, &before) < 0)
		return NULL;
	silent = before;
	silent.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
	silent.c_lflag |= ECHONL;
	if (tcsetattr(terminal, TCSAFLUSH, &silent) < 0)
		return NULL;
	if (file_write_all(terminal, question, strlen(question), &none) == 0)
		out = read_secret(terminal);
	(void)tcsetattr(terminal, TCSAFLUSH, &before);
	return out;
}

const char *ask_passphrase(const char *identity, void *passphrases)
{
	struct passphrases *known = passphrases;
	struct passphrase *new;

	for (size_t i = 0; i < known->list.n; i++)
		if (strcmp(known->list.items[i].identity, identity) == 0)
			return known->list.items[i].text;
	new = vec_add(&known->list);
	new->identity = mem_str(identity);
	if (ask_is_possible() && !is_in_agent(identity))
		new->text = ask_secret(identity);
	return new->text;
}

void passphrases_release(struct passphrases *passphrases)
{
	for (size_t i = 0; i < passphrases->list.n; i++) {
		struct passphrase *one = &passphrases->list.items[i];

		if (one->text)
			explicit_bzero(one->text, strlen(one->text));
		free(one->text);
		free(one->identity);
	}
	vec_release(&passphrases->list);
}
