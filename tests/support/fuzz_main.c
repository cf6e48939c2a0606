/*
 * fuzz_main.c - a fuzzer's main without libFuzzer: replays what it is given.
 *
 * Arguments are files and folders of inputs; without any, the corpus named like
 * the program, tests/fuzz/corpus/<name>. Each input is copied to memory of its
 * own size, so that a sanitizer sees a read past its end. Nothing to replay is
 * a failure.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/sys/file.h"

#define INPUT_MAX (4u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static int replay_file(const char *path, struct err *err)
{
	AUTO_VALUE(buf) content = BUF_INIT;
	uint8_t *exact;

	if (file_read(path, INPUT_MAX, &content, err) < 0)
		return err_again(err);
	exact = malloc(content.size ? content.size : 1);
	if (!exact)
		abort();
	if (content.size)
		memcpy(exact, content.bytes, content.size);
	(void)LLVMFuzzerTestOneInput(exact, content.size);
	free(exact);
	return 0;
}

static int replay(const char *path, size_t *n, struct err *err)
{
	struct dirent **entries = NULL;
	struct stat info;
	int n_entries;
	int rc = 0;

	if (stat(path, &info) < 0)
		return err_sys(err, "%s", path);
	if (!S_ISDIR(info.st_mode)) {
		(*n)++;
		return replay_file(path, err);
	}
	n_entries = scandir(path, &entries, NULL, alphasort);
	if (n_entries < 0)
		return err_sys(err, "read %s", path);
	for (int i = 0; i < n_entries; i++) {
		AUTO_STR char *inner =
			mem_format("%s/%s", path, entries[i]->d_name);

		if (rc == 0 && entries[i]->d_name[0] != '.')
			rc = replay(inner, n, err);
		free(entries[i]);
	}
	free(entries);
	return rc;
}

int main(int argc, char **argv)
{
	const char *slash = strrchr(argv[0], '/');
	AUTO_STR char *corpus =
		mem_format("tests/fuzz/corpus/%s", slash ? slash + 1 : argv[0]);
	struct err err = ERR_INIT;
	size_t n = 0;
	int rc = 0;

	for (int i = 1; i < argc && rc == 0; i++)
		rc = replay(argv[i], &n, &err);
	if (argc < 2)
		rc = replay(corpus, &n, &err);
	if (rc == 0 && n == 0)
		rc = err_set(&err, ERR_NOT_FOUND, "nothing to replay");
	if (rc < 0) {
		(void)fprintf(stderr, "%s: %s\n", argv[0], err.text);
		return 1;
	}
	(void)printf("%s: %zu inputs\n", slash ? slash + 1 : argv[0], n);
	return 0;
}
