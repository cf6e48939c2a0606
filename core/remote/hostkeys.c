#include "core/remote/hostkeys.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/digest.h"
#include "core/base/str.h"
#include "core/base/vec.h"
#include "core/remote/user.h"
#include "core/sys/file.h"

#define HOSTKEYS_MAX_FILE (64 << 20)
#define HOSTKEYS_MAX_KEY  16384 /* bytes of a public key */
#define HOSTKEYS_SHA1	  20
#define HOSTKEYS_SYSTEM	  "/etc/ssh/ssh_known_hosts"

/* What libssh2 can check, best first; its RSA means SHA-1, so none of it. */
static const struct {
	const char *type;
	const char *words;
} types[] = {
	{ "ssh-ed25519", "ED25519" },
	{ "ecdsa-sha2-nistp256", "ECDSA" },
	{ "ecdsa-sha2-nistp384", "ECDSA" },
	{ "ecdsa-sha2-nistp521", "ECDSA" },
};

enum hostkeys_mark { MARK_NONE, MARK_REVOKED, MARK_AUTHORITY };

struct hostkeys_entry {
	enum hostkeys_mark mark;
	char *names; /* as in the file */
	uint8_t *key;
	size_t size;
};
struct hostkeys {
	char *path; /* of the file that is named in sentences */
	VEC(struct hostkeys_entry) entries;
};

/* The length of the type's name at the front of KEY, or 0. */
static size_t key_type_size(const uint8_t *key, size_t size)
{
	size_t n;

	if (size < 4)
		return 0;
	n = (size_t)key[0] << 24 | (size_t)key[1] << 16 | (size_t)key[2] << 8 |
	    key[3];
	return n <= size - 4 && n <= 64 ? n : 0;
}

static char *key_type(const uint8_t *key, size_t size)
{
	size_t n = key_type_size(key, size);

	return n ? str_clean((const char *)key + 4, n) : mem_str("?");
}

/* Its place in types, or -1. */
static int key_type_find(const uint8_t *key, size_t size)
{
	AUTO_STR char *type = key_type(key, size);

	for (size_t i = 0; i < COUNT_OF(types); i++)
		if (strcmp(type, types[i].type) == 0)
			return (int)i;
	return -1;
}

/* Decode SIZE letters of base64 at TEXT; 0 when it is not base64. */
static size_t base64_decode(const char *text, size_t size, uint8_t *out)
{
	int n;

	if (size == 0 || size % 4 || size > HOSTKEYS_MAX_KEY)
		return 0;
	n = EVP_DecodeBlock(out, (const unsigned char *)text, (int)size);
	if (n < 0)
		return 0;
	n -= text[size - 1] == '=';
	n -= text[size - 2] == '=';
	return (size_t)n;
}

static char *base64_encode(const uint8_t *bytes, size_t size)
{
	char *out = mem_alloc((size + 2) / 3 * 4 + 1);

	(void)EVP_EncodeBlock((unsigned char *)out, bytes, (int)size);
	return out;
}

/* The next word of a line; *at moves behind it. NULL at the end. */
static char *line_word(const char **at, const char *end)
{
	const char *start;

	while (*at < end && (**at == ' ' || **at == '\t'))
		(*at)++;
	start = *at;
	while (*at < end && **at != ' ' && **at != '\t')
		(*at)++;
	return *at > start ? mem_strn(start, (size_t)(*at - start)) : NULL;
}

static enum hostkeys_mark mark_parse(const char *word)
{
	return strcmp(word, "@revoked") == 0 ? MARK_REVOKED : MARK_AUTHORITY;
}

/* [@marker] names type base64 [comment] */
static void hostkeys_add_line(struct hostkeys *keys, const char *at,
			      const char *end)
{
	enum hostkeys_mark mark = MARK_NONE;
	AUTO_STR char *names = line_word(&at, end);
	AUTO_STR char *type = NULL;
	AUTO_STR char *text = NULL;
	AUTO_STR char *inside = NULL;
	uint8_t key[HOSTKEYS_MAX_KEY];
	size_t size;
	struct hostkeys_entry *entry;

	if (!names || names[0] == '#')
		return;
	if (names[0] == '@') {
		if (strcmp(names, "@revoked") != 0 &&
		    strcmp(names, "@cert-authority") != 0)
			return;
		mark = mark_parse(names);
		free(names);
		names = line_word(&at, end);
	}
	type = line_word(&at, end);
	text = line_word(&at, end);
	if (!names || !type || !text)
		return;
	size = base64_decode(text, strlen(text), key);
	inside = key_type(key, size);
	if (strcmp(inside, type) != 0)
		return;
	entry = vec_add(&keys->entries);
	entry->mark = mark;
	entry->names = TAKE(names);
	entry->key = mem_copy(key, size);
	entry->size = size;
}

static void hostkeys_add_text(struct hostkeys *keys, const char *text,
			      size_t size)
{
	const char *end = text + size;

	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		const char *line_end = newline ? newline : end;

		if (line_end > text && line_end[-1] == '\r')
			hostkeys_add_line(keys, text, line_end - 1);
		else
			hostkeys_add_line(keys, text, line_end);
		text = line_end + 1;
	}
}

struct hostkeys *hostkeys_parse(const char *path, const char *text, size_t size)
{
	struct hostkeys *keys = MEM_NEW(struct hostkeys);

	keys->path = mem_str(path);
	if (size)
		hostkeys_add_text(keys, text, size);
	return keys;
}

static int hostkeys_add_file(struct hostkeys *keys, const char *path,
			     struct err *err)
{
	AUTO_VALUE(buf) text = BUF_INIT;

	if (access(path, F_OK) < 0 && errno == ENOENT)
		return 0;
	if (file_read(path, HOSTKEYS_MAX_FILE, &text, err) < 0)
		return err_wrap(err, "known hosts");
	hostkeys_add_text(keys, buf_str(&text), text.size);
	return 0;
}

int hostkeys_load(const char *path, struct hostkeys **out, struct err *err)
{
	AUTO_STR char *own =
		path ? mem_str(path) : user_file(".ssh/known_hosts");
	AUTO(hostkeys) keys = hostkeys_parse(own, NULL, 0);

	if (hostkeys_add_file(keys, own, err) < 0)
		return err_again(err);
	if (!path && hostkeys_add_file(keys, HOSTKEYS_SYSTEM, err) < 0)
		return err_again(err);
	*out = TAKE(keys);
	return 0;
}

void hostkeys_free(struct hostkeys *keys)
{
	if (!keys)
		return;
	for (size_t i = 0; i < keys->entries.n; i++) {
		free(keys->entries.items[i].names);
		free(keys->entries.items[i].key);
	}
	vec_release(&keys->entries);
	free(keys->path);
	free(keys);
}

/*
 * Does NAME match PATTERN with its * and ?; any case. Goes back to the last *
 * only, so the work is at most the product of the lengths.
 */
static bool pattern_matches(const char *pattern, const char *end,
			    const char *name)
{
	const char *star = NULL;
	const char *retry = NULL;

	while (*name) {
		if (pattern < end && *pattern == '*') {
			star = ++pattern;
			retry = name;
		} else if (pattern < end &&
			   (*pattern == '?' ||
			    tolower((unsigned char)*pattern) ==
				    tolower((unsigned char)*name))) {
			pattern++;
			name++;
		} else if (star) {
			pattern = star;
			name = ++retry;
		} else {
			return false;
		}
	}
	while (pattern < end && *pattern == '*')
		pattern++;
	return pattern == end;
}

/* |1|salt|hash: HASH is the HMAC-SHA1 of the name with SALT as the key. */
static bool hashed_matches(const char *names, const char *name)
{
	const char *salt_text = names + 3;
	const char *bar = strchr(salt_text, '|');
	uint8_t salt[HOSTKEYS_MAX_KEY];
	uint8_t want[HOSTKEYS_MAX_KEY];
	uint8_t is[EVP_MAX_MD_SIZE];
	unsigned is_size = 0;
	size_t salt_size;

	if (!bar)
		return false;
	salt_size = base64_decode(salt_text, (size_t)(bar - salt_text), salt);
	if (salt_size == 0 ||
	    base64_decode(bar + 1, strlen(bar + 1), want) != HOSTKEYS_SHA1)
		return false;
	return HMAC(EVP_sha1(), salt, (int)salt_size, (const uint8_t *)name,
		    strlen(name), is, &is_size) &&
	       is_size == HOSTKEYS_SHA1 && memcmp(is, want, is_size) == 0;
}

static bool names_match(const char *names, const char *name)
{
	bool is_match = false;

	if (names[0] == '|')
		return str_starts(names, "|1|") && hashed_matches(names, name);
	for (const char *at = names; at;) {
		const char *comma = strchr(at, ',');
		const char *end = comma ? comma : at + strlen(at);
		bool is_not = *at == '!';

		if (pattern_matches(at + is_not, end, name)) {
			if (is_not)
				return false;
			is_match = true;
		}
		at = comma ? comma + 1 : NULL;
	}
	return is_match;
}

/* The name that stands for HOST and PORT in a file; small letters. */
static char *host_name(const char *host, uint16_t port)
{
	char *name = port && port != 22 ? mem_format("[%s]:%u", host, port)
					: mem_str(host);

	for (char *p = name; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return name;
}

void hostkeys_types(const struct hostkeys *keys, const char *host,
		    uint16_t port, char **out)
{
	AUTO_STR char *name = host_name(host, port);
	AUTO_STR char *plain = host_name(host, 22);
	bool is_other_port = strcmp(name, plain) != 0;
	AUTO_VALUE(buf) text = BUF_INIT;
	bool has[COUNT_OF(types)] = { false };
	bool has_any = false;

	for (size_t i = 0; i < keys->entries.n; i++) {
		const struct hostkeys_entry *entry = &keys->entries.items[i];
		int type = key_type_find(entry->key, entry->size);

		if (type >= 0 && entry->mark == MARK_NONE && !has[type] &&
		    (names_match(entry->names, name) ||
		     (is_other_port && names_match(entry->names, plain))))
			has[type] = has_any = true;
	}
	for (size_t i = 0; i < COUNT_OF(types); i++)
		if (has[i] || !has_any)
			buf_format(&text, "%s%s", text.size ? "," : "",
				   types[i].type);
	*out = buf_take_str(&text);
}

char *hostkeys_fingerprint(const uint8_t *key, size_t size)
{
	struct digest digest;
	AUTO_STR char *text = NULL;

	digest_of(key, size, &digest);
	text = base64_encode(digest.bytes, sizeof(digest.bytes));
	text[strcspn(text, "=")] = '\0';
	return mem_format("SHA256:%s", text);
}

char *hostkeys_describe(const uint8_t *key, size_t size)
{
	AUTO_STR char *print = hostkeys_fingerprint(key, size);
	AUTO_STR char *type = key_type(key, size);
	int known = key_type_find(key, size);

	return mem_format("%s %s", known >= 0 ? types[known].words : type,
			  print);
}

/* What the files say of a host, in the light of the key it shows. */
struct hostkeys_evidence {
	bool is_known;
	bool is_revoked;
	bool has_authority;
	const struct hostkeys_entry *other;	  /* a key we could check */
	const struct hostkeys_entry *unsupported; /* one we could not */
};

static void evidence_gather(const struct hostkeys *keys, const char *host,
			    uint16_t port, const uint8_t *key, size_t size,
			    struct hostkeys_evidence *out)
{
	AUTO_STR char *name = host_name(host, port);
	AUTO_STR char *plain = host_name(host, 22);
	bool is_other_port = strcmp(name, plain) != 0;

	for (size_t i = 0; i < keys->entries.n; i++) {
		const struct hostkeys_entry *entry = &keys->entries.items[i];
		bool is_equal = entry->size == size &&
				memcmp(entry->key, key, size) == 0;
		bool is_exact = names_match(entry->names, name);

		if (!is_exact &&
		    !(is_other_port && names_match(entry->names, plain)))
			continue;
		if (entry->mark == MARK_REVOKED)
			out->is_revoked |= is_equal;
		else if (entry->mark == MARK_AUTHORITY)
			out->has_authority = true;
		else if (is_equal)
			out->is_known = true;
		else if (is_exact &&
			 key_type_find(entry->key, entry->size) >= 0)
			out->other = entry;
		else if (is_exact)
			out->unsupported = entry;
	}
}

enum hostkeys_verdict hostkeys_check(const struct hostkeys *keys,
				     const char *host, uint16_t port,
				     const uint8_t *key, size_t size,
				     struct err *err)
{
	struct hostkeys_evidence seen = { 0 };
	AUTO_STR char *words = hostkeys_describe(key, size);
	AUTO_STR char *other = NULL;

	evidence_gather(keys, host, port, key, size, &seen);
	if (seen.is_revoked) {
		(void)err_set(err, ERR_HOSTKEY,
			      "its key (%s) is revoked in %s; do not trust "
			      "this host",
			      words, keys->path);
		return HOSTKEYS_REVOKED;
	}
	if (seen.is_known)
		return HOSTKEYS_KNOWN;
	if (seen.other) {
		other = hostkeys_describe(seen.other->key, seen.other->size);
		(void)err_set(err, ERR_HOSTKEY,
			      "its key has changed: it shows %s, but %s knows "
			      "%s; somebody may be in between. If it was "
			      "renewed, remove the old line and use `grayctl "
			      "hosts add`",
			      words, keys->path, other);
		return HOSTKEYS_CHANGED;
	}
	if (seen.unsupported) {
		other = key_type(seen.unsupported->key, seen.unsupported->size);
		(void)err_set(err, ERR_HOSTKEY,
			      "its key (%s) is not in %s, which knows only a "
			      "key of type %s; ED25519 or ECDSA is needed: add "
			      "it with `grayctl hosts add`",
			      words, keys->path, other);
	} else if (seen.has_authority) {
		(void)err_set(err, ERR_HOSTKEY,
			      "its key (%s) is not in %s, which knows only a "
			      "certificate authority for it, and certificates "
			      "are not supported: add the key with `grayctl "
			      "hosts add`",
			      words, keys->path);
	} else {
		(void)err_set(err, ERR_HOSTKEY,
			      "its key (%s) is not in %s; add it with `grayctl "
			      "hosts add`",
			      words, keys->path);
	}
	return HOSTKEYS_UNKNOWN;
}

char *hostkeys_line(const char *host, uint16_t port, const uint8_t *key,
		    size_t size)
{
	AUTO_STR char *name = host_name(host, port);
	AUTO_STR char *type = key_type(key, size);
	AUTO_STR char *text = base64_encode(key, size);

	return mem_format("%s %s %s", name, type, text);
}

/* Does FD's file end in the middle of a line? */
static bool is_line_open(int fd)
{
	char last;
	off_t size = lseek(fd, 0, SEEK_END);

	return size > 0 && pread(fd, &last, 1, size - 1) == 1 && last != '\n';
}

int hostkeys_append(const char *path, const char *line, struct err *err)
{
	AUTO_FD int fd =
		open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	AUTO_STR char *text = NULL;

	if (fd < 0)
		return err_sys(err, "open %s", path);
	text = mem_format("%s%s\n", is_line_open(fd) ? "\n" : "", line);
	/* One write with O_APPEND: others that add do not mix with it. */
	if (file_write_all(fd, text, strlen(text), err) < 0)
		return err_wrap(err, "%s", path);
	return file_sync(fd, path, err);
}
