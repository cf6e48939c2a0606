#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "core/base/str.h"
#include "core/remote/user.h"
#include "core/remote/ssh_key_file.h"
#include "core/remote/ssh_private.h"
#include "core/sys/file.h"

#define LOGIN_MAX_KEY_FILE (64 << 10)
/* sshd gives up after MaxAuthTries, 6 unless told otherwise. */
#define LOGIN_MAX_AGENT_KEYS 5
/* How an OpenSSH key file without a passphrase begins, in base64. */
#define LOGIN_OPENSSH "BEGIN OPENSSH PRIVATE KEY"
#define LOGIN_PLAIN   "b3BlbnNzaC1rZXktdjEAAAAABG5vbmU"
#define LOGIN_USUAL   "~/.ssh/id_ed25519\n~/.ssh/id_ecdsa"

static void login_note(struct ssh_login *login, const char *fmt, ...)
	PRINTF_LIKE(2, 3);

/* One more thing that did not help, for the sentence at the end. */
static void login_note(struct ssh_login *login, const char *fmt, ...)
{
	AUTO_STR char *text = NULL;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		text = NULL;
	va_end(args);
	buf_format(&login->tried, "%s%s", login->tried.size ? "; " : "",
		   text ? text : "?");
}

static bool is_encrypted(const char *file)
{
	if (strstr(file, LOGIN_OPENSSH))
		return !strstr(file, LOGIN_PLAIN);
	return strstr(file, "ENCRYPTED") != NULL;
}

/* Add the key in the file PATH if we can open it; false: not usable. */
static bool login_add_file(struct ssh *ssh, const char *path)
{
	struct ssh_login *login = &ssh->login;
	AUTO_VALUE(buf) file = BUF_INIT;
	AUTO_STR char *passphrase = NULL;
	struct err err = ERR_INIT;
	struct ssh_key *key;

	if (file_read(path, LOGIN_MAX_KEY_FILE, &file, &err) < 0) {
		login_note(login, "%s", err.text);
		return false;
	}
	if (is_encrypted(buf_str(&file))) {
		passphrase =
			remote_passphrase(ssh->session.worker->remote, path);
		if (!passphrase) {
			login_note(login,
				   "%s has a passphrase: run `ssh-add %s`",
				   path, path);
			return false;
		}
	}
	key = vec_add(&login->keys);
	key->path = mem_str(path);
	key->passphrase = TAKE(passphrase);
	return true;
}

static void login_add_agent(struct ssh_login *login)
{
	struct err err = ERR_INIT;

	if (ssh_agent_open(&login->agent, &err) < 0) {
		login_note(login, "%s", err.text);
		return;
	}
	for (size_t i = 0; i < login->agent->keys.n && i < LOGIN_MAX_AGENT_KEYS;
	     i++) {
		struct ssh_key *key = vec_add(&login->keys);

		key->held = &login->agent->keys.items[i];
	}
	if (!login->agent->keys.n)
		login_note(login,
			   "the ssh-agent holds no ED25519 or ECDSA key");
}

/* What the configuration names, or the usual ones. */
static void login_add_files(struct ssh *ssh)
{
	AUTO_STR char *paths =
		mem_str(ssh->session.identities ? ssh->session.identities
						: LOGIN_USUAL);
	char *rest = NULL;

	for (char *path = strtok_r(paths, "\n", &rest); path;
	     path = strtok_r(NULL, "\n", &rest)) {
		AUTO_STR char *full = user_path(path);
		AUTO_STR char *type = NULL;

		if (access(full, F_OK) < 0)
			continue;
		type = ssh_key_file_type(full);
		if (type && !ssh_key_fits_libssh2(type))
			login_note(&ssh->login, "%s is %s", full,
				   ssh_key_obstacle(type));
		else
			(void)login_add_file(ssh, full);
	}
}

static void login_prepare(struct ssh *ssh)
{
	ssh->login.is_prepared = true;
	if (ssh->session.target.identity) {
		/* Locked here, it may be open in the agent. */
		if (!login_add_file(ssh, ssh->session.target.identity))
			login_add_agent(&ssh->login);
		return;
	}
	if (!ssh->session.identities_only)
		login_add_agent(&ssh->login);
	login_add_files(ssh);
	/* Locked in their files, they may be open there. */
	if (ssh->session.identities_only && !ssh->login.keys.n)
		login_add_agent(&ssh->login);
	if (!ssh->login.keys.n)
		login_note(&ssh->login, "no usable ~/.ssh/id_ed25519 or "
					"~/.ssh/id_ecdsa");
}

static LIBSSH2_USERAUTH_PUBLICKEY_SIGN_FUNC(login_sign_cb)
{
	struct ssh_login *login = *abstract;
	AUTO_VALUE(buf) out = BUF_INIT;

	(void)session;
	if (ssh_agent_sign(login->agent, login->keys.items[login->at].held,
			   data, data_len, &out, &login->err) < 0)
		return -1;
	/* libssh2 frees it; it was told to use malloc. */
	*sig = mem_copy(out.bytes, out.size);
	*sig_len = out.size;
	return 0;
}

static int login_try(struct ssh *ssh, const struct ssh_key *key)
{
	struct ssh_login *login = &ssh->login;

	login->signer = login;
	if (key->held)
		return libssh2_userauth_publickey(
			ssh->libssh2, ssh->user, key->held->blob,
			key->held->size, login_sign_cb, &login->signer);
	return libssh2_userauth_publickey_fromfile_ex(
		ssh->libssh2, ssh->user, (unsigned)strlen(ssh->user), NULL,
		key->path, key->passphrase);
}

static void login_rejected(struct ssh *ssh, const struct ssh_key *key, int rc)
{
	struct ssh_login *login = &ssh->login;
	char *text = NULL;

	(void)libssh2_session_last_error(ssh->libssh2, &text, NULL, 0);
	if (login->err.code)
		login_note(login, "%s", login->err.text);
	else if (rc == LIBSSH2_ERROR_AUTHENTICATION_FAILED ||
		 rc == LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED)
		login_note(login, "%s%s is not accepted",
			   key->held ? "the ssh-agent's " : "",
			   key->held ? key->held->comment : key->path);
	else
		login_note(login, "%s: cannot be used (%s)",
			   key->held ? key->held->comment : key->path,
			   text ? text : "?");
	login->err = (struct err)ERR_INIT;
}

static int login_refused(struct ssh *ssh)
{
	return err_set(&ssh->login.err, ERR_UNREACHABLE,
		       "log in as %s: %s; a key's public half must be in that "
		       "user's ~/.ssh/authorized_keys on the host",
		       ssh->user, buf_str(&ssh->login.tried));
}

void ssh_login_step(struct ssh *ssh)
{
	struct ssh_login *login = &ssh->login;

	if (!login->is_prepared)
		login_prepare(ssh);
	for (; login->at < login->keys.n; login->at++) {
		struct ssh_key *key = &login->keys.items[login->at];

		login->result = login_try(ssh, key);
		if (login->result == 0 || login->result == LIBSSH2_ERROR_EAGAIN)
			return;
		if (ssh->is_gone) {
			ssh_wire_error(ssh, "log in", &login->err);
			return;
		}
		login_rejected(ssh, key, login->result);
	}
	login->result = login_refused(ssh);
}

void ssh_login_release(struct ssh_login *login)
{
	for (size_t i = 0; i < login->keys.n; i++) {
		struct ssh_key *key = &login->keys.items[i];

		free(key->path);
		if (key->passphrase)
			explicit_bzero(key->passphrase,
				       strlen(key->passphrase));
		free(key->passphrase);
	}
	vec_release(&login->keys);
	ssh_agent_free(login->agent);
	login->agent = NULL;
	buf_release(&login->tried);
}
