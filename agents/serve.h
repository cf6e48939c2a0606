/*
 * serve.h - the agent's end of a connection: frames in, records out, and back.
 *
 * Parses and decompresses what comes over SSH, with no right that it needs and
 * no state of its own; what it has understood goes to the guard in records of
 * fixed size. Ends with the connection, while the guard lives on.
 */
#pragma once

#include "core/base/err.h"

/*
 * Speak on IN and OUT until IN ends. Prints the magic line first.
 *
 * home  where .gray/host_id is; borrowed
 *
 * An error has been told to the controller before it is returned.
 */
int serve_run(int in, int out, const char *home, struct err *err) MUST_CHECK;
