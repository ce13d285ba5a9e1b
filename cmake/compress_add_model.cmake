# SPDX-License-Identifier: MIT

# compress_add_model(<target> MODEL <file.onnx> [PRECISION <format>] [RECIPE <pattern=format>...] [CALIBRATE <x.npy>]
#                    [CALIBRATION <method>] [FLAGS <compiler options>...] [OPTIONS <option of compress-model>...]
#                    [NAME <stem>])
#
# An INTERFACE library <target> that offers the header <stem>.hpp, made by compress-model from an ONNX model, and
# made again when the model, or a file that an option reads, changes. <stem> is <target> unless it is given, and also the
# header's namespace:
#
#     compress_add_model(keywords MODEL keywords.onnx PRECISION int8 CALIBRATE records.npy)
#     compress_add_model(gestures MODEL gestures.onnx PRECISION int4 OPTIONS --qat --epochs 20
#         --train train.npy --train-labels labels.npy --report gestures.json)
#     target_link_libraries(app PRIVATE keywords)       # and in app.cpp: #include "keywords.hpp"
#
# OPTIONS are those of `compress-model --help`. Files that they read are relative to the source folder, as MODEL is; what
# they write (--report, --output, --keep, --resume) to the binary folder.

# The words of an option's value where it names a file or folder: absolute, and noted in what the caller depends on or
# writes besides.
function(_compress_option_files)
    set(words)
    set(option)
    foreach(word IN LISTS ARGN)
        if(word MATCHES "^(--[a-z-]+)=(.*)$")
            list(APPEND words "${CMAKE_MATCH_1}")
            set(option "${CMAKE_MATCH_1}")
            set(word "${CMAKE_MATCH_2}")
        endif()
        if(option MATCHES "^--(calibrate|input|labels|train|train-labels|distil-from)$" AND NOT word STREQUAL "original")
            cmake_path(ABSOLUTE_PATH word NORMALIZE)
            list(APPEND read "${word}")
        elseif(option MATCHES "^--(report|output|keep|resume)$")
            cmake_path(ABSOLUTE_PATH word BASE_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}" NORMALIZE)
            if(option MATCHES "report|output")
                list(APPEND written "${word}")
            endif()
        endif()
        set(option "${word}")
        list(APPEND words "${word}")
    endforeach()
    set(option_words "${words}" PARENT_SCOPE)
    set(option_reads "${read}" PARENT_SCOPE)
    set(option_writes "${written}" PARENT_SCOPE)
endfunction()

function(compress_add_model target)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "MODEL;PRECISION;CALIBRATE;CALIBRATION;NAME" "RECIPE;FLAGS;OPTIONS")
    if(arg_UNPARSED_ARGUMENTS OR NOT arg_MODEL)
        message(FATAL_ERROR "compress_add_model(${target}): '${arg_UNPARSED_ARGUMENTS}' is unknown or MODEL is missing; "
            "write compress_add_model(<target> MODEL <file.onnx> [PRECISION] [RECIPE] [CALIBRATE] [CALIBRATION] [FLAGS] [OPTIONS] [NAME])")
    endif()
    foreach(option -o --cxx --explain)
        if(option IN_LIST arg_OPTIONS)
            message(FATAL_ERROR "compress_add_model(${target}): OPTIONS holds ${option}, which the header's rule says itself; leave it out")
        endif()
    endforeach()
    if(NOT arg_NAME)
        set(arg_NAME "${target}")
    endif()

    if(TARGET compress_model)
        set(program "$<TARGET_FILE:compress_model>")
        set(tool compress_model)
    else()
        # Of the package that holds this file: <prefix>/share/cmake/compress. It runs on the building machine, whatever the target.
        find_program(COMPRESS_MODEL_PROGRAM compress-model HINTS "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/../../../bin" NO_CMAKE_FIND_ROOT_PATH)
        mark_as_advanced(COMPRESS_MODEL_PROGRAM)
        if(NOT COMPRESS_MODEL_PROGRAM)
            message(FATAL_ERROR "compress_add_model(${target}): compress-model is not installed; "
                "build or install compress with COMPRESS_HOST=ON and COMPRESS_BUILD_TOOLS=ON, or set COMPRESS_MODEL_PROGRAM")
        endif()
        set(program "${COMPRESS_MODEL_PROGRAM}")
        set(tool "${COMPRESS_MODEL_PROGRAM}")
    endif()

    set(folder "${CMAKE_CURRENT_BINARY_DIR}/${target}.model")
    set(header "${folder}/${arg_NAME}.hpp")
    file(MAKE_DIRECTORY "${folder}")
    set(arguments)
    foreach(file MODEL CALIBRATE)
        if(arg_${file})
            cmake_path(ABSOLUTE_PATH arg_${file} NORMALIZE)
        endif()
    endforeach()
    foreach(option PRECISION CALIBRATE CALIBRATION)
        if(arg_${option})
            string(TOLOWER "--${option}" word)
            list(APPEND arguments "${word}" "${arg_${option}}")
        endif()
    endforeach()
    if(arg_RECIPE)
        string(JOIN "$<SEMICOLON>" rules ${arg_RECIPE})
        list(APPEND arguments --recipe "${rules}")
    endif()
    if(arg_FLAGS)
        string(JOIN " " flags ${arg_FLAGS})
        list(APPEND arguments --flags "${flags}")
    endif()
    _compress_option_files(${arg_OPTIONS})
    list(APPEND arguments ${option_words})
    if(NOT CMAKE_CROSSCOMPILING)
        list(APPEND arguments --cxx "${CMAKE_CXX_COMPILER}")
    endif()

    add_custom_command(OUTPUT "${header}" BYPRODUCTS ${option_writes}
        COMMAND "${program}" "${arg_MODEL}" -o "${header}" ${arguments}
        DEPENDS "${arg_MODEL}" ${arg_CALIBRATE} ${option_reads} "${tool}"
        COMMENT "Compressing ${arg_NAME}" VERBATIM)
    add_custom_target(${target}_header DEPENDS "${header}")
    add_library(${target} INTERFACE)
    add_dependencies(${target} ${target}_header)
    target_include_directories(${target} INTERFACE "${folder}")
    target_link_libraries(${target} INTERFACE compress::inference)
endfunction()
