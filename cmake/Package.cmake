# The Debian package: cmake --preset package && cmake --build --preset package && cpack --preset package.
# SPDX-License-Identifier: Apache-2.0
option(MTASTS_DEBIAN "Install what only the Debian package has: configuration, maintainer scripts, changelog" OFF)
if(NOT MTASTS_DEBIAN)
  return()
endif()

set(folder ${PROJECT_SOURCE_DIR}/packaging/debian)
# A short one: every change of it makes dpkg ask whoever has edited theirs.
install(FILES ${folder}/config.yaml DESTINATION ${CMAKE_INSTALL_FULL_SYSCONFDIR}/mtasts_exporter)
install(FILES ${folder}/default RENAME mtasts_exporter DESTINATION ${CMAKE_INSTALL_FULL_SYSCONFDIR}/default)
# Root's: systemd reads them for the service.
install(DIRECTORY DESTINATION ${CMAKE_INSTALL_FULL_SYSCONFDIR}/mtasts_exporter/credentials
        DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE)
install(FILES ${folder}/credentials.conf DESTINATION lib/systemd/system/mtasts_exporter.service.d)
install(FILES ${folder}/copyright DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES ${folder}/lintian-overrides RENAME mtasts-exporter DESTINATION share/lintian/overrides)

# The package's changelog names its version; what changed is upstream's CHANGELOG.md.
string(TIMESTAMP built "%a, %d %b %Y %H:%M:%S +0000" UTC)
configure_file(${folder}/changelog.in ${PROJECT_BINARY_DIR}/packaging/changelog @ONLY)
find_program(GZIP gzip REQUIRED)
execute_process(COMMAND ${GZIP} -9nc ${PROJECT_BINARY_DIR}/packaging/changelog COMMAND_ERROR_IS_FATAL ANY
                OUTPUT_FILE ${PROJECT_BINARY_DIR}/packaging/changelog.Debian.gz)
install(FILES ${PROJECT_BINARY_DIR}/packaging/changelog.Debian.gz DESTINATION ${CMAKE_INSTALL_DOCDIR})
# The page names the folders of an ordinary installation.
file(READ ${PROJECT_SOURCE_DIR}/packaging/mtasts_exporter.8 manual)
string(REPLACE "/usr/share/doc/mtasts_exporter" "${CMAKE_INSTALL_FULL_DOCDIR}" manual "${manual}")
file(WRITE ${PROJECT_BINARY_DIR}/packaging/mtasts_exporter.8 "${manual}")
execute_process(COMMAND ${GZIP} -9nc ${PROJECT_BINARY_DIR}/packaging/mtasts_exporter.8 COMMAND_ERROR_IS_FATAL ANY
                OUTPUT_FILE ${PROJECT_BINARY_DIR}/packaging/mtasts_exporter.8.gz)
install(FILES ${PROJECT_BINARY_DIR}/packaging/mtasts_exporter.8.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man8)

set(CPACK_GENERATOR DEB)
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGE_NAME mtasts-exporter)
set(CPACK_PACKAGE_CONTACT "mtasts_exporter maintainers <mtasts-exporter@users.noreply.github.com>")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_HOMEPAGE "https://github.com/mtasts-exporter/mtasts_exporter")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Prometheus exporter for MTA-STS, DANE and TLS-RPT")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
    "Probes mail domains as a sending mail server would: the MTA-STS record and\n policy, every MX host with its certificate, TLSA records, and the place that\n TLS reports go to. Names each fault as a report would, counts the reports\n that other servers send, and tells Prometheus.")
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "ca-certificates")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "prometheus, prometheus-alertmanager")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${folder}/conffiles ${folder}/postinst ${folder}/prerm ${folder}/postrm)
include(CPack)
