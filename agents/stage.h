/*
 * stage.h - from blobs to a folder in releases/, whole or not at all.
 *
 * Built in .gray/stage, every file and folder synced, its manifest kept, then
 * renamed. A kill at any point leaves either no release or a whole one; what
 * lies in .gray/stage is removed by the next attempt.
 */
#pragma once

#include "agents/slot.h"
#include "core/release/manifest.h"

/* All blobs of MANIFEST are there; afterwards they are gone. */
int stage_build(const struct slot *slot, const struct manifest *manifest,
		struct err *err) MUST_CHECK;
/* Remove what an attempt left, all blobs with it. */
int stage_clean(const struct slot *slot, struct err *err) MUST_CHECK;
