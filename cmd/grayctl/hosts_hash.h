/*
 * hosts_hash.h - does the user's ssh hide the names in known_hosts?
 */
#pragma once

#include <stdbool.h>

/*
 * HashKnownHosts as `ssh -G ADDRESS` says, with the configuration file CONFIG
 * (NULL: the user's); false where there is no ssh. Blocks.
 */
bool hosts_want_hash(const char *config, const char *address);
