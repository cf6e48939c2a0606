/*
 * err.h - one error: a code for the program, a sentence for the person.
 *
 * A function that can fail returns 0, or the negative code it has put into
 * *err. The low level says what broke, each level up says where (err_wrap);
 * only the outermost logs. The text is a fixed array: reporting an error cannot
 * fail and leaves nothing to free.
 */
#pragma once

#include <stdbool.h>

#include "core/base/macros.h"

/* code, name, exit status of a command, worth a retry? */
#define ERR_CODES(X)                                                           \
	X(ERR_FAILED, "failed", 1, false)   /* the release or the rollout */   \
	X(ERR_INVALID, "invalid", 2, false) /* bad input or usage */           \
	X(ERR_NOT_FOUND, "not-found", 2, false) /* names nothing we have */    \
	X(ERR_REFUSED, "refused", 3, false)	/* policy, freeze or bar */    \
	X(ERR_CONFLICT, "conflict", 4, false)	/* another rollout, a state */ \
	X(ERR_STALE, "stale", 4, false) /* a newer epoch or sequence */        \
	X(ERR_UNREACHABLE, "unreachable", 5, true) /* no way to the host */    \
	X(ERR_TIMEOUT, "timeout", 5, true)	   /* no answer in time */     \
	X(ERR_PROTOCOL, "protocol", 5, false) /* the peer speaks nonsense */   \
	X(ERR_HOSTKEY, "host-key", 5, false)  /* unknown or changed key */     \
	X(ERR_NO_SPACE, "no-space", 8, false) /* disk or inodes are out */     \
	X(ERR_CORRUPT, "corrupt", 8, false) /* bytes are not what they were */ \
	X(ERR_SYSTEM, "system", 8, false)   /* the kernel said no */

enum err_code {
	ERR_NONE = 0,
#define ERR_ENUM(code, name, status, retry) code,
	ERR_CODES(ERR_ENUM)
#undef ERR_ENUM
};

struct err {
	enum err_code code;
	char text[1024]; /* "host web3: connect: timed out"; cut, never freed */
};

#define ERR_INIT                             \
	{                                    \
		.code = ERR_NONE, .text = "" \
	}

/*
 * Each returns -code, so that a caller can write `return err_set(...)`.
 *
 * err_set   the code and the sentence
 * err_sys   ERR_SYSTEM (ERR_NO_SPACE for ENOSPC and EDQUOT), errno's words
 * added err_wrap  puts "context: " in front of what is there; the code stays
 *
 * They are macros only so that compilers and analysers know the sign.
 */
#define err_set(...)  err_is_negative(err_put(__VA_ARGS__))
#define err_sys(...)  err_is_negative(err_put_sys(__VA_ARGS__))
#define err_wrap(...) err_is_negative(err_put_around(__VA_ARGS__))
int err_put(struct err *err, enum err_code code, const char *fmt, ...)
	PRINTF_LIKE(3, 4);
int err_put_sys(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);
int err_put_around(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);
static inline int err_is_negative(int rc)
{
	if (rc >= 0)
		__builtin_unreachable();
	return rc;
}
/* What is there already, for a caller that adds nothing. */
static inline int err_again(const struct err *err)
{
	return err_is_negative(-(int)err->code);
}

const char *err_name(enum err_code code);
/* The code of that name, or ERR_SYSTEM if there is none. */
enum err_code err_find(const char *name);
int err_exit_status(enum err_code code);
bool err_is_retryable(enum err_code code);
