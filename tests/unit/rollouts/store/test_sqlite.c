#include "tests/support/store_suite.h"
#include "tests/support/tmpdir.h"

static int open_in(const char *place, struct store **out, struct err *err)
{
	AUTO_STR char *path = mem_format("%s/gray.db", place);

	return store_open_sqlite(path, out, err);
}

int main(void)
{
	static const struct store_subject subject = {
		.open = open_in,
		.make_place = tmpdir_make,
		.remove_place = tmpdir_remove,
	};

	return store_suite_run(&subject);
}
