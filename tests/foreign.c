/* Runs one entry point on a memory image: foreign IMAGE ADDRESS INTS FLOATS VALUE...
   The image is mapped at the address that the integer arguments point into, the entry is
   called, and what it changed is in the file afterwards. Test-only. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

extern long ENTRY(long, long, long, long, long, long, long, long, long, long, long, long, double, double);

int main(int count, char **values)
{
    int file = open(values[1], O_RDWR);
    struct stat info;
    fstat(file, &info);
    void *wanted = (void *)strtol(values[2], 0, 0);
    void *got = mmap(wanted, info.st_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0);
    int integers = atoi(values[3]), floats = atoi(values[4]);
    long i[12] = {0};
    double d[2] = {0};
    if (got != wanted || count != 5 + integers + floats)
        return 2;
    for (int k = 0; k < integers; k++)
        i[k] = strtol(values[5 + k], 0, 0);
    for (int k = 0; k < floats; k++)
        d[k] = strtod(values[5 + integers + k], 0);
    printf("%ld\n", ENTRY(i[0], i[1], i[2], i[3], i[4], i[5], i[6], i[7], i[8], i[9], i[10], i[11], d[0], d[1]));
    return msync(got, info.st_size, MS_SYNC);
}
