#include "agents/copy.h"

#include <errno.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/sys/file.h"

#define CHUNK 131072

/* Read FROM to its end, hash it, and write it to TO unless that is -1. */
static int pump(int from, int to, struct digest *out, struct err *err)
{
	AUTO(digest_hash) hash = digest_hash_new();
	uint8_t bytes[CHUNK];

	for (;;) {
		ssize_t n = read(from, bytes, sizeof(bytes));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "read");
		if (n == 0)
			break;
		digest_hash_add(hash, bytes, (size_t)n);
		if (to >= 0 && file_write_all(to, bytes, (size_t)n, err) < 0)
			return err_again(err);
	}
	digest_hash_end(hash, out);
	return 0;
}

int copy_hash(int fd, struct digest *out, struct err *err)
{
	return pump(fd, -1, out, err);
}

int copy_file(int from, int to, struct digest *out, struct err *err)
{
	if (ioctl(to, FICLONE, from) == 0)
		return pump(to, -1, out, err);
	return pump(from, to, out, err);
}
