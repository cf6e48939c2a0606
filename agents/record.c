#include "agents/record.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "core/base/str.h"

static const size_t sizes[] = {
#define RECORD_SIZE(id, type) [id] = sizeof(struct type),
	RECORDS(RECORD_SIZE)
#undef RECORD_SIZE
};

struct record_head *record_init(void *record, enum record_type type)
{
	struct record_head *head = record;

	head->type = type;
	head->size = (uint32_t)sizes[type];
	return head;
}

/* A bool from outside may hold any byte, and reading such a bool is undefined.
 */
static bool is_bool(const bool *value)
{
	uint8_t byte;

	memcpy(&byte, value, sizeof(byte));
	return byte <= 1;
}

static bool is_text(const char *text, size_t size)
{
	size_t used = strnlen(text, size);

	return used < size && str_is_utf8(text, used);
}
#define IS_TEXT(array) is_text(array, sizeof(array))

static bool is_hello(const struct record_hello *hello)
{
	return IS_TEXT(hello->program);
}

static bool is_entry(const struct record_entry *entry)
{
	return is_bool(&entry->is_link) && is_bool(&entry->is_executable) &&
	       IS_TEXT(entry->path) && IS_TEXT(entry->target);
}

static bool is_command(const struct record_command *command)
{
	struct err ignored = ERR_INIT;

	return (unsigned)command->verb <= AGENT_VERB_GC &&
	       IS_TEXT(command->rollout) && IS_TEXT(command->version) &&
	       IS_TEXT(command->boot_id) && is_bool(&command->has_spec) &&
	       spec_check(&command->spec, &ignored) == 0;
}

static bool is_blob(const struct record_blob *blob)
{
	return is_bool(&blob->is_last) && blob->n_bytes <= RECORD_DATA;
}

static bool is_status(const struct record_status *status)
{
	return (unsigned)status->state <= AGENT_HOST_STATE_STUCK &&
	       IS_TEXT(status->rollout) && IS_TEXT(status->version) &&
	       IS_TEXT(status->note) && is_bool(&status->is_busy) &&
	       status->n_releases <= RECORD_RELEASES;
}

static bool is_need(const struct record_need *need)
{
	return is_bool(&need->is_last) && need->n_files <= RECORD_FILES;
}

static bool is_result(const struct record_result *result)
{
	return (unsigned)result->verb <= AGENT_VERB_GC &&
	       is_bool(&result->is_repeat) && IS_TEXT(result->text) &&
	       IS_TEXT(result->output) && is_status(&result->status);
}

static bool is_well_formed(const union record *record)
{
	switch ((enum record_type)record->head.type) {
	case RECORD_HELLO:
		return is_hello(&record->record_hello);
	case RECORD_ENTRY:
		return is_entry(&record->record_entry);
	case RECORD_COMMAND:
		return is_command(&record->record_command);
	case RECORD_BLOB:
		return is_blob(&record->record_blob);
	case RECORD_STATUS:
		return is_status(&record->record_status);
	case RECORD_NEED:
		return is_need(&record->record_need);
	case RECORD_RESULT:
		return is_result(&record->record_result);
	case RECORD_ASK:
	case RECORD_RETIRE:
		return true;
	case RECORD_NONE:
	default:
		return false;
	}
}

int record_check(const union record *record, size_t size, struct err *err)
{
	const struct record_head *head = &record->head;

	if (size < sizeof(*head) || head->type == RECORD_NONE ||
	    head->type >= COUNT_OF(sizes) || head->size != size ||
	    size != sizes[head->type])
		return err_set(err, ERR_PROTOCOL,
			       "a record of %zu bytes is none of ours", size);
	if (!is_well_formed(record))
		return err_set(err, ERR_PROTOCOL,
			       "a record of type %u is not well formed",
			       head->type);
	return 0;
}

int record_send(int fd, const struct record_head *head, struct err *err)
{
	ssize_t n;

	do {
		n = send(fd, head, head->size, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_set(err, ERR_UNREACHABLE, "send a record: %s",
			       strerror(errno));
	return 0;
}

int record_receive(int fd, union record *out, bool *out_is_over,
		   struct err *err)
{
	ssize_t n;

	out->head.type = RECORD_NONE;
	*out_is_over = false;
	do {
		n = recv(fd, out, sizeof(*out), 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n == 0 || (n < 0 && errno == ECONNRESET)) {
		*out_is_over = true;
		return 0;
	}
	if (n < 0)
		return err_sys(err, "receive a record");
	return record_check(out, (size_t)n, err);
}
