#include "core/base/digest.h"

#include <string.h>

bool digest_equal(const struct digest *a, const struct digest *b)
{
	return memcmp(a->bytes, b->bytes, DIGEST_SIZE) == 0;
}

bool digest_is_zero(const struct digest *digest)
{
	static const struct digest zero;

	return digest_equal(digest, &zero);
}

void digest_of(const void *bytes, size_t size, struct digest *out)
{
	AUTO(digest_hash) hash = digest_hash_new();

	digest_hash_add(hash, bytes, size);
	digest_hash_end(hash, out);
}

void digest_format(const struct digest *digest, char out[DIGEST_HEX + 1])
{
	static const char hex[] = "0123456789abcdef";

	for (size_t i = 0; i < DIGEST_SIZE; i++) {
		out[2 * i] = hex[digest->bytes[i] >> 4];
		out[2 * i + 1] = hex[digest->bytes[i] & 15];
	}
	out[DIGEST_HEX] = '\0';
}

static int digest_nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

int digest_parse(const char *text, struct digest *out, struct err *err)
{
	struct digest digest;

	if (strlen(text) != DIGEST_HEX)
		return err_set(err, ERR_INVALID,
			       "a digest has %d hexadecimal letters, not %zu",
			       DIGEST_HEX, strlen(text));
	for (size_t i = 0; i < DIGEST_SIZE; i++) {
		int high = digest_nibble(text[2 * i]);
		int low = digest_nibble(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return err_set(err, ERR_INVALID,
				       "a digest has only 0-9 and a-f");
		digest.bytes[i] = (uint8_t)(high << 4 | low);
	}
	*out = digest;
	return 0;
}
