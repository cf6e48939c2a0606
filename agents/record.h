/*
 * record.h - what serve and guard say to each other, in records of fixed size.
 *
 * One record a packet on a SOCK_SEQPACKET socket. No pointers, every text ends
 * in a NUL, every number is in its range: record_check says so of whatever
 * came in, and then the guard needs no parser.
 *
 *	serve -> guard	hello, ask, entry*, command, blob*, retire
 *	guard -> serve	hello, status, need*, result
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agents/deploy.h"
#include "agents/journal.h"
#include "agents/spec.h"

#define RECORD_VERSION	1
#define RECORD_PATH	4096
#define RECORD_DATA	65536
#define RECORD_RELEASES 256
#define RECORD_FILES	1024

struct record_head {
	uint32_t type;
	uint32_t size; /* of the record, with this */
};

/* Both sides, first. Its shape never changes. */
struct record_hello {
	struct record_head head;
	uint32_t version; /* RECORD_VERSION; others are not understood */
	uint32_t pid;
	char program[64]; /* the agent's version, for people */
};

struct record_ask {
	struct record_head head;
};

/* Please end, if nothing needs you; from an agent of another version. */
struct record_retire {
	struct record_head head;
};

/* An entry of the manifest that the next stage command is about. */
struct record_entry {
	struct record_head head;
	bool is_link;
	bool is_executable;
	uint64_t size;
	struct digest digest;
	char path[RECORD_PATH];
	char target[RECORD_PATH];
};

struct record_command {
	struct record_head head;
	enum agent_verb verb;
	uint64_t epoch;
	uint64_t seq;
	char rollout[DEPLOY_NAME];
	char version[DEPLOY_VERSION];
	char boot_id[BOOT_ID_SIZE];
	struct digest release;
	struct digest target;
	uint64_t valid_until_ms;
	uint64_t lease_ms;
	uint64_t slot_in_ms;
	uint64_t slot_ms;
	uint64_t slot_period_ms;
	uint32_t keep;
	bool has_spec;
	struct spec spec;
};

struct record_blob {
	struct record_head head;
	struct digest digest;
	uint64_t offset;
	uint32_t n_bytes;
	bool is_last;
	uint8_t bytes[RECORD_DATA];
};

struct record_status {
	struct record_head head;
	enum agent_host_state state;
	uint64_t epoch;
	uint64_t seq;
	char rollout[DEPLOY_NAME];
	char version[DEPLOY_VERSION];
	char note[DEPLOY_TEXT];
	struct digest current;
	struct digest from;
	struct digest to;
	struct digest stable;
	uint64_t lease_left_ms;
	uint64_t free_bytes;
	bool is_busy;
	uint32_t n_releases;
	struct digest releases[RECORD_RELEASES];
};

struct record_need {
	struct record_head head;
	struct digest release;
	uint64_t free_bytes;
	bool is_last; /* no more of them follow */
	uint32_t n_files;
	uint32_t files[RECORD_FILES];
};

struct record_result {
	struct record_head head;
	uint64_t epoch;
	uint64_t seq;
	enum agent_verb verb;
	uint32_t code;
	bool is_repeat;
	char text[DEPLOY_TEXT];
	char output[JOURNAL_OUTPUT];
	struct record_status status;
};

/* id, struct */
#define RECORDS(X)                        \
	X(RECORD_HELLO, record_hello)     \
	X(RECORD_ASK, record_ask)         \
	X(RECORD_RETIRE, record_retire)   \
	X(RECORD_ENTRY, record_entry)     \
	X(RECORD_COMMAND, record_command) \
	X(RECORD_BLOB, record_blob)       \
	X(RECORD_STATUS, record_status)   \
	X(RECORD_NEED, record_need)       \
	X(RECORD_RESULT, record_result)

enum record_type {
	RECORD_NONE,
#define RECORD_ENUM(id, type) id,
	RECORDS(RECORD_ENUM)
#undef RECORD_ENUM
};

union record {
	struct record_head head;
#define RECORD_MEMBER(id, type) struct type type;
	RECORDS(RECORD_MEMBER)
#undef RECORD_MEMBER
};

/* Fill in the head; returns it. */
struct record_head *record_init(void *record, enum record_type type);
/*
 * SIZE bytes are one record that we could have written. ERR_PROTOCOL.
 */
int record_check(const union record *record, size_t size,
		 struct err *err) MUST_CHECK;
/* One packet; blocks. ERR_UNREACHABLE when the other end is gone. */
int record_send(int fd, const struct record_head *head,
		struct err *err) MUST_CHECK;
/*
 * One packet, checked. *out_is_over at the end of the connection. Returns
 * without anything (*out untouched, type RECORD_NONE) when FD does not block
 * and there is none.
 */
int record_receive(int fd, union record *out, bool *out_is_over,
		   struct err *err) MUST_CHECK;
