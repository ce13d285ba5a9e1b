# SPDX-License-Identifier: MIT
#
# compress_bench_<peer>(<target>): the peer's header and library for <target>, with COMPRESS_HAS_<PEER>; nothing, and a message,
# where it is not found. Folders, as environment or CMake variable, are searched before the system:
#   COMPRESS_ONNXRUNTIME=<folder with onnxruntime_c_api.h and libonnxruntime.so.1>
#   COMPRESS_XNNPACK=<prefix, or folder of unpacked packages, with xnnpack.h, pthreadpool.h and the libraries>
#   COMPRESS_PYTORCH=<Python interpreter that imports torch; the program finds out whether it does>

function(compress_bench_peer target define header library)
    target_compile_definitions(${target} PRIVATE ${define})
    target_include_directories(${target} SYSTEM PRIVATE ${header})
    target_link_libraries(${target} PRIVATE "${library}")
    get_filename_component(folder "${library}" DIRECTORY)
    set_property(TARGET ${target} APPEND PROPERTY BUILD_RPATH "${folder}")
endfunction()

function(compress_bench_skipped name why)
    message(STATUS "compress: skipped: ${name} in the benchmarks, because ${why}")
endfunction()

function(compress_bench_onnxruntime target)
    set(COMPRESS_ONNXRUNTIME "$ENV{COMPRESS_ONNXRUNTIME}" CACHE PATH "Folder with ONNX Runtime's C header and library, as a peer")
    find_path(COMPRESS_ONNXRUNTIME_HEADER onnxruntime_c_api.h HINTS "${COMPRESS_ONNXRUNTIME}" PATH_SUFFIXES onnxruntime)
    find_library(COMPRESS_ONNXRUNTIME_LIBRARY NAMES libonnxruntime.so.1 onnxruntime HINTS "${COMPRESS_ONNXRUNTIME}")
    if(COMPRESS_ONNXRUNTIME_HEADER AND COMPRESS_ONNXRUNTIME_LIBRARY)
        compress_bench_peer(${target} COMPRESS_HAS_ONNXRUNTIME "${COMPRESS_ONNXRUNTIME_HEADER}"
            "${COMPRESS_ONNXRUNTIME_LIBRARY}")
    else()
        compress_bench_skipped("ONNX Runtime" "it was not found (COMPRESS_ONNXRUNTIME)")
    endif()
endfunction()

# The date is in the library's name, or in the version of the package that owns it.
function(compress_xnnpack_date library out)
    file(REAL_PATH "${library}" real)
    get_filename_component(real "${real}" NAME)
    find_program(COMPRESS_DPKG_QUERY dpkg-query)
    mark_as_advanced(COMPRESS_DPKG_QUERY)
    if(NOT real MATCHES "[.]20[0-9][0-9][0-9][0-9][0-9][0-9]$" AND COMPRESS_DPKG_QUERY)
        execute_process(COMMAND "${COMPRESS_DPKG_QUERY}" -W -f "\${Version}" libxnnpack-dev OUTPUT_VARIABLE real ERROR_QUIET)
    endif()
    if(real MATCHES "(20[0-9][0-9])([0-9][0-9])([0-9][0-9])")
        set(${out} "${CMAKE_MATCH_1}-${CMAKE_MATCH_2}-${CMAKE_MATCH_3}" PARENT_SCOPE)
    else()
        set(${out} "of unknown date" PARENT_SCOPE)
    endif()
endfunction()

function(compress_bench_xnnpack target)
    set(COMPRESS_XNNPACK "$ENV{COMPRESS_XNNPACK}" CACHE PATH "Prefix with XNNPACK's headers and libraries, as a peer")
    set(hints HINTS "${COMPRESS_XNNPACK}" "${COMPRESS_XNNPACK}/usr")
    find_path(COMPRESS_XNNPACK_HEADER xnnpack.h ${hints} PATH_SUFFIXES include)
    find_path(COMPRESS_PTHREADPOOL_HEADER pthreadpool.h ${hints} PATH_SUFFIXES include)
    find_library(COMPRESS_XNNPACK_LIBRARY XNNPACK ${hints} PATH_SUFFIXES lib "lib/${CMAKE_LIBRARY_ARCHITECTURE}")
    if(NOT COMPRESS_XNNPACK_HEADER OR NOT COMPRESS_PTHREADPOOL_HEADER OR NOT COMPRESS_XNNPACK_LIBRARY)
        compress_bench_skipped("XNNPACK" "it was not found (libxnnpack-dev and libpthreadpool-dev, or COMPRESS_XNNPACK)")
        return()
    endif()
    compress_xnnpack_date("${COMPRESS_XNNPACK_LIBRARY}" date)
    compress_bench_peer(${target} "COMPRESS_HAS_XNNPACK=\"${date}\""
        "${COMPRESS_XNNPACK_HEADER};${COMPRESS_PTHREADPOOL_HEADER}" "${COMPRESS_XNNPACK_LIBRARY}")
    # The libraries that XNNPACK needs are beside it, and are found by an rpath of the old kind only.
    target_link_options(${target} PRIVATE -Wl,--disable-new-dtags)
    # A newer XNNPACK than this system's C library is for can have its own beside it.
    get_filename_component(folder "${COMPRESS_XNNPACK_LIBRARY}" DIRECTORY)
    file(GLOB loader "${folder}/ld-linux*.so.*")
    if(COMPRESS_XNNPACK AND loader)
        target_link_options(${target} PRIVATE -Wl,--allow-shlib-undefined "-Wl,--dynamic-linker=${loader}")
    endif()
    # Newer ones deprecate what older ones have nothing else for.
    set_source_files_properties(xnnpack.cpp PROPERTIES COMPILE_OPTIONS -Wno-deprecated-declarations)
endfunction()

function(compress_bench_openblas target)
    find_path(COMPRESS_OPENBLAS_HEADER cblas.h PATH_SUFFIXES openblas openblas-pthread)
    find_library(COMPRESS_OPENBLAS_LIBRARY openblas)
    if(COMPRESS_OPENBLAS_HEADER AND COMPRESS_OPENBLAS_LIBRARY)
        compress_bench_peer(${target} COMPRESS_HAS_OPENBLAS "${COMPRESS_OPENBLAS_HEADER}" "${COMPRESS_OPENBLAS_LIBRARY}")
    else()
        compress_bench_skipped("OpenBLAS" "it was not found (libopenblas-dev)")
    endif()
endfunction()

# Version 2, whose scales belong to a primitive; OpenMP, because that is what sets it to one thread.
function(compress_bench_onednn target)
    find_path(COMPRESS_ONEDNN_HEADER oneapi/dnnl/dnnl.hpp)
    find_library(COMPRESS_ONEDNN_LIBRARY dnnl)
    find_package(OpenMP QUIET COMPONENTS CXX)
    if(NOT COMPRESS_ONEDNN_HEADER OR NOT COMPRESS_ONEDNN_LIBRARY OR NOT OpenMP_CXX_FOUND)
        compress_bench_skipped("oneDNN" "it, or OpenMP, was not found (libdnnl-dev)")
        return()
    endif()
    file(STRINGS "${COMPRESS_ONEDNN_HEADER}/oneapi/dnnl/dnnl_version.h" major REGEX "define DNNL_VERSION_MAJOR 2")
    if(NOT major)
        compress_bench_skipped("oneDNN" "what was found is not version 2")
        return()
    endif()
    compress_bench_peer(${target} COMPRESS_HAS_ONEDNN "${COMPRESS_ONEDNN_HEADER}" "${COMPRESS_ONEDNN_LIBRARY}")
    target_link_libraries(${target} PRIVATE OpenMP::OpenMP_CXX)
endfunction()

function(compress_bench_pytorch target)
    set(COMPRESS_PYTORCH "$ENV{COMPRESS_PYTORCH}" CACHE FILEPATH "Python interpreter with PyTorch, as a peer")
    set(interpreter "${COMPRESS_PYTORCH}")
    if(NOT interpreter)
        set(interpreter /usr/bin/python3)
    endif()
    target_compile_definitions(${target} PRIVATE COMPRESS_PYTORCH="${interpreter}"
        COMPRESS_TRAINING_PYTORCH="${CMAKE_CURRENT_SOURCE_DIR}/training_pytorch.py")
endfunction()
