# SPDX-License-Identifier: MIT
#
# Real models against their own outputs and accuracies. Their text is made from the .onnx files while building.

include("${PROJECT_SOURCE_DIR}/cmake/model_text.cmake")
compress_find_models(models_folder)
if(NOT COMPRESS_HOST OR NOT (COMPRESS_TEST_FOLDERS STREQUAL "all" OR models IN_LIST COMPRESS_TEST_FOLDERS))
    return()
endif()
if(NOT models_folder)
    message(STATUS "compress: skipped: models, because neither COMPRESS_DATA nor ../shared/data has a folder models")
    return()
endif()
file(GLOB files CONFIGURE_DEPENDS models/*.cpp)
compress_test(models FILES ${files} LIBRARIES compress::compress compress_native)
compress_model_text(test.models "${models_folder}" ad_fp32 kws_fp32 kws_sm_bn_fp32 kws_sm_fp32 mnist_mlp mnist_tinycnn
    resnet8_bn_fp32 resnet8_fp32)
add_test(NAME models COMMAND test.models)
