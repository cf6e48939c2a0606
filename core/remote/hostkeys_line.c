#include "core/remote/hostkeys_line.h"

#include <ctype.h>
#include <openssl/hmac.h>
#include <string.h>

#include "core/base/rand.h"
#include "core/base/str.h"
#include "core/remote/hostkey.h"

#define SHA1_BYTES	 20
#define MARK_LETTERS_MAX 31
#define PATTERN_MAX	 1022 /* letters of one name; a longer one is none */

/* ---- a line ---- */

static const char *skip_blanks(const char *at, const char *end)
{
	while (at < end && (*at == ' ' || *at == '\t'))
		at++;
	return at;
}

/* The next word of a line; *at moves behind it. NULL at the end. */
static char *next_word(const char **at, const char *end)
{
	const char *start = skip_blanks(*at, end);

	*at = start;
	while (*at < end && **at != ' ' && **at != '\t')
		(*at)++;
	return *at > start ? mem_strn(start, (size_t)(*at - start)) : NULL;
}

/*
 * False for a mark that is none. A tab ends it only when no space follows in
 * the whole line: OpenSSH skips such a line.
 */
static bool read_mark(const char **at, const char *end, enum hostkeys_mark *out)
{
	const char *stop = memchr(*at, ' ', (size_t)(end - *at));
	AUTO_STR char *word = NULL;

	*out = MARK_NONE;
	if (*at == end || **at != '@')
		return true;
	if (!stop)
		stop = memchr(*at, '\t', (size_t)(end - *at));
	if (!stop || stop - *at > MARK_LETTERS_MAX)
		return false;
	word = mem_strn(*at, (size_t)(stop - *at));
	*at = skip_blanks(stop, end);
	if (strcmp(word, "@revoked") == 0)
		*out = MARK_REVOKED;
	else if (strcmp(word, "@cert-authority") == 0)
		*out = MARK_AUTHORITY;
	return *out != MARK_NONE && (*at == end || **at != '@');
}

bool hostkeys_line_parse(const char *at, const char *end,
			 struct hostkeys_line *out)
{
	const char *zero = memchr(at, '\0', (size_t)(end - at));
	AUTO_VALUE(hostkeys_line) line = { 0 };
	AUTO_STR char *type = NULL;
	AUTO_STR char *text = NULL;
	AUTO_VALUE(buf) key = BUF_INIT;

	if (zero)
		end = zero;
	at = skip_blanks(at, end);
	if (at == end || *at == '#' || !read_mark(&at, end, &line.mark))
		return false;
	line.names = next_word(&at, end);
	type = next_word(&at, end);
	text = next_word(&at, end);
	if (!text || !hostkey_base64_decode(text, strlen(text), &key) ||
	    !hostkey_is_whole(key.bytes, key.size, type))
		return false;
	line.key = mem_copy(key.bytes, key.size);
	line.size = key.size;
	*out = line;
	memset(&line, 0, sizeof(line));
	return true;
}

void hostkeys_line_release(struct hostkeys_line *line)
{
	free(line->names);
	free(line->key);
}

/* ---- names ---- */

/* |1|salt|hash: HASH is the HMAC-SHA1 of the name with SALT as the key. */
static char *hashed(const char *name, const uint8_t *salt)
{
	uint8_t is[EVP_MAX_MD_SIZE] = { 0 };
	unsigned is_size = 0;
	AUTO_STR char *salt_text = hostkey_base64_encode(salt, SHA1_BYTES);
	AUTO_STR char *text = NULL;

	(void)HMAC(EVP_sha1(), salt, SHA1_BYTES, (const uint8_t *)name,
		   strlen(name), is, &is_size);
	text = hostkey_base64_encode(is, SHA1_BYTES);
	return mem_format("|1|%s|%s", salt_text, text);
}

static bool hashed_matches(const char *names, const char *name)
{
	const char *salt_text = names + 3;
	const char *bar = strchr(salt_text, '|');
	AUTO_VALUE(buf) salt = BUF_INIT;
	AUTO_STR char *want = NULL;

	if (!bar ||
	    !hostkey_base64_decode(salt_text, (size_t)(bar - salt_text),
				   &salt) ||
	    salt.size != SHA1_BYTES)
		return false;
	want = hashed(name, salt.bytes);
	return strcmp(names, want) == 0;
}

bool hostkeys_names_match(const char *names, const char *name)
{
	bool is_match = false;

	if (names[0] == '|')
		return str_starts(names, "|1|") && hashed_matches(names, name);
	for (const char *at = names; at && *at;) {
		const char *comma = strchr(at, ',');
		const char *end = comma ? comma : at + strlen(at);
		bool is_not = *at == '!';

		at += is_not;
		if (end - at > PATTERN_MAX)
			return false;
		if (str_matches(name, at, (size_t)(end - at), true)) {
			if (is_not)
				return false;
			is_match = true;
		}
		at = comma ? comma + 1 : NULL;
	}
	return is_match;
}

char *hostkeys_name(const char *host, uint16_t port)
{
	char *name = port && port != 22 ? mem_format("[%s]:%u", host, port)
					: mem_str(host);

	for (char *p = name; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return name;
}

char *hostkeys_hash_name(const char *name)
{
	uint8_t salt[SHA1_BYTES];

	rand_bytes(salt, sizeof(salt));
	return hashed(name, salt);
}
