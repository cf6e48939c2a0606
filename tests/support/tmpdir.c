#include "tests/support/tmpdir.h"

#include <fcntl.h>
#include <stdlib.h>

#include "core/sys/file.h"

char *tmpdir_make(void)
{
	const char *base = getenv("TMPDIR");
	char *path = mem_format("%s/gray-test-XXXXXX", base ? base : "/tmp");

	if (!mkdtemp(path))
		abort();
	return path;
}

void tmpdir_remove(char *path)
{
	struct err err = ERR_INIT;

	if (file_remove_tree_at(AT_FDCWD, path, &err))
		abort();
	free(path);
}
