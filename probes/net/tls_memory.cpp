// SPDX-License-Identifier: Apache-2.0
#include "probes/net/tls_memory.h"

#include <openssl/crypto.h>

#include <cstdlib>
#include <new>

namespace mtasts {
namespace {

thread_local constinit bool memory_refused = false;

void* noticed(void* memory) {
  if (memory == nullptr) memory_refused = true;
  return memory;
}

// As OpenSSL's own: nothing for no octets.
void* allocate(std::size_t size, const char* /*file*/, int /*line*/) {
  return size == 0 ? nullptr : noticed(std::malloc(size));
}

void* resize(void* memory, std::size_t size, const char* /*file*/, int /*line*/) {
  if (size != 0) return noticed(std::realloc(memory, size));
  std::free(memory);
  return nullptr;
}

void release(void* memory, const char* /*file*/, int /*line*/) { std::free(memory); }

}  // namespace

void watch_tls_memory() { CRYPTO_set_mem_functions(allocate, resize, release); }

void begin_tls_work() { memory_refused = false; }

void require_tls_memory() {
  if (memory_refused) throw std::bad_alloc();
}

}  // namespace mtasts
