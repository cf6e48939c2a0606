#include "cmd/grayd/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/vfs.h>

#include "cmd/grayd/peer.h"
#include "core/base/str.h"
#include "core/sys/file.h"

#define LOCK	   "grayd.lock"
#define MAX_HOLDER 256
#define BACKLOG	   64

static int refuse_network(const char *home, struct err *err)
{
	struct statfs fs;

	if (statfs(home, &fs) < 0)
		return err_sys(err, "stat %s", home);
	if (fs.f_type == NFS_SUPER_MAGIC || fs.f_type == SMB_SUPER_MAGIC)
		return err_set(err, ERR_REFUSED,
			       "%s is on a network file system; set GRAY_HOME "
			       "to a local folder",
			       home);
	return 0;
}

int socket_lock(const char *home, int *out_fd, struct err *err)
{
	AUTO_STR char *path = mem_format("%s/" LOCK, home);
	AUTO_FD int fd = -1;
	AUTO_VALUE(buf) holder = BUF_INIT;
	struct err unread = ERR_INIT;

	if (refuse_network(home, err))
		return err_again(err);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_sys(err, "open %s", path);
	if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
		*out_fd = TAKE_FD(fd);
		return 0;
	}
	if (errno != EWOULDBLOCK)
		return err_sys(err, "lock %s", path);
	if (file_read_fd(fd, MAX_HOLDER, &holder, &unread))
		buf_clear(&holder);
	return err_set(err, ERR_REFUSED, "%s is held by process %s", path,
		       holder.size ? buf_str(&holder) : "another grayd");
}

int socket_sign(int lock, const char *holder, struct err *err)
{
	if (ftruncate(lock, 0) < 0)
		return err_sys(err, "sign the lock");
	return file_write_all(lock, holder, strlen(holder), err);
}

/* Members of the group may come in and talk; they can read nothing else. */
static int open_to_group(const char *path, struct err *err)
{
	const struct group *group =
		geteuid() == 0 ? getgrnam(PEER_GROUP) : NULL;
	AUTO_STR char *home = mem_strn(path, strrchr(path, '/') - path);

	if (!group)
		return chmod(path, 0600) < 0 ? err_sys(err, "chmod %s", path)
					     : 0;
	if (chown(path, 0, group->gr_gid) < 0 || chmod(path, 0660) < 0 ||
	    chown(home, 0, group->gr_gid) < 0 || chmod(home, 0710) < 0)
		return err_sys(err, "open %s to group " PEER_GROUP, path);
	return 0;
}

int socket_listen(const char *path, int *out_fd, struct err *err)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	AUTO_FD int fd = -1;

	if (strlen(path) >= sizeof(at.sun_path))
		return err_set(err, ERR_INVALID,
			       "%s: a socket's path has at most %zu letters; "
			       "set GRAY_HOME to a shorter one",
			       path, sizeof(at.sun_path) - 1);
	(void)memcpy(at.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_sys(err, "socket");
	(void)unlink(path); /* we hold the lock: whoever made it is dead */
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		return err_sys(err, "bind %s", path);
	if (open_to_group(path, err))
		return err_again(err);
	if (listen(fd, BACKLOG) < 0)
		return err_sys(err, "listen on %s", path);
	*out_fd = TAKE_FD(fd);
	return 0;
}
