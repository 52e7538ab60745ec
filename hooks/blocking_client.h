/* A stand-in for third-party code: an HTTP client and some naps by plain blocking calls of the C library. It knows
 * nothing of tandem and is compiled without it. */
#ifndef BLOCKING_CLIENT_H
#define BLOCKING_CLIENT_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The body of http://host:port/path, at most `size` bytes of it. Its length; -1 with errno. */
long blocking_get(const char* host, const char* port, const char* path, char* body, size_t size);

/* Each waits so long by another call: 0; -1 with errno. */
int nap_by_usleep(int milliseconds);
int nap_by_nanosleep(int milliseconds);
int nap_by_poll(int milliseconds);
int nap_by_select(int milliseconds);

#ifdef __cplusplus
}
#endif

#endif
