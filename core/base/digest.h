/*
 * digest.h - SHA-256: what a file, a release and a log entry is called.
 *
 * Two implementations, one a program: digest_crypto.c (libcrypto, fast) for the
 * controller, digest_sodium.c (libsodium, small and static) for the agent.
 * Formula: FIPS 180-4.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/base/mem.h"

#define DIGEST_SIZE 32
#define DIGEST_HEX  64 /* letters, without the NUL */

struct digest {
	uint8_t bytes[DIGEST_SIZE];
};

struct digest_hash; /* a hash that is being fed */

struct digest_hash *digest_hash_new(void);
void digest_hash_free(struct digest_hash *hash);
MEM_AUTO(digest_hash)
void digest_hash_add(struct digest_hash *hash, const void *bytes, size_t size);
/* The digest of all that was added; HASH may only be freed afterwards. */
void digest_hash_end(struct digest_hash *hash, struct digest *out);

void digest_of(const void *bytes, size_t size, struct digest *out);
bool digest_equal(const struct digest *a, const struct digest *b);
bool digest_is_zero(const struct digest *digest);

/* 64 small hexadecimal letters and a NUL. */
void digest_format(const struct digest *digest, char out[DIGEST_HEX + 1]);
/* Fails with ERR_INVALID unless TEXT is exactly 64 small hex letters. */
int digest_parse(const char *text, struct digest *out,
		 struct err *err) MUST_CHECK;
