#include "rollouts/push.h"

#include <string.h>
#include <unistd.h>

#include "core/data/zstd.h"
#include "core/wire/frame.h"

#define MESSAGE_ROOM 1024 /* what a piece's message has beside its data */

struct push {
	struct loop *loop;
	struct stream *stream;
	const struct manifest *manifest;
	struct blobs *blobs;
	const struct push_events *events;
	void *ctx;

	struct agent_command command;
	struct buf text; /* the manifest, while parts of it are left to send */
	size_t text_at;
	bool is_commanded;

	bool is_asked;
	uint32_t *files; /* what the host lacks, places in the manifest */
	size_t n_files;
	size_t next; /* place in files of the one being sent */
	uint64_t sent;
	uint64_t total;

	/* The piece being made; the worker's own while is_working. */
	bool is_working;
	bool is_freed;
	int fd; /* of the file being sent, or -1 */
	struct agent_blob blob;
	size_t size; /* of the piece, uncompressed */
	struct buf raw;
	struct buf frame;
	struct err err;
};

static void push_more(struct push *push);

struct push *push_new(struct loop *loop, struct stream *stream,
		      const struct manifest *manifest, struct blobs *blobs,
		      const struct agent_command *command,
		      const struct push_events *events, void *ctx)
{
	struct push *push = MEM_NEW(struct push);

	push->loop = loop;
	push->stream = stream;
	push->manifest = manifest;
	push->blobs = blobs;
	push->events = events;
	push->ctx = ctx;
	push->fd = -1;
	agent_command_copy(command, &push->command);
	push->command.release = manifest->digest;
	manifest_encode(manifest, &push->text);
	if (push->text.size <= AGENT_COMMAND_MANIFEST_MAX) {
		buf_release(&push->command.manifest);
		push->command.manifest = push->text;
		push->text = (struct buf)BUF_INIT;
	} else {
		push->command.manifest_bytes = push->text.size;
	}
	push_more(push);
	return push;
}

static void push_destroy(struct push *push)
{
	if (push->fd >= 0)
		(void)close(push->fd);
	buf_release(&push->text);
	buf_release(&push->raw);
	buf_release(&push->frame);
	agent_command_release(&push->command);
	free(push->files);
	free(push);
}

void push_free(struct push *push)
{
	if (!push)
		return;
	push->is_freed = true;
	if (!push->is_working)
		push_destroy(push);
}

static void send_part(struct push *push)
{
	AUTO_VALUE(buf) frame = BUF_INIT;
	size_t size =
		MIN_OF(push->text.size - push->text_at, (size_t)PUSH_PIECE);
	struct agent_manifest_part part = {
		.release = push->manifest->digest,
		.offset = push->text_at,
		.bytes = { .bytes = push->text.bytes + push->text_at,
			   .size = size },
	};
	size_t start = frame_begin(&frame, AGENT_MANIFEST_PART);

	agent_manifest_part_encode(&part, &frame);
	frame_end(&frame, start);
	stream_write(push->stream, frame.bytes, frame.size);
	push->text_at += size;
	if (push->text_at == push->text.size) {
		buf_release(&push->text);
		push->text_at = 0;
	}
}

static void send_command(struct push *push)
{
	AUTO_VALUE(buf) frame = BUF_INIT;
	size_t start = frame_begin(&frame, AGENT_COMMAND);

	push->events->on_command(&push->command, push->ctx);
	agent_command_encode(&push->command, &frame);
	frame_end(&frame, start);
	stream_write(push->stream, frame.bytes, frame.size);
	push->is_commanded = true;
	buf_release(&push->command.manifest);
}

/* On a worker thread: read the piece, make its message. */
static void piece_work(void *ctx)
{
	struct push *push = ctx;
	struct agent_blob blob = push->blob;
	AUTO_VALUE(buf) packed = BUF_INIT;
	uint8_t *to;
	size_t start;

	buf_clear(&push->raw);
	to = buf_reserve(&push->raw, push->size);
	while (push->raw.size < push->size) {
		ssize_t n = pread(push->fd, to + push->raw.size,
				  push->size - push->raw.size,
				  (off_t)(blob.offset + push->raw.size));

		if (n < 0) {
			(void)err_sys(&push->err, "read a blob");
			return;
		}
		if (n == 0) {
			(void)err_set(&push->err, ERR_CORRUPT,
				      "a blob has become shorter");
			return;
		}
		push->raw.size += (size_t)n;
	}
	blob.data = push->raw;
	if (zstd_shrink(push->raw.bytes, push->raw.size, &packed)) {
		blob.data = packed;
		blob.encoding = AGENT_ENCODING_ZSTD;
	}
	buf_clear(&push->frame);
	start = frame_begin(&push->frame, AGENT_BLOB);
	agent_blob_encode(&blob, &push->frame);
	frame_end(&push->frame, start);
}

static void piece_done(void *ctx)
{
	struct push *push = ctx;

	push->is_working = false;
	if (push->is_freed) {
		push_destroy(push);
		return;
	}
	if (push->err.code) {
		push->events->on_failed(&push->err, push->ctx);
		return;
	}
	stream_write(push->stream, push->frame.bytes, push->frame.size);
	push->sent += push->size;
	push->blob.offset += push->size;
	if (push->blob.last) {
		(void)close(push->fd);
		push->fd = -1;
		push->next++;
	}
	push_more(push);
}

/* Open the next file, unless one is being sent. */
static int open_file(struct push *push)
{
	const struct manifest_entry *entry =
		&push->manifest->entries.items[push->files[push->next]];
	uint64_t size;

	if (push->fd >= 0)
		return 0;
	if (blobs_read(push->blobs, &entry->digest, &size, &push->fd,
		       &push->err) < 0)
		return err_wrap(&push->err, "%s", entry->path);
	if (size != entry->size)
		return err_set(&push->err, ERR_CORRUPT,
			       "%s: its blob has %llu bytes, not %llu",
			       entry->path, (unsigned long long)size,
			       (unsigned long long)entry->size);
	push->blob = (struct agent_blob){ .digest = entry->digest };
	return 0;
}

static void start_piece(struct push *push)
{
	const struct manifest_entry *entry =
		&push->manifest->entries.items[push->files[push->next]];
	uint64_t left;

	if (open_file(push) < 0) {
		push->events->on_failed(&push->err, push->ctx);
		return;
	}
	left = entry->size - push->blob.offset;
	push->size = (size_t)MIN_OF(left, (uint64_t)PUSH_PIECE);
	push->blob.last = push->size == left;
	push->is_working = true;
	loop_work(push->loop, piece_work, piece_done, push);
}

static bool has_room(const struct push *push)
{
	return stream_pending(push->stream) + PUSH_PIECE + MESSAGE_ROOM <=
	       PUSH_IN_FLIGHT;
}

/* As much as there is room for. */
static void push_more(struct push *push)
{
	if (push->is_working || push->err.code)
		return;
	while (push->text.size && has_room(push))
		send_part(push);
	if (push->text.size)
		return;
	if (!push->is_commanded)
		send_command(push);
	if (push->next < push->n_files && has_room(push))
		start_piece(push);
}

int push_need(struct push *push, const struct agent_need *need, struct err *err)
{
	const struct manifest *manifest = push->manifest;
	uint64_t total = 0;

	if (!digest_equal(&need->release, &manifest->digest))
		return err_set(err, ERR_PROTOCOL,
			       "the host asks for files of another release");
	if (push->is_asked || !push->is_commanded)
		return err_set(err, ERR_PROTOCOL,
			       "the host asks for files out of turn");
	for (size_t i = 0; i < need->n_files; i++) {
		if (need->files[i] >= manifest->entries.n ||
		    manifest->entries.items[need->files[i]].target)
			return err_set(err, ERR_PROTOCOL,
				       "the host asks for entry %u, which is "
				       "no file",
				       need->files[i]);
		total += manifest->entries.items[need->files[i]].size;
	}
	push->is_asked = true;
	push->n_files = need->n_files;
	push->files = mem_array(need->n_files, sizeof(*push->files));
	if (need->n_files)
		memcpy(push->files, need->files,
		       need->n_files * sizeof(*push->files));
	push->total = total;
	push_more(push);
	return 0;
}

void push_drained(struct push *push)
{
	push_more(push);
}

void push_progress(const struct push *push, uint64_t *out_sent,
		   uint64_t *out_total)
{
	*out_sent = push->sent;
	*out_total = push->total;
}
