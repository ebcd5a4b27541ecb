# Run by `cmake --install`: a link to the dashboards and rules beside README.md, whose links then hold.
# Input: MTASTS_GRAFANA and MTASTS_DOCDIR, relative to the prefix or absolute.
# SPDX-License-Identifier: Apache-2.0
cmake_path(ABSOLUTE_PATH CMAKE_INSTALL_PREFIX NORMALIZE OUTPUT_VARIABLE prefix)
cmake_path(ABSOLUTE_PATH MTASTS_GRAFANA BASE_DIRECTORY "${prefix}" NORMALIZE)
cmake_path(ABSOLUTE_PATH MTASTS_DOCDIR BASE_DIRECTORY "${prefix}" NORMALIZE)
cmake_path(RELATIVE_PATH MTASTS_GRAFANA BASE_DIRECTORY "${MTASTS_DOCDIR}" OUTPUT_VARIABLE target)
set(link "$ENV{DESTDIR}${MTASTS_DOCDIR}/grafana")
if(NOT EXISTS "${link}")
  file(CREATE_LINK "${target}" "${link}" SYMBOLIC)
endif()
