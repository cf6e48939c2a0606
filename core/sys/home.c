#include "core/sys/home.h"

#include <limits.h>

static const char *variable(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

static int absolute(const char *path, char **out, struct err *err)
{
	char here[PATH_MAX];

	if (path[0] == '/') {
		*out = mem_str(path);
		return 0;
	}
	if (!getcwd(here, sizeof(here)))
		return err_sys(err, "current directory");
	*out = mem_format("%s/%s", here, path);
	return 0;
}

int home_find(char **out, struct err *err)
{
	const char *path = variable("GRAY_HOME");

	if (path)
		return absolute(path, out, err);
	if (geteuid() == 0) {
		*out = mem_str("/var/lib/gray");
		return 0;
	}
	path = variable("XDG_STATE_HOME");
	if (path && path[0] == '/') {
		*out = mem_format("%s/gray", path);
		return 0;
	}
	path = variable("HOME");
	if (!path)
		return err_set(err, ERR_INVALID,
			       "neither GRAY_HOME nor HOME is set");
	*out = mem_format("%s/.local/state/gray", path);
	return 0;
}
