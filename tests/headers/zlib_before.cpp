// SPDX-License-Identifier: MIT
// zlib declares a function `compress`; the library must live beside it in either order.
#if __has_include(<zlib.h>)
#    include <zlib.h>
#endif
#include <compress/inference.hpp>
