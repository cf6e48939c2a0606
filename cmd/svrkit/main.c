/*
 * svrkit - writes C from a protocol's XML.
 */
#include <errno.h>
#include <getopt.h>
#include <string.h>
#include <sys/stat.h>

#include "cmd/svrkit/gen_codec.h"
#include "cmd/svrkit/schema.h"
#include "core/base/str.h"

static const char usage[] =
	"usage: svrkit gen --out DIR FILE.xml\n"
	"       svrkit --help | --version\n"
	"\n"
	"gen    read the protocol in FILE.xml, write its codec to DIR/FILE.h "
	"and\n"
	"       DIR/FILE.c; FILE is relative, and is how the code includes it\n"
	"\n"
	"Exit status: 0 done, 2 bad usage or a mistake in FILE, 8 the system "
	"said no.\n";

static int read_file(const char *path, struct buf *out, struct err *err)
{
	AUTO_FILE FILE *file = fopen(path, "re");
	size_t n;

	if (!file)
		return err_sys(err, "open %s", path);
	do {
		n = fread(buf_reserve(out, 65536), 1, 65536, file);
		out->size += n;
	} while (n && out->size <= SCHEMA_MAX_BYTES);
	if (ferror(file))
		return err_sys(err, "read %s", path);
	return 0;
}

static int make_parents(const char *path, struct err *err)
{
	AUTO_STR char *folder = mem_str(path);

	for (char *p = folder + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(folder, 0777) < 0 && errno != EEXIST)
			return err_sys(err, "make folder %s", folder);
		*p = '/';
	}
	return 0;
}

static int write_file(const char *path, const struct buf *text, struct err *err)
{
	FILE *file;
	bool is_written;

	if (make_parents(path, err) < 0)
		return err_again(err);
	file = fopen(path, "we");
	if (!file)
		return err_sys(err, "open %s", path);
	is_written = fwrite(text->bytes, 1, text->size, file) == text->size;
	if (fclose(file) != 0 || !is_written)
		return err_sys(err, "write %s", path);
	return 0;
}

static int generate(const char *dir, const char *path, struct err *err)
{
	AUTO(schema) schema = NULL;
	AUTO_VALUE(buf) text = BUF_INIT;
	AUTO_VALUE(buf) header = BUF_INIT;
	AUTO_VALUE(buf) source = BUF_INIT;
	AUTO_VALUE(buf) mistakes = BUF_INIT;
	AUTO_STR char *base = mem_strn(path, strlen(path) - strlen(".xml"));
	AUTO_STR char *header_path = mem_format("%s/%s.h", dir, base);
	AUTO_STR char *source_path = mem_format("%s/%s.c", dir, base);
	int rc;

	if (read_file(path, &text, err) < 0)
		return err_again(err);
	rc = schema_parse(path, buf_str(&text), text.size, &schema, &mistakes,
			  err);
	(void)fputs(buf_str(&mistakes), stderr);
	if (rc < 0)
		return rc;
	gen_codec_header(schema, base, &header);
	gen_codec_source(schema, base, &source);
	if (write_file(header_path, &header, err) < 0)
		return err_again(err);
	return write_file(source_path, &source, err);
}

static int bad_usage(const char *text)
{
	(void)fprintf(stderr, "svrkit: %s\n%s", text, usage);
	return 2;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "out", required_argument, NULL, 'o' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ 0 },
	};
	struct err err = ERR_INIT;
	const char *dir = NULL;
	const char *path;
	int option;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (option) {
		case 'o':
			dir = optarg;
			break;
		case 'h':
			(void)fputs(usage, stdout);
			return 0;
		case 'v':
			(void)puts("svrkit " GRAY_VERSION);
			return 0;
		default:
			return bad_usage("unknown option");
		}
	}
	if (argc - optind != 2 || strcmp(argv[optind], "gen") != 0)
		return bad_usage("gen and one file are needed");
	path = argv[optind + 1];
	if (!dir)
		return bad_usage("--out is missing");
	if (path[0] == '/' || strstr(path, "..") || !str_ends(path, ".xml"))
		return bad_usage("FILE is relative and ends in .xml");
	if (generate(dir, path, &err) < 0) {
		(void)fprintf(stderr, "svrkit: %s\n", err.text);
		return err_exit_status(err.code);
	}
	return 0;
}
