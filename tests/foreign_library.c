/* Runs entries of a shared library on a memory image: foreign_library LIBRARY IMAGE ADDRESS WORD...
   The image is mapped at the address at which it was made; then, in their order,
     at PLACE SYMBOL               writes a symbol's address to a place in the image;
     call SYMBOL COUNT INTEGER...  calls an entry and prints what it returns.
   What they changed is in the file afterwards. Test-only. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

typedef long entry(long, long, long, long, long, long);

static void *find(void *library, const char *name)
{
    void *found = dlsym(library, name);
    if (!found) {
        fprintf(stderr, "no symbol %s\n", name);
        exit(3);
    }
    return found;
}

int main(int count, char **words)
{
    void *library = dlopen(words[1], RTLD_NOW);
    int file = open(words[2], O_RDWR);
    struct stat info;
    fstat(file, &info);
    void *wanted = (void *)strtol(words[3], 0, 0);
    void *got = mmap(wanted, info.st_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0);
    if (!library || got != wanted) {
        fprintf(stderr, "%s\n", library ? "cannot map the image" : dlerror());
        return 2;
    }
    for (int k = 4; k < count;) {
        if (!strcmp(words[k], "at")) {
            *(void **)strtol(words[k + 1], 0, 0) = find(library, words[k + 2]);
            k += 3;
        } else {
            entry *call = find(library, words[k + 1]);
            long values[6] = {0};
            int integers = atoi(words[k + 2]);
            for (int i = 0; i < integers; i++)
                values[i] = strtol(words[k + 3 + i], 0, 0);
            printf("%ld\n", call(values[0], values[1], values[2], values[3], values[4], values[5]));
            k += 3 + integers;
        }
    }
    return msync(got, info.st_size, MS_SYNC);
}
