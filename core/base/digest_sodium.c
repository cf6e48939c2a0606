#include <sodium.h>

#include "core/base/digest.h"

struct digest_hash {
	crypto_hash_sha256_state state;
};

struct digest_hash *digest_hash_new(void)
{
	struct digest_hash *hash = MEM_NEW(struct digest_hash);

	(void)crypto_hash_sha256_init(&hash->state);
	return hash;
}

void digest_hash_free(struct digest_hash *hash)
{
	free(hash);
}

void digest_hash_add(struct digest_hash *hash, const void *bytes, size_t size)
{
	(void)crypto_hash_sha256_update(&hash->state, bytes, size);
}

void digest_hash_end(struct digest_hash *hash, struct digest *out)
{
	(void)crypto_hash_sha256_final(&hash->state, out->bytes);
}
