/*
 * ssh_bytes.h - a reader of the numbers and strings of the SSH wire.
 *
 * Numbers are big-endian, a string is its length and its bytes (RFC 4251,
 * section 5). Nothing is copied; a reader that fails has not moved.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Borrowed: what is left to read, or what was read. */
struct ssh_bytes {
	const uint8_t *at;
	size_t left;
};

bool ssh_bytes_u8(struct ssh_bytes *from, uint8_t *out);
bool ssh_bytes_u32(struct ssh_bytes *from, uint32_t *out);
bool ssh_bytes_string(struct ssh_bytes *from, struct ssh_bytes *out);
bool ssh_bytes_are(const struct ssh_bytes *bytes, const char *text);
