/* What a write costs at the least: a temporary file beside the target, written and renamed over it.
 *
 *   temp_rename small FOLDER COUNT BYTES   COUNT files of BYTES each, through a temporary file
 *   temp_rename plain FILE BYTES           one file of BYTES, written in pieces of 1 MiB into its place
 *
 * Prints the seconds that it took. Nothing is flushed, checked, locked or kept.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void fail(const char *step) {
    fprintf(stderr, "%s: %s\n", step, strerror(errno));
    exit(1);
}

static void write_all(int file, const char *bytes, size_t length) {
    while (length > 0) {
        ssize_t written = write(file, bytes, length);
        if (written < 0) fail("write");
        bytes += written;
        length -= (size_t)written;
    }
}

int main(int count, char **arguments) {
    if (count == 5 && strcmp(arguments[1], "small") == 0) {
        long files = atol(arguments[3]);
        size_t length = (size_t)atol(arguments[4]);
        char *content = malloc(length + 1);
        memset(content, 'x', length);
        if (chdir(arguments[2]) != 0) fail("chdir");
        double begun = now();
        for (long number = 0; number < files; number++) {
            char name[64], temp[64];
            snprintf(name, sizeof name, "file%ld", number);
            snprintf(temp, sizeof temp, ".temp-%ld-%ld", (long)getpid(), number);
            int file = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
            if (file < 0) fail("open");
            write_all(file, content, length);
            if (close(file) != 0) fail("close");
            if (rename(temp, name) != 0) fail("rename");
        }
        printf("%.6f\n", now() - begun);
        return 0;
    }
    if (count == 4 && strcmp(arguments[1], "plain") == 0) {
        size_t length = (size_t)atol(arguments[3]), piece = 1 << 20;
        char *content = malloc(length);
        memset(content, 'x', length);
        double begun = now();
        int file = open(arguments[2], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
        if (file < 0) fail("open");
        for (size_t at = 0; at < length; at += piece) {
            write_all(file, content + at, length - at < piece ? length - at : piece);
        }
        if (close(file) != 0) fail("close");
        printf("%.6f\n", now() - begun);
        return 0;
    }
    fprintf(stderr, "usage: temp_rename small FOLDER COUNT BYTES | temp_rename plain FILE BYTES\n");
    return 2;
}
