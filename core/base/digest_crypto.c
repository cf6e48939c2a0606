#include <assert.h>

#include <openssl/evp.h>

#include "core/base/digest.h"

struct digest_hash {
	EVP_MD_CTX *context;
};

struct digest_hash *digest_hash_new(void)
{
	struct digest_hash *hash = MEM_NEW(struct digest_hash);
	int ok;

	hash->context = EVP_MD_CTX_new();
	ok = hash->context &&
	     EVP_DigestInit_ex(hash->context, EVP_sha256(), NULL);
	assert(ok);
	(void)ok;
	return hash;
}

void digest_hash_free(struct digest_hash *hash)
{
	if (!hash)
		return;
	EVP_MD_CTX_free(hash->context);
	free(hash);
}

void digest_hash_add(struct digest_hash *hash, const void *bytes, size_t size)
{
	if (size)
		(void)EVP_DigestUpdate(hash->context, bytes, size);
}

void digest_hash_end(struct digest_hash *hash, struct digest *out)
{
	(void)EVP_DigestFinal_ex(hash->context, out->bytes, NULL);
}
