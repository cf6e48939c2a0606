/*
 * facts.h - what a host is: its name for itself, its boot, its free space.
 */
#pragma once

#include <stdint.h>

#include "core/base/err.h"

#define FACTS_HOST_ID 33 /* 32 hexadecimal letters and a NUL */

/*
 * The host's own name, random, kept in .gray/host_id of HOME since the first
 * time it was asked for.
 */
int facts_host_id(const char *home, char out[FACTS_HOST_ID],
		  struct err *err) MUST_CHECK;
/* "x86_64", as uname says it. */
void facts_arch(char *out, size_t size);
/* Bytes and inodes that we may still use on the file system of DIR. */
void facts_free(int dir, uint64_t *out_bytes, uint64_t *out_inodes);
/* Remember that ROOT has a deployment, for `recover`: a line in .gray/roots. */
int facts_add_root(const char *home, const char *root,
		   struct err *err) MUST_CHECK;
/* The lines of .gray/roots, an array ended by NULL; free each and all. */
int facts_roots(const char *home, char ***out, struct err *err) MUST_CHECK;
