/*
 * hosts_ask.h - what only a person can answer: is this the host's key, shall it
 * be done, the passphrase of a key. Asked on a terminal or not at all.
 */
#pragma once

#include <stdbool.h>

#include "core/base/vec.h"
#include "core/fleet/inventory.h"

/* Is there somebody to ask on standard input? */
bool ask_is_possible(void);
/* QUESTION, then a line; true for y or yes. */
bool ask_yes(const char *question);
/*
 * Is "ED25519 SHA256:..." HOST's? True only for yes, or that fingerprint; a
 * wrong fingerprint is told.
 */
bool ask_key(const struct fleet_host *host, const char *words);

/* Passphrases asked for, each once; nothing of them stays after the end. */
struct passphrases {
	VEC(struct passphrase {
		char *identity;
		char *text; /* or NULL: none was given */
	})
	list;
};
/* For remote_options, with a struct passphrases; NULL where nobody answers. */
const char *ask_passphrase(const char *identity, void *passphrases);
void passphrases_release(struct passphrases *passphrases);
MEM_AUTO_VALUE(passphrases)
