/*
 * http_server.h - a server that says to everybody what it was told to.
 */
#pragma once

struct http_server;

/*
 * Listen on a free port of 127.0.0.1, answer each connection with the next of
 * ANSWERS (raw bytes, up to a NULL; the last one again and again) once it has
 * sent a request, and close. An answer "" closes at once; "wait" says nothing
 * until the client goes. ANSWERS is borrowed.
 */
struct http_server *http_server_new(const char *const *answers);
void http_server_free(struct http_server *server);
/* "http://127.0.0.1:PORT/x"; borrowed */
const char *http_server_url(const struct http_server *server);
