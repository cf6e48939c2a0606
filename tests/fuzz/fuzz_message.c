/*
 * What decodes, encodes; and what was encoded decodes to the same again.
 * First byte: the message's number.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/wire/agent.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Decode and encode; false when it does not decode. */
static bool pass(const struct proto_type *type, const uint8_t *bytes,
		 size_t size, struct buf *out)
{
	void *message = mem_alloc(type->size);
	struct err err = ERR_INIT;
	bool is_decoded = proto_decode(type, bytes, size, message, &err) == 0;

	if (is_decoded) {
		proto_encode(type, message, out);
		proto_release(type, message);
	} else if (err.code != ERR_PROTOCOL || !err.text[0]) {
		abort();
	}
	free(message);
	return is_decoded;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	const struct proto_type *type =
		size ? agent_message_type(bytes[0]) : NULL;
	AUTO_VALUE(buf) once = BUF_INIT;
	AUTO_VALUE(buf) twice = BUF_INIT;

	if (!type || !pass(type, bytes + 1, size - 1, &once))
		return 0;
	if (!pass(type, once.bytes, once.size, &twice))
		abort();
	if (once.size != twice.size ||
	    (once.size && memcmp(once.bytes, twice.bytes, once.size) != 0))
		abort();
	return 0;
}
