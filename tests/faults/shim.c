// Counts the calls that change files below one directory, in all processes of a command,
// and does something at a chosen one. Loaded with LD_PRELOAD; `shim.py` compiles it.
//
//   FAULT_ROOT     only paths below it count
//   FAULT_COUNTER  a file of 8 bytes, shared by all processes: the calls so far
//   FAULT_AT       the number of the call, from 1, at which the action happens
//   FAULT_ACTION   kill     SIGKILL for the whole process group, before the call
//                  fail     the call fails with FAULT_ERRNO
//                  exhaust  this call, and all later ones that need space, fail with it
//                  short    a write passes half of its bytes on
//                  signal   signal FAULT_ERRNO for the whole process group; SIGSTOP
//                           holds it before the call
//   FAULT_TRACE    a file that receives every call that succeeded, for `power_cut.py`
//
// It is written in C because TensorFlow's C++ code writes files, too.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

// The C library's own function behind the one that is replaced here.
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

enum { NEEDS_SPACE = 1 };
enum { PASSES = 0, FAILS = -1, IS_SHORT = 1 };

static const char *get_setting(const char *name) {
  const char *value = getenv(name);
  return value && *value ? value : NULL;
}

// ------------------------------------------------------------------ paths

static int is_below_root(const char *path) {
  const char *root = get_setting("FAULT_ROOT");
  size_t length = root ? strlen(root) : 0;
  return root && strncmp(path, root, length) == 0 &&
         (path[length] == '/' || path[length] == 0);
}

static int read_descriptor(int descriptor, char *result) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  ssize_t length = readlink(link, result, PATH_MAX - 1);
  result[length > 0 ? length : 0] = 0;
  return length > 0;
}

// Removes "." and ".." from an absolute path, as if no part of it were a link.
static void collapse(char *path) {
  char copy[PATH_MAX], *rest = copy, *part, *end = path;
  strcpy(copy, path);
  while ((part = strsep(&rest, "/"))) {
    if (*part == 0 || strcmp(part, ".") == 0) continue;
    if (strcmp(part, "..") == 0) {
      while (end > path && *--end != '/') continue;
    } else {
      end += sprintf(end, "/%s", part);
    }
    *end = 0;
  }
}

// Writes the absolute path into `result`; returns whether it lies below FAULT_ROOT.
static int resolve(int dirfd, const char *path, char *result) {
  char base[PATH_MAX] = "";
  if (!get_setting("FAULT_ROOT") || !path) return 0;
  if (path[0] != '/' && dirfd == AT_FDCWD && !getcwd(base, sizeof base)) return 0;
  if (path[0] != '/' && dirfd != AT_FDCWD && !read_descriptor(dirfd, base)) return 0;
  int length = snprintf(result, PATH_MAX, "%s%s%s", base, *base ? "/" : "", path);
  if (length >= PATH_MAX) return 0;
  collapse(result);
  return is_below_root(result);
}

static int resolve_descriptor(int descriptor, char *result) {
  return get_setting("FAULT_ROOT") && read_descriptor(descriptor, result) &&
         is_below_root(result);
}

// ------------------------------------------------------------------ counter and trace

static uint64_t *get_counter(void) {
  static uint64_t *counter;
  static char path_of_counter[PATH_MAX];
  const char *path = get_setting("FAULT_COUNTER");
  if (!path) return NULL;
  if (counter && strcmp(path, path_of_counter) == 0) return counter;
  int descriptor = REAL(open64)(path, O_RDWR | O_CLOEXEC);
  if (descriptor < 0) return NULL;
  void *memory = mmap(NULL, 8, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  close(descriptor);
  if (memory == MAP_FAILED) return NULL;
  snprintf(path_of_counter, sizeof path_of_counter, "%s", path);
  return counter = memory;
}

// Counts a call; FAILS has set errno.
static int count(int needs) {
  uint64_t *counter = get_counter();
  if (!counter) return PASSES;
  uint64_t number = __atomic_add_fetch(counter, 1, __ATOMIC_SEQ_CST);
  const char *at = get_setting("FAULT_AT");
  const char *action = get_setting("FAULT_ACTION");
  const char *code = get_setting("FAULT_ERRNO");
  if (!at || !action || number < strtoull(at, NULL, 10)) return PASSES;
  int is_exhausted = strcmp(action, "exhaust") == 0;
  if (is_exhausted ? needs != NEEDS_SPACE : number != strtoull(at, NULL, 10))
    return PASSES;
  if (strcmp(action, "kill") == 0) {
    kill(0, SIGKILL);
    pause();
  }
  if (strcmp(action, "short") == 0) return IS_SHORT;
  if (strcmp(action, "signal") == 0) {
    kill(0, code ? atoi(code) : SIGTERM);
    return PASSES;
  }
  errno = code ? atoi(code) : EIO;
  return FAILS;
}

// Appends "NAME\tOFFSET\tSIZE\tPATH\tOTHER\n" and SIZE bytes of data.
static void trace(const char *name, const char *path, const char *other, long offset,
                  const void *data, size_t size) {
  const char *file = get_setting("FAULT_TRACE");
  if (!file) return;
  int error = errno;
  int descriptor =
      REAL(open64)(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor >= 0) {
    char line[2 * PATH_MAX + 100];
    int length = snprintf(line, sizeof line, "%s\t%ld\t%zu\t%s\t%s\n", name, offset,
                          size, path, other);
    struct iovec parts[2] = {{line, length}, {(void *)data, size}};
    if (REAL(writev)(descriptor, parts, 2) != length + (ssize_t)size) abort();
    close(descriptor);
  }
  errno = error;
}

// ------------------------------------------------------------------ files

static int open_counted(int dirfd, const char *path, int flags, mode_t mode) {
  char full[PATH_MAX];
  int changes = (flags & O_ACCMODE) != O_RDONLY || flags & (O_CREAT | O_TRUNC);
  if (!changes || !resolve(dirfd, path, full))
    return REAL(openat64)(dirfd, path, flags, mode);
  if (count(NEEDS_SPACE) == FAILS) return -1;
  struct stat status;
  int existed = fstatat(dirfd, path, &status, 0) == 0;
  int descriptor = REAL(openat64)(dirfd, path, flags, mode);
  if (descriptor >= 0 && !existed) trace("create", full, "", 0, NULL, 0);
  if (descriptor >= 0 && existed && flags & O_TRUNC)
    trace("truncate", full, "", 0, NULL, 0);
  return descriptor;
}

#define READ_MODE(flags, mode)            \
  mode_t mode = 0;                        \
  if (flags & (O_CREAT | O_TMPFILE)) {    \
    va_list arguments;                    \
    va_start(arguments, flags);           \
    mode = va_arg(arguments, int);        \
    va_end(arguments);                    \
  }

int open(const char *path, int flags, ...) {
  READ_MODE(flags, mode)
  return open_counted(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...) {
  READ_MODE(flags, mode)
  return open_counted(AT_FDCWD, path, flags, mode);
}

int openat(int dirfd, const char *path, int flags, ...) {
  READ_MODE(flags, mode)
  return open_counted(dirfd, path, flags, mode);
}

int openat64(int dirfd, const char *path, int flags, ...) {
  READ_MODE(flags, mode)
  return open_counted(dirfd, path, flags, mode);
}

static FILE *fopen_counted(FILE *(*real)(const char *, const char *), const char *path,
                           const char *mode) {
  char full[PATH_MAX];
  if (!strpbrk(mode, "wa+") || !resolve(AT_FDCWD, path, full)) return real(path, mode);
  if (count(NEEDS_SPACE) == FAILS) return NULL;
  int existed = access(path, F_OK) == 0;
  FILE *file = real(path, mode);
  if (file && !existed) trace("create", full, "", 0, NULL, 0);
  if (file && existed && mode[0] == 'w') trace("truncate", full, "", 0, NULL, 0);
  return file;
}

FILE *fopen(const char *path, const char *mode) {
  return fopen_counted(REAL(fopen), path, mode);
}

FILE *fopen64(const char *path, const char *mode) {
  return fopen_counted(REAL(fopen64), path, mode);
}

// Where the next write of `descriptor` goes: its position, or its file's end.
static long find_offset(int descriptor) {
  int flags = fcntl(descriptor, F_GETFL);
  return lseek(descriptor, 0, flags >= 0 && flags & O_APPEND ? SEEK_END : SEEK_CUR);
}

ssize_t write(int descriptor, const void *data, size_t size) {
  char full[PATH_MAX];
  if (!resolve_descriptor(descriptor, full)) return REAL(write)(descriptor, data, size);
  int outcome = count(NEEDS_SPACE);
  if (outcome == FAILS) return -1;
  long offset = find_offset(descriptor);
  if (outcome == IS_SHORT) size = (size + 1) / 2;
  ssize_t written = REAL(write)(descriptor, data, size);
  if (written > 0) trace("write", full, "", offset, data, written);
  return written;
}

static ssize_t pwrite_counted(int descriptor, const void *data, size_t size,
                              off64_t offset) {
  char full[PATH_MAX];
  if (!resolve_descriptor(descriptor, full))
    return REAL(pwrite64)(descriptor, data, size, offset);
  int outcome = count(NEEDS_SPACE);
  if (outcome == FAILS) return -1;
  if (outcome == IS_SHORT) size = (size + 1) / 2;
  ssize_t written = REAL(pwrite64)(descriptor, data, size, offset);
  if (written > 0) trace("write", full, "", offset, data, written);
  return written;
}

ssize_t pwrite(int descriptor, const void *data, size_t size, off_t offset) {
  return pwrite_counted(descriptor, data, size, offset);
}

ssize_t pwrite64(int descriptor, const void *data, size_t size, off64_t offset) {
  return pwrite_counted(descriptor, data, size, offset);
}

// The buffer of a FILE may pass its bytes on later; a fsync comes after that.
size_t fwrite(const void *data, size_t size, size_t number, FILE *file) {
  char full[PATH_MAX];
  if (!resolve_descriptor(fileno(file), full))
    return REAL(fwrite)(data, size, number, file);
  if (count(NEEDS_SPACE) == FAILS) return 0;
  size_t written = REAL(fwrite)(data, size, number, file);
  if (written) trace("append", full, "", 0, data, written * size);
  return written;
}

static int truncate_counted(int descriptor, off64_t size) {
  char full[PATH_MAX];
  int is_counted = resolve_descriptor(descriptor, full);
  if (is_counted && count(0) == FAILS) return -1;
  int result = REAL(ftruncate64)(descriptor, size);
  if (is_counted && result == 0) trace("truncate", full, "", size, NULL, 0);
  return result;
}

int ftruncate(int descriptor, off_t size) { return truncate_counted(descriptor, size); }

int ftruncate64(int descriptor, off64_t size) {
  return truncate_counted(descriptor, size);
}

static int sync_counted(int (*real)(int), int descriptor) {
  char full[PATH_MAX];
  int is_counted = resolve_descriptor(descriptor, full);
  if (is_counted && count(0) == FAILS) return -1;
  int result = real(descriptor);
  if (is_counted && result == 0) trace("fsync", full, "", 0, NULL, 0);
  return result;
}

int fsync(int descriptor) { return sync_counted(REAL(fsync), descriptor); }

int fdatasync(int descriptor) { return sync_counted(REAL(fdatasync), descriptor); }

// ------------------------------------------------------------------ names

// Defines a function of one path below `dirfd`, and how the trace calls it.
#define COUNT_NAME(traced, dirfd, path, needs, call)                 \
  char full[PATH_MAX];                                               \
  int is_counted = resolve(dirfd, path, full);                       \
  if (is_counted && count(needs) == FAILS) return -1;                \
  int result = call;                                                 \
  if (is_counted && result == 0) trace(traced, full, "", 0, NULL, 0); \
  return result;

int unlink(const char *path) {
  COUNT_NAME("remove", AT_FDCWD, path, 0, REAL(unlink)(path))
}

int unlinkat(int dirfd, const char *path, int flags) {
  COUNT_NAME("remove", dirfd, path, 0, REAL(unlinkat)(dirfd, path, flags))
}

int rmdir(const char *path) {
  COUNT_NAME("remove", AT_FDCWD, path, 0, REAL(rmdir)(path))
}

int mkdir(const char *path, mode_t mode) {
  COUNT_NAME("mkdir", AT_FDCWD, path, NEEDS_SPACE, REAL(mkdir)(path, mode))
}

int mkdirat(int dirfd, const char *path, mode_t mode) {
  COUNT_NAME("mkdir", dirfd, path, NEEDS_SPACE, REAL(mkdirat)(dirfd, path, mode))
}

int symlink(const char *target, const char *path) {
  COUNT_NAME("create", AT_FDCWD, path, NEEDS_SPACE, REAL(symlink)(target, path))
}

static int rename_counted(int olddir, const char *old, int newdir, const char *new,
                          int result_of_call(int, const char *, int, const char *)) {
  char full_old[PATH_MAX], full_new[PATH_MAX];
  int is_counted = resolve(olddir, old, full_old) & resolve(newdir, new, full_new);
  if (is_counted && count(0) == FAILS) return -1;
  int result = result_of_call(olddir, old, newdir, new);
  if (is_counted && result == 0) trace("rename", full_old, full_new, 0, NULL, 0);
  return result;
}

int rename(const char *old, const char *new) {
  return rename_counted(AT_FDCWD, old, AT_FDCWD, new, REAL(renameat));
}

int renameat(int olddir, const char *old, int newdir, const char *new) {
  return rename_counted(olddir, old, newdir, new, REAL(renameat));
}
