/* Uses the library as no careful program would, and as the header allows: cursors through callbacks, threads, refusals, wrong
 * calls. Judges itself: `border SOURCE.json FOREVER.json`, one to be read to its end, one for ever. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "headwater.h"

#define CHECK(condition)                                                        \
    do {                                                                        \
        if (!(condition)) {                                                     \
            fprintf(stderr, "line %d: not true: %s\n", __LINE__, #condition);   \
            exit(1);                                                            \
        }                                                                       \
    } while (0)

enum { MOST = 8 };

struct store {
    pthread_mutex_t lock;
    char partitions[MOST][260];
    unsigned char *cursors[MOST];
    size_t sizes[MOST];
    int count, commits;
    bool is_lost, called_back;
};

static struct store store = {.lock = PTHREAD_MUTEX_INITIALIZER};
static int lines;

static bool has_code(headwater_error *error, const char *code) {
    bool is_same = error && strcmp(headwater_error_code(error), code) == 0 && *headwater_error_message(error);
    if (!is_same) fprintf(stderr, "%s: %s\n", headwater_error_code(error), headwater_error_message(error));
    headwater_error_free(error);
    return is_same;
}

static int place(const char *partition) {
    int at = 0;
    while (at < store.count && strcmp(store.partitions[at], partition) != 0) at++;
    return at;
}

static int32_t load(void *context, const char *source, const char *partition, headwater_answer *answer) {
    CHECK(context == &store && strcmp(source, "contoso") == 0);
    pthread_mutex_lock(&store.lock);
    int at = place(partition), code = HEADWATER_CURSOR_NEVER_READ;
    if (store.is_lost) {
        headwater_answer_add(answer, (const uint8_t *)"the cat ate it", 14);
        code = HEADWATER_CURSOR_LOST;
    } else if (at < store.count) {
        headwater_answer_add(answer, store.cursors[at], store.sizes[at]);
        code = HEADWATER_CURSOR_AT;
    }
    pthread_mutex_unlock(&store.lock);
    return code;
}

static int32_t commit(void *context, const char *source, const char *partition, const char *plugin, const uint8_t *cursor,
                      size_t size, headwater_answer *answer) {
    CHECK(context == &store && strcmp(source, "contoso") == 0 && *plugin);
    /* Waiting in a callback would wait for itself. */
    headwater_error *error = NULL;
    CHECK(!headwater_host_open("{\"state\": \"never.redb\"}", NULL, &error));
    CHECK(has_code(error, "library.argument"));
    pthread_mutex_lock(&store.lock);
    store.called_back = true;
    int at = place(partition), code = 0;
    if (++store.commits == 1) {
        headwater_answer_add(answer, (const uint8_t *)"busy", 4);
        code = HEADWATER_CURSOR_FAILED;
    } else {
        CHECK(at < MOST && strlen(partition) < sizeof store.partitions[0]);
        if (at == store.count) strcpy(store.partitions[store.count++], partition);
        store.cursors[at] = realloc(store.cursors[at], size);
        memcpy(store.cursors[at], cursor, size);
        store.sizes[at] = size;
    }
    pthread_mutex_unlock(&store.lock);
    return code;
}

static int32_t partitions(void *context, const char *source, headwater_answer *answer) {
    CHECK(context == &store && strcmp(source, "contoso") == 0);
    pthread_mutex_lock(&store.lock);
    for (int at = 0; at < store.count; at++)
        headwater_answer_add(answer, (const uint8_t *)store.partitions[at], strlen(store.partitions[at]));
    pthread_mutex_unlock(&store.lock);
    return 0;
}

static void count_line(void *context, int32_t level, const char *source, const char *partition, const char *message) {
    CHECK(context == &lines && level >= HEADWATER_LOG_ERROR && level <= HEADWATER_LOG_INFO);
    CHECK(source && partition && *message);
    __atomic_fetch_add(&lines, 1, __ATOMIC_SEQ_CST);
}

static char *read_file(const char *path) {
    static char text[1 << 16];
    FILE *file = fopen(path, "r");
    CHECK(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return text;
}

static void wrong_calls(void) {
    headwater_error *error = NULL;
    CHECK(!headwater_host_open(NULL, NULL, &error) && has_code(error, "library.argument"));
    CHECK(!headwater_host_open("{", NULL, &error) && has_code(error, "library.options"));
    CHECK(!headwater_host_open("{}", NULL, &error) && has_code(error, "library.options"));
    CHECK(!headwater_host_open("\xff", NULL, &error) && has_code(error, "library.argument"));
    CHECK(!headwater_host_open("{\"state\": \"/nowhere/state\"}", NULL, &error) && has_code(error, "library.state"));
    CHECK(!headwater_host_open("{}", NULL, NULL));
    headwater_cursors none = {0};
    CHECK(!headwater_host_open("{}", &none, &error) && has_code(error, "library.argument"));
    CHECK(!headwater_source_open(NULL, "{}", &error) && has_code(error, "library.argument"));
    headwater_batch *batch = NULL;
    CHECK(headwater_source_next(NULL, 0, &batch, &error) == HEADWATER_FAILED && has_code(error, "library.argument"));
    CHECK(!headwater_batch_ack(NULL, &error) && has_code(error, "library.argument"));
    CHECK(headwater_batch_nack(NULL, "no") == -1 && !headwater_batch_event(NULL, 0, NULL));
    CHECK(headwater_batch_event_count(NULL) == 0 && !headwater_batch_source(NULL) && !headwater_host_status(NULL));
    headwater_batch_free(NULL), headwater_source_stop(NULL), headwater_source_close(NULL), headwater_host_close(NULL);
    headwater_error_free(NULL), headwater_text_free(NULL);
}

/* Reads to the end. The first batch is not delivered at first, one event is refused, the store fails once. Returns the events. */
static size_t read_all(headwater_host *host, const char *options) {
    headwater_error *error = NULL;
    headwater_source *source = headwater_source_open(host, options, &error);
    CHECK(source && !error);
    headwater_batch *batch = NULL;
    size_t delivered = 0;
    int next, batches = 0;
    bool has_refused = false;
    while ((next = headwater_source_next(source, -1, &batch, &error)) == HEADWATER_BATCH) {
        size_t count = headwater_batch_event_count(batch), past = count;
        headwater_event event;
        char key[65];
        CHECK(!headwater_batch_event(batch, count, &event) && !headwater_batch_event_key(batch, count, key));
        if (++batches == 1) {
            CHECK(headwater_batch_nack(batch, "of a test") >= 0);
            headwater_batch_free(batch);
            continue;
        }
        for (size_t index = 0; index < count; index++) {
            CHECK(headwater_batch_event(batch, index, &event) && event.id_size > 0 && event.body[0] == '{');
            CHECK(event.body[event.body_size - 1] == '}' && event.time > 0 && event.severity <= 24);
            CHECK(headwater_batch_event_key(batch, index, key) && strlen(key) == 64);
            headwater_attribute attribute;
            CHECK(!headwater_batch_event_attribute(batch, index, 1000, &attribute));
            bool has_account = false;
            for (size_t number = 0; headwater_batch_attribute(batch, number, &attribute); number++) {
                CHECK(attribute.name_size > 0 && attribute.value_size > 0);
                has_account |= strncmp(attribute.name, "cloud.account.id", attribute.name_size) == 0;
            }
            CHECK(has_account);
        }
        CHECK(!headwater_batch_refuse(batch, &past, 1, "of a test", &error) && has_code(error, "library.argument"));
        if (count > 0 && !has_refused) {
            size_t first = 0;
            CHECK(headwater_batch_refuse(batch, &first, 1, "of a test", &error) && !error);
            CHECK(headwater_batch_event_count(batch) == count - 1 && headwater_batch_rejected_count(batch) >= 1);
            headwater_rejected item;
            CHECK(headwater_batch_rejected(batch, 0, &item) && item.id && item.raw_size > 0);
            has_refused = true;
        }
        delivered += headwater_batch_event_count(batch);
        if (!headwater_batch_ack(batch, &error)) {
            CHECK(strcmp(headwater_error_message(error), "busy") == 0 && headwater_error_hint(error));
            CHECK(has_code(error, "library.state"));
            CHECK(headwater_batch_ack(batch, &error) && !error);
        }
        CHECK(headwater_batch_ack(batch, &error));
        headwater_batch_free(batch);
    }
    CHECK(next == HEADWATER_END && !error);
    CHECK(headwater_source_next(source, 0, &batch, &error) == HEADWATER_END && !batch);
    headwater_source_close(source);
    return delivered;
}

static void *wait_for_the_end(void *argument) {
    headwater_batch *batch = NULL;
    int next;
    while ((next = headwater_source_next(argument, -1, &batch, NULL)) == HEADWATER_BATCH) {
        headwater_batch_ack(batch, NULL);
        headwater_batch_free(batch);
    }
    return next == HEADWATER_END ? argument : NULL;
}

int main(int count, char **arguments) {
    CHECK(count == 3 && headwater_abi_version() == HEADWATER_ABI_VERSION && *headwater_version());
    wrong_calls();
    headwater_log_to(count_line, &lines, HEADWATER_LOG_INFO);
    headwater_cursors cursors = {&store, load, commit, partitions};
    headwater_error *error = NULL;
    headwater_host *host = headwater_host_open("{\"threads\": 2}", &cursors, &error);
    CHECK(host && !error);
    CHECK(read_all(host, read_file(arguments[1])) == 599);
    CHECK(store.count == 2 && store.called_back && lines > 0);
    char *metrics = headwater_host_metrics(host), *status = headwater_host_status(host);
    CHECK(strstr(metrics, "\nheadwater_events_total{") && strstr(status, "\"contoso\""));
    headwater_text_free(metrics), headwater_text_free(status);

    /* One thread waits without end, another stops the source. */
    headwater_source *forever = headwater_source_open(host, read_file(arguments[2]), &error);
    CHECK(forever && !error);
    pthread_t waiting;
    void *ended = NULL;
    pthread_create(&waiting, NULL, wait_for_the_end, forever);
    headwater_source_stop(forever);
    pthread_join(waiting, &ended);
    CHECK(ended == forever);
    headwater_source_close(forever);

    /* A source that is well has no failure. */
    CHECK(!headwater_source_health(NULL));

    /* No time, no batch. */
    headwater_batch *batch = NULL;
    forever = headwater_source_open(host, read_file(arguments[2]), &error);
    CHECK(forever && headwater_source_next(forever, 0, &batch, &error) == HEADWATER_TIMEOUT && !batch && !error);
    headwater_host_close(host);
    CHECK(headwater_source_next(forever, 0, &batch, &error) == HEADWATER_FAILED && has_code(error, "library.closed"));
    headwater_source_close(forever);

    /* A cursor that is lost is never taken for a beginning. */
    store.is_lost = true;
    host = headwater_host_open("{}", &cursors, &error);
    headwater_source *lost = headwater_source_open(host, read_file(arguments[1]), &error);
    CHECK(host && lost && headwater_source_next(lost, -1, &batch, &error) == HEADWATER_FAILED && error);
    CHECK(strstr(headwater_error_message(error), "the cat ate it"));
    headwater_error_free(error);
    headwater_source_close(lost);
    lost = headwater_source_open(host, read_file(arguments[2]), &error);
    CHECK(lost && !error);
    while (!(error = headwater_source_health(lost))) usleep(10 * 1000);
    CHECK(strstr(headwater_error_message(error), "the cat ate it"));
    headwater_error_free(error);
    headwater_source_close(lost), headwater_host_close(host);
    headwater_log_to(NULL, NULL, 0);
    for (int at = 0; at < store.count; at++) free(store.cursors[at]);
    fprintf(stderr, "all is as the header says\n");
    return 0;
}
