#include "core/remote/openssh_scan.h"

#include <string.h>
#include <sys/mman.h>

#include "core/remote/openssh_args.h"
#include "core/remote/openssh_log.h"
#include "core/remote/program.h"
#include "core/sys/file.h"

#define SCAN_MAX_LINE 32768 /* the longest RSA key has 3000 letters */

/* ssh as it will go there, but with PATH in front of the known_hosts files. */
static void scan_args(struct openssh_args *args,
		      const struct remote_target *target, const char *path,
		      uint64_t limit_ms)
{
	struct remote_target to = *target;

	to.known_hosts = NULL;
	openssh_args_add(args, "ssh");
	openssh_args_add(args, "-o");
	openssh_args_add(args, "StrictHostKeyChecking=accept-new");
	openssh_args_add(args, "-o");
	openssh_args_add(args, "PreferredAuthentications=none");
	openssh_args_add_paths(args, "UserKnownHostsFile", path,
			       target->known_hosts ? target->known_hosts
						   : "~/.ssh/known_hosts");
	openssh_args_add_rules(args, limit_ms);
	openssh_args_add_target(args, &to);
	openssh_args_finish(args, target->address, "exit");
}

/* Of what ssh has added, the first line. */
static char *scan_line(int fd)
{
	AUTO_VALUE(buf) text = BUF_INIT;
	ssize_t n =
		pread(fd, buf_reserve(&text, SCAN_MAX_LINE), SCAN_MAX_LINE, 0);

	if (n > 0)
		text.size = (size_t)n;
	return mem_strn(buf_str(&text), strcspn(buf_str(&text), "\r\n"));
}

int openssh_scan(const struct remote_target *target, uint64_t limit_ms,
		 char **out_words, char **out_line, struct err *err)
{
	AUTO_FD int fd = memfd_create("known_hosts", MFD_CLOEXEC);
	AUTO_STR char *path = mem_format("/proc/%d/fd/%d", (int)getpid(), fd);
	AUTO_VALUE(openssh_args) args = { 0 };
	AUTO_VALUE(openssh_log) log = { 0 };
	AUTO_VALUE(buf) out = BUF_INIT;
	AUTO_VALUE(buf) text = BUF_INIT;
	AUTO_STR char *line = NULL;
	int status;

	if (fd < 0)
		return err_sys(err, "memory for a key");
	scan_args(&args, target, path, limit_ms);
	if (program_run(args.words.items, limit_ms, &out, &text, &status, err) <
	    0)
		return err_again(err);
	openssh_log_add(&log, text.bytes, text.size);
	line = scan_line(fd);
	*out_words = *line ? openssh_log_key_words(log.key) : NULL;
	*out_line = *line ? TAKE(line) : NULL;
	return 0;
}
