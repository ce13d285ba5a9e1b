// SPDX-License-Identifier: MIT
#pragma once

#include <cstring>

#include <compress/core/config.hpp>
#include <compress/kernels/int8_end.hpp>
#include <compress/kernels/int8_scaling.hpp>
#include <compress/kernels/tiling.hpp>

namespace tensor_compress::detail {

/// What belongs to the channels of one block of a depthwise convolution, in the order in which `interleave4` delivers
/// channels: four vectors, of which only the `Distinct` first channels differ. Not inlined: one instance serves all
/// geometries.
template <class V, int Distinct>
class depthwise_channels {
public:
    using i32 = typename V::i32;
    static constexpr int channels = V::lanes * 4;

    /// Of packed sections, from channel `first` on.
    COMPRESS_NOINLINE depthwise_channels(const int8_parts& parts, int first)
        : ordered_(parts, first),
          scaling_(ordered_.multiplier, ordered_.shift) {
        words sums(parts.bias + 4 * first);
        if constexpr (stored_offset<typename V::activation> == 128) {
            const words weight_sums(parts.weight_sum + 4 * first);
            COMPRESS_UNROLL
            for (int k = 0; k < 4; ++k) sums.v[k] = V::subtract(sums.v[k], V::template shift_left<7>(weight_sums.v[k]));
        }
        sums.store(start_);
    }
    depthwise_channels(const depthwise_channels&) = delete;

    COMPRESS_INLINE void begin(i32 (&sums)[4]) const {
        COMPRESS_UNROLL
        for (int v = 0; v < 4; ++v) sums[v] = V::load(start_ + v * V::lanes);
    }
    COMPRESS_INLINE void scale(i32 (&sums)[4]) const { scaling_.template apply<0, 4>(sums); }

    /// Weights of four taps of each channel, `rows` times, `distance` bytes apart; and if wanted the same one tap on.
    static COMPRESS_NOINLINE void order_weights(const std::int8_t* from, int distance, int rows,
                                                std::int8_t (*to)[channels * 4], std::int8_t (*shifted)[channels * 4]) {
        for (int row = 0; row < rows; ++row) {
            words w(from + row * distance);
            w.store(to[row]);
            if (shifted == nullptr) continue;
            COMPRESS_UNROLL
            for (int k = 0; k < 4; ++k) w.v[k] = V::template shift_left<8>(w.v[k]);
            w.store(shifted[row]);
        }
    }

private:
    /// A word of each channel.
    struct words {
        i32 v[4];
        COMPRESS_INLINE explicit words(const std::int8_t* from) {
            COMPRESS_UNROLL
            for (int k = 0; k < 4; ++k) v[k] = V::load(words_of(from) + k * V::lanes % Distinct);
            V::interleave_channels(v);
        }
        COMPRESS_INLINE void store(void* to) const {
            COMPRESS_UNROLL
            for (int k = 0; k < 4; ++k) V::store(static_cast<std::int32_t*>(to) + k * V::lanes, v[k]);
        }
    };
    struct factors {
        alignas(64) std::int32_t multiplier[channels];
        std::int8_t shift[channels];
        COMPRESS_INLINE factors(const int8_parts& parts, int first) {
            words(parts.multiplier + 4 * first).store(multiplier);
            for_constants<channels / 4>([&]<int K>() COMPRESS_LAMBDA_INLINE {
                constexpr int from = (K % (channels / 16) * 4 + K / (channels / 16)) % (Distinct / 4);
                std::memcpy(shift + K * 4, parts.shift + first + from * 4, 4);
            });
        }
    };

    alignas(64) std::int32_t start_[channels];
    factors ordered_;
    int8_scaling<V, 4> scaling_;
};

}  // namespace tensor_compress::detail
