/* What a process does to the files under one folder, written to a trace in the order in which it happened. Preloaded.
 *
 * Every call but a sync is carried out and recorded under one lock, so the trace's order is the order of the calls. A sync takes
 * long and others go on meanwhile, so it is two records: where it began and where it ended. The system is asked with syscall(2);
 * nothing here calls what it replaces. What the model of the disk does not know is recorded as such, and the harness refuses it;
 * what escapes altogether, the harness finds by comparing the folder with what the trace leads to.
 *
 * EGO_POWERCUT_ROOT   the folder, without links in its path
 * EGO_POWERCUT_TRACE  the file that is written to
 * EGO_POWERCUT_MARKS  a file; what is written to it stands in the trace as a mark
 * EGO_POWERCUT_KILL   `kind count text`: the process kills itself after so many records of this kind (0: of any), counted from the
 *                     first mark on that holds the text
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind {
    CREATE = 1, MKDIR, WRITE, SIZE, RENAME, UNLINK, RMDIR, SYNC_BEGIN, SYNC_END, MARK, UNKNOWN, RANGE
};

/* `trace.rs` reads this: five numbers, then the bytes of the first and of the second part. */
struct record {
    uint64_t kind, inode, at, first, second;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char root[PATH_MAX], marks[PATH_MAX];
static size_t root_len;
static int trace = -1;
static uint64_t kill_kind, kill_count, syncs;
static char kill_from[64];
static int counting;

__attribute__((constructor)) static void begin(void) {
    const char *folder = getenv("EGO_POWERCUT_ROOT"), *file = getenv("EGO_POWERCUT_TRACE");
    const char *said = getenv("EGO_POWERCUT_MARKS"), *after = getenv("EGO_POWERCUT_KILL");
    if (!folder || !file || !said || strlen(folder) >= PATH_MAX || strlen(said) >= PATH_MAX)
        return;
    strcpy(root, folder);
    strcpy(marks, said);
    if (after && sscanf(after, "%lu %lu %63s", &kill_kind, &kill_count, kill_from) < 2)
        abort();
    counting = !kill_from[0];
    trace = (int)syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (trace < 0)
        abort();
    root_len = strlen(root);
}

/* Under the lock. */
static void put(enum kind kind, uint64_t inode, uint64_t at, const void *first, size_t len, const void *second, size_t rest) {
    struct record record = {kind, inode, at, len, rest};
    struct iovec parts[3] = {{&record, sizeof record}, {(void *)first, len}, {(void *)second, rest}};
    size_t all = sizeof record + len + rest;
    if ((size_t)syscall(SYS_writev, trace, parts, 3) != all)
        abort();
    if (kind == MARK && !counting && kill_count)
        counting = memmem(first, len, kill_from, strlen(kill_from)) != NULL;
    else if (counting && kill_count && (!kill_kind || kind == kill_kind) && --kill_count == 0) {
        kill(getpid(), SIGKILL);
        for (;;)
            pause();
    }
}

static void put_path(enum kind kind, uint64_t inode, const char *path) {
    put(kind, inode, 0, path + root_len + 1, strlen(path) - root_len - 1, NULL, 0);
}

static int is_inside(const char *path) {
    return root_len && strncmp(path, root, root_len) == 0 && path[root_len] == '/';
}

/* The whole path, and whether it is in the folder. */
static int resolve(int at, const char *path, char *whole) {
    if (!root_len || !path)
        return 0;
    char base[PATH_MAX] = "";
    if (path[0] != '/') {
        char link[64];
        snprintf(link, sizeof link, "/proc/self/fd/%d", at);
        ssize_t len = readlink(at == AT_FDCWD ? "/proc/self/cwd" : link, base, sizeof base - 1);
        if (len < 0)
            return 0;
        base[len] = 0;
    }
    int len = snprintf(whole, PATH_MAX, path[0] == '/' ? "%s%s" : "%s/%s", base, path);
    while (len > 1 && len < PATH_MAX && whole[len - 1] == '/')
        whole[--len] = 0;
    return len > 0 && len < PATH_MAX && is_inside(whole);
}

static int of_file(int fd, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = root_len ? readlink(link, path, PATH_MAX - 1) : -1;
    path[len < 0 ? 0 : len] = 0;
    return len >= 0;
}

/* Whether the descriptor is of a file or folder in the folder, or the folder itself. */
static int is_ours(int fd, uint64_t *inode) {
    char path[PATH_MAX];
    struct stat about;
    if (!of_file(fd, path) || !(is_inside(path) || strcmp(path, root) == 0) || fstat(fd, &about))
        return 0;
    *inode = about.st_ino;
    return 1;
}

static int is_marks(int fd) {
    char path[PATH_MAX];
    return of_file(fd, path) && strcmp(path, marks) == 0;
}

static void unknown(const char *what) {
    put(UNKNOWN, 0, 0, what, strlen(what), NULL, 0);
}

static void unknown_file(int fd, const char *what) {
    uint64_t inode;
    pthread_mutex_lock(&lock);
    if (is_ours(fd, &inode))
        unknown(what);
    pthread_mutex_unlock(&lock);
}

static void unknown_path(int at, const char *path, const char *what) {
    char whole[PATH_MAX];
    pthread_mutex_lock(&lock);
    if (resolve(at, path, whole))
        unknown(what);
    pthread_mutex_unlock(&lock);
}

/* -- opening -- */

static int open_at(int at, const char *path, int flags, mode_t mode) {
    char whole[PATH_MAX];
    struct stat before, about;
    if (!resolve(at, path, whole) || !(flags & (O_CREAT | O_TRUNC | O_TMPFILE)) || (flags & O_DIRECTORY))
        return (int)syscall(SYS_openat, at, path, flags, mode);
    pthread_mutex_lock(&lock);
    int there = stat(whole, &before) == 0;
    int fd = (int)syscall(SYS_openat, at, path, flags, mode);
    int error = errno;
    if (fd >= 0 && fstat(fd, &about) == 0) {
        if (!there)
            put_path(CREATE, about.st_ino, whole);
        else if (flags & O_TRUNC)
            put(SIZE, about.st_ino, 0, NULL, 0, NULL, 0);
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return fd;
}

static mode_t mode_of(int flags, va_list more) {
    return (flags & (O_CREAT | O_TMPFILE)) ? (mode_t)va_arg(more, int) : 0;
}

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        va_list more; \
        va_start(more, flags); \
        mode_t mode = mode_of(flags, more); \
        va_end(more); \
        return open_at(AT_FDCWD, path, flags, mode); \
    }
OPEN(open)
OPEN(open64)

#define OPEN_AT(name) \
    int name(int at, const char *path, int flags, ...) { \
        va_list more; \
        va_start(more, flags); \
        mode_t mode = mode_of(flags, more); \
        va_end(more); \
        return open_at(at, path, flags, mode); \
    }
OPEN_AT(openat)
OPEN_AT(openat64)

int creat(const char *path, mode_t mode) { return open_at(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *path, mode_t mode) { return open_at(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }

/* -- writing -- */

/* `at` is -1 where the descriptor's own place counts. */
static ssize_t write_all(int fd, const struct iovec *parts, int count, off_t at) {
    uint64_t inode = 0;
    pthread_mutex_lock(&lock);
    ssize_t done = at < 0 ? syscall(SYS_writev, fd, parts, count) : syscall(SYS_pwritev, fd, parts, count, at, 0);
    int error = errno;
    int said = done > 0 && is_marks(fd);
    if (done > 0 && (said || is_ours(fd, &inode))) {
        if (at < 0)
            at = lseek(fd, 0, SEEK_CUR) - done;
        char *bytes = malloc((size_t)done), *end = bytes;
        if (!bytes)
            abort();
        for (int part = 0; end < bytes + done; part++) {
            size_t left = (size_t)(bytes + done - end), len = parts[part].iov_len < left ? parts[part].iov_len : left;
            memcpy(end, parts[part].iov_base, len);
            end += len;
        }
        put(said ? MARK : WRITE, inode, (uint64_t)at, bytes, (size_t)done, NULL, 0);
        free(bytes);
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return done;
}

ssize_t write(int fd, const void *bytes, size_t len) {
    struct iovec part = {(void *)bytes, len};
    return write_all(fd, &part, 1, -1);
}
static ssize_t write_at(int fd, const void *bytes, size_t len, off_t at) {
    struct iovec part = {(void *)bytes, len};
    return write_all(fd, &part, 1, at);
}
ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at) { return write_at(fd, bytes, len, at); }
ssize_t pwrite64(int fd, const void *bytes, size_t len, off_t at) { return write_at(fd, bytes, len, at); }
ssize_t writev(int fd, const struct iovec *parts, int count) { return write_all(fd, parts, count, -1); }
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) { return write_all(fd, parts, count, at); }
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off_t at) { return write_all(fd, parts, count, at); }
/* The flags ask for more than the model promises, or for nothing that it knows. */
ssize_t pwritev2(int fd, const struct iovec *parts, int count, off_t at, int flags) {
    (void)flags;
    return write_all(fd, parts, count, at);
}
ssize_t pwritev64v2(int fd, const struct iovec *parts, int count, off_t at, int flags) {
    return pwritev2(fd, parts, count, at, flags);
}

ssize_t copy_file_range(int from, off_t *at, int to, off_t *place, size_t len, unsigned flags) {
    unknown_file(to, "copy_file_range");
    return syscall(SYS_copy_file_range, from, at, to, place, len, flags);
}
ssize_t sendfile(int to, int from, off_t *at, size_t len) {
    unknown_file(to, "sendfile");
    return syscall(SYS_sendfile, to, from, at, len);
}
ssize_t sendfile64(int to, int from, off_t *at, size_t len) { return sendfile(to, from, at, len); }
ssize_t splice(int from, off_t *at, int to, off_t *place, size_t len, unsigned flags) {
    unknown_file(to, "splice");
    return syscall(SYS_splice, from, at, to, place, len, flags);
}
void *mmap(void *where, size_t len, int protection, int flags, int fd, off_t at) {
    if (fd >= 0 && (protection & PROT_WRITE) && (flags & MAP_TYPE) != MAP_PRIVATE)
        unknown_file(fd, "mmap");
    return (void *)syscall(SYS_mmap, where, len, protection, flags, fd, at);
}
void *mmap64(void *where, size_t len, int protection, int flags, int fd, off_t at) {
    return mmap(where, len, protection, flags, fd, at);
}

/* -- lengths -- */

static int resize(int fd, off_t len) {
    uint64_t inode;
    pthread_mutex_lock(&lock);
    int failed = (int)syscall(SYS_ftruncate, fd, len), error = errno;
    if (!failed && is_ours(fd, &inode))
        put(SIZE, inode, (uint64_t)len, NULL, 0, NULL, 0);
    pthread_mutex_unlock(&lock);
    errno = error;
    return failed;
}
int ftruncate(int fd, off_t len) { return resize(fd, len); }
int ftruncate64(int fd, off_t len) { return resize(fd, len); }
int truncate(const char *path, off_t len) {
    unknown_path(AT_FDCWD, path, "truncate");
    return (int)syscall(SYS_truncate, path, len);
}
int truncate64(const char *path, off_t len) { return truncate(path, len); }

static int allocate(int fd, int mode, off_t at, off_t len) {
    uint64_t inode;
    struct stat before, about;
    pthread_mutex_lock(&lock);
    int ours = is_ours(fd, &inode) && fstat(fd, &before) == 0;
    int failed = (int)syscall(SYS_fallocate, fd, mode, at, len), error = errno;
    if (!failed && ours) {
        if (mode & ~FALLOC_FL_KEEP_SIZE)
            unknown("fallocate of another mode");
        else if (fstat(fd, &about) == 0 && about.st_size != before.st_size)
            put(SIZE, inode, (uint64_t)about.st_size, NULL, 0, NULL, 0);
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return failed;
}
int fallocate(int fd, int mode, off_t at, off_t len) { return allocate(fd, mode, at, len); }
int fallocate64(int fd, int mode, off_t at, off_t len) { return allocate(fd, mode, at, len); }
int posix_fallocate(int fd, off_t at, off_t len) { return allocate(fd, 0, at, len) ? errno : 0; }
int posix_fallocate64(int fd, off_t at, off_t len) { return allocate(fd, 0, at, len) ? errno : 0; }

/* -- syncing -- */

static int sync_file(int fd, long call) {
    uint64_t inode, number = 0;
    pthread_mutex_lock(&lock);
    int ours = is_ours(fd, &inode);
    if (ours) {
        number = ++syncs;
        put(SYNC_BEGIN, inode, number, NULL, 0, NULL, 0);
    }
    pthread_mutex_unlock(&lock);
    int failed = (int)syscall(call, fd), error = errno;
    /* A disk takes its time, and others go on meanwhile. */
    if (ours)
        usleep(300);
    if (ours && !failed) {
        pthread_mutex_lock(&lock);
        put(SYNC_END, inode, number, NULL, 0, NULL, 0);
        pthread_mutex_unlock(&lock);
    }
    errno = error;
    return failed;
}
int fsync(int fd) { return sync_file(fd, SYS_fsync); }
int fdatasync(int fd) { return sync_file(fd, SYS_fdatasync); }
int sync_file_range(int fd, off_t at, off_t len, unsigned flags) {
    uint64_t inode;
    pthread_mutex_lock(&lock);
    if (is_ours(fd, &inode))
        put(RANGE, inode, (uint64_t)at, NULL, 0, NULL, 0);
    pthread_mutex_unlock(&lock);
    return (int)syscall(SYS_sync_file_range, fd, at, len, flags);
}
int syncfs(int fd) {
    unknown_file(fd, "syncfs");
    return (int)syscall(SYS_syncfs, fd);
}
int msync(void *where, size_t len, int flags) { return (int)syscall(SYS_msync, where, len, flags); }

/* -- names -- */

static int rename_at(int from_at, const char *from, int to_at, const char *to, unsigned flags) {
    char old[PATH_MAX], new[PATH_MAX];
    pthread_mutex_lock(&lock);
    int leaves = resolve(from_at, from, old), enters = resolve(to_at, to, new);
    int failed = (int)syscall(SYS_renameat2, from_at, from, to_at, to, flags), error = errno;
    if (!failed && leaves && enters && !flags)
        put(RENAME, 0, 0, old + root_len + 1, strlen(old) - root_len - 1, new + root_len + 1, strlen(new) - root_len - 1);
    else if (!failed && (leaves || enters))
        unknown("a rename across the folder's border, or with flags");
    pthread_mutex_unlock(&lock);
    errno = error;
    return failed;
}
int rename(const char *from, const char *to) { return rename_at(AT_FDCWD, from, AT_FDCWD, to, 0); }
int renameat(int from_at, const char *from, int to_at, const char *to) { return rename_at(from_at, from, to_at, to, 0); }
int renameat2(int from_at, const char *from, int to_at, const char *to, unsigned flags) {
    return rename_at(from_at, from, to_at, to, flags);
}

static int remove_at(int at, const char *path, int flags) {
    char whole[PATH_MAX];
    pthread_mutex_lock(&lock);
    int ours = resolve(at, path, whole);
    int failed = (int)syscall(SYS_unlinkat, at, path, flags), error = errno;
    if (!failed && ours)
        put_path((flags & AT_REMOVEDIR) ? RMDIR : UNLINK, 0, whole);
    pthread_mutex_unlock(&lock);
    errno = error;
    return failed;
}
int unlink(const char *path) { return remove_at(AT_FDCWD, path, 0); }
int unlinkat(int at, const char *path, int flags) { return remove_at(at, path, flags); }
int rmdir(const char *path) { return remove_at(AT_FDCWD, path, AT_REMOVEDIR); }

int mkdirat(int at, const char *path, mode_t mode) {
    char whole[PATH_MAX];
    struct stat about;
    pthread_mutex_lock(&lock);
    int ours = resolve(at, path, whole);
    int failed = (int)syscall(SYS_mkdirat, at, path, mode), error = errno;
    if (!failed && ours && stat(whole, &about) == 0)
        put_path(MKDIR, about.st_ino, whole);
    pthread_mutex_unlock(&lock);
    errno = error;
    return failed;
}
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

int linkat(int from_at, const char *from, int to_at, const char *to, int flags) {
    unknown_path(to_at, to, "link");
    return (int)syscall(SYS_linkat, from_at, from, to_at, to, flags);
}
int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }
int symlinkat(const char *to, int at, const char *path) {
    unknown_path(at, path, "symlink");
    return (int)syscall(SYS_symlinkat, to, at, path);
}
int symlink(const char *to, const char *path) { return symlinkat(to, AT_FDCWD, path); }
