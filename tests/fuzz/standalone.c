/*
 * standalone.c - main() for a fuzz target without a fuzzer: every file below the given folders goes through the target
 * once. It makes the corpora part of every ordinary test run. A target that finds a fault aborts, as under a fuzzer.
 */
#include <errno.h>
#include <fts.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Files beyond this are no fuzzing corpus. */
static const long max_bytes = 16L * 1024 * 1024;

/* Feeds one file from a heap block of exactly its size, so that a sanitizer sees a read past the end. */
static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = NULL;
    long size = 0;
    int result = -1;

    if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
        goto out;
    }
    size = ftell(file);
    if (size < 0 || size > max_bytes) {
        errno = EFBIG;
        goto out;
    }
    rewind(file);
    data = malloc(size > 0 ? (size_t)size : 1);
    if (data == NULL || fread(data, 1, (size_t)size, file) != (size_t)size) {
        goto out;
    }
    result = 0;
    (void)LLVMFuzzerTestOneInput(data, (size_t)size);
out:
    if (result != 0) {
        printf("%s: %s\n", path, strerror(errno));
    }
    free(data);
    if (file != NULL) {
        (void)fclose(file);
    }
    return result;
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

int main(int argc, char **argv)
{
    unsigned passed = 0;
    unsigned failed = 0;

    if (argc < 2) {
        printf("usage: %s FILE-OR-FOLDER...\n", argv[0]);
        return 2;
    }
    FTS *tree = fts_open(argv + 1, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
    if (tree == NULL) {
        printf("%s: %s\n", argv[1], strerror(errno));
        return 2;
    }
    for (FTSENT *entry = fts_read(tree); entry != NULL; entry = fts_read(tree)) {
        if (entry->fts_info == FTS_F) {
            /* A fault ends the process here: the name has to be out before. */
            (void)fprintf(stderr, "%s\n", entry->fts_path);
            if (replay_file(entry->fts_path) == 0) {
                passed++;
            } else {
                failed++;
            }
        } else if (entry->fts_info == FTS_ERR || entry->fts_info == FTS_NS || entry->fts_info == FTS_DNR) {
            printf("%s: %s\n", entry->fts_path, strerror(entry->fts_errno));
            failed++;
        }
    }
    (void)fts_close(tree);
    if (passed + failed == 0) {
        printf("the corpus is empty\n");
        failed++;
    }
    printf("%u passed, %u failed, 0 skipped\n", passed, failed);
    return failed > 0;
}
