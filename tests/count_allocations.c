/* Counts allocations and locks by thread; preloaded into a process that plays. Test-only. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#define THREADS 4096
static long counts[THREADS];
static __thread long me; /* asking the system each time would make everything slow */

static void count(void)
{
    if (!me)
        me = syscall(SYS_gettid);
    __atomic_add_fetch(&counts[me % THREADS], 1, __ATOMIC_RELAXED);
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

/* Calls a function in a forked child that may make no system call but exit: the kernel kills it
 * for any other. (Not the strict mode, which takes the CPU's clock away.) Returns its wait status,
 * 0 if it came to the end. */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/wait.h>

int zx_without_system_calls(long (*function)(long, long, long, long, long), long a, long b, long c,
                            long d, long e)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_THREAD),
    };
    struct sock_fprog filter = {sizeof code / sizeof *code, code};
    int status = -1;
    pid_t child = fork();
    if (child == 0) {
        function(a, b, c, d, e); /* once before: pages are touched */
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter))
            syscall(SYS_exit, 99);
        function(a, b, c, d, e);
        syscall(SYS_exit, 0);
    }
    waitpid(child, &status, 0);
    return status;
}
