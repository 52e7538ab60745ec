#define _GNU_SOURCE
#include "blocking_client.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static int connected(const char* host, const char* port) {
    struct addrinfo hints = {0};
    struct addrinfo* found = NULL;
    hints.ai_socktype = SOCK_STREAM;
    const int error = getaddrinfo(host, port, &hints, &found);
    if (error != 0) {
        if (error != EAI_SYSTEM) errno = EHOSTUNREACH;
        return -1;
    }
    int fd = -1;
    for (const struct addrinfo* address = found; address && fd < 0; address = address->ai_next) {
        fd = socket(address->ai_family, address->ai_socktype, address->ai_protocol);
        if (fd >= 0 && connect(fd, address->ai_addr, address->ai_addrlen) != 0) {
            const int refused = errno;
            close(fd);
            errno = refused;
            fd = -1;
        }
    }
    const int last = errno;
    freeaddrinfo(found);
    errno = last;
    return fd;
}

long blocking_get(const char* host, const char* port, const char* path, char* body, size_t size) {
    const int fd = connected(host, port);
    if (fd < 0) return -1;
    char buffer[65536];
    const int length = snprintf(buffer, sizeof buffer,
                                "GET %s HTTP/1.1\r\nHost: %s:%s\r\nConnection: close\r\n\r\n", path, host, port);
    size_t got = 0;
    ssize_t some = send(fd, buffer, (size_t)length, 0);
    while (some > 0 && got < sizeof buffer - 1) {
        some = recv(fd, buffer + got, sizeof buffer - 1 - got, 0);
        if (some > 0) got += (size_t)some;
    }
    const int error = errno;
    close(fd);
    errno = error;
    if (some < 0) return -1;
    buffer[got] = '\0';
    const char* const begin = strstr(buffer, "\r\n\r\n");
    if (!begin) {
        errno = EPROTO;
        return -1;
    }
    size_t count = got - (size_t)(begin + 4 - buffer);
    if (count > size) count = size;
    memcpy(body, begin + 4, count);
    return (long)count;
}

int nap_by_usleep(int milliseconds) { return usleep((useconds_t)milliseconds * 1000); }

int nap_by_nanosleep(int milliseconds) {
    const struct timespec length = {milliseconds / 1000, milliseconds % 1000 * 1000000L};
    return nanosleep(&length, NULL);
}

int nap_by_poll(int milliseconds) { return poll(NULL, 0, milliseconds); }

int nap_by_select(int milliseconds) {
    struct timeval length = {milliseconds / 1000, milliseconds % 1000 * 1000};
    return select(0, NULL, NULL, NULL, &length);
}
