/*
 * file.h - files and folders, by descriptor, with the syncs that make them
 * stay.
 *
 * Path work below a root goes by openat2 with RESOLVE_BENEATH and
 * RESOLVE_NO_SYMLINKS: what counts is what the kernel resolved, not the string.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "core/base/buf.h"
#include "core/base/err.h"

/* Open PATH below DIR, following no link and never leaving DIR. */
int file_open_beneath(int dir, const char *path, int flags, mode_t mode,
		      struct err *err) MUST_CHECK;
/* Append all of PATH to OUT; ERR_INVALID when it has more than MAX bytes. */
int file_read(const char *path, size_t max, struct buf *out,
	      struct err *err) MUST_CHECK;
int file_read_at(int dir, const char *path, size_t max, struct buf *out,
		 struct err *err) MUST_CHECK;
int file_read_fd(int fd, size_t max, struct buf *out,
		 struct err *err) MUST_CHECK;
/* All of it, through short writes and EINTR. */
int file_write_all(int fd, const void *bytes, size_t size,
		   struct err *err) MUST_CHECK;
/* Replace NAME in DIR: temporary file, sync, rename, sync of DIR. */
int file_replace_at(int dir, const char *name, const void *bytes, size_t size,
		    mode_t mode, struct err *err) MUST_CHECK;
/* mkdir -p; each missing folder is made with MODE. */
int file_make_dirs(const char *path, mode_t mode, struct err *err) MUST_CHECK;
/* The same below DIR, following no link. */
int file_make_dirs_at(int dir, const char *path, mode_t mode,
		      struct err *err) MUST_CHECK;
/* Remove NAME in DIR and all below it; nothing there is no error. */
int file_remove_tree_at(int dir, const char *name, struct err *err) MUST_CHECK;
/* What PATH looked like; to tell later whether it is still the same. */
struct file_look {
	struct timespec changed; /* all zero where nothing was there */
	off_t size;
	ino_t inode;
};
struct file_look file_look_at(const char *path);
bool file_is_as(const char *path, const struct file_look *was);
/* fsync, with a sentence. */
int file_sync(int fd, const char *what, struct err *err) MUST_CHECK;
/* PATH against BASE, a folder; an absolute PATH stays. Owned by the caller. */
char *file_join(const char *base, const char *path) MUST_CHECK;
