/*
 * clock.h - the time: one that only goes forward, and the one on the wall.
 *
 * Every deadline uses the first (CLOCK_BOOTTIME, so a suspended machine counts
 * too); the wall clock is for people and the log. Pure code gets times as
 * arguments and never includes this.
 */
#pragma once

#include <stdint.h>

#define BOOT_ID_SIZE 37 /* a UUID as text, with its NUL */

uint64_t clock_boot_ms(void);
int64_t clock_wall_ms(void); /* since 1970, UTC */
/* The kernel's name for this boot; "" where it cannot be read. */
void clock_boot_id(char out[BOOT_ID_SIZE]);
