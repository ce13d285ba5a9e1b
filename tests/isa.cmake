# SPDX-License-Identifier: MIT
#
# The kernels' tests and those of tests/isa (the same bytes on every instruction set), once per instruction set; those of
# streams (the same bits however a net is cut into pieces) for two with fused multiply-adds.
# All are built, so that none stops compiling unseen; those that this machine has are run.

file(GLOB files CONFIGURE_DEPENDS kernels/*.cpp isa/*.cpp)
if(NOT files OR NOT "isa" IN_LIST chosen_folders)
    return()
endif()

set(machine_has baseline)
if(NOT CMAKE_CROSSCOMPILING OR CMAKE_CROSSCOMPILING_EMULATOR)
    try_run(exit_code compiled "${CMAKE_CURRENT_BINARY_DIR}/cpu_features" "${CMAKE_CURRENT_SOURCE_DIR}/cpu_features.cpp"
        RUN_OUTPUT_VARIABLE output)
    if(compiled AND exit_code EQUAL 0)
        set(machine_has ${output})
    endif()
endif()

function(compress_add_isa_test name feature)
    if(feature IN_LIST machine_has)
        add_test(NAME ${name} COMMAND test.${name})
    else()
        message(STATUS "compress: ${name} is built but not run, this machine has no ${feature}")
    endif()
endfunction()
function(compress_isa_test isa feature)
    compress_test(isa.${isa} FILES ${files} LIBRARIES compress::inference OPTIONS ${ARGN} UNITY)
    compress_add_isa_test(isa.${isa} ${feature})
endfunction()
# A program of its own: the numbers of the nets' tests are others than those of the kernels'.
function(compress_stream_test isa feature)
    compress_test(streams.${isa} FILES net/streams.cpp LIBRARIES compress::inference OPTIONS ${ARGN})
    compress_add_isa_test(streams.${isa} ${feature})
endfunction()

if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
    compress_isa_test(scalar baseline -march=x86-64 -DCOMPRESS_FORCE_SCALAR)
    compress_isa_test(sse4.2 sse4.2 -march=nehalem)
    compress_isa_test(avx2 avx2 -march=haswell)
    compress_isa_test(avx-vnni avx-vnni -march=haswell -mavxvnni)
    compress_isa_test(avx512 avx512 -march=skylake-avx512)
    compress_isa_test(avx512-vnni avx512-vnni -march=cascadelake)
    compress_stream_test(avx2 avx2 -march=haswell)
    compress_stream_test(avx512-vnni avx512-vnni -march=cascadelake)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
    compress_isa_test(scalar baseline -DCOMPRESS_FORCE_SCALAR)
    compress_isa_test(neon baseline -march=armv8-a)
    compress_isa_test(dotprod dotprod -march=armv8.2-a+dotprod)
else()
    message(STATUS "compress: no instruction sets are listed for ${CMAKE_SYSTEM_PROCESSOR}, skipped: isa.*")
endif()
