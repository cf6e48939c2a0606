#include "core/sys/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "core/base/str.h"
#include "core/sys/clock.h"

static atomic_int limit = LOG_INFO;
static const char *program = "gray";

void log_set_level(enum log_level level)
{
	atomic_store(&limit, (int)level);
}

void log_set_name(const char *name)
{
	program = name;
}

void log_line(enum log_level level, const char *fmt, ...)
{
	static const char *const names[] = { "error", "warn", "info", "debug" };
	char when[32];
	char text[4096];
	va_list args;
	int n;

	if ((int)level > atomic_load(&limit))
		return;
	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	str_format_time(clock_wall_ms(), when, sizeof(when));
	{
		char line[sizeof(text) + 128];

		n = snprintf(line, sizeof(line), "%s %s[%d] %s: %s\n", when,
			     program, (int)getpid(), names[level], text);
		/* One write a line, so that processes do not mix theirs. */
		(void)!write(STDERR_FILENO, line, (size_t)n);
	}
}
