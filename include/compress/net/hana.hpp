// SPDX-License-Identifier: MIT
#pragma once

// The one door to Boost.Hana below the host line: the whole library would cost six times as much to include.

#include <boost/hana/basic_tuple.hpp>
#include <boost/hana/unpack.hpp>

namespace tensor_compress {
namespace hana = boost::hana;
}
