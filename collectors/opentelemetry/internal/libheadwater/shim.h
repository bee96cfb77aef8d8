// What cgo cannot write itself: callbacks with const parameters.

#ifndef HEADWATER_SHIM_H
#define HEADWATER_SHIM_H

#include "headwater.h"

// Opens a host whose cursors are kept by this package.
headwater_host *headwater_go_host_open(const char *options, headwater_error **error);

// Sends log lines up to a level to this package.
void headwater_go_log_to(int32_t level);

#endif
