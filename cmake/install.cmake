# SPDX-License-Identifier: MIT
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package "${CMAKE_INSTALL_DATADIR}/cmake/compress")
# `development` is a component so that the headers can be installed before any program is built.
install(DIRECTORY include/compress DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT development OPTIONAL)
install(TARGETS compress_inference EXPORT compress_inference)
install(EXPORT compress_inference NAMESPACE compress:: DESTINATION "${package}" FILE compressInference.cmake COMPONENT development)
if(COMPRESS_HOST)
    install(TARGETS compress_compress EXPORT compress_host)
    install(EXPORT compress_host NAMESPACE compress:: DESTINATION "${package}" FILE compressHost.cmake COMPONENT development)
endif()

configure_package_config_file(cmake/compressConfig.cmake.in compressConfig.cmake INSTALL_DESTINATION "${package}")
write_basic_package_version_file(compressConfigVersion.cmake COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/compressConfig.cmake" "${CMAKE_CURRENT_BINARY_DIR}/compressConfigVersion.cmake"
    cmake/dependencies.cmake cmake/compress_add_model.cmake DESTINATION "${package}" COMPONENT development)
install(FILES LICENSE DESTINATION "${CMAKE_INSTALL_DOCDIR}" COMPONENT development)
