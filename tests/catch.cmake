# SPDX-License-Identifier: MIT
#
# compress_catch: Catch2, 2 or 3, with a main that is compiled once.

find_package(Catch2 3 CONFIG QUIET)
if(NOT Catch2_FOUND)
    compress_header_library(catch2 HEADERS catch2/catch.hpp)
    if(NOT TARGET compress::catch2 AND COMPRESS_FETCH AND chosen_folders AND NOT chosen_folders STREQUAL "none")
        # Untested without network.
        include(FetchContent)
        FetchContent_Declare(Catch2 URL https://github.com/catchorg/Catch2/archive/refs/tags/v3.7.1.tar.gz)
        FetchContent_MakeAvailable(Catch2)
    endif()
endif()

add_library(compress_catch STATIC EXCLUDE_FROM_ALL catch_main.cpp)
if(TARGET Catch2::Catch2)
    target_link_libraries(compress_catch PUBLIC Catch2::Catch2)
elseif(TARGET compress::catch2)
    target_link_libraries(compress_catch PUBLIC compress::catch2)
endif()
