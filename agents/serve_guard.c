#include <string.h>
#include <unistd.h>

#include "agents/contact.h"
#include "agents/serve_state.h"
#include "core/base/str.h"
#include "core/data/zstd.h"
#include "core/sys/clock.h"
#include "core/sys/log.h"

/* A piece is cut before it is compressed, so it cannot be much larger. */
#define PIECE_MAX (4u << 20)

int serve_open(struct serve *serve, const struct agent_open *open,
	       struct err *err)
{
	if (serve->guard >= 0)
		return err_set(err, ERR_PROTOCOL, "opened twice");
	if (!str_is_name(open->service))
		return err_set(err, ERR_INVALID, "\"%.64s\" names no service",
			       open->service);
	if (spec_set_text(serve->who.service, sizeof(serve->who.service),
			  open->service, "the service", err) < 0 ||
	    spec_set_text(serve->who.name, sizeof(serve->who.name), open->name,
			  "the host's name", err) < 0 ||
	    spec_set_text(serve->who.address, sizeof(serve->who.address),
			  open->address, "the host's address", err) < 0)
		return err_again(err);
	mem_set_str(&serve->root, open->root);
	if (contact_guard(serve->root, &serve->guard, err) < 0)
		return err_again(err);
	return serve_ask(serve, err);
}

int serve_ask(struct serve *serve, struct err *err)
{
	struct record_ask ask;

	return record_send(serve->guard, record_init(&ask, RECORD_ASK), err);
}

int serve_manifest_part(struct serve *serve,
			const struct agent_manifest_part *part, struct err *err)
{
	if (part->offset == 0) {
		buf_clear(&serve->parts);
		serve->parts_of = part->release;
	}
	if (!digest_equal(&part->release, &serve->parts_of) ||
	    part->offset != serve->parts.size)
		return err_set(err, ERR_PROTOCOL,
			       "a part of a manifest came out of turn");
	if (serve->parts.size + part->bytes.size > MANIFEST_MAX_BYTES)
		return err_set(err, ERR_INVALID,
			       "a manifest of more than %u bytes",
			       MANIFEST_MAX_BYTES);
	buf_append(&serve->parts, part->bytes.bytes, part->bytes.size);
	return 0;
}

static int send_entry(struct serve *serve, const struct manifest_entry *entry,
		      struct err *err)
{
	static struct record_entry record; /* large, and one thread */

	memset(&record, 0, sizeof(record));
	(void)record_init(&record, RECORD_ENTRY);
	record.is_link = entry->target != NULL;
	record.is_executable = entry->is_executable;
	record.size = entry->size;
	record.digest = entry->digest;
	if (spec_set_text(record.path, sizeof(record.path), entry->path, "path",
			  err) < 0 ||
	    spec_set_text(record.target, sizeof(record.target), entry->target,
			  "target", err) < 0)
		return err_again(err);
	return record_send(serve->guard, &record.head, err);
}

/* The guard gets entries, checked here and there; it needs no parser. */
static int send_manifest(struct serve *serve,
			 const struct agent_command *command, struct err *err)
{
	AUTO(manifest) manifest = NULL;
	const struct buf *text = &command->manifest;

	if (!text->size && digest_equal(&serve->parts_of, &command->release) &&
	    serve->parts.size == command->manifest_bytes)
		text = &serve->parts;
	if (!text->size)
		return 0; /* a repeat needs none; else the guard says so */
	if (manifest_decode(text->bytes, text->size, &manifest, err) < 0)
		return err_again(err);
	buf_release(&serve->parts);
	for (size_t i = 0; i < manifest->entries.n; i++)
		if (send_entry(serve, &manifest->entries.items[i], err) < 0)
			return err_again(err);
	return 0;
}

static int fill_command(const struct serve *serve,
			const struct agent_command *command,
			struct record_command *out, struct err *err)
{
	(void)record_init(out, RECORD_COMMAND);
	out->verb = command->verb;
	out->epoch = command->epoch;
	out->seq = command->seq;
	out->release = command->release;
	out->target = command->target;
	out->valid_until_ms = command->valid_until_ms;
	out->lease_ms = command->lease_ms;
	out->slot_in_ms = command->slot_in_ms;
	out->slot_ms = command->slot_ms;
	out->slot_period_ms = command->slot_period_ms;
	out->keep = command->keep;
	out->has_spec = command->has_deploy;
	if ((unsigned)command->verb > AGENT_VERB_GC)
		return err_set(err, ERR_INVALID, "unknown verb");
	if (spec_set_text(out->rollout, sizeof(out->rollout), command->rollout,
			  "the rollout", err) < 0 ||
	    spec_set_text(out->version, sizeof(out->version), command->version,
			  "the version", err) < 0 ||
	    spec_set_text(out->boot_id, sizeof(out->boot_id), command->boot_id,
			  "the boot id", err) < 0)
		return err_again(err);
	if (!command->has_deploy)
		return 0;
	if (spec_of_deploy(&command->deploy, &out->spec, err) < 0)
		return err_again(err);
	memcpy(out->spec.service, serve->who.service,
	       sizeof(out->spec.service));
	memcpy(out->spec.name, serve->who.name, sizeof(out->spec.name));
	memcpy(out->spec.address, serve->who.address,
	       sizeof(out->spec.address));
	return 0;
}

/* A command that cannot be understood has not been accepted. */
static void refuse(struct serve *serve, const struct agent_command *command,
		   const struct err *err)
{
	AUTO_STR char *text = str_clean(err->text, strlen(err->text));
	struct agent_result result = {
		.epoch = command->epoch,
		.seq = command->seq,
		.verb = command->verb,
		.code = (uint32_t)err->code,
		.text = text,
	};
	size_t start = frame_begin(&serve->pending, AGENT_RESULT);

	agent_result_encode(&result, &serve->pending);
	frame_end(&serve->pending, start);
}

int serve_command(struct serve *serve, const struct agent_command *command,
		  struct err *err)
{
	struct record_command *record = MEM_NEW(struct record_command);
	int rc = fill_command(serve, command, record, err);

	if (rc == 0 && command->verb == AGENT_VERB_STAGE)
		rc = send_manifest(serve, command, err);
	if (rc == 0)
		rc = record_send(serve->guard, &record->head, err);
	free(record);
	if (rc == 0 || err->code == ERR_UNREACHABLE)
		return rc;
	refuse(serve, command, err);
	return 0;
}

int serve_blob(struct serve *serve, const struct agent_blob *blob,
	       struct err *err)
{
	static struct record_blob record; /* large, and one thread */
	AUTO_VALUE(buf) expanded = BUF_INIT;
	const struct buf *data = &blob->data;
	size_t at = 0;

	if (blob->encoding == AGENT_ENCODING_ZSTD) {
		if (zstd_expand(data->bytes, data->size, PIECE_MAX, &expanded,
				err) < 0)
			return err_wrap(err, "a piece of a file");
		data = &expanded;
	} else if (blob->encoding != AGENT_ENCODING_PLAIN) {
		return err_set(err, ERR_PROTOCOL, "a piece in encoding %u",
			       (unsigned)blob->encoding);
	}
	do {
		size_t n = MIN_OF(data->size - at, RECORD_DATA);

		(void)record_init(&record, RECORD_BLOB);
		record.digest = blob->digest;
		record.offset = blob->offset + at;
		record.n_bytes = (uint32_t)n;
		if (n)
			memcpy(record.bytes, data->bytes + at, n);
		at += n;
		record.is_last = blob->last && at == data->size;
		if (record_send(serve->guard, &record.head, err) < 0)
			return err_again(err);
	} while (at < data->size);
	return 0;
}

/* Borrows what RECORD and SERVE own; not to be released. */
static struct agent_status status_of(struct serve *serve,
				     struct record_status *record)
{
	return (struct agent_status){
		.state = record->state,
		.epoch = record->epoch,
		.seq = record->seq,
		.rollout = record->rollout,
		.version = record->version,
		.note = record->note,
		.current = record->current,
		.from = record->from,
		.to = record->to,
		.stable = record->stable,
		.lease_left_ms = record->lease_left_ms,
		.free_bytes = record->free_bytes,
		.is_busy = record->is_busy,
		.releases = record->releases,
		.n_releases = record->n_releases,
		.boot_id = serve->boot_id,
		.boot_ms = clock_boot_ms(),
		.host_id = serve->host_id,
	};
}

static void pass_status(struct serve *serve, struct record_status *record)
{
	struct agent_status status = status_of(serve, record);
	size_t start = frame_begin(&serve->pending, AGENT_STATUS);

	agent_status_encode(&status, &serve->pending);
	frame_end(&serve->pending, start);
}

static void pass_result(struct serve *serve, struct record_result *record)
{
	struct agent_result result = {
		.epoch = record->epoch,
		.seq = record->seq,
		.verb = record->verb,
		.code = record->code,
		.text = record->text,
		.output = record->output,
		.is_repeat = record->is_repeat,
		.status = status_of(serve, &record->status),
		.has_status = true,
	};
	size_t start = frame_begin(&serve->pending, AGENT_RESULT);

	agent_result_encode(&result, &serve->pending);
	frame_end(&serve->pending, start);
}

static void pass_need(struct serve *serve, const struct record_need *record)
{
	struct agent_need need = { .release = record->release,
				   .free_bytes = record->free_bytes };
	union {
		uint8_t *bytes;
		uint32_t *files;
	} list;
	size_t start;

	buf_append(&serve->need, record->files,
		   record->n_files * sizeof(record->files[0]));
	if (!record->is_last)
		return;
	list.bytes = serve->need.bytes; /* aligned: it comes from malloc */
	need.files = list.files;
	need.n_files = serve->need.size / sizeof(record->files[0]);
	start = frame_begin(&serve->pending, AGENT_NEED);
	agent_need_encode(&need, &serve->pending);
	frame_end(&serve->pending, start);
	buf_clear(&serve->need);
}

/* The host must not be left without one while it may have to save itself. */
static void replace_guard(struct serve *serve)
{
	struct err err = ERR_INIT;
	int ready = -1;

	if (contact_start_guard(serve->root, &ready, &err) < 0)
		log_error("%s", err.text);
	mem_auto_fd(&ready);
}

int serve_guard_read(struct serve *serve, struct err *err)
{
	static union record record; /* large, and one thread */
	bool is_over;

	if (record_receive(serve->guard, &record, &is_over, err) < 0)
		return err_again(err);
	if (is_over) {
		replace_guard(serve);
		return err_set(err, ERR_UNREACHABLE,
			       "the guard of %s ended and was started anew",
			       serve->root);
	}
	switch ((enum record_type)record.head.type) {
	case RECORD_STATUS:
		pass_status(serve, &record.record_status);
		return 0;
	case RECORD_RESULT:
		pass_result(serve, &record.record_result);
		return 0;
	case RECORD_NEED:
		pass_need(serve, &record.record_need);
		return 0;
	case RECORD_NONE:
	case RECORD_HELLO:
	case RECORD_ASK:
	case RECORD_RETIRE:
	case RECORD_ENTRY:
	case RECORD_COMMAND:
	case RECORD_BLOB:
	default:
		return err_set(err, ERR_PROTOCOL,
			       "a record of type %u from the guard",
			       record.head.type);
	}
}
