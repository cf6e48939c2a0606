/*
 * ssh_settings.h - what ssh would do for a host, as `ssh -G` prints it.
 *
 * Text only: a keyword in small letters, a space, its value, a line each. The
 * values of a keyword that comes several times are kept as lines.
 */
#pragma once

#include <stddef.h>

#include "core/base/mem.h"

struct ssh_settings;

struct ssh_settings *ssh_settings_parse(const char *text, size_t size);
void ssh_settings_free(struct ssh_settings *settings);
MEM_AUTO(ssh_settings)
/* Borrowed; NULL for what is not there, or is "none". */
const char *ssh_settings_get(const struct ssh_settings *settings,
			     const char *keyword);
