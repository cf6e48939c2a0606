#include "rollouts/agent_binary.h"

#include <elf.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "core/sys/file.h"

static const struct {
	unsigned elf;
	const char *name;
} machines[] = {
	{ EM_X86_64, "x86_64" }, { EM_AARCH64, "aarch64" },
	{ EM_RISCV, "riscv64" }, { EM_ARM, "armv7l" },
	{ EM_386, "i686" },	 { EM_S390, "s390x" },
	{ EM_PPC64, "ppc64le" },
};

static const char *const places[] = { "gray-agent", "../bin/gray-agent",
				      "../lib/gray/gray-agent" };

/* The first of the places that is there, from the folder of this program. */
static char *agent_binary_look(struct err *err)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (n <= 0) {
		(void)err_sys(err, "read /proc/self/exe");
		return NULL;
	}
	self[n] = '\0';
	slash = strrchr(self, '/');
	if (slash)
		*slash = '\0';
	for (size_t i = 0; i < COUNT_OF(places); i++) {
		AUTO_STR char *path = file_join(self, places[i]);

		if (access(path, R_OK) == 0)
			return TAKE(path);
	}
	(void)err_set(err, ERR_NOT_FOUND,
		      "no gray-agent in %s, its ../bin or ../lib/gray; name "
		      "the file with --agent",
		      self);
	return NULL;
}

static const char *agent_binary_machine(const struct buf *file)
{
	unsigned elf = file->bytes[18] | (unsigned)file->bytes[19] << 8;

	for (size_t i = 0; i < COUNT_OF(machines); i++)
		if (machines[i].elf == elf)
			return machines[i].name;
	return "";
}

int agent_binary_find(const char *path, struct agent_binary **out,
		      struct err *err)
{
	AUTO(agent_binary) binary = MEM_NEW(struct agent_binary);
	AUTO_VALUE(buf) file = BUF_INIT;
	char hex[DIGEST_HEX + 1];

	binary->path = path ? mem_str(path) : agent_binary_look(err);
	if (!binary->path)
		return err_again(err);
	if (file_read(binary->path, AGENT_BINARY_MAX, &file, err) < 0)
		return err_wrap(err, "agent");
	if (file.size < 64 || memcmp(file.bytes, ELFMAG, SELFMAG) != 0)
		return err_set(err, ERR_INVALID,
			       "agent: %s is not a Linux program",
			       binary->path);
	digest_of(file.bytes, file.size, &binary->digest);
	digest_format(&binary->digest, hex);
	binary->size = file.size;
	binary->machine = agent_binary_machine(&file);
	binary->remote_path =
		mem_format(AGENT_BINARY_DIR "/gray-agent-%.16s", hex);
	binary->command = mem_format("%s serve", binary->remote_path);
	*out = TAKE(binary);
	return 0;
}

void agent_binary_free(struct agent_binary *binary)
{
	if (!binary)
		return;
	free(binary->path);
	free(binary->remote_path);
	free(binary->command);
	free(binary);
}
