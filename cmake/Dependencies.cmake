# Every third-party library, found once; all come from Debian packages.
# SPDX-License-Identifier: Apache-2.0
find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json)
find_package(OpenSSL 3.0 REQUIRED)
find_package(ZLIB 1.2.12 REQUIRED)  # crc32_combine_op
find_package(yaml-cpp REQUIRED)
find_package(prometheus-cpp CONFIG REQUIRED)
find_package(CLI11 REQUIRED)
find_package(spdlog REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(CURL 7.87 REQUIRED)  # CURLOPT_QUICK_EXIT
find_package(PkgConfig REQUIRED)
pkg_check_modules(LDNS REQUIRED IMPORTED_TARGET ldns)
pkg_check_modules(PSL REQUIRED IMPORTED_TARGET libpsl)
pkg_check_modules(IDN2 REQUIRED IMPORTED_TARGET libidn2)
pkg_check_modules(GMIME REQUIRED IMPORTED_TARGET gmime-3.0)
pkg_check_modules(PQ REQUIRED IMPORTED_TARGET libpq)

# OpenSSL asks for many small pieces of memory; with jemalloc a probe takes a tenth less CPU time. Only the program has
# it, through its linker: sanitizers bring allocators of their own.
option(MTASTS_JEMALLOC "Link the program with jemalloc" ON)
add_library(mtasts_allocator INTERFACE)
if(MTASTS_JEMALLOC AND NOT MTASTS_SANITIZE)
  pkg_check_modules(JEMALLOC REQUIRED jemalloc)
  # Nobody names it, and a linker that drops what nobody names would drop it.
  target_link_libraries(mtasts_allocator
                        INTERFACE -Wl,--push-state,--no-as-needed,${JEMALLOC_LINK_LIBRARIES},--pop-state)
endif()

# zlib in its place where Debian does not have it.
set(has_isal OFF)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|aarch64)$")
  set(has_isal ON)
endif()
option(MTASTS_ISAL "Compress answers with ISA-L" ${has_isal})
add_library(mtasts_isal INTERFACE)
if(MTASTS_ISAL)
  pkg_check_modules(ISAL REQUIRED IMPORTED_TARGET libisal)
  target_link_libraries(mtasts_isal INTERFACE PkgConfig::ISAL)
endif()

# libunbound.pc demands what only a static library needs (libevent), and Debian does not bring it along.
find_path(UNBOUND_INCLUDE_DIR unbound.h REQUIRED)
find_library(UNBOUND_LIBRARY unbound REQUIRED)
add_library(mtasts_unbound INTERFACE)
target_include_directories(mtasts_unbound SYSTEM INTERFACE ${UNBOUND_INCLUDE_DIR})
target_link_libraries(mtasts_unbound INTERFACE ${UNBOUND_LIBRARY})

# SOCI ships no CMake package in Debian 12.
find_path(SOCI_INCLUDE_DIR soci/soci.h REQUIRED)
find_library(SOCI_CORE_LIBRARY soci_core REQUIRED)
find_library(SOCI_SQLITE3_LIBRARY soci_sqlite3 REQUIRED)
find_library(SOCI_POSTGRESQL_LIBRARY soci_postgresql REQUIRED)
add_library(mtasts_soci INTERFACE)
target_include_directories(mtasts_soci SYSTEM INTERFACE ${SOCI_INCLUDE_DIR})
target_link_libraries(mtasts_soci INTERFACE ${SOCI_SQLITE3_LIBRARY} ${SOCI_POSTGRESQL_LIBRARY} ${SOCI_CORE_LIBRARY}
                      SQLite::SQLite3 PkgConfig::PQ)

# yaml-cpp 0.7 exports `yaml-cpp`, 0.8 `yaml-cpp::yaml-cpp`.
add_library(mtasts_yaml INTERFACE)
if(TARGET yaml-cpp::yaml-cpp)
  target_link_libraries(mtasts_yaml INTERFACE yaml-cpp::yaml-cpp)
else()
  target_include_directories(mtasts_yaml SYSTEM INTERFACE ${YAML_CPP_INCLUDE_DIR})
  target_link_libraries(mtasts_yaml INTERFACE yaml-cpp)
endif()

# Headers only, without a package for CMake.
find_path(MUSTACHE_INCLUDE_DIR kainjow/mustache.hpp REQUIRED)
add_library(mtasts_mustache INTERFACE)
target_include_directories(mtasts_mustache SYSTEM INTERFACE ${MUSTACHE_INCLUDE_DIR})
