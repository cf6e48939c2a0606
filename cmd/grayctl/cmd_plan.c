#include "cmd/grayctl/command.h"
#include "cmd/grayctl/planfile.h"

static const struct option_spec options[] = {
	{ "schema", OPTION_FLAG, "print the JSON Schema of plans", NULL, 0 },
	{ 0 },
};

static int run(struct invocation *inv, struct err *err)
{
	AUTO(planfile) file = NULL;

	if (option_flag(&inv->options, "schema")) {
		AUTO_STR char *schema = plan_schema_json();

		(void)fprintf(inv->output->file, "%s\n", schema);
		return 0;
	}
	if (inv->n_args == 0)
		return err_set(err, ERR_INVALID,
			       "plan needs <plan.yaml>, or --schema");
	if (planfile_load(inv->args[0], &inv->mistakes, &file, err) < 0)
		return err_again(err);
	planfile_preview(file, inv->output);
	return 0;
}

const struct command cmd_plan = {
	.name = "plan",
	.args = "[plan.yaml]",
	.summary = "check a plan and show what it would do, changing nothing",
	.max_args = 1,
	.options = options,
	.run = run,
};
