#include "core/remote/hostkey.h"

#include <ctype.h>
#include <string.h>

#include "core/base/digest.h"
#include "core/base/macros.h"
#include "core/base/str.h"
#include "core/remote/ssh_bytes.h"

#define TYPE_MAX      64
#define RSA_MIN_BYTES 128 /* OpenSSH wants 1024 bits */
#define ED25519_BYTES 32

/*
 * The types that OpenSSH knows. What follows the name in a key: a point is one
 * on a curve, uncompressed, behind the curve's name; numbers are n of them.
 */
static const struct {
	const char *type;
	const char *words;
	const char *curve;  /* or NULL */
	size_t point_bytes; /* with a curve: 1 + 2 coordinates */
	unsigned n_numbers;
	bool has_application; /* it is on a FIDO token */
} types[] = {
	/* First what libssh2 can check; its RSA means SHA-1, so none of it. */
	{ "ssh-ed25519", "ED25519", NULL, 0, 0, false },
	{ "ecdsa-sha2-nistp256", "ECDSA", "nistp256", 65, 0, false },
	{ "ecdsa-sha2-nistp384", "ECDSA", "nistp384", 97, 0, false },
	{ "ecdsa-sha2-nistp521", "ECDSA", "nistp521", 133, 0, false },
	{ "ssh-rsa", "RSA", NULL, 0, 2, false },
	{ "ssh-dss", "DSA", NULL, 0, 4, false },
	{ "sk-ssh-ed25519@openssh.com", "ED25519-SK", NULL, 0, 0, true },
	{ "sk-ecdsa-sha2-nistp256@openssh.com", "ECDSA-SK", "nistp256", 65, 0,
	  true },
};

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstu"
			      "vwxyz0123456789+/";

/* ---- what a key is made of ---- */

/* Its row in types, or -1. */
static int type_find(const uint8_t *key, size_t size)
{
	struct ssh_bytes from = { key, size };
	struct ssh_bytes name;

	if (ssh_bytes_string(&from, &name))
		for (size_t i = 0; i < COUNT_OF(types); i++)
			if (ssh_bytes_are(&name, types[i].type))
				return (int)i;
	return -1;
}

const char *hostkey_type_at(int place)
{
	return place >= 0 && place < HOSTKEY_N_TYPES ? types[place].type : NULL;
}

int hostkey_place(const uint8_t *key, size_t size)
{
	int row = type_find(key, size);

	return row < HOSTKEY_N_TYPES ? row : -1;
}

char *hostkey_type(const uint8_t *key, size_t size)
{
	struct ssh_bytes from = { key, size };
	struct ssh_bytes name;

	if (!ssh_bytes_string(&from, &name) || !name.left ||
	    name.left > TYPE_MAX)
		return mem_str("?");
	return str_clean((const char *)name.at, name.left);
}

/* Signatures of RSA keys have names of their own; files may have them. */
static bool name_fits(int row, const char *name)
{
	return strcmp(name, types[row].type) == 0 ||
	       (strcmp(types[row].type, "ssh-rsa") == 0 &&
		(strcmp(name, "rsa-sha2-256") == 0 ||
		 strcmp(name, "rsa-sha2-512") == 0));
}

static bool has_point(int row, struct ssh_bytes *from)
{
	struct ssh_bytes part;

	if (!types[row].curve)
		return ssh_bytes_string(from, &part) &&
		       part.left == ED25519_BYTES;
	return ssh_bytes_string(from, &part) &&
	       ssh_bytes_are(&part, types[row].curve) &&
	       ssh_bytes_string(from, &part) &&
	       part.left == types[row].point_bytes && part.at[0] == 4;
}

static bool has_numbers(int row, struct ssh_bytes *from)
{
	struct ssh_bytes part = { NULL, 0 };

	for (unsigned i = 0; i < types[row].n_numbers; i++)
		if (!ssh_bytes_string(from, &part) || !part.left)
			return false;
	/* RSA's last is the modulus; it is positive, a zero may be in front. */
	return part.left - (part.at[0] == 0) >= RSA_MIN_BYTES ||
	       strcmp(types[row].type, "ssh-rsa") != 0;
}

bool hostkey_is_whole(const uint8_t *key, size_t size, const char *name)
{
	struct ssh_bytes from = { key, size };
	int row = type_find(key, size);
	struct ssh_bytes part;

	if (row < 0 || !name_fits(row, name) || !ssh_bytes_string(&from, &part))
		return false;
	if (types[row].n_numbers ? !has_numbers(row, &from)
				 : !has_point(row, &from))
		return false;
	if (types[row].has_application && !ssh_bytes_string(&from, &part))
		return false;
	return from.left == 0;
}

char *hostkey_fingerprint(const uint8_t *key, size_t size)
{
	struct digest digest;
	AUTO_STR char *text = NULL;

	digest_of(key, size, &digest);
	text = hostkey_base64_encode(digest.bytes, sizeof(digest.bytes));
	text[strcspn(text, "=")] = '\0';
	return mem_format("SHA256:%s", text);
}

char *hostkey_describe(const uint8_t *key, size_t size)
{
	AUTO_STR char *print = hostkey_fingerprint(key, size);
	AUTO_STR char *type = hostkey_type(key, size);
	int row = type_find(key, size);

	return mem_format("%s %s", row >= 0 ? types[row].words : type, print);
}

/* ---- base64 ---- */

bool hostkey_base64_decode(const char *text, size_t size, struct buf *out)
{
	uint8_t bytes[HOSTKEY_MAX];
	uint32_t bits = 0;
	size_t n = 0, n_letters = 0, n_pads = 0;

	for (size_t i = 0; i < size; i++) {
		const char *letter = text[i] ? strchr(letters, text[i]) : NULL;

		if (isspace((unsigned char)text[i]))
			continue;
		n_pads += text[i] == '=';
		if (text[i] == '=')
			continue;
		if (!letter || n_pads || n == sizeof(bytes))
			return false;
		bits = bits << 6 | (uint32_t)(letter - letters);
		if (n_letters % 4)
			bytes[n++] = (uint8_t)(bits >> (6 - n_letters % 4 * 2));
		n_letters++;
	}
	/* The bits that no byte took are zeros. */
	if ((n_letters + n_pads) % 4 || n_pads > 2 ||
	    (n_pads && bits & ((1u << 2 * n_pads) - 1)))
		return false;
	buf_append(out, bytes, n);
	return true;
}

char *hostkey_base64_encode(const uint8_t *bytes, size_t size)
{
	char *out = mem_alloc((size + 2) / 3 * 4 + 1);
	char *to = out;

	for (size_t i = 0; i < size; i += 3) {
		size_t n = MIN_OF(size - i, (size_t)3);
		uint32_t bits = (uint32_t)bytes[i] << 16;

		bits |= n > 1 ? (uint32_t)bytes[i + 1] << 8 : 0;
		bits |= n > 2 ? bytes[i + 2] : 0;
		for (size_t k = 0; k < 4; k++)
			*to++ = k <= n ? letters[bits >> (18 - 6 * k) & 63]
				       : '=';
	}
	return out;
}
