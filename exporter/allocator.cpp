// How jemalloc is to behave; it asks the program for this name. Next: cmake/Dependencies.cmake, which links it.
// SPDX-License-Identifier: Apache-2.0

extern "C" {

// What a busy minute took goes back to the system after a second instead of ten: most of it was handshakes, which come
// and go. Source: jemalloc(3), TUNING.
extern const char* const malloc_conf;
const char* const malloc_conf = "dirty_decay_ms:1000";
}
