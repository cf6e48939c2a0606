#include "cmd/grayctl/hosts_hash.h"

#include <string.h>

#include "core/base/mem.h"
#include "core/sys/loop.h"

#define SSH_LIMIT_MS 5000
#define SSH_OUTPUT   (64 << 10)

struct asked {
	struct loop *loop;
	bool is_wanted;
};

static void done_cb(void *ctx, int status, const char *output,
		    const struct err *err)
{
	struct asked *asked = ctx;

	(void)err;
	asked->is_wanted = status == 0 && strstr(output, "hashknownhosts yes");
	loop_stop(asked->loop);
}

bool hosts_want_hash(const char *config, const char *address)
{
	char *argv[] = { (char *)"ssh",
			 (char *)"-G",
			 (char *)(config ? "-F" : "--"),
			 (char *)(config ? config : address),
			 (char *)(config ? "--" : NULL),
			 (char *)address,
			 NULL };
	struct asked asked = { 0 };
	struct err none = ERR_INIT;

	if (loop_new(&asked.loop, &none) < 0)
		return false;
	(void)loop_child_run(asked.loop, argv, NULL, NULL, SSH_LIMIT_MS,
			     SSH_OUTPUT, done_cb, &asked);
	loop_run(asked.loop);
	loop_free(asked.loop);
	return asked.is_wanted;
}
