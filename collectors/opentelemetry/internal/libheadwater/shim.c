#include "shim.h"

#include "_cgo_export.h"

static int32_t load(void *context, const char *source, const char *partition, headwater_answer *answer) {
    (void)context;
    return headwaterGoLoad((char *)source, (char *)partition, answer);
}

static int32_t commit(void *context, const char *source, const char *partition, const char *plugin, const uint8_t *cursor,
                      size_t size, headwater_answer *answer) {
    (void)context, (void)plugin;
    return headwaterGoCommit((char *)source, (char *)partition, (uint8_t *)cursor, size, answer);
}

static int32_t partitions(void *context, const char *source, headwater_answer *answer) {
    (void)context;
    return headwaterGoPartitions((char *)source, answer);
}

static void print(void *context, int32_t level, const char *source, const char *partition, const char *message) {
    (void)context;
    headwaterGoLog(level, (char *)source, (char *)partition, (char *)message);
}

headwater_host *headwater_go_host_open(const char *options, headwater_error **error) {
    headwater_cursors cursors = {NULL, load, commit, partitions};
    return headwater_host_open(options, &cursors, error);
}

void headwater_go_log_to(int32_t level) {
    headwater_log_to(print, NULL, level);
}
