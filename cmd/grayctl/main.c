/* main - grayctl: parse, call, print; exits by the error's code. */
#include <locale.h>
#include <string.h>

#include "cmd/grayctl/client.h"
#include "cmd/grayctl/command.h"
#include "core/base/str.h"
#include "core/sys/home.h"
#include "core/text/json.h"

/* {"error":{...}} on standard output, for whoever asked for JSON. */
static void print_error_json(const struct invocation *inv,
			     const struct err *err)
{
	AUTO(js) answer = js_object();
	AUTO_STR char *text = NULL;
	struct js *error = js_object();
	struct js *mistakes = js_array();
	const char *at = buf_str(&inv->mistakes);

	while (*at) {
		size_t size = strcspn(at, "\n");
		AUTO_STR char *line = mem_strn(at, size);

		js_append_str(mistakes, line);
		at += size + (at[size] == '\n');
	}
	js_set_str(error, "code", err_name(err->code));
	js_set_str(error, "text", err->text);
	js_set_int(error, "exit", err_exit_status(err->code));
	js_set(error, "mistakes", mistakes);
	js_set(answer, "error", error);
	text = js_format(answer);
	(void)printf("%s\n", text);
}

static void report(const struct invocation *inv, const struct err *err)
{
	AUTO_STR char *text = str_clean(err->text, strlen(err->text));

	(void)fflush(stdout);
	(void)fputs(buf_str(&inv->mistakes), stderr);
	(void)fprintf(stderr, "grayctl: %s\n", text);
	if (inv->output->is_json)
		print_error_json(inv, err);
}

static int run(struct invocation *inv, struct err *err)
{
	AUTO_STR char *home = NULL;
	AUTO(client) client = NULL;
	int failed;

	if (home_find(&home, err) < 0)
		return err_again(err);
	inv->home = home;
	if (inv->command->flags & COMMAND_CONTROLLER)
		client = client_new(home, &inv->mistakes);
	inv->client = client;
	failed = inv->command->run(inv, err);
	if (failed == 0 &&
	    (fflush(inv->output->file) != 0 || ferror(inv->output->file)))
		failed = err_sys(err, "standard output");
	inv->client = NULL;
	return failed;
}

/* WORDS: what follows "grayctl", the command first. */
static int dispatch(struct invocation *inv, const char *const *words, size_t n,
		    struct err *err)
{
	size_t n_words = 0;

	if (command_find(words, n, &n_words, &inv->command, err) < 0 ||
	    options_parse(inv->command->options, words + n_words, n - n_words,
			  &inv->options, inv->args, &inv->n_args,
			  &inv->mistakes, err) < 0)
		return err_again(err);
	inv->output->is_json = option_flag(&inv->options, "json");
	if (option_flag(&inv->options, "help")) {
		command_print_help(inv->command, stdout);
		return 0;
	}
	if (command_check_args(inv->command, inv->args, inv->n_args, err) < 0) {
		command_print_usage(inv->command, stderr);
		return err_again(err);
	}
	return run(inv, err);
}

/* Options that stand alone, before any command. */
static bool is_answered(const char *word)
{
	if (strcmp(word, "--version") == 0)
		(void)printf("grayctl %s\n", GRAY_VERSION);
	else if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
		command_print_list(stdout);
	else
		return false;
	return true;
}

int main(int argc, char **argv)
{
	struct output output;
	struct err err = ERR_INIT;
	struct invocation inv = { .output = &output };
	int status = 0;
	const char *const *words = (const char *const *)argv + (argc > 0);
	size_t n = argc > 1 ? (size_t)argc - 1 : 0;

	(void)setlocale(LC_CTYPE, "");
	output_init(&output, stdout);
	if (n == 1 && is_answered(words[0]))
		return 0;
	inv.args = mem_array(n + 1, sizeof(*inv.args));
	/* Only an error that came back: one may have been mended on the way. */
	if (dispatch(&inv, words, n, &err) < 0) {
		report(&inv, &err);
		status = err_exit_status(err.code);
	}
	free(inv.args);
	option_values_release(&inv.options);
	buf_release(&inv.mistakes);
	return status;
}
