/* Runs a ring's writer and its reader on two threads over a memory image:
   foreign_pair IMAGE ADDRESS RING GIVE TAKE TOTAL CHUNK. Prints what the reader found wrong. Test-only. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

extern long WRITER(long, long, long, long), READER(long, long, long, long);
static long value[5], wrong;

static void *read_all(void *unused)
{
    wrong = READER(value[0], value[2], value[3], value[4]);
    return unused;
}

int main(int count, char **values)
{
    int file = open(values[1], O_RDWR);
    struct stat info;
    pthread_t reader;
    fstat(file, &info);
    void *wanted = (void *)strtol(values[2], 0, 0);
    void *got = mmap(wanted, info.st_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0);
    if (got != wanted || count != 8)
        return 2;
    for (int k = 0; k < 5; k++)
        value[k] = strtol(values[3 + k], 0, 0);
    pthread_create(&reader, 0, read_all, 0);
    WRITER(value[0], value[1], value[3], value[4]);
    pthread_join(reader, 0);
    printf("%ld\n", wrong);
    return 0;
}
