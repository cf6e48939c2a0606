/*
 * kept.h - the releases that a host keeps: what each should be, and is.
 *
 * .gray/manifests/<digest> says what releases/<digest> holds. It is there,
 * synced, before the folder is; a folder without one counts as not whole.
 */
#pragma once

#include "agents/slot.h"
#include "core/release/manifest.h"

/* Keep MANIFEST, synced. */
int kept_save(const struct slot *slot, const struct manifest *manifest,
	      struct err *err) MUST_CHECK;
/* What RELEASE should hold; the bytes on disk have that digest. */
int kept_manifest(const struct slot *slot, const struct digest *release,
		  struct manifest **out, struct err *err) MUST_CHECK;
/*
 * Every file and link of RELEASE is there and is what it was: mode, size and
 * digest. Reads all of it. ERR_CORRUPT names the first that is not.
 */
int kept_verify(const struct slot *slot, const struct digest *release,
		struct err *err) MUST_CHECK;
/* Let RELEASE be gone, at once and whole; space comes back a little later. */
int kept_remove(const struct slot *slot, const struct digest *release,
		struct err *err) MUST_CHECK;
/* What a removal that was cut short left behind. */
int kept_sweep(const struct slot *slot, struct err *err) MUST_CHECK;
