// SPDX-License-Identifier: MIT
// zlib declares a function `compress`; the library must live beside it in either order.
#include <compress/inference.hpp>
#if __has_include(<zlib.h>)
#    include <zlib.h>
#endif
