#include "agents/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static union record record;

static void blank(enum record_type type)
{
	memset(&record, 0, sizeof(record));
	(void)record_init(&record, type);
}

static int check(void)
{
	struct err err = ERR_INIT;

	return record_check(&record, record.head.size, &err);
}

static void test_every_blank_record_is_well_formed(void **state)
{
	(void)state;
	for (unsigned type = RECORD_HELLO; type <= RECORD_RESULT; type++) {
		blank((enum record_type)type);
		assert_int_equal(check(), 0);
	}
}

static void test_wrong_sizes_and_types_are_refused(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	blank(RECORD_ASK);
	assert_int_equal(record_check(&record, 3, &err), -ERR_PROTOCOL);
	assert_int_equal(record_check(&record, record.head.size + 1, &err),
			 -ERR_PROTOCOL);
	record.head.size = 100;
	assert_int_equal(record_check(&record, 100, &err), -ERR_PROTOCOL);
	blank(RECORD_ASK);
	record.head.type = 0;
	assert_int_equal(check(), -ERR_PROTOCOL);
	record.head.type = 999;
	assert_int_equal(check(), -ERR_PROTOCOL);
}

static void test_texts_without_an_end_are_refused(void **state)
{
	(void)state;
	blank(RECORD_ENTRY);
	memset(record.record_entry.path, 'x', RECORD_PATH);
	assert_int_equal(check(), -ERR_PROTOCOL);
	blank(RECORD_COMMAND);
	memset(record.record_command.spec.unit, 'x', SPEC_UNIT);
	assert_int_equal(check(), -ERR_PROTOCOL);
	blank(RECORD_COMMAND);
	memset(record.record_command.spec.probes[7].command.argv[15], 'x',
	       SPEC_ARG);
	assert_int_equal(check(), -ERR_PROTOCOL);
	blank(RECORD_STATUS);
	memset(record.record_status.note, 'x', DEPLOY_TEXT);
	assert_int_equal(check(), -ERR_PROTOCOL);
}

static void test_numbers_out_of_range_are_refused(void **state)
{
	(void)state;
	blank(RECORD_COMMAND);
	record.record_command.verb = (enum agent_verb)77;
	assert_int_equal(check(), -ERR_PROTOCOL);
	blank(RECORD_COMMAND);
	record.record_command.spec.n_probes = SPEC_PROBES + 1;
	assert_int_equal(check(), -ERR_PROTOCOL);
	blank(RECORD_COMMAND);
	memset(&record.record_command.has_spec, 2, 1);
	assert_int_equal(check(), -ERR_PROTOCOL);
	blank(RECORD_BLOB);
	record.record_blob.n_bytes = RECORD_DATA + 1;
	assert_int_equal(check(), -ERR_PROTOCOL);
	blank(RECORD_NEED);
	record.record_need.n_files = RECORD_FILES + 1;
	assert_int_equal(check(), -ERR_PROTOCOL);
}

static void test_a_unit_cannot_be_an_option(void **state)
{
	(void)state;
	blank(RECORD_COMMAND);
	record.record_command.spec.restart = AGENT_RESTART_KIND_SYSTEMD;
	strcpy(record.record_command.spec.unit, "feed.service");
	assert_int_equal(check(), 0);
	strcpy(record.record_command.spec.unit, "--force");
	assert_int_equal(check(), -ERR_PROTOCOL);
}

static void test_a_record_travels_whole(void **state)
{
	struct err err = ERR_INIT;
	bool is_over = true;
	int ends[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
	blank(RECORD_BLOB);
	record.record_blob.n_bytes = 5;
	record.record_blob.bytes[4] = 9;
	assert_int_equal(record_send(ends[0], &record.head, &err), 0);
	memset(&record, 0, sizeof(record));
	assert_int_equal(record_receive(ends[1], &record, &is_over, &err), 0);
	assert_false(is_over);
	assert_int_equal(record.head.type, RECORD_BLOB);
	assert_int_equal(record.record_blob.bytes[4], 9);
	(void)close(ends[0]);
	assert_int_equal(record_receive(ends[1], &record, &is_over, &err), 0);
	assert_true(is_over);
	(void)close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_blank_record_is_well_formed),
		cmocka_unit_test(test_wrong_sizes_and_types_are_refused),
		cmocka_unit_test(test_texts_without_an_end_are_refused),
		cmocka_unit_test(test_numbers_out_of_range_are_refused),
		cmocka_unit_test(test_a_unit_cannot_be_an_option),
		cmocka_unit_test(test_a_record_travels_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
