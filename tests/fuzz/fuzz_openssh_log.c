/* Whatever ssh writes, in whatever pieces, ends in one error with words. */
#include <assert.h>
#include <string.h>

#include "core/remote/openssh_log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct remote_target target = { .name = "a",
						     .address = "b" };
	AUTO_VALUE(openssh_log) whole = { 0 };
	AUTO_VALUE(openssh_log) pieces = { 0 };
	struct err err = ERR_INIT;
	struct err again = ERR_INIT;

	openssh_log_add(&whole, data, size);
	for (size_t i = 0; i < size; i++)
		openssh_log_add(&pieces, data + i, 1);
	openssh_log_explain(&whole, &target, "", &err);
	openssh_log_explain(&pieces, &target, "", &again);
	assert(err.code && *err.text);
	assert(strcmp(err.text, again.text) == 0);
	assert(whole.phase == pieces.phase);
	return 0;
}
