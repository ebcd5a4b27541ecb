# Warnings and build kinds, on one interface target that every target of ours links.
# SPDX-License-Identifier: Apache-2.0
option(MTASTS_WERROR "Treat warnings as errors" OFF)
set(MTASTS_SANITIZE "" CACHE STRING "Value of -fsanitize=, for instance address,undefined or thread")
option(MTASTS_COVERAGE "Instrument for gcov" OFF)

add_library(mtasts_flags INTERFACE)
target_compile_options(mtasts_flags INTERFACE -Wall -Wextra -Wshadow -Wnon-virtual-dtor)
# GCC 12 takes the allocator of Asio's coroutine frames for a mismatch, and warns of overlaps inside std::string where
# there are none (GCC bugs 104336 and 105651).
target_compile_options(mtasts_flags INTERFACE "$<$<CXX_COMPILER_ID:GNU>:-Wno-mismatched-new-delete;-Wno-restrict>")
target_include_directories(mtasts_flags INTERFACE ${PROJECT_SOURCE_DIR})
target_link_libraries(mtasts_flags INTERFACE Threads::Threads)
if(MTASTS_WERROR)
  target_compile_options(mtasts_flags INTERFACE -Werror)
endif()
if(MTASTS_SANITIZE)
  target_compile_options(mtasts_flags INTERFACE -fsanitize=${MTASTS_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(mtasts_flags INTERFACE -fsanitize=${MTASTS_SANITIZE})
endif()
if(MTASTS_SANITIZE MATCHES "undefined")
  # libsoci_core hides the type information that the vptr check needs at link time.
  target_compile_options(mtasts_flags INTERFACE -fno-sanitize=vptr)
  target_link_options(mtasts_flags INTERFACE -fno-sanitize=vptr)
endif()
if(MTASTS_SANITIZE MATCHES "thread")
  # GCC warns that TSan does not model std::atomic_thread_fence, which Asio uses; TSan itself still sees the mutexes.
  target_compile_options(mtasts_flags INTERFACE -Wno-tsan)
endif()
if(MTASTS_COVERAGE)
  target_compile_options(mtasts_flags INTERFACE --coverage)
  target_link_options(mtasts_flags INTERFACE --coverage)
endif()
