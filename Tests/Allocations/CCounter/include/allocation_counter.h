#ifndef ALLOCATION_COUNTER_H
#define ALLOCATION_COUNTER_H

#include <stdint.h>

/// How often any thread of this process has asked for memory so far.
int64_t allocation_count(void);

#endif
