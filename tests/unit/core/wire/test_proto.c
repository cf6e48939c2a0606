/* The codec svrkit wrote from agent.xml, and the walker of its tables. */
#include "core/wire/proto.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/wire/agent.h"

static void digest_fill(struct digest *digest, uint8_t start)
{
	for (size_t i = 0; i < DIGEST_SIZE; i++)
		digest->bytes[i] = (uint8_t)(start + i);
}

/* A command that has every kind of field but i64. */
static void make_command(struct agent_command *out)
{
	struct agent_deploy *deploy = &out->deploy;

	*out = (struct agent_command){
		.verb = AGENT_VERB_ACTIVATE,
		.epoch = UINT64_MAX,
		.seq = 300,
		.rollout = mem_str("feed-7"),
		.has_deploy = true,
		.version = mem_str("v2 \xc3\xa9"),
		.keep = UINT32_MAX,
	};
	digest_fill(&out->release, 1);
	buf_append(&out->manifest, "a\0b", 3);
	deploy->restart = AGENT_RESTART_KIND_SYSTEMD;
	deploy->has_command = true;
	deploy->command.argv = mem_array(2, sizeof(char *));
	deploy->command.argv[0] = mem_str("bin/restart");
	deploy->command.argv[1] = mem_str("");
	deploy->command.n_argv = 2;
	deploy->probes = mem_array(2, sizeof(*deploy->probes));
	deploy->n_probes = 2;
	deploy->probes[1].kind = AGENT_PROBE_KIND_TCP;
	deploy->probes[1].target = mem_str("127.0.0.1:80");
}

static void test_a_command_comes_back_as_it_was_sent(void **state)
{
	AUTO_VALUE(agent_command) sent;
	AUTO_VALUE(agent_command) got = { 0 };
	AUTO_VALUE(buf) wire = BUF_INIT;
	AUTO_VALUE(buf) again = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	make_command(&sent);
	agent_command_encode(&sent, &wire);
	assert_int_equal(
		agent_command_decode(wire.bytes, wire.size, &got, &err), 0);
	assert_int_equal(got.verb, AGENT_VERB_ACTIVATE);
	assert_true(got.epoch == UINT64_MAX);
	assert_int_equal(got.seq, 300);
	assert_string_equal(got.rollout, "feed-7");
	assert_string_equal(got.version, "v2 \xc3\xa9");
	assert_true(got.keep == UINT32_MAX);
	assert_true(digest_equal(&got.release, &sent.release));
	assert_true(digest_is_zero(&got.target));
	assert_int_equal(got.manifest.size, 3);
	assert_memory_equal(got.manifest.bytes, "a\0b", 3);
	assert_true(got.has_deploy);
	assert_true(got.deploy.has_command);
	assert_false(got.deploy.has_drain);
	assert_int_equal(got.deploy.command.n_argv, 2);
	assert_string_equal(got.deploy.command.argv[0], "bin/restart");
	assert_string_equal(got.deploy.command.argv[1], "");
	assert_int_equal(got.deploy.n_probes, 2);
	assert_int_equal(got.deploy.probes[1].kind, AGENT_PROBE_KIND_TCP);
	agent_command_encode(&got, &again);
	assert_int_equal(again.size, wire.size);
	assert_memory_equal(again.bytes, wire.bytes, wire.size);
}

static void test_a_copy_is_equal_and_owns_all_it_holds(void **state)
{
	struct agent_command sent;
	AUTO_VALUE(agent_command) copy = { 0 };
	AUTO_VALUE(buf) wire = BUF_INIT;
	AUTO_VALUE(buf) again = BUF_INIT;

	(void)state;
	make_command(&sent);
	agent_command_encode(&sent, &wire);
	agent_command_copy(&sent, &copy);
	agent_command_release(&sent);
	agent_command_encode(&copy, &again);
	assert_int_equal(again.size, wire.size);
	assert_memory_equal(again.bytes, wire.bytes, wire.size);
}

static void test_texts_that_were_not_sent_are_empty_not_null(void **state)
{
	AUTO_VALUE(agent_result) got = { 0 };
	AUTO_VALUE(agent_deploy) deploy = { 0 };
	/* field 6, twice: two empty probes */
	static const uint8_t probes[] = { 0x32, 0, 0x32, 0 };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(agent_result_decode(NULL, 0, &got, &err), 0);
	assert_string_equal(got.text, "");
	assert_false(got.has_status);
	assert_string_equal(got.status.boot_id, "");
	assert_int_equal(
		agent_deploy_decode(probes, sizeof(probes), &deploy, &err), 0);
	assert_int_equal(deploy.n_probes, 2);
	assert_string_equal(deploy.probes[1].target, "");
}

static void test_what_is_zero_is_not_written(void **state)
{
	struct agent_status status = { .rollout = mem_str("") };
	AUTO_VALUE(buf) wire = BUF_INIT;

	(void)state;
	agent_status_encode(&status, &wire);
	assert_int_equal(wire.size, 0);
	agent_status_release(&status);
}

static void test_every_truncation_is_refused_or_a_shorter_message(void **state)
{
	AUTO_VALUE(agent_command) sent;
	AUTO_VALUE(buf) wire = BUF_INIT;
	size_t n_whole = 0;

	(void)state;
	make_command(&sent);
	agent_command_encode(&sent, &wire);
	for (size_t size = 0; size < wire.size; size++) {
		/* of its own size, so that a sanitizer sees a read past it */
		uint8_t *cut = mem_copy(wire.bytes, size);
		AUTO_VALUE(agent_command) got = { 0 };
		AUTO_VALUE(buf) again = BUF_INIT;
		struct err err = ERR_INIT;

		if (agent_command_decode(cut, size, &got, &err) == 0) {
			n_whole++;
			agent_command_encode(&got, &again);
			assert_int_equal(again.size, size);
		} else {
			assert_int_equal(err.code, ERR_PROTOCOL);
			assert_null(got.rollout);
		}
		free(cut);
	}
	/* with none of its nine fields, with the first, ... the first eight */
	assert_int_equal(n_whole, 9);
}

static void test_unknown_fields_are_kept_and_sent_on(void **state)
{
	/* number 7; 99: "kept"; 100: fixed 64; 101: fixed 32; 102: varint */
	static const uint8_t wire[] = {
		0x08, 7, 0x9a, 0x06, 4, 'k',  'e',  'p', 't', 0xa1,
		0x06, 1, 2,    3,    4, 5,    6,    7,	 8,   0xad,
		0x06, 1, 2,    3,    4, 0xb0, 0x06, 1,
	};
	AUTO_VALUE(agent_ping) got = { 0 };
	AUTO_VALUE(buf) again = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(agent_ping_decode(wire, sizeof(wire), &got, &err), 0);
	assert_int_equal(got.number, 7);
	assert_int_equal(got.unknown.size, sizeof(wire) - 2);
	agent_ping_encode(&got, &again);
	assert_int_equal(again.size, sizeof(wire));
	assert_memory_equal(again.bytes, wire, sizeof(wire));
}

static void test_repeated_numbers_are_read_packed_and_not(void **state)
{
	/* files: 1, 2 alone; 3, 300 packed; 5 alone */
	static const uint8_t wire[] = { 0x10, 1,    0x10, 2,	0x12, 3,
					3,    0xac, 0x02, 0x10, 5 };
	static const uint8_t packed[] = { 0x12, 6, 1, 2, 3, 0xac, 0x02, 5 };
	AUTO_VALUE(agent_need) got = { 0 };
	AUTO_VALUE(buf) again = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(agent_need_decode(wire, sizeof(wire), &got, &err), 0);
	assert_int_equal(got.n_files, 5);
	assert_int_equal(got.files[3], 300);
	assert_int_equal(got.files[4], 5);
	agent_need_encode(&got, &again);
	assert_int_equal(again.size, sizeof(packed));
	assert_memory_equal(again.bytes, packed, sizeof(packed));
}

static void test_limits_hold_to_the_byte_and_to_the_item(void **state)
{
	(void)state;
	for (size_t more = 0; more <= 1; more++) {
		AUTO_VALUE(agent_hello) hello = { 0 };
		AUTO_VALUE(agent_hello) got = { 0 };
		AUTO_VALUE(agent_need) need = { 0 };
		AUTO_VALUE(agent_need) got_need = { 0 };
		AUTO_VALUE(buf) wire = BUF_INIT;
		AUTO_VALUE(buf) need_wire = BUF_INIT;
		struct err err = ERR_INIT;
		int rc = more ? -ERR_PROTOCOL : 0;

		hello.version = mem_alloc(AGENT_HELLO_VERSION_MAX + 2);
		memset(hello.version, 'v', AGENT_HELLO_VERSION_MAX + more);
		agent_hello_encode(&hello, &wire);
		assert_int_equal(
			agent_hello_decode(wire.bytes, wire.size, &got, &err),
			rc);
		if (more)
			assert_string_equal(err.text, "hello.version: 65 "
						      "bytes, at most 64");
		need.n_files = AGENT_NEED_FILES_ITEMS + more;
		need.files = mem_array(need.n_files, sizeof(*need.files));
		agent_need_encode(&need, &need_wire);
		assert_int_equal(agent_need_decode(need_wire.bytes,
						   need_wire.size, &got_need,
						   &err),
				 rc);
	}
}

static void test_malformed_bytes_are_refused_with_the_field(void **state)
{
	static const struct {
		const char *bytes;
		size_t size;
		const char *text;
	} rows[] = {
		{ "\x12\x03"
		  "a\0b",
		  5, "hello.version: a NUL in a text" },
		{ "\x12\x02\xc0\x80", 4,
		  "hello.version: a text that is not UTF-8" },
		{ "\x12\x7f"
		  "abc",
		  5, "hello: 127 bytes announced, 3 left" },
		{ "\x0a\x01x", 3, "hello.protocol: wire type 2, not 0" },
		{ "\x10\x01", 2, "hello.version: wire type 0, not 2" },
		{ "\x08\x80\x80\x80\x80\x10", 6,
		  "hello.protocol: 4294967296 is more than 4294967295" },
		{ "\x28\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 11,
		  "hello: a number has more than 64 bits" },
		{ "\x02\x00", 2, "hello: a field has no number" },
		{ "\x0b\x0c", 2, "hello: field 1 has wire type 3" },
		{ "\x08", 1, "hello: cut in a number" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct agent_hello got = { 0 };
		struct err err = ERR_INIT;

		assert_int_equal(
			agent_hello_decode((const uint8_t *)rows[i].bytes,
					   rows[i].size, &got, &err),
			-ERR_PROTOCOL);
		assert_string_equal(err.text, rows[i].text);
	}
}

static void test_a_digest_has_all_its_bytes(void **state)
{
	static const uint8_t wire[] = { 0x2a, 3, 1, 2, 3 };
	struct agent_command got = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(agent_command_decode(wire, sizeof(wire), &got, &err),
			 -ERR_PROTOCOL);
	assert_string_equal(err.text,
			    "command.release: a digest of 3 bytes, not 32");
}

/* A message that may hold more of itself; agent.xml has none. */
struct tree {
	int64_t weight;
	struct tree *children;
	size_t n_children;
	struct buf unknown;
};
static const struct proto_type tree_type;
static const struct proto_field tree_fields[] = {
	{ .name = "weight",
	  .number = 1,
	  .kind = PROTO_I64,
	  .offset = offsetof(struct tree, weight) },
	{ .name = "children",
	  .number = 2,
	  .kind = PROTO_MESSAGE,
	  .is_repeated = true,
	  .max_items = 4,
	  .offset = offsetof(struct tree, children),
	  .extra = offsetof(struct tree, n_children),
	  .inner = &tree_type },
};
static const struct proto_type tree_type = {
	.name = "tree",
	.size = sizeof(struct tree),
	.unknown = offsetof(struct tree, unknown),
	.fields = tree_fields,
	.n_fields = COUNT_OF(tree_fields),
};

static void test_signed_numbers_are_zigzag(void **state)
{
	static const struct {
		int64_t value;
		const char *wire;
		size_t size;
	} rows[] = {
		{ -1, "\x08\x01", 2 },
		{ 1, "\x08\x02", 2 },
		{ INT64_MIN, "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
		  11 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct tree tree = { .weight = rows[i].value };
		struct tree got = { 0 };
		AUTO_VALUE(buf) wire = BUF_INIT;
		struct err err = ERR_INIT;

		proto_encode(&tree_type, &tree, &wire);
		assert_int_equal(wire.size, rows[i].size);
		assert_memory_equal(wire.bytes, rows[i].wire, wire.size);
		assert_int_equal(proto_decode(&tree_type, wire.bytes, wire.size,
					      &got, &err),
				 0);
		assert_true(got.weight == rows[i].value);
		proto_release(&tree_type, &got);
	}
}

static void test_messages_within_messages_end_somewhere(void **state)
{
	AUTO_VALUE(buf) wire = BUF_INIT;

	(void)state;
	for (unsigned depth = 0; depth <= PROTO_DEPTH_MAX + 1; depth++) {
		struct tree got = { 0 };
		struct err err = ERR_INIT;
		uint8_t header[2] = { 0x12, (uint8_t)wire.size };
		struct buf outer = BUF_INIT;
		int rc = proto_decode(&tree_type, wire.bytes, wire.size, &got,
				      &err);

		assert_int_equal(rc,
				 depth <= PROTO_DEPTH_MAX ? 0 : -ERR_PROTOCOL);
		proto_release(&tree_type, &got);
		buf_append(&outer, header, 2);
		buf_append(&outer, wire.bytes, wire.size);
		buf_release(&wire);
		wire = outer;
	}
}

static void test_numbers_have_names(void **state)
{
	(void)state;
	assert_string_equal(agent_message_name(AGENT_HELLO), "hello");
	assert_string_equal(agent_message_name(200), "unknown");
	assert_null(agent_message_type(0));
	assert_string_equal(agent_verb_name(AGENT_VERB_GC), "gc");
	assert_string_equal(agent_verb_name((enum agent_verb)77), "unknown");
}

/* The format is protobuf's: its own tool reads what we write. */
static void test_protoc_reads_what_we_write(void **state)
{
	AUTO_VALUE(agent_command) sent;
	AUTO_VALUE(buf) wire = BUF_INIT;
	AUTO_VALUE(buf) text = BUF_INIT;
	char path[] = "/tmp/test_proto.XXXXXX";
	AUTO_FD int fd = -1;
	AUTO_STR char *line = NULL;
	FILE *pipe;
	size_t n;

	(void)state;
	if (system("protoc --version >/dev/null 2>&1") != 0)
		skip();
	fd = mkstemp(path);
	assert_true(fd >= 0);
	make_command(&sent);
	agent_command_encode(&sent, &wire);
	assert_int_equal(write(fd, wire.bytes, wire.size), wire.size);
	line = mem_format("protoc --decode_raw <%s", path);
	pipe = popen(line, "r");
	assert_non_null(pipe);
	while ((n = fread(buf_reserve(&text, 512), 1, 512, pipe)) > 0)
		text.size += n;
	(void)buf_reserve(&text, 0);
	buf_append(&text, "", 0);
	assert_int_equal(pclose(pipe), 0);
	(void)unlink(path);
	assert_string_equal(
		buf_str(&text),
		"1: 3\n"
		"2: 18446744073709551615\n"
		"3: 300\n"
		"4: \"feed-7\"\n"
		"5: \"\\001\\002\\003\\004\\005\\006\\007\\010\\t\\n\\013\\014"
		"\\r\\016\\017\\020\\021\\022\\023\\024\\025\\026\\027\\030"
		"\\031\\032\\033\\034\\035\\036\\037 \"\n"
		"12 {\n"
		"  1: 2\n"
		"  3 {\n"
		"    1: \"bin/restart\"\n"
		"    1: \"\"\n"
		"  }\n"
		"  6: \"\"\n"
		"  6 {\n"
		"    1: 1\n"
		"    2: \"127.0.0.1:80\"\n"
		"  }\n"
		"}\n"
		"13: \"a\\000b\"\n"
		"14: \"v2 \\303\\251\"\n"
		"15: 4294967295\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_command_comes_back_as_it_was_sent),
		cmocka_unit_test(test_a_copy_is_equal_and_owns_all_it_holds),
		cmocka_unit_test(
			test_texts_that_were_not_sent_are_empty_not_null),
		cmocka_unit_test(test_what_is_zero_is_not_written),
		cmocka_unit_test(
			test_every_truncation_is_refused_or_a_shorter_message),
		cmocka_unit_test(test_unknown_fields_are_kept_and_sent_on),
		cmocka_unit_test(test_repeated_numbers_are_read_packed_and_not),
		cmocka_unit_test(test_limits_hold_to_the_byte_and_to_the_item),
		cmocka_unit_test(
			test_malformed_bytes_are_refused_with_the_field),
		cmocka_unit_test(test_a_digest_has_all_its_bytes),
		cmocka_unit_test(test_signed_numbers_are_zigzag),
		cmocka_unit_test(test_messages_within_messages_end_somewhere),
		cmocka_unit_test(test_numbers_have_names),
		cmocka_unit_test(test_protoc_reads_what_we_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
