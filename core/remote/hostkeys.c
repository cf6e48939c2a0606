#include "core/remote/hostkeys.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "core/base/vec.h"
#include "core/remote/hostkeys_line.h"
#include "core/remote/user.h"
#include "core/sys/file.h"

#define HOSTKEYS_MAX_FILE (64 << 20)

/* Where ssh looks when it is told nothing else. */
static const char *const own_files[] = { ".ssh/known_hosts",
					 ".ssh/known_hosts2" };
static const char *const system_files[] = { "/etc/ssh/ssh_known_hosts",
					    "/etc/ssh/ssh_known_hosts2" };

struct hostkeys_file {
	char *path;
	struct file_look look;
};
struct hostkeys_entry {
	struct hostkeys_line line;
	size_t file;	 /* its place in files */
	unsigned number; /* from 1 */
};
struct hostkeys {
	VEC(struct hostkeys_file) files;
	VEC(struct hostkeys_entry) entries;
};

/* ---- reading ---- */

/* Add the lines to the file that came last. */
static void add_text(struct hostkeys *keys, const char *text, size_t size)
{
	const char *end = text + size;

	for (unsigned number = 1; text < end; number++) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		const char *line_end = newline ? newline : end;
		struct hostkeys_line line;

		if (hostkeys_line_parse(text, line_end, &line))
			*vec_add(&keys->entries) = (struct hostkeys_entry){
				line, keys->files.n - 1, number
			};
		text = line_end + 1;
	}
}

/* The machine's files may be for others only; ssh does without, too. */
static int read_file(struct hostkeys *keys, const char *path, bool is_system,
		     struct err *err)
{
	AUTO_VALUE(buf) text = BUF_INIT;

	*vec_add(&keys->files) =
		(struct hostkeys_file){ mem_str(path), file_look_at(path) };
	if (access(path, R_OK) < 0 && (errno == ENOENT || is_system))
		return 0;
	if (file_read(path, HOSTKEYS_MAX_FILE, &text, err) < 0)
		return err_wrap(err, "known hosts");
	add_text(keys, buf_str(&text), text.size);
	return 0;
}

/* The paths that FILES stands for, a line each. */
static char *all_files(const char *files)
{
	AUTO_VALUE(buf) text = BUF_INIT;

	if (files)
		return mem_str(files);
	for (size_t i = 0; i < COUNT_OF(own_files); i++) {
		AUTO_STR char *path = user_file(own_files[i]);

		buf_format(&text, "%s%s", i ? "\n" : "", path);
	}
	return buf_take_str(&text);
}

char *hostkeys_first_file(const char *files)
{
	char *all = all_files(files);

	all[strcspn(all, "\n")] = '\0';
	return all;
}

struct hostkeys *hostkeys_parse(const char *path, const char *text, size_t size)
{
	struct hostkeys *keys = MEM_NEW(struct hostkeys);

	vec_add(&keys->files)->path = mem_str(path);
	if (size)
		add_text(keys, text, size);
	return keys;
}

int hostkeys_load(const char *files, struct hostkeys **out, struct err *err)
{
	AUTO_STR char *all = all_files(files);
	AUTO(hostkeys) keys = MEM_NEW(struct hostkeys);
	char *rest = NULL;

	for (char *path = strtok_r(all, "\n", &rest); path;
	     path = strtok_r(NULL, "\n", &rest))
		if (read_file(keys, path, false, err) < 0)
			return err_again(err);
	for (size_t i = 0; i < COUNT_OF(system_files); i++)
		if (read_file(keys, system_files[i], true, err) < 0)
			return err_again(err);
	*out = TAKE(keys);
	return 0;
}

/* Is file I of KEYS the one at PATH, as it is now? */
static bool file_is_fresh(const struct hostkeys *keys, size_t i,
			  const char *path)
{
	return i < keys->files.n &&
	       strcmp(keys->files.items[i].path, path) == 0 &&
	       file_is_as(path, &keys->files.items[i].look);
}

bool hostkeys_is_fresh(const struct hostkeys *keys, const char *files)
{
	AUTO_STR char *all = all_files(files);
	char *rest = NULL;
	size_t n = 0;

	for (char *path = strtok_r(all, "\n", &rest); path;
	     path = strtok_r(NULL, "\n", &rest))
		if (!file_is_fresh(keys, n++, path))
			return false;
	for (size_t i = 0; i < COUNT_OF(system_files); i++)
		if (!file_is_fresh(keys, n++, system_files[i]))
			return false;
	return n == keys->files.n;
}

void hostkeys_free(struct hostkeys *keys)
{
	if (!keys)
		return;
	for (size_t i = 0; i < keys->entries.n; i++)
		hostkeys_line_release(&keys->entries.items[i].line);
	for (size_t i = 0; i < keys->files.n; i++)
		free(keys->files.items[i].path);
	vec_release(&keys->entries);
	vec_release(&keys->files);
	free(keys);
}

/* ---- judging ---- */

void hostkeys_types(const struct hostkeys *keys, const char *host,
		    uint16_t port, char **out)
{
	AUTO_STR char *name = hostkeys_name(host, port);
	AUTO_VALUE(buf) text = BUF_INIT;
	bool has[HOSTKEY_N_TYPES] = { false };

	for (size_t i = 0; i < keys->entries.n; i++) {
		const struct hostkeys_line *line = &keys->entries.items[i].line;
		int place = hostkey_place(line->key, line->size);

		if (place >= 0 && line->mark == MARK_NONE && !has[place])
			has[place] = hostkeys_names_match(line->names, name);
	}
	for (int wanted = 1; wanted >= 0; wanted--)
		for (int i = 0; i < HOSTKEY_N_TYPES; i++)
			if (has[i] == (wanted == 1))
				buf_format(&text, "%s%s", text.size ? "," : "",
					   hostkey_type_at(i));
	*out = buf_take_str(&text);
}

static enum hostkeys_hint name_hint(const struct hostkeys *keys,
				    const char *name)
{
	enum hostkeys_hint hint = HOSTKEYS_HAS_NOTHING;

	for (size_t i = 0; i < keys->entries.n; i++) {
		const struct hostkeys_line *line = &keys->entries.items[i].line;
		enum hostkeys_hint says = HOSTKEYS_HAS_USABLE;

		if (line->mark == MARK_REVOKED)
			continue;
		if (line->mark == MARK_AUTHORITY)
			says = HOSTKEYS_HAS_AUTHORITY;
		else if (hostkey_place(line->key, line->size) < 0)
			says = HOSTKEYS_HAS_OTHERS;
		if (says > hint && hostkeys_names_match(line->names, name))
			hint = says;
	}
	return hint;
}

enum hostkeys_hint hostkeys_hint(const struct hostkeys *keys, const char *host,
				 uint16_t port)
{
	AUTO_STR char *name = hostkeys_name(host, port);
	AUTO_STR char *plain = hostkeys_name(host, 22);
	enum hostkeys_hint hint = name_hint(keys, name);

	return hint == HOSTKEYS_HAS_NOTHING ? name_hint(keys, plain) : hint;
}

/* What the files say of a name, in the light of the key it shows. */
struct evidence {
	bool is_known;
	const struct hostkeys_entry *revoked;
	const struct hostkeys_entry *other;	  /* a key we could check */
	const struct hostkeys_entry *unsupported; /* one we could not */
	const struct hostkeys_entry *authority;
};

static void gather(const struct hostkeys *keys, const char *name,
		   const uint8_t *key, size_t size, struct evidence *out)
{
	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < keys->entries.n; i++) {
		const struct hostkeys_entry *entry = &keys->entries.items[i];
		const struct hostkeys_line *line = &entry->line;
		int place = hostkey_place(line->key, line->size);
		bool is_equal =
			line->size == size && memcmp(line->key, key, size) == 0;

		if ((line->mark == MARK_REVOKED && !is_equal) ||
		    !hostkeys_names_match(line->names, name))
			continue;
		if (line->mark == MARK_REVOKED)
			out->revoked = entry;
		else if (line->mark == MARK_AUTHORITY)
			out->authority = entry;
		else if (is_equal)
			out->is_known = true;
		else if (place < 0)
			out->unsupported = entry;
		else if (!out->other || place == hostkey_place(key, size))
			out->other = entry; /* rather one of the same type */
	}
}

static enum hostkeys_verdict weigh(const struct evidence *seen)
{
	if (seen->revoked)
		return HOSTKEYS_REVOKED;
	if (seen->is_known)
		return HOSTKEYS_KNOWN;
	return seen->other || seen->unsupported ? HOSTKEYS_CHANGED
						: HOSTKEYS_UNKNOWN;
}

static const char *path_of(const struct hostkeys *keys,
			   const struct hostkeys_entry *entry)
{
	return keys->files.items[entry ? entry->file : 0].path;
}

static void tell_changed(const struct hostkeys *keys, const char *name,
			 const char *words, const struct evidence *seen,
			 struct err *err)
{
	const struct hostkeys_entry *entry =
		seen->other ? seen->other : seen->unsupported;
	const char *path = path_of(keys, entry);
	AUTO_STR char *known =
		hostkey_describe(entry->line.key, entry->line.size);

	if (seen->other)
		(void)err_set(err, ERR_HOSTKEY,
			      "its key has changed: it shows %s, but %s:%u "
			      "knows %s; somebody may be in between. If it was "
			      "renewed, run `ssh-keygen -R '%s' -f %s`, then "
			      "`grayctl hosts add`",
			      words, path, entry->number, known, name, path);
	else
		(void)err_set(err, ERR_HOSTKEY,
			      "it shows %s, but %s:%u knows only %s, a type "
			      "that the `ssh` program can check and libssh2 "
			      "cannot: add the line of its ED25519 or ECDSA "
			      "key there",
			      words, path, entry->number, known);
}

static void tell(const struct hostkeys *keys, const char *name,
		 const char *words, const struct evidence *seen,
		 struct err *err)
{
	switch (weigh(seen)) {
	case HOSTKEYS_REVOKED:
		(void)err_set(err, ERR_HOSTKEY,
			      "its key (%s) is revoked by %s:%u; do not trust "
			      "this host",
			      words, path_of(keys, seen->revoked),
			      seen->revoked->number);
		return;
	case HOSTKEYS_CHANGED:
		tell_changed(keys, name, words, seen, err);
		return;
	case HOSTKEYS_UNKNOWN:
		(void)err_set(err, ERR_HOSTKEY,
			      "its key (%s) is not in %s%s; add it with "
			      "`grayctl hosts add`",
			      words, path_of(keys, seen->authority),
			      seen->authority
				      ? ", which knows only a certificate "
					"authority for it, and that says "
					"nothing of a plain key"
				      : "");
		return;
	case HOSTKEYS_KNOWN:
		return;
	}
}

enum hostkeys_verdict hostkeys_check(const struct hostkeys *keys,
				     const char *host, uint16_t port,
				     const uint8_t *key, size_t size,
				     struct err *err)
{
	AUTO_STR char *name = hostkeys_name(host, port);
	AUTO_STR char *plain = hostkeys_name(host, 22);
	AUTO_STR char *words = hostkey_describe(key, size);
	struct evidence seen, seen_plain;

	gather(keys, name, key, size, &seen);
	if (weigh(&seen) == HOSTKEYS_UNKNOWN && strcmp(name, plain) != 0) {
		gather(keys, plain, key, size, &seen_plain);
		if (weigh(&seen_plain) == HOSTKEYS_KNOWN ||
		    weigh(&seen_plain) == HOSTKEYS_REVOKED)
			seen = seen_plain;
	}
	tell(keys, name, words, &seen, err);
	return weigh(&seen);
}

/* ---- adding ---- */

char *hostkeys_line(const char *host, uint16_t port, const uint8_t *key,
		    size_t size)
{
	AUTO_STR char *name = hostkeys_name(host, port);
	AUTO_STR char *type = hostkey_type(key, size);
	AUTO_STR char *text = hostkey_base64_encode(key, size);

	return mem_format("%s %s %s", name, type, text);
}

char *hostkeys_line_hashed(const char *line)
{
	size_t size = strcspn(line, " ");
	AUTO_STR char *name = mem_strn(line, size);
	AUTO_STR char *hash = hostkeys_hash_name(name);

	return mem_format("%s%s", hash, line + size);
}

/* Does FD's file end in the middle of a line? */
static bool is_line_open(int fd)
{
	char last;
	off_t size = lseek(fd, 0, SEEK_END);

	return size > 0 && pread(fd, &last, 1, size - 1) == 1 && last != '\n';
}

static int make_folder_of(const char *path, struct err *err)
{
	AUTO_STR char *folder = mem_str(path);
	char *slash = strrchr(folder, '/');

	if (!slash || slash == folder)
		return 0;
	*slash = '\0';
	return file_make_dirs(folder, 0700, err);
}

int hostkeys_append(const char *path, const char *line, struct err *err)
{
	AUTO_FD int fd = -1;
	AUTO_STR char *text = NULL;

	if (make_folder_of(path, err) < 0)
		return err_again(err);
	fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(err, "open %s", path);
	text = mem_format("%s%s\n", is_line_open(fd) ? "\n" : "", line);
	/* One write with O_APPEND: others that add do not mix with it. */
	if (file_write_all(fd, text, strlen(text), err) < 0)
		return err_wrap(err, "%s", path);
	return file_sync(fd, path, err);
}
