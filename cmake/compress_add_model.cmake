# SPDX-License-Identifier: MIT

# compress_add_model(<target> MODEL <file.onnx> [PRECISION fp32|int8] [RECIPE <pattern=format>...] [CALIBRATE <x.npy>]
#                    [CALIBRATION min-max|percentile|mse] [FLAGS <compiler options>...] [NAME <stem>])
#
# An INTERFACE library <target> that offers the header <stem>.hpp, made by compress-model from an ONNX model, and
# made again when the model or the calibration records change. <stem> is <target> unless it is given, and also the
# header's namespace:
#
#     compress_add_model(keywords MODEL keywords.onnx PRECISION int8 CALIBRATE records.npy)
#     target_link_libraries(app PRIVATE keywords)       # and in app.cpp: #include "keywords.hpp"
function(compress_add_model target)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "MODEL;PRECISION;CALIBRATE;CALIBRATION;NAME" "RECIPE;FLAGS")
    if(arg_UNPARSED_ARGUMENTS OR NOT arg_MODEL)
        message(FATAL_ERROR "compress_add_model(${target}): '${arg_UNPARSED_ARGUMENTS}' is unknown or MODEL is missing; "
            "write compress_add_model(<target> MODEL <file.onnx> [PRECISION] [RECIPE] [CALIBRATE] [CALIBRATION] [FLAGS] [NAME])")
    endif()
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
    if(NOT CMAKE_CROSSCOMPILING)
        list(APPEND arguments --cxx "${CMAKE_CXX_COMPILER}")
    endif()

    add_custom_command(OUTPUT "${header}"
        COMMAND "${program}" "${arg_MODEL}" -o "${header}" ${arguments}
        DEPENDS "${arg_MODEL}" ${arg_CALIBRATE} "${tool}"
        COMMENT "Compressing ${arg_NAME}" VERBATIM)
    add_custom_target(${target}_header DEPENDS "${header}")
    add_library(${target} INTERFACE)
    add_dependencies(${target} ${target}_header)
    target_include_directories(${target} INTERFACE "${folder}")
    target_link_libraries(${target} INTERFACE compress::inference)
endfunction()
