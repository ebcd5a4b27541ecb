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
# What the program is built with, for the day on which a peer finds a mistake: it ends instead of obeying. Sanitizers look
# closer themselves, but for what the library's own assertions see, and _FORTIFY_SOURCE wants optimisation, which builds
# for debugging may lack.
target_compile_definitions(mtasts_flags INTERFACE _GLIBCXX_ASSERTIONS)
set(MTASTS_FORTIFY $<NOT:$<CONFIG:Debug>>)
if(NOT MTASTS_SANITIZE)
  target_compile_options(mtasts_flags INTERFACE -fPIE -fstack-protector-strong -fstack-clash-protection
                         "$<${MTASTS_FORTIFY}:-U_FORTIFY_SOURCE;-D_FORTIFY_SOURCE=3>")
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    target_compile_options(mtasts_flags INTERFACE -fcf-protection)
  endif()
  target_link_options(mtasts_flags INTERFACE -pie -Wl,-z,relro,-z,now,-z,noexecstack)
endif()
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
if(MTASTS_SANITIZE MATCHES "undefined" AND CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # Clang 14 cannot put its check of function types into coroutines.
  target_compile_options(mtasts_flags INTERFACE -fno-sanitize=function)
endif()
if(MTASTS_SANITIZE MATCHES "thread")
  # GCC warns that TSan does not model std::atomic_thread_fence, which Asio uses; TSan itself still sees the mutexes.
  target_compile_options(mtasts_flags INTERFACE -Wno-tsan)
endif()
if(MTASTS_COVERAGE)
  # Threads count in the same places: not atomically, a count can fall below 0, and gcovr stops there.
  target_compile_options(mtasts_flags INTERFACE --coverage -fprofile-update=atomic)
  target_link_options(mtasts_flags INTERFACE --coverage)
endif()

# Who builds everything once, as CI does, need not read the same headers hundreds of times. Elsewhere a file that changes
# is compiled alone.
option(MTASTS_UNITY "Compile source files in groups" OFF)
if(MTASTS_UNITY)
  # Of what another file of the group declares, and of unnamed namespaces in what is included, GCC need not warn; the
  # first is clang-tidy's to look for.
  target_compile_options(mtasts_flags INTERFACE "$<$<CXX_COMPILER_ID:GNU>:-Wno-shadow;-Wno-subobject-linkage>")
endif()
# mtasts_unity(TARGET GROUPS [ALONE NAME...]): the files of a target in so many groups, but for those whose names in
# unnamed namespaces are another's of their group too. Which file is in which group depends on its name alone: a new one
# meets one group, and does not move the others.
function(mtasts_unity target groups)
  if(NOT MTASTS_UNITY)
    return()
  endif()
  cmake_parse_arguments(PARSE_ARGV 2 unity "" "" "ALONE")
  get_target_property(sources ${target} SOURCES)
  foreach(source IN LISTS sources)
    get_filename_component(name ${source} NAME_WE)
    if(NOT name IN_LIST unity_ALONE)
      string(MD5 hash ${name})
      string(SUBSTRING ${hash} 0 6 hash)
      math(EXPR group "0x${hash} % ${groups}")
      set_source_files_properties(${source} PROPERTIES UNITY_GROUP ${group})
    endif()
  endforeach()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
endfunction()
