/* Loaded with LD_PRELOAD: kills its process (SIGKILL) at a chosen moment of its writing to disk.

   Counted are the calls below that touch a path under KILLER_ROOT and not one with KILLER_SKIP in it.
   KILLER_AT=n    dies instead of the n-th of them
   KILLER_HALF=1  where that is a write, half of its bytes arrive
   KILLER_NS=t    dies t nanoseconds after the first of them that has KILLER_FROM in its path
   KILLER_LOG=f   writes a line for each of them: nanoseconds, name, path */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static long count;
static int armed;

static long number(const char *name) {
    const char *text = getenv(name);
    return text ? atol(text) : -1;
}

static void die(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

static void arm(long ns) {
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL};
    struct itimerspec when = {.it_value = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000}};
    timer_t timer;
    if (timer_create(CLOCK_MONOTONIC, &event, &timer) || timer_settime(timer, 0, &when, NULL)) abort();
}

static void note(const char *name, const char *path) {
    const char *log = getenv("KILLER_LOG");
    if (!log) return;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    char line[PATH_MAX + 64];
    int length = snprintf(line, sizeof line, "%lld %s %s\n", now.tv_sec * 1000000000LL + now.tv_nsec, name, path);
    int file = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (file < 0 || syscall(SYS_write, file, line, length) != length) abort();
    syscall(SYS_close, file);
}

/* 1: this very call is the last. */
static int counts(const char *name, const char *path) {
    const char *root = getenv("KILLER_ROOT"), *skip = getenv("KILLER_SKIP");
    char whole[2 * PATH_MAX], folder[PATH_MAX];
    if (!root || !path) return 0;
    if (path[0] != '/' && getcwd(folder, sizeof folder)) {
        snprintf(whole, sizeof whole, "%s/%s", folder, path);
        path = whole;
    }
    if (strncmp(path, root, strlen(root)) || (skip && strstr(path, skip))) return 0;
    long nth = __atomic_add_fetch(&count, 1, __ATOMIC_SEQ_CST);
    note(name, path);
    const char *from = getenv("KILLER_FROM");
    if (number("KILLER_NS") >= 0 && from && strstr(path, from) && !__atomic_exchange_n(&armed, 1, __ATOMIC_SEQ_CST))
        arm(number("KILLER_NS") + 1);
    return nth == number("KILLER_AT");
}

static int counts_file(const char *name, int file) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0 || path[0] != '/') return 0; /* a pipe or socket */
    path[length] = 0;
    return counts(name, path);
}

#define REAL(ret, name, params)                                                                                        \
    static ret(*real) params;                                                                                          \
    if (!real) real = (ret(*) params)dlsym(RTLD_NEXT, #name)
#define ON_PATH(name, params, args, path)                                                                              \
    int name params {                                                                                                  \
        REAL(int, name, params);                                                                                       \
        if (counts(#name, path)) die();                                                                                \
        return real args;                                                                                              \
    }
#define ON_FILE(name, params, args, file)                                                                              \
    int name params {                                                                                                  \
        REAL(int, name, params);                                                                                       \
        if (counts_file(#name, file)) die();                                                                           \
        return real args;                                                                                              \
    }
#define OPEN(name, params, args, path)                                                                                 \
    int name params {                                                                                                  \
        int mode = 0;                                                                                                  \
        if (flags & (O_CREAT | __O_TMPFILE)) {                                                                         \
            va_list rest;                                                                                              \
            va_start(rest, flags);                                                                                     \
            mode = va_arg(rest, int);                                                                                  \
            va_end(rest);                                                                                              \
        }                                                                                                              \
        REAL(int, name, params);                                                                                       \
        if (flags & O_CREAT && counts(#name, path)) die();                                                             \
        return real args;                                                                                              \
    }

OPEN(open, (const char *path, int flags, ...), (path, flags, mode), path)
OPEN(open64, (const char *path, int flags, ...), (path, flags, mode), path)
OPEN(openat, (int at, const char *path, int flags, ...), (at, path, flags, mode), path)
OPEN(openat64, (int at, const char *path, int flags, ...), (at, path, flags, mode), path)
ON_PATH(rename, (const char *from, const char *to), (from, to), to)
ON_PATH(renameat, (int a, const char *from, int b, const char *to), (a, from, b, to), to)
ON_PATH(renameat2, (int a, const char *from, int b, const char *to, unsigned flags), (a, from, b, to, flags), to)
ON_PATH(link, (const char *from, const char *to), (from, to), to)
ON_PATH(linkat, (int a, const char *from, int b, const char *to, int flags), (a, from, b, to, flags), to)
ON_PATH(symlink, (const char *from, const char *to), (from, to), to)
ON_PATH(unlink, (const char *path), (path), path)
ON_PATH(rmdir, (const char *path), (path), path)
ON_PATH(mkdir, (const char *path, mode_t mode), (path, mode), path)
ON_PATH(chmod, (const char *path, mode_t mode), (path, mode), path)
ON_PATH(chown, (const char *path, uid_t uid, gid_t gid), (path, uid, gid), path)
ON_FILE(fsync, (int file), (file), file)
ON_FILE(fdatasync, (int file), (file), file)
ON_FILE(ftruncate, (int file, off_t length), (file, length), file)
ON_FILE(ftruncate64, (int file, off64_t length), (file, length), file)
ON_FILE(fchmod, (int file, mode_t mode), (file, mode), file)
ON_FILE(fchown, (int file, uid_t uid, gid_t gid), (file, uid, gid), file)

int unlinkat(int at, const char *path, int flags) {
    REAL(int, unlinkat, (int, const char *, int));
    if (at == AT_FDCWD ? counts("unlinkat", path) : counts_file("unlinkat", at)) die();
    return real(at, path, flags);
}

ssize_t write(int file, const void *bytes, size_t length) {
    REAL(ssize_t, write, (int, const void *, size_t));
    if (counts_file("write", file)) {
        if (getenv("KILLER_HALF") && length > 1) real(file, bytes, length / 2);
        die();
    }
    return real(file, bytes, length);
}

ssize_t pwrite64(int file, const void *bytes, size_t length, off64_t at) {
    REAL(ssize_t, pwrite64, (int, const void *, size_t, off64_t));
    if (counts_file("pwrite64", file)) die();
    return real(file, bytes, length, at);
}

ssize_t writev(int file, const struct iovec *parts, int many) {
    REAL(ssize_t, writev, (int, const struct iovec *, int));
    if (counts_file("writev", file)) die();
    return real(file, parts, many);
}
