/*
 * hostkey.h - one public key of a host, as on the wire and as text.
 *
 * Text is a type's name and base64, as in known_hosts and in *.pub; what
 * OpenSSH would not read is no key here either.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/mem.h"

#define HOSTKEY_MAX 16384 /* bytes; RSA of 16384 bits has 2100 */

/* The types that libssh2 can check, best first; NULL if there is no such. */
#define HOSTKEY_N_TYPES 4
const char *hostkey_type_at(int place);
/* KEY's place among them, or -1: it has another type. */
int hostkey_place(const uint8_t *key, size_t size);

/* The name inside KEY, made harmless; "?" if there is none. The caller's. */
char *hostkey_type(const uint8_t *key, size_t size) MUST_CHECK;
/* Has KEY all that a key of the type with that NAME has, and no more? */
bool hostkey_is_whole(const uint8_t *key, size_t size, const char *name);
/* "ED25519 SHA256:..." and the SHA256:... alone; owned by the caller. */
char *hostkey_describe(const uint8_t *key, size_t size) MUST_CHECK;
char *hostkey_fingerprint(const uint8_t *key, size_t size) MUST_CHECK;

/*
 * Append the bytes that SIZE letters of base64 at TEXT mean. White space may be
 * in between, padding must be there. False, and nothing appended, if it is no
 * base64 or more than HOSTKEY_MAX.
 */
bool hostkey_base64_decode(const char *text, size_t size, struct buf *out);
char *hostkey_base64_encode(const uint8_t *bytes, size_t size) MUST_CHECK;
