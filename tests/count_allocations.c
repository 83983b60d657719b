/* Counts allocations and locks by thread; preloaded into a process that plays. Test-only. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#define THREADS 4096
static long counts[THREADS];
static __thread int inside;

static void count(void)
{
    if (!inside) {
        inside = 1;
        __atomic_add_fetch(&counts[syscall(SYS_gettid) % THREADS], 1, __ATOMIC_RELAXED);
        inside = 0;
    }
}

long zx_allocations(long thread) { return __atomic_load_n(&counts[thread % THREADS], __ATOMIC_RELAXED); }

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

void *malloc(size_t size) { count(); return __libc_malloc(size); }
void *calloc(size_t items, size_t size) { count(); return __libc_calloc(items, size); }
void *realloc(void *block, size_t size) { count(); return __libc_realloc(block, size); }
void *memalign(size_t alignment, size_t size) { count(); return __libc_memalign(alignment, size); }
void *aligned_alloc(size_t alignment, size_t size) { count(); return __libc_memalign(alignment, size); }
void free(void *block) { if (block) count(); __libc_free(block); }

int pthread_mutex_lock(void *mutex)
{
    static int (*next)(void *);
    if (!next)
        next = dlsym(RTLD_NEXT, "pthread_mutex_lock");
    count();
    return next(mutex);
}

int posix_memalign(void **block, size_t alignment, size_t size)
{
    count();
    *block = __libc_memalign(alignment, size);
    return *block ? 0 : 12;
}
