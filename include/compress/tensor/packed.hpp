// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>
#include <span>
#include <vector>

#include <compress/net/net.hpp>
#include <compress/tensor/error.hpp>
#include <compress/tensor/label_text.hpp>

namespace tensor_compress {

namespace detail {
struct aligned_delete {
    void operator()(std::int8_t* p) const { ::operator delete[](p, std::align_val_t{64}); }
};
}  // namespace detail

/// Packed weights of a net, owned. Passes for `Net::weights` wherever that is wanted; moves, does not copy.
template <class Net>
class packed {
public:
    packed() {
        std::size_t total = 0;
        for (const layer_info& row : Net::table) total += padded(row.packed_bytes);
        bytes_.reset(static_cast<std::int8_t*>(::operator new[](total + 64, std::align_val_t{64})));
        std::fill_n(bytes_.get(), total + 64, std::int8_t{0});
        const std::int8_t* addresses[static_cast<std::size_t>(Net::node_count)];
        std::size_t offset = 0;
        for (int id = 0; id < Net::node_count; ++id) {
            layers_.push_back(bytes_.get() + offset);
            addresses[id] = layers_.back();
            offset += padded(Net::table[static_cast<std::size_t>(id)].packed_bytes);
        }
        weights_ = Net::bind(addresses);
    }

    const typename Net::weights& view() const { return weights_; }
    typename Net::weights& view() { return weights_; }
    operator const typename Net::weights &() const { return weights_; }

    /// Bytes of layer `id`.
    std::int8_t* layer(int id) { return layers_[static_cast<std::size_t>(id)]; }
    std::span<const std::int8_t> layer(int id) const {
        return {layers_[static_cast<std::size_t>(id)],
                static_cast<std::size_t>(Net::table[static_cast<std::size_t>(id)].packed_bytes)};
    }

private:
    static std::size_t padded(int bytes) { return static_cast<std::size_t>(round_up(bytes, 64)); }

    std::unique_ptr<std::int8_t[], detail::aligned_delete> bytes_;
    std::vector<std::int8_t*> layers_;
    typename Net::weights weights_{};
};

}  // namespace tensor_compress
