/*
 * ssh_files.h - the files that make ssh's configuration, looked at from afar.
 *
 * Only as much of them is read as it takes to know whether an answer of
 * `ssh -G` still holds, and for which hosts it is the same: the files with all
 * that they include, the patterns of Host, and whether there is a Match. What
 * the keywords mean is ssh's business.
 */
#pragma once

#include <stdbool.h>

#include "core/base/mem.h"

struct ssh_files;

/*
 * config   file as after ssh's -F ("none" too); NULL: the user's and the
 *          machine's. What cannot be read counts as empty, ssh will complain.
 */
struct ssh_files *ssh_files_read(const char *config);
void ssh_files_free(struct ssh_files *files);
MEM_AUTO(ssh_files)
/* Are they what they were, and are there no new ones? */
bool ssh_files_are_fresh(const struct ssh_files *files);
bool ssh_files_have_match(const struct ssh_files *files);
/*
 * Hosts with the same text get the same answer. The caller's.
 */
char *ssh_files_class(const struct ssh_files *files,
		      const char *host) MUST_CHECK;
