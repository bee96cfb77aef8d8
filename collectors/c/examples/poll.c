/* Reads a source to its end and prints its events, one a line; cursors are kept in a file, so that the next run goes on there.
 *
 *     cc -Wall -Wextra -Werror poll.c -o poll $(pkg-config --cflags --libs headwater)
 *     ./poll source.json state.redb
 *
 * source.json holds the options of headwater_source_open: {"name": …, "plugin": …, "allow": […], "config": {…}, "once": true}
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "headwater.h"

static void print_log(void *context, int32_t level, const char *source, const char *partition, const char *message) {
    fprintf(context, "%d %s %s: %s\n", (int)level, source, partition, message);
}

static int fail(headwater_error *error) {
    const char *hint = headwater_error_hint(error);
    fprintf(stderr, "%s: %s%s%s\n", headwater_error_code(error), headwater_error_message(error), hint ? "; " : "",
            hint ? hint : "");
    headwater_error_free(error);
    return EXIT_FAILURE;
}

static char *read_file(const char *path) {
    static char text[1 << 16];
    FILE *file = fopen(path, "r");
    size_t size = file ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file) fclose(file);
    text[size] = '\0';
    return text;
}

/* Returns false where the batch could not be committed. */
static bool deliver(headwater_batch *batch, headwater_error **error) {
    headwater_event event;
    for (size_t index = 0; headwater_batch_event(batch, index, &event); index++)
        printf("%.*s\n", (int)event.body_size, event.body);
    headwater_rejected item;
    for (size_t index = 0; headwater_batch_rejected(batch, index, &item); index++)
        fprintf(stderr, "rejected: %.*s\n", (int)item.reason_size, item.reason);
    /* Only what is safe may be acknowledged. */
    return fflush(stdout) == 0 && headwater_batch_ack(batch, error);
}

int main(int count, char **arguments) {
    if (count != 3) return fprintf(stderr, "usage: poll SOURCE.json STATE\n"), 2;
    if (headwater_abi_version() != HEADWATER_ABI_VERSION) return fprintf(stderr, "another version\n"), 2;
    headwater_log_to(print_log, stderr, HEADWATER_LOG_WARN);
    headwater_error *error = NULL;
    char options[4096];
    snprintf(options, sizeof options, "{\"state\": \"%s\"}", arguments[2]);
    headwater_host *host = headwater_host_open(options, NULL, &error);
    headwater_source *source = host ? headwater_source_open(host, read_file(arguments[1]), &error) : NULL;
    int next = HEADWATER_FAILED;
    headwater_batch *batch = NULL;
    while (source && (next = headwater_source_next(source, -1, &batch, &error)) == HEADWATER_BATCH) {
        bool safe = deliver(batch, &error);
        headwater_batch_free(batch);
        if (!safe) break;
    }
    if (host) {
        char *status = headwater_host_status(host);
        fprintf(stderr, "status: %s\n", status);
        headwater_text_free(status);
    }
    headwater_source_close(source);
    headwater_host_close(host);
    headwater_log_to(NULL, NULL, 0);
    if (error) return fail(error);
    return next == HEADWATER_END ? EXIT_SUCCESS : EXIT_FAILURE;
}
