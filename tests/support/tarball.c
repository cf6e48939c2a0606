#include "tests/support/tarball.h"

#include <stdlib.h>
#include <string.h>

#include <archive.h>
#include <archive_entry.h>

#define BLOCK 512

struct ustar {
	char name[100];
	char mode[8];
	char uid[8];
	char gid[8];
	char size[12];
	char mtime[12];
	char sum[8];
	char type;
	char link[100];
	char magic[8];
	char rest[247];
};

static void octal(char *field, size_t width, uint64_t value)
{
	for (size_t i = width - 1; i-- > 0; value >>= 3)
		field[i] = (char)('0' + (value & 7));
}

void tarball_header(struct buf *tar, char type, const char *name, unsigned mode,
		    uint64_t size, const char *target)
{
	struct ustar header = { .type = type };
	const unsigned char *p = (const unsigned char *)&header;
	unsigned sum = 0;

	_Static_assert(sizeof(struct ustar) == BLOCK, "a block");
	if (strlen(name) > sizeof(header.name) ||
	    (target && strlen(target) > sizeof(header.link)))
		abort();
	memcpy(header.name, name, strlen(name));
	if (target)
		memcpy(header.link, target, strlen(target));
	octal(header.mode, sizeof(header.mode), mode);
	octal(header.uid, sizeof(header.uid), 0);
	octal(header.gid, sizeof(header.gid), 0);
	octal(header.size, sizeof(header.size), size);
	octal(header.mtime, sizeof(header.mtime), 0);
	memcpy(header.magic, "ustar\00000", 8);
	memset(header.sum, ' ', sizeof(header.sum));
	for (size_t i = 0; i < sizeof(header); i++)
		sum += p[i];
	octal(header.sum, sizeof(header.sum) - 1, sum);
	header.sum[sizeof(header.sum) - 2] = '\0';
	buf_append(tar, &header, sizeof(header));
}

void tarball_data(struct buf *tar, const void *bytes, size_t size)
{
	static const char zeros[BLOCK];

	buf_append(tar, bytes, size);
	if (size % BLOCK)
		buf_append(tar, zeros, BLOCK - size % BLOCK);
}

void tarball_file(struct buf *tar, const char *name, unsigned mode,
		  const char *content)
{
	tarball_header(tar, '0', name, mode, strlen(content), NULL);
	tarball_data(tar, content, strlen(content));
}

void tarball_pax(struct buf *tar, const char *key, const char *value)
{
	size_t size = strlen(key) + strlen(value) + 3 + 2;
	AUTO_STR char *line = mem_format("%02zu %s=%s\n", size, key, value);

	if (strlen(line) != size)
		abort(); /* too long for this simple way */
	tarball_header(tar, 'x', "pax", 0644, size, NULL);
	tarball_data(tar, line, size);
}

void tarball_end(struct buf *tar)
{
	static const char zeros[2 * BLOCK];

	buf_append(tar, zeros, sizeof(zeros));
}

void tarball_compress(struct buf *tar, const char *filter)
{
	struct archive *archive = archive_write_new();
	struct archive_entry *entry = archive_entry_new();
	size_t room = tar->size + 65536;
	struct buf out = BUF_INIT;
	size_t used = 0;

	archive_entry_set_pathname(entry, "tar");
	archive_entry_set_filetype(entry, AE_IFREG);
	if (archive_write_add_filter_by_name(archive, filter) != ARCHIVE_OK ||
	    archive_write_set_format_raw(archive) != ARCHIVE_OK ||
	    archive_write_set_bytes_per_block(archive, 0) != ARCHIVE_OK ||
	    archive_write_open_memory(archive, buf_reserve(&out, room), room,
				      &used) != ARCHIVE_OK ||
	    archive_write_header(archive, entry) != ARCHIVE_OK ||
	    archive_write_data(archive, tar->bytes, tar->size) !=
		    (la_ssize_t)tar->size ||
	    archive_write_close(archive) != ARCHIVE_OK)
		abort();
	archive_write_free(archive);
	archive_entry_free(entry);
	out.size = used;
	buf_release(tar);
	*tar = out;
}
