/*
 * hostkeys_line.h - one line of a known_hosts file, and whom it speaks of.
 *
 *	[@revoked | @cert-authority] names type base64 [comment]
 *
 * names is name,name,... with * and ? and a ! in front, or one hashed name. All
 * as OpenSSH 9 reads it, oddities too, so that both give the same answer.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/mem.h"

enum hostkeys_mark { MARK_NONE, MARK_REVOKED, MARK_AUTHORITY };

struct hostkeys_line {
	enum hostkeys_mark mark;
	char *names; /* as in the file */
	uint8_t *key;
	size_t size;
};

/* AT to END, without the newline. False for what is no line that counts. */
bool hostkeys_line_parse(const char *at, const char *end,
			 struct hostkeys_line *out);
void hostkeys_line_release(struct hostkeys_line *line);
MEM_AUTO_VALUE(hostkeys_line)

/* Do NAMES, of a line, mean NAME, from hostkeys_name? */
bool hostkeys_names_match(const char *names, const char *name);
/* What HOST at PORT (0: 22) is called in a file; the caller's. */
char *hostkeys_name(const char *host, uint16_t port) MUST_CHECK;
/* NAME as a file has it that does not tell it; the caller's. */
char *hostkeys_hash_name(const char *name) MUST_CHECK;
