# SPDX-License-Identifier: MIT
#
# Installs the headers, then builds and runs one small program twice: against the installed package, and with the
# sources as a subdirectory.

function(run)
    execute_process(COMMAND ${ARGV} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

function(build_consumer name)
    set(folder "${COMPRESS_WORK}/${name}")
    run("${CMAKE_COMMAND}" -S "${CMAKE_CURRENT_LIST_DIR}/consumer" -B "${folder}" -G "${COMPRESS_GENERATOR}"
        "-DCMAKE_CXX_COMPILER=${COMPRESS_COMPILER}" ${ARGN})
    run("${CMAKE_COMMAND}" --build "${folder}")
    run("${folder}/consumer")
endfunction()

file(REMOVE_RECURSE "${COMPRESS_WORK}")
run("${CMAKE_COMMAND}" --install "${COMPRESS_BUILD}" --prefix "${COMPRESS_WORK}/prefix" --component development)
build_consumer(find_package "-DCMAKE_PREFIX_PATH=${COMPRESS_WORK}/prefix")
build_consumer(add_subdirectory "-DCOMPRESS_SOURCE=${COMPRESS_SOURCE}")
