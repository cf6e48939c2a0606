/*
 * What record_check lets through has texts that end and numbers in range.
 * First byte: the type; the rest is laid over a well-formed record of it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agents/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static union record record;
	struct err err = ERR_INIT;
	size_t total;

	if (size < 1)
		return 0;
	memset(&record, 0, sizeof(record));
	total = record_init(&record, 1 + bytes[0] % RECORD_RESULT)->size;
	memcpy((uint8_t *)&record + sizeof(record.head), bytes + 1,
	       MIN_OF(size - 1, total - sizeof(record.head)));
	if (record_check(&record, total, &err) < 0)
		return 0;
	switch ((enum record_type)record.head.type) {
	case RECORD_ENTRY:
		if (strlen(record.record_entry.path) >= RECORD_PATH)
			abort();
		break;
	case RECORD_COMMAND:
		if (record.record_command.spec.n_probes > SPEC_PROBES ||
		    strlen(record.record_command.rollout) >= DEPLOY_NAME)
			abort();
		break;
	case RECORD_BLOB:
		if (record.record_blob.n_bytes > RECORD_DATA)
			abort();
		break;
	case RECORD_STATUS:
		if (record.record_status.n_releases > RECORD_RELEASES)
			abort();
		break;
	case RECORD_NEED:
		if (record.record_need.n_files > RECORD_FILES)
			abort();
		break;
	case RECORD_NONE:
	case RECORD_HELLO:
	case RECORD_ASK:
	case RECORD_RETIRE:
	case RECORD_RESULT:
	default:
		break;
	}
	return 0;
}
