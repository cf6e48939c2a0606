#include "cmd/grayctl/planfile.h"

#include <string.h>

#include "core/sys/file.h"

void planfile_free(struct planfile *file)
{
	if (!file)
		return;
	free(file->path);
	free(file->dir);
	buf_release(&file->text);
	plan_free(file->plan);
	fleet_free(file->fleet);
	stages_free(file->stages);
	free(file);
}

static void add_mistakes(const struct plan_mistakes *found, struct buf *out)
{
	for (size_t i = 0; i < found->list.n; i++)
		buf_format(out, "%s\n", found->list.items[i].text);
}

static int parse(struct planfile *file, const char *shown, struct buf *mistakes,
		 struct err *err)
{
	AUTO_VALUE(plan_mistakes) found = { 0 };
	int failed = plan_parse(shown, buf_str(&file->text), file->text.size,
				&found, &file->plan, err);

	add_mistakes(&found, mistakes);
	return failed;
}

/* The hosts that the plan's fleet has for it. */
static int choose(struct planfile *file, struct buf *mistakes, struct err *err)
{
	AUTO_VALUE(plan_mistakes) found = { 0 };
	AUTO_STR char *path = file_join(file->dir, file->plan->fleet);
	int failed;

	if (fleet_load(path, mistakes, &file->fleet, err) < 0) {
		err->code = ERR_INVALID;
		return err_again(err);
	}
	failed = stages_make(file->plan, file->fleet, &found, &file->stages,
			     err);
	add_mistakes(&found, mistakes);
	return failed;
}

int planfile_load(const char *path, struct buf *mistakes, struct planfile **out,
		  struct err *err)
{
	AUTO(planfile) file = MEM_NEW(struct planfile);

	/* A plan that cannot be read is a mistake of the one who named it. */
	if (file_read(path, PLAN_MAX_BYTES, &file->text, err) < 0) {
		err->code = ERR_INVALID;
		return err_again(err);
	}
	file->path = realpath(path, NULL);
	if (!file->path)
		return err_sys(err, "%s", path);
	file->dir = mem_strn(file->path,
			     (size_t)(strrchr(file->path, '/') - file->path));
	if (!*file->dir)
		mem_set_str(&file->dir, "/");
	if (parse(file, path, mistakes, err) < 0 ||
	    choose(file, mistakes, err) < 0)
		return err_again(err);
	*out = TAKE(file);
	return 0;
}

void planfile_preview(const struct planfile *file, const struct output *output)
{
	if (output->is_json) {
		AUTO(js)
		json = preview_json(file->plan, file->fleet, file->stages);

		output_json(output, json);
	} else {
		AUTO_STR char *text =
			preview_text(file->plan, file->fleet, file->stages,
				     MAX_OF(output->width, 40));

		(void)fputs(text, output->file);
	}
}

struct js *planfile_request(const struct planfile *file, const char *reason)
{
	struct js *body = js_object();

	js_set_str(body, "plan_path", file->path);
	js_set_str(body, "plan_text", buf_str(&file->text));
	js_set_str(body, "base_dir", file->dir);
	js_set_str(body, "reason", reason);
	return body;
}
