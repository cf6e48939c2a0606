#include "agents/facts.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "core/base/rand.h"
#include "core/base/vec.h"
#include "core/sys/file.h"

#define ROOTS_MAX_BYTES (1u << 20)

static int open_home(const char *home, struct err *err)
{
	AUTO_STR char *path = file_join(home, ".gray");
	int dir;

	if (!home || home[0] != '/')
		return err_set(err, ERR_INVALID, "HOME names no folder");
	if (file_make_dirs(path, 0700, err) < 0)
		return err_again(err);
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dir < 0 ? err_sys(err, "open %s", path) : dir;
}

static bool read_host_id(int dir, char out[FACTS_HOST_ID])
{
	AUTO_FD int fd = openat(dir, "host_id", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, out, FACTS_HOST_ID - 1) != FACTS_HOST_ID - 1)
		return false;
	out[FACTS_HOST_ID - 1] = '\0';
	return strspn(out, "0123456789abcdef") == FACTS_HOST_ID - 1;
}

/* Several may come first at once: all end up with the one that was linked. */
static int make_host_id(int dir, struct err *err)
{
	AUTO_STR char *name = mem_format("host_id.%d", (int)getpid());
	uint8_t bytes[(FACTS_HOST_ID - 1) / 2];
	char text[FACTS_HOST_ID + 1];
	int rc = 0;

	rand_bytes(bytes, sizeof(bytes));
	for (size_t i = 0; i < sizeof(bytes); i++)
		(void)snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	text[FACTS_HOST_ID - 1] = '\n';
	if (file_replace_at(dir, name, text, FACTS_HOST_ID, 0600, err) < 0)
		return err_again(err);
	if (linkat(dir, name, dir, "host_id", 0) < 0 && errno != EEXIST)
		rc = err_sys(err, "make host_id");
	(void)unlinkat(dir, name, 0);
	return rc ? rc : file_sync(dir, ".gray", err);
}

int facts_host_id(const char *home, char out[FACTS_HOST_ID], struct err *err)
{
	AUTO_FD int dir = open_home(home, err);

	if (dir < 0)
		return err_again(err);
	if (read_host_id(dir, out))
		return 0;
	if (make_host_id(dir, err) < 0)
		return err_again(err);
	if (!read_host_id(dir, out))
		return err_set(err, ERR_CORRUPT,
			       "%s/.gray/host_id is not 32 hexadecimal "
			       "letters; remove it to get a new one",
			       home);
	return 0;
}

void facts_arch(char *out, size_t size)
{
	struct utsname name;

	(void)snprintf(out, size, "%s",
		       uname(&name) == 0 ? name.machine : "unknown");
}

void facts_free(int dir, uint64_t *out_bytes, uint64_t *out_inodes)
{
	struct statvfs st;

	*out_bytes = *out_inodes = 0;
	if (fstatvfs(dir, &st) < 0)
		return;
	*out_bytes = (uint64_t)st.f_bavail * st.f_frsize;
	/* Some file systems have no count of them and say 0 of 0. */
	*out_inodes = st.f_files ? st.f_favail : UINT64_MAX;
}

static int read_roots(int dir, struct buf *out, struct err *err)
{
	AUTO_FD int fd = openat(dir, "roots", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? 0 : err_sys(err, "open roots");
	return file_read_fd(fd, ROOTS_MAX_BYTES, out, err);
}

static bool has_line(const char *text, const char *line)
{
	size_t size = strlen(line);

	for (const char *at = text; *at; at += strcspn(at, "\n"), at += !!*at)
		if (strncmp(at, line, size) == 0 && at[size] == '\n')
			return true;
	return false;
}

int facts_add_root(const char *home, const char *root, struct err *err)
{
	AUTO_FD int dir = open_home(home, err);
	AUTO_VALUE(buf) text = BUF_INIT;

	if (dir < 0)
		return err_again(err);
	if (strchr(root, '\n'))
		return err_set(err, ERR_INVALID, "a root with a line break");
	/* One at a time, or a line could be lost. */
	if (flock(dir, LOCK_EX) < 0)
		return err_sys(err, "lock .gray");
	if (read_roots(dir, &text, err) < 0)
		return err_again(err);
	if (has_line(buf_str(&text), root))
		return 0;
	buf_format(&text, "%s\n", root);
	return file_replace_at(dir, "roots", text.bytes, text.size, 0600, err);
}

int facts_roots(const char *home, char ***out, struct err *err)
{
	AUTO_FD int dir = open_home(home, err);
	AUTO_VALUE(buf) text = BUF_INIT;
	VEC(char *) roots = { 0 };
	char *save = NULL;

	if (dir < 0)
		return err_again(err);
	if (read_roots(dir, &text, err) < 0)
		return err_again(err);
	if (text.size)
		for (char *line = strtok_r((char *)text.bytes, "\n", &save);
		     line; line = strtok_r(NULL, "\n", &save))
			*vec_add(&roots) = mem_str(line);
	*vec_add(&roots) = NULL;
	*out = roots.items;
	return 0;
}
