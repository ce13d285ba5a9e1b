# SPDX-License-Identifier: MIT
#
# compress_model_text(<target> <folder of .onnx files> <model>...): headers <model>.hpp with the models as C++ text, without
# weights, on the include path of <target>.
function(compress_model_text target folder)
    if(NOT TARGET write_model)
        add_executable(write_model "${PROJECT_SOURCE_DIR}/tools/write_model.cpp")
        target_link_libraries(write_model PRIVATE compress::compress compress_warnings)
    endif()
    set(headers_folder "${CMAKE_CURRENT_BINARY_DIR}/${target}.models")
    foreach(model IN LISTS ARGN)
        add_custom_command(OUTPUT "${headers_folder}/${model}.hpp"
            COMMAND ${CMAKE_COMMAND} -E make_directory "${headers_folder}"
            COMMAND write_model "${folder}/${model}.onnx" ${model} "${headers_folder}/${model}.hpp"
            DEPENDS write_model "${folder}/${model}.onnx" VERBATIM)
        target_sources(${target} PRIVATE "${headers_folder}/${model}.hpp")
    endforeach()
    target_include_directories(${target} PRIVATE "${headers_folder}")
endfunction()

# The folder with reference models: $COMPRESS_DATA/models, else ../shared/data/models, else nothing.
function(compress_find_models out)
    if(DEFINED ENV{COMPRESS_DATA})
        set(folder "$ENV{COMPRESS_DATA}/models")
    else()
        set(folder "${PROJECT_SOURCE_DIR}/../shared/data/models")
    endif()
    if(NOT IS_DIRECTORY "${folder}")
        set(folder "")
    endif()
    set(${out} "${folder}" PARENT_SCOPE)
endfunction()
