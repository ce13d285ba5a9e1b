# SPDX-License-Identifier: MIT
#
# Tests that are scripts: structure, headers, rejects, install.

if(CMAKE_CROSSCOMPILING)
    message(STATUS "compress: cross-compiling, skipped: structure, headers, rejects, docs, install")
    return()
endif()
if(EXISTS "${umbrella}")
    add_test(NAME install COMMAND ${CMAKE_COMMAND} "-DCOMPRESS_BUILD=${PROJECT_BINARY_DIR}" "-DCOMPRESS_SOURCE=${PROJECT_SOURCE_DIR}"
        "-DCOMPRESS_COMPILER=${CMAKE_CXX_COMPILER}" "-DCOMPRESS_GENERATOR=${CMAKE_GENERATOR}"
        "-DCOMPRESS_WORK=${CMAKE_CURRENT_BINARY_DIR}/install" -P "${CMAKE_CURRENT_SOURCE_DIR}/install/run.cmake")
else()
    message(STATUS "compress: no include/compress/inference.hpp yet, skipped: install, odr")
endif()

# Debian's Python, whose standard library is enough, before whatever stands first in the path.
find_program(COMPRESS_PYTHON python3 HINTS /usr/bin)
mark_as_advanced(COMPRESS_PYTHON)
if(NOT COMPRESS_PYTHON)
    message(STATUS "compress: no python3, skipped: structure, headers, rejects, docs")
    return()
endif()

foreach(check floors words)
    add_test(NAME structure.${check} COMMAND "${COMPRESS_PYTHON}" structure/${check}.py "${PROJECT_SOURCE_DIR}"
        WORKING_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}")
endforeach()

# What a program that links a library is compiled with, for compilers called by scripts. /usr/include stays out: naming it
# would move it before the compiler's own folders.
function(compress_write_flags library file)
    set(folders "$<FILTER:$<REMOVE_DUPLICATES:$<TARGET_PROPERTY:${library},INTERFACE_INCLUDE_DIRECTORIES>>,EXCLUDE,^(/usr/include|${PROJECT_SOURCE_DIR}/include)$>")
    file(GENERATE OUTPUT "${file}" CONTENT "-std=c++20\n-I\"${PROJECT_SOURCE_DIR}/include\"\n$<$<BOOL:${folders}>:-isystem \"$<JOIN:${folders},\"\n-isystem \">\"\n>")
endfunction()
set(inference_flags "${CMAKE_CURRENT_BINARY_DIR}/inference.flags")
compress_write_flags(compress_inference "${inference_flags}")
if(COMPRESS_HOST)
    set(host_flags "${CMAKE_CURRENT_BINARY_DIR}/host.flags")
    compress_write_flags(compress_compress "${host_flags}")
endif()

function(compress_header_test part flags)
    add_test(NAME headers.${part} COMMAND "${COMPRESS_PYTHON}" headers/run.py ${part} --flags "${flags}" --source "${PROJECT_SOURCE_DIR}"
        --work "${CMAKE_CURRENT_BINARY_DIR}/headers" -- ${CMAKE_CXX_COMPILER_LAUNCHER} "${CMAKE_CXX_COMPILER}"
        WORKING_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}")
    set_tests_properties(headers.${part} PROPERTIES PROCESSORS 2)
endfunction()
# Every C++ snippet of the documentation.
if(COMPRESS_HOST)
    add_test(NAME docs COMMAND "${COMPRESS_PYTHON}" docs/run.py --flags "${host_flags}" --source "${PROJECT_SOURCE_DIR}"
        --work "${CMAKE_CURRENT_BINARY_DIR}/docs" -- "${CMAKE_CXX_COMPILER}" WORKING_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}")
    set_tests_properties(docs PROPERTIES PROCESSORS 2)
endif()
compress_header_test(target "${inference_flags}")
if(COMPRESS_HOST)
    compress_header_test(host "${host_flags}")
endif()

# Messages must be good on both compilers, whichever one the tests are built with.
find_program(COMPRESS_REJECTS_GXX g++)
find_program(COMPRESS_REJECTS_CLANG NAMES clang++-19 clang++)
mark_as_advanced(COMPRESS_REJECTS_GXX COMPRESS_REJECTS_CLANG)
set(compilers)
foreach(compiler COMPRESS_REJECTS_GXX COMPRESS_REJECTS_CLANG)
    if(${compiler})
        list(APPEND compilers "${${compiler}}")
    else()
        message(STATUS "compress: ${compiler} not found, skipped: its half of rejects")
    endif()
endforeach()
add_test(NAME rejects COMMAND "${COMPRESS_PYTHON}" rejects/run.py --flags "${inference_flags}" --folder rejects -- ${compilers}
    WORKING_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}")
set_tests_properties(rejects PROPERTIES PROCESSORS 2)
