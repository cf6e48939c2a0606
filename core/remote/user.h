/*
 * user.h - who runs this program, and where that user's files are.
 */
#pragma once

#include "core/base/macros.h"

/* NAME in the home folder: of $HOME, or of the user. Owned by the caller. */
char *user_file(const char *name) MUST_CHECK;
/* The same where the list of users has it, which is where ssh looks. */
char *user_login_file(const char *name) MUST_CHECK;
/* A path that may begin with ~/, as user_file has it; the caller's. */
char *user_path(const char *path) MUST_CHECK;
/* The name of the user; owned by the caller. */
char *user_name(void) MUST_CHECK;
