/*
 * ssh_key_file.h - what kind of key a file holds, without opening its lock.
 *
 * OpenSSH's own format has the public half in the clear; of others the first
 * line tells, or the file NAME.pub beside it.
 */
#pragma once

#include <stdbool.h>

#include "core/base/buf.h"
#include "core/base/mem.h"

/*
 * "ssh-ed25519", "ssh-rsa", "sk-...", or NULL: it cannot be told. The caller's.
 *
 * path   of a private key
 */
char *ssh_key_file_type(const char *path) MUST_CHECK;
/* The same of the text of a private key alone. */
char *ssh_key_text_type(const char *text, size_t size) MUST_CHECK;
/* A key that libssh2 can sign with? RSA it does with SHA-1 only. */
bool ssh_key_fits_libssh2(const char *type);
/* "an RSA key, ..." : why it does not; borrowed. */
const char *ssh_key_obstacle(const char *type);
