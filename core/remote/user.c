#include "core/remote/user.h"

#include <pwd.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/sys/file.h"

#define HOME_ROOM 16384 /* for the strings of one user; plenty */

char *user_login_file(const char *name)
{
	char room[HOME_ROOM];
	struct passwd entry;
	struct passwd *found = NULL;

	(void)getpwuid_r(geteuid(), &entry, room, sizeof(room), &found);
	return file_join(found ? found->pw_dir : "/", name);
}

char *user_file(const char *name)
{
	const char *home = getenv("HOME");

	if (home && home[0] == '/')
		return file_join(home, name);
	return user_login_file(name);
}

char *user_path(const char *path)
{
	return str_starts(path, "~/") ? user_file(path + 2) : mem_str(path);
}

char *user_name(void)
{
	char room[HOME_ROOM];
	struct passwd entry;
	struct passwd *found = NULL;

	(void)getpwuid_r(geteuid(), &entry, room, sizeof(room), &found);
	return found ? mem_str(found->pw_name)
		     : mem_format("%u", (unsigned)geteuid());
}
