# Run by `cmake --install`: writes the service unit for the prefix of this installation and installs it.
# Input: MTASTS_BINDIR and MTASTS_DOCDIR, relative to the prefix or absolute; MTASTS_UNIT_TEMPLATE; MTASTS_UNIT_FOLDER.
# SPDX-License-Identifier: Apache-2.0
cmake_path(ABSOLUTE_PATH CMAKE_INSTALL_PREFIX NORMALIZE OUTPUT_VARIABLE prefix)
cmake_path(ABSOLUTE_PATH MTASTS_BINDIR BASE_DIRECTORY "${prefix}" NORMALIZE)
cmake_path(ABSOLUTE_PATH MTASTS_DOCDIR BASE_DIRECTORY "${prefix}" NORMALIZE)
configure_file("${MTASTS_UNIT_TEMPLATE}" "${MTASTS_UNIT_FOLDER}/mtasts_exporter.service" @ONLY)
# DESTDIR is put in front by file(INSTALL) itself.
file(INSTALL "${MTASTS_UNIT_FOLDER}/mtasts_exporter.service" DESTINATION "${prefix}/lib/systemd/system")
