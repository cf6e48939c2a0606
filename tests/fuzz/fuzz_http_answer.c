/*
 * An answer is read or refused, and a body is never longer than what came.
 */
#include <stdint.h>
#include <stdlib.h>

#include "agents/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	AUTO_VALUE(buf) copy = BUF_INIT;
	AUTO_VALUE(buf) body = BUF_INIT;
	struct err err = ERR_INIT;
	unsigned status = 0;

	/* As it comes from a socket: followed by a NUL. */
	buf_append(&copy, bytes, size);
	if (http_parse_answer(buf_str(&copy), copy.size, &status, &body, &err) <
	    0)
		return 0;
	if (status > 999 || body.size > size)
		abort();
	return 0;
}
