# SPDX-License-Identifier: Apache-2.0
# Install: find_package(sluice) and pkg-config sluice, wherever the tree is put, by
# --prefix, by DESTDIR or by moving it afterwards.
include(CMakePackageConfigHelpers)
install(TARGETS sluice_shared sluice_static EXPORT sluice-targets
	FILE_SET HEADERS)
if(TARGET sluice_tasks_shared)
	install(TARGETS sluice_tasks_shared sluice_tasks_static EXPORT sluice-targets
		FILE_SET HEADERS)
endif()
install(EXPORT sluice-targets NAMESPACE sluice::
	DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/sluice)
configure_package_config_file(cmake/sluice-config.cmake.in sluice-config.cmake
	INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/sluice)
write_basic_package_version_file(sluice-config-version.cmake
	COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/sluice-config.cmake
	${CMAKE_CURRENT_BINARY_DIR}/sluice-config-version.cmake
	DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/sluice)

list(JOIN SLUICE_TASKS_LIBRARIES " -l" SLUICE_TASKS_PC_LIBRARIES)
# The prefix is known when it is installed and not before.
configure_file(cmake/sluice-pc.cmake.in sluice-pc.cmake @ONLY)
install(SCRIPT ${CMAKE_CURRENT_BINARY_DIR}/sluice-pc.cmake)
set(SLUICE_PC_FILES ${CMAKE_CURRENT_BINARY_DIR}/sluice.pc)
if(TARGET sluice_tasks_shared)
	list(APPEND SLUICE_PC_FILES ${CMAKE_CURRENT_BINARY_DIR}/sluice-tasks.pc)
endif()
install(FILES ${SLUICE_PC_FILES}
	DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
