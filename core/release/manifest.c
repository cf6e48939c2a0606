#include "core/release/manifest.h"

#include <string.h>

#include "core/base/str.h"

#define MAX_COMPONENT 255
#define MAX_PATH      4095
#define MAX_DEPTH     64
#define MAX_STEPS     256 /* components walked to resolve one link */
#define MAX_FOLLOWED  40  /* links on the way of one link; as the kernel */

static const char first_line[] = "gray-manifest 1\n";

struct manifest *manifest_new(void)
{
	return MEM_NEW(struct manifest);
}

void manifest_free(struct manifest *manifest)
{
	if (!manifest)
		return;
	for (size_t i = 0; i < manifest->entries.n; i++) {
		free(manifest->entries.items[i].path);
		free(manifest->entries.items[i].target);
	}
	vec_release(&manifest->entries);
	free(manifest);
}

/* On one line, whatever TEXT holds. */
static char *clean_line(const char *text)
{
	char *clean = str_clean(text, strlen(text));

	for (char *p = clean; *p; p++)
		if (*p == '\n' || *p == '\t')
			*p = '?';
	return clean;
}

int manifest_refuse(const char *path, const char *why, struct err *err)
{
	AUTO_STR char *clean = clean_line(path);

	return err_set(err, ERR_INVALID, "entry \"%.200s\": %s", clean, why);
}

/* What is wrong with the characters of TEXT, or NULL. */
static const char *check_text(const char *text)
{
	const unsigned char *p = (const unsigned char *)text;

	if (!str_is_utf8(text, strlen(text)))
		return "is not UTF-8";
	for (; *p; p++)
		if (*p < 0x20 || *p == 0x7f ||
		    (p[0] == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f))
			return "has a control character";
	return NULL;
}

static const char *check_component(const char *part, size_t size)
{
	if (size == 0)
		return "has an empty component";
	if (size == 1 && part[0] == '.')
		return "has a component \".\"";
	if (size == 2 && part[0] == '.' && part[1] == '.')
		return "has a component \"..\"";
	if (size > MAX_COMPONENT)
		return "has a component above 255 bytes";
	return NULL;
}

static bool is_reserved(const char *part, size_t size)
{
	return strncmp(part, ".gray", 5) == 0 ||
	       (size == 7 && memcmp(part, "current", 7) == 0);
}

/* What is wrong with PATH, or NULL. */
static const char *check_path(const char *path)
{
	unsigned depth = 0;
	const char *why;

	if (!*path)
		return "has no name";
	if (*path == '/')
		return "is absolute";
	if (strlen(path) > MAX_PATH)
		return "is longer than 4095 bytes";
	why = check_text(path);
	for (const char *part = path; !why; depth++) {
		size_t size = strcspn(part, "/");

		why = check_component(part, size);
		if (!why && depth == 0 && is_reserved(part, size))
			why = "has a name that gray keeps for itself";
		if (!part[size])
			break;
		part += size + 1;
	}
	if (!why && depth >= MAX_DEPTH)
		why = "is more than 64 folders deep";
	return why;
}

int manifest_check_path(const char *path, struct err *err)
{
	const char *why = check_path(path);

	return why ? manifest_refuse(path, why, err) : 0;
}

static int check_target(const char *path, const char *target, struct err *err)
{
	AUTO_STR char *text = NULL;
	AUTO_STR char *clean = clean_line(target);
	const char *why;

	if (!*target)
		why = "is empty";
	else if (*target == '/')
		why = "is absolute";
	else if (strlen(target) > MAX_PATH)
		why = "is longer than 4095 bytes";
	else
		why = check_text(target);
	if (!why)
		return 0;
	text = mem_format("link target \"%.200s\" %s", clean, why);
	return manifest_refuse(path, text, err);
}

static struct manifest_entry *add_entry(struct manifest *manifest,
					const char *path, struct err *err)
{
	struct manifest_entry *entry;

	if (manifest_check_path(path, err) < 0)
		return NULL;
	if (manifest->entries.n >= MANIFEST_MAX_ENTRIES) {
		(void)manifest_refuse(path, "is one more than 200000 entries",
				      err);
		return NULL;
	}
	entry = vec_add(&manifest->entries);
	entry->path = mem_str(path);
	return entry;
}

int manifest_add_file(struct manifest *manifest, const char *path,
		      bool is_executable, uint64_t size,
		      const struct digest *digest, struct err *err)
{
	struct manifest_entry *entry;

	if (size > MANIFEST_MAX_CONTENT - manifest->total_bytes)
		return manifest_refuse(path, "takes the release above 64 GiB",
				       err);
	entry = add_entry(manifest, path, err);
	if (!entry)
		return err_again(err);
	entry->is_executable = is_executable;
	entry->size = size;
	entry->digest = *digest;
	manifest->total_bytes += size;
	return 0;
}

int manifest_add_link(struct manifest *manifest, const char *path,
		      const char *target, struct err *err)
{
	struct manifest_entry *entry;

	if (manifest_check_path(path, err) < 0 ||
	    check_target(path, target, err) < 0)
		return err_again(err);
	entry = add_entry(manifest, path, err);
	if (!entry)
		return err_again(err);
	entry->target = mem_str(target);
	return 0;
}

/* The entry whose path is the first SIZE bytes of PATH, or NULL. */
static const struct manifest_entry *find_n(const struct manifest *manifest,
					   const char *path, size_t size)
{
	size_t low = 0;
	size_t high = manifest->entries.n;

	while (low < high) {
		size_t at = low + (high - low) / 2;
		const char *there = manifest->entries.items[at].path;
		int order = strncmp(there, path, size);

		if (order == 0 && !there[size])
			return &manifest->entries.items[at];
		if (order < 0)
			low = at + 1;
		else
			high = at;
	}
	return NULL;
}

const struct manifest_entry *manifest_find(const struct manifest *manifest,
					   const char *path)
{
	return find_n(manifest, path, strlen(path));
}

/* BEFORE: the path in front of it in the order, whose folders are checked. */
static int check_parents(const struct manifest *manifest, const char *path,
			 const char *before, struct err *err)
{
	for (const char *p = strchr(path, '/'); p; p = strchr(p + 1, '/')) {
		size_t size = (size_t)(p - path);
		const struct manifest_entry *parent;

		if (strncmp(before, path, size + 1) == 0)
			continue;
		parent = find_n(manifest, path, size);
		if (parent)
			return manifest_refuse(
				path,
				parent->target ? "goes through a link"
					       : "has a file for its folder",
				err);
	}
	return 0;
}

/* A walk from a link to where it leads, the way the kernel goes. */
struct walk {
	char at[MAX_PATH + 1]; /* "" is the top of the release */
	size_t size;
	unsigned n_steps;
	unsigned n_followed;
};

static void walk_up(struct walk *walk)
{
	while (walk->size && walk->at[--walk->size] != '/')
		;
	walk->at[walk->size] = '\0';
}

static bool walk_down(struct walk *walk, const char *part, size_t size)
{
	if (walk->size + 1 + size > MAX_PATH)
		return false;
	if (walk->size)
		walk->at[walk->size++] = '/';
	memcpy(walk->at + walk->size, part, size);
	walk->size += size;
	walk->at[walk->size] = '\0';
	return true;
}

/* What is wrong with going to TARGET, or NULL. Depth is limited. */
static const char *walk_to(const struct manifest *manifest, struct walk *walk,
			   const char *target)
{
	const char *why = NULL;

	if (++walk->n_followed > MAX_FOLLOWED)
		return "leads through more than 40 links";
	while (*target && !why) {
		size_t size = strcspn(target, "/");
		const struct manifest_entry *entry;

		if (++walk->n_steps > MAX_STEPS)
			return "leads through too many folders";
		if (size == 2 && memcmp(target, "..", 2) == 0) {
			if (!walk->size)
				return "leaves the release";
			walk_up(walk);
		} else if (size && !(size == 1 && *target == '.')) {
			if (!walk_down(walk, target, size))
				return "leads to a path above 4095 bytes";
			entry = find_n(manifest, walk->at, walk->size);
			if (entry && entry->target) {
				walk_up(walk);
				why = walk_to(manifest, walk, entry->target);
			}
		}
		target += size + (target[size] == '/');
	}
	return why;
}

static int check_link(const struct manifest *manifest,
		      const struct manifest_entry *entry, struct err *err)
{
	struct walk walk = { .size = strlen(entry->path) };
	AUTO_STR char *text = NULL;
	const char *why;

	memcpy(walk.at, entry->path, walk.size + 1);
	walk_up(&walk);
	why = walk_to(manifest, &walk, entry->target);
	if (!why)
		return 0;
	text = mem_format("link target \"%.200s\" %s", entry->target, why);
	return manifest_refuse(entry->path, text, err);
}

/* Order, duplicates, files and links used as folders, links that leave. */
static int check_whole(const struct manifest *manifest, struct err *err)
{
	const char *before = "";

	if (!manifest->entries.n)
		return err_set(err, ERR_INVALID, "the release has no files");
	for (size_t i = 0; i < manifest->entries.n; i++) {
		const char *path = manifest->entries.items[i].path;
		int order = strcmp(before, path);

		if (order == 0)
			return manifest_refuse(path, "is there twice", err);
		if (order > 0)
			return manifest_refuse(path, "is out of order", err);
		if (check_parents(manifest, path, before, err) < 0)
			return err_again(err);
		before = path;
	}
	for (size_t i = 0; i < manifest->entries.n; i++)
		if (manifest->entries.items[i].target &&
		    check_link(manifest, &manifest->entries.items[i], err) < 0)
			return err_again(err);
	return 0;
}

static int compare_entries(const void *a, const void *b)
{
	const struct manifest_entry *left = a;
	const struct manifest_entry *right = b;

	return strcmp(left->path, right->path);
}

int manifest_seal(struct manifest *manifest, struct err *err)
{
	AUTO_VALUE(buf) text = BUF_INIT;

	if (manifest->entries.n)
		qsort(manifest->entries.items, manifest->entries.n,
		      sizeof(*manifest->entries.items), compare_entries);
	if (check_whole(manifest, err) < 0)
		return err_again(err);
	manifest_encode(manifest, &text);
	if (text.size > MANIFEST_MAX_BYTES)
		return err_set(err, ERR_INVALID,
			       "the list of files is above 64 MiB");
	digest_of(text.bytes, text.size, &manifest->digest);
	return 0;
}

void manifest_encode(const struct manifest *manifest, struct buf *out)
{
	char hex[DIGEST_HEX + 1];

	buf_append_str(out, first_line);
	for (size_t i = 0; i < manifest->entries.n; i++) {
		const struct manifest_entry *entry =
			&manifest->entries.items[i];

		if (entry->target) {
			buf_format(out, "l\t%s\t%s\n", entry->path,
				   entry->target);
			continue;
		}
		digest_format(&entry->digest, hex);
		buf_format(out, "f\t%s\t%llu\t%s\t%s\n",
			   entry->is_executable ? "0755" : "0644",
			   (unsigned long long)entry->size, hex, entry->path);
	}
}

/* Cut the field off *REST, up to a tab; NULL when there is no tab. */
static char *next_field(char **rest)
{
	char *field = *rest;
	char *tab = strchr(field, '\t');

	if (!tab)
		return NULL;
	*tab = '\0';
	*rest = tab + 1;
	return field;
}

static int decode_file(struct manifest *manifest, char *rest, struct err *err)
{
	const char *mode = next_field(&rest);
	const char *size = mode ? next_field(&rest) : NULL;
	const char *hex = size ? next_field(&rest) : NULL;
	struct digest digest;
	uint64_t bytes;

	if (!hex)
		return err_set(err, ERR_INVALID, "a field is missing");
	if (strcmp(mode, "0644") != 0 && strcmp(mode, "0755") != 0)
		return manifest_refuse(
			rest, "has a mode other than 0644 and 0755", err);
	if (size[0] == '0' && size[1])
		return manifest_refuse(rest, "has a size that begins with 0",
				       err);
	if (str_parse_u64(size, MANIFEST_MAX_CONTENT, &bytes, err) < 0 ||
	    digest_parse(hex, &digest, err) < 0)
		return manifest_refuse(rest, "has a bad size or digest", err);
	return manifest_add_file(manifest, rest, mode[1] == '7', bytes, &digest,
				 err);
}

static int decode_line(struct manifest *manifest, char *line, struct err *err)
{
	char *rest = line;
	const char *kind = next_field(&rest);
	const char *path;

	if (kind && strcmp(kind, "f") == 0)
		return decode_file(manifest, rest, err);
	if (!kind || strcmp(kind, "l") != 0)
		return err_set(err, ERR_INVALID, "neither a file nor a link");
	path = next_field(&rest);
	if (!path)
		return err_set(err, ERR_INVALID, "a field is missing");
	return manifest_add_link(manifest, path, rest, err);
}

static int decode_lines(struct manifest *manifest, char *text, struct err *err)
{
	unsigned number = 1;

	while (*text) {
		char *end = strchr(text, '\n');

		number++;
		if (!end)
			return err_set(err, ERR_INVALID,
				       "manifest line %u: is cut off", number);
		*end = '\0';
		if (decode_line(manifest, text, err) < 0)
			return err_wrap(err, "manifest line %u", number);
		text = end + 1;
	}
	return 0;
}

int manifest_decode(const void *bytes, size_t size, struct manifest **out,
		    struct err *err)
{
	AUTO(manifest) manifest = manifest_new();
	size_t skip = sizeof(first_line) - 1;
	AUTO_STR char *text = NULL;

	if (size > MANIFEST_MAX_BYTES)
		return err_set(err, ERR_INVALID, "manifest above 64 MiB");
	if (size < skip || memcmp(bytes, first_line, skip) != 0)
		return err_set(err, ERR_INVALID,
			       "not a manifest that this version knows");
	if (memchr(bytes, '\0', size))
		return err_set(err, ERR_INVALID, "manifest with a NUL");
	text = mem_strn((const char *)bytes + skip, size - skip);
	if (decode_lines(manifest, text, err) < 0)
		return err_again(err);
	if (check_whole(manifest, err) < 0)
		return err_wrap(err, "manifest");
	digest_of(bytes, size, &manifest->digest);
	*out = TAKE(manifest);
	return 0;
}
