#include "core/remote/ssh_key_file.h"

#include <string.h>

#include "core/base/str.h"
#include "core/remote/hostkey.h"
#include "core/remote/ssh_bytes.h"
#include "core/sys/file.h"

#define KEY_FILE_MAX  (64 << 10)
#define KEY_HEAD      768 /* letters: names of ciphers, then the type */
#define KEY_MAGIC     "openssh-key-v1"
#define KEY_OPENSSH   "-----BEGIN OPENSSH PRIVATE KEY-----"
#define KEY_TYPE_ROOM 64

static const struct {
	const char *begin;
	const char *type;
} formats[] = {
	{ "-----BEGIN RSA PRIVATE KEY-----", "ssh-rsa" },
	{ "-----BEGIN EC PRIVATE KEY-----", "ecdsa-sha2-nistp256" },
	{ "-----BEGIN DSA PRIVATE KEY-----", "ssh-dss" },
};

/* magic NUL, cipher, kdf, its options, number of keys, the public key's blob */
static char *type_inside(const uint8_t *bytes, size_t size)
{
	struct ssh_bytes from = { bytes, size };
	struct ssh_bytes part;
	uint32_t n_keys, n_bytes;

	if (size < sizeof(KEY_MAGIC) ||
	    memcmp(bytes, KEY_MAGIC, sizeof(KEY_MAGIC)) != 0)
		return NULL;
	from.at += sizeof(KEY_MAGIC);
	from.left -= sizeof(KEY_MAGIC);
	for (int i = 0; i < 3; i++)
		if (!ssh_bytes_string(&from, &part))
			return NULL;
	/* The first key may be cut, its type comes first. */
	if (!ssh_bytes_u32(&from, &n_keys) || !ssh_bytes_u32(&from, &n_bytes) ||
	    !ssh_bytes_string(&from, &part) || part.left >= KEY_TYPE_ROOM)
		return NULL;
	return str_clean((const char *)part.at, part.left);
}

static char *type_openssh(const char *text, size_t size)
{
	AUTO_VALUE(buf) letters = BUF_INIT;
	AUTO_VALUE(buf) bytes = BUF_INIT;

	for (size_t i = 0; i < size && text[i] != '-'; i++)
		if (text[i] > ' ' && letters.size < KEY_HEAD)
			buf_append_char(&letters, text[i]);
	/* Whole groups of four stand for themselves. */
	letters.size -= letters.size % 4;
	if (!hostkey_base64_decode((const char *)letters.bytes, letters.size,
				   &bytes))
		return NULL;
	return type_inside(bytes.bytes, bytes.size);
}

char *ssh_key_text_type(const char *text, size_t size)
{
	AUTO_STR char *copy = mem_strn(text, size);
	const char *begin = strstr(copy, KEY_OPENSSH);

	if (begin) {
		begin += strlen(KEY_OPENSSH);
		return type_openssh(begin, strlen(begin));
	}
	for (size_t i = 0; i < COUNT_OF(formats); i++)
		if (strstr(copy, formats[i].begin))
			return mem_str(formats[i].type);
	return NULL;
}

char *ssh_key_file_type(const char *path)
{
	AUTO_STR char *public_path = mem_format("%s.pub", path);
	AUTO_VALUE(buf) text = BUF_INIT;
	struct err err = ERR_INIT;
	char *type;

	if (file_read(path, KEY_FILE_MAX, &text, &err) < 0)
		return NULL;
	type = ssh_key_text_type(buf_str(&text), text.size);
	if (type)
		return type;
	buf_clear(&text);
	if (file_read(public_path, KEY_FILE_MAX, &text, &err) < 0)
		return NULL;
	return str_clean(buf_str(&text), strcspn(buf_str(&text), " \r\n"));
}

bool ssh_key_fits_libssh2(const char *type)
{
	return type &&
	       (strcmp(type, "ssh-ed25519") == 0 ||
		str_starts(type, "ecdsa-sha2-nistp")) &&
	       !strstr(type, "-cert-");
}

const char *ssh_key_obstacle(const char *type)
{
	if (!type)
		return "a key of a kind we cannot tell";
	if (strstr(type, "-cert-"))
		return "a certificate, which libssh2 does not know";
	if (str_starts(type, "sk-"))
		return "a FIDO key, which libssh2 cannot use";
	if (strcmp(type, "ssh-rsa") == 0)
		return "an RSA key, with which libssh2 signs by SHA-1 only";
	return "a key that libssh2 cannot sign with";
}
