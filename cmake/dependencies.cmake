# SPDX-License-Identifier: MIT
#
# Every library that compress builds on, each as one imported target compress::<name> (imported, so that its headers
# are SYSTEM headers). The build and the installed package both include this file and so find the same things.
#
# Header-only libraries are found by a header and not by their CMake packages: Debian's xsimd package links a target `xtl`
# that nobody defines, its xtensor-blas package searches for a Fortran-style BLAS, and protozero and Hana have none.

# compress_header_library(<name> HEADERS <alternatives>... [TARGET <of the surrounding project>]
#                         [ARCHIVE <pinned url>] [FOLDER <includes in the archive>])
function(compress_header_library name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "TARGET;ARCHIVE;FOLDER" "HEADERS")
    if(TARGET compress::${name})
        return()
    endif()
    if(arg_TARGET AND TARGET ${arg_TARGET})
        set(folder "$<TARGET_PROPERTY:${arg_TARGET},INTERFACE_INCLUDE_DIRECTORIES>")
    else()
        string(TOUPPER "COMPRESS_${name}_INCLUDE_DIR" variable)
        find_path(${variable} NAMES ${arg_HEADERS} DOC "Folder that holds one of: ${arg_HEADERS}")
        if(CMAKE_CROSSCOMPILING)
            # Headers alone are the same for every machine: those of the building one serve.
            find_path(${variable} NAMES ${arg_HEADERS} PATHS /usr/local/include /usr/include NO_DEFAULT_PATH NO_CMAKE_FIND_ROOT_PATH)
        endif()
        mark_as_advanced(${variable})
        set(folder "${${variable}}")
        if(folder AND CMAKE_CROSSCOMPILING)
            # But their folder also holds its C library, which must stay out of sight.
            list(GET arg_HEADERS 0 header)
            string(REGEX REPLACE "/.*" "" package "${header}")
            file(MAKE_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}/headers/${name}")
            file(CREATE_LINK "${folder}/${package}" "${CMAKE_CURRENT_BINARY_DIR}/headers/${name}/${package}" SYMBOLIC)
            set(folder "${CMAKE_CURRENT_BINARY_DIR}/headers/${name}")
        endif()
        if(NOT folder AND COMPRESS_FETCH AND arg_ARCHIVE)
            # Untested without network.
            include(FetchContent)
            FetchContent_Declare(compress_${name} URL "${arg_ARCHIVE}" SOURCE_SUBDIR no_such_folder_so_only_downloaded)
            FetchContent_MakeAvailable(compress_${name})
            set(folder "${compress_${name}_SOURCE_DIR}/${arg_FOLDER}")
        endif()
    endif()
    if(folder)
        add_library(compress::${name} INTERFACE IMPORTED GLOBAL)
        target_include_directories(compress::${name} INTERFACE "${folder}")
    endif()
endfunction()

# Sets <result> to those of compress::<names> that were not found.
function(compress_missing_dependencies result)
    set(missing)
    foreach(name IN LISTS ARGN)
        if(NOT TARGET compress::${name})
            list(APPEND missing ${name})
        endif()
    endforeach()
    set(${result} "${missing}" PARENT_SCOPE)
endfunction()

set(compress_inference_dependencies hana xsimd)
set(compress_host_dependencies xtensor xtensor_blas protozero json zip)
set(compress_tools_dependencies cli11)

function(compress_require_dependencies part)
    compress_missing_dependencies(missing ${compress_${part}_dependencies})
    if(missing)
        message(FATAL_ERROR "compress (${part}) needs what is not installed: ${missing}. "
            "On Debian, ./run help lists the packages.")
    endif()
endfunction()

macro(compress_find_inference_dependencies)
    compress_header_library(hana TARGET Boost::hana HEADERS boost/hana/basic_tuple.hpp
        ARCHIVE https://github.com/boostorg/hana/archive/refs/tags/boost-1.87.0.tar.gz FOLDER include)
    # xsimd only where it has an instruction set to speak to: bare metal is served without it.
    if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64|i.86|aarch64|arm64|ARM64)$" AND NOT CMAKE_SYSTEM_NAME STREQUAL "Generic")
        compress_header_library(xsimd TARGET xsimd HEADERS xsimd/xsimd.hpp
            ARCHIVE https://github.com/xtensor-stack/xsimd/archive/refs/tags/13.0.0.tar.gz FOLDER include)
    elseif(NOT TARGET compress::xsimd)
        add_library(compress::xsimd INTERFACE IMPORTED GLOBAL)
    endif()
endmacro()

macro(compress_find_host_dependencies)
    compress_find_xtensor()
    compress_header_library(protozero HEADERS protozero/version.hpp
        ARCHIVE https://github.com/mapbox/protozero/archive/refs/tags/v1.7.1.tar.gz FOLDER include)
    compress_header_library(json TARGET nlohmann_json::nlohmann_json HEADERS nlohmann/json.hpp
        ARCHIVE https://github.com/nlohmann/json/archive/refs/tags/v3.11.3.tar.gz FOLDER include)
    compress_find_zip()
endmacro()

macro(compress_find_tool_dependencies)
    compress_header_library(cli11 TARGET CLI11::CLI11 HEADERS CLI/CLI.hpp
        ARCHIVE https://github.com/CLIUtils/CLI11/archive/refs/tags/v2.4.2.tar.gz FOLDER include)
endmacro()

# Optional until a header needs it: an empty target stands for what is not installed.
function(compress_find_xtensor)
    compress_header_library(xtensor HEADERS xtensor/xtensor_config.hpp xtensor/core/xtensor_config.hpp)
    compress_header_library(xtensor_blas HEADERS xtensor-blas/xlinalg.hpp)
    foreach(name xtensor xtensor_blas)
        if(NOT TARGET compress::${name})
            message(STATUS "compress: ${name} not found, headers that need it will not compile")
            add_library(compress::${name} INTERFACE IMPORTED GLOBAL)
        endif()
    endforeach()
    find_library(COMPRESS_BLAS_LIBRARY NAMES openblas cblas)
    find_library(COMPRESS_LAPACK_LIBRARY NAMES lapack)
    mark_as_advanced(COMPRESS_BLAS_LIBRARY COMPRESS_LAPACK_LIBRARY)
    foreach(library ${COMPRESS_BLAS_LIBRARY} ${COMPRESS_LAPACK_LIBRARY})
        if(library)
            target_link_libraries(compress::xtensor_blas INTERFACE "${library}")
        endif()
    endforeach()
endfunction()

# Not find_package(libzip): Debian's names programs that its package does not install, and stops there.
function(compress_find_zip)
    if(TARGET compress::zip)
        return()
    endif()
    find_package(ZLIB QUIET)
    find_path(COMPRESS_ZIP_INCLUDE_DIR zip.h)
    find_library(COMPRESS_ZIP_LIBRARY zip)
    mark_as_advanced(COMPRESS_ZIP_INCLUDE_DIR COMPRESS_ZIP_LIBRARY)
    if(ZLIB_FOUND AND COMPRESS_ZIP_INCLUDE_DIR AND COMPRESS_ZIP_LIBRARY)
        add_library(compress::zip INTERFACE IMPORTED GLOBAL)
        target_include_directories(compress::zip INTERFACE "${COMPRESS_ZIP_INCLUDE_DIR}" ${ZLIB_INCLUDE_DIRS})
        target_link_libraries(compress::zip INTERFACE "${COMPRESS_ZIP_LIBRARY}" ${ZLIB_LIBRARIES})
    endif()
endfunction()
