/*
 * tmpdir.h - a folder for one test, gone afterwards.
 */
#pragma once

/* Make one; owned by the caller, until tmpdir_remove. Ends the test program
 * when it cannot. */
char *tmpdir_make(void);
/* Remove it with all below it, and free PATH. */
void tmpdir_remove(char *path);
