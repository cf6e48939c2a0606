#include "cmd/grayd/peer.h"

#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/socket.h>

#include "core/base/str.h"
#include "core/sys/file.h"

#define MAX_GROUPS    256
#define MAX_ENV_BYTES (1u << 20)
#define NO_LOGIN      UINT32_MAX

static char *user_name(uid_t uid)
{
	const struct passwd *user = getpwuid(uid);

	return user ? mem_str(user->pw_name) : mem_format("uid %u", uid);
}

static bool is_member(int fd, const struct ucred *peer)
{
	const struct group *group = getgrnam(PEER_GROUP);
	gid_t groups[MAX_GROUPS];
	socklen_t size = sizeof(groups);

	if (!group)
		return false;
	if (peer->gid == group->gr_gid)
		return true;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0)
		return false;
	for (size_t i = 0; i < size / sizeof(groups[0]); i++)
		if (groups[i] == group->gr_gid)
			return true;
	return false;
}

/* Who logged in, whatever he became since; NO_LOGIN if nobody knows. */
static uint32_t login_uid(pid_t pid)
{
	AUTO_STR char *path = mem_format("/proc/%d/loginuid", pid);
	AUTO_VALUE(buf) text = BUF_INIT;
	struct err err = ERR_INIT;
	uint64_t uid = NO_LOGIN;

	if (file_read(path, 32, &text, &err) ||
	    str_parse_u64(buf_str(&text), UINT32_MAX, &uid, &err))
		return NO_LOGIN;
	return (uint32_t)uid;
}

/* sudo tells its children; good for a name, not for a right. */
static char *sudo_user(pid_t pid)
{
	static const char key[] = "SUDO_USER=";
	AUTO_STR char *path = mem_format("/proc/%d/environ", pid);
	AUTO_VALUE(buf) text = BUF_INIT;
	struct err err = ERR_INIT;

	if (file_read(path, MAX_ENV_BYTES, &text, &err))
		return NULL;
	for (const char *at = buf_str(&text); at < buf_str(&text) + text.size;
	     at += strlen(at) + 1)
		if (str_starts(at, key) && str_is_name(at + strlen(key)))
			return mem_str(at + strlen(key));
	return NULL;
}

static char *name_of(const struct ucred *peer)
{
	AUTO_STR char *user = user_name(peer->uid);
	AUTO_STR char *person = NULL;
	uint32_t login = login_uid(peer->pid);

	if (login != NO_LOGIN)
		person = user_name(login);
	else if (peer->uid == 0)
		person = sudo_user(peer->pid);
	if (person && strcmp(person, user) != 0)
		return mem_format("%s (as %s)", person, user);
	return TAKE(user);
}

int peer_find(int fd, char **out_who, struct err *err)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return err_sys(err, "who is calling");
	if (peer.uid != 0 && peer.uid != geteuid() &&
	    !(geteuid() == 0 && is_member(fd, &peer)))
		return err_set(
			err, ERR_REFUSED,
			"uid %u may not use this controller: it "
			"answers its own user, root, and group " PEER_GROUP
			" when it runs as root",
			peer.uid);
	*out_who = name_of(&peer);
	return 0;
}
