/*
 * openssh_scan.h - which key a host shows, on whatever way ssh takes to it.
 *
 * What ssh-keyscan cannot do, since it knows of no jump hosts: ssh goes there,
 * logs in as nobody, and writes the key into memory instead of a file.
 */
#pragma once

#include "core/remote/transport.h"

/*
 * Blocks. A known host shows no new key: then *out_words is NULL.
 *
 * out_words  "ED25519 SHA256:...", owned by the caller
 * out_line   as in known_hosts, owned by the caller
 */
int openssh_scan(const struct remote_target *target, uint64_t limit_ms,
		 char **out_words, char **out_line, struct err *err) MUST_CHECK;
