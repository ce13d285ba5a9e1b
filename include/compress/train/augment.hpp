// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <span>

#include <compress/core/shape.hpp>
#include <compress/tensor/random_stream.hpp>

namespace tensor_compress {

/// Random changes of a record: of an image such that leave its label as it is, and blends of two.
struct augmentation {
    int shift = 0;      ///< moved by up to so many pixels along both axes; the border is repeated
    bool flip = false;  ///< mirrored left to right, every second time
    double crop = 1;    ///< a part of at least this share of height and width is enlarged to the whole, bilinearly
    double mix = 0;     ///< another record is blended in, with a share of at most this; 0.5 makes all blends likely. A
                        ///< loss has to know (trained_record::blended)

    bool moves() const { return shift > 0 || flip || crop < 1; }
    bool changes() const { return moves() || mix > 0; }
};

/// What is blended into a record: (1 - share) * record + share * other. A loss takes its targets in the same shares.
/// Source: Zhang et al. 2018, mixup: Beyond Empirical Risk Minimization, section 2; here shares are uniform.
struct blend {
    std::size_t other = 0;  ///< in the data set
    float share = 0;
};
inline blend choose_blend(const augmentation& how, random_stream random, std::size_t records) {
    if (how.mix <= 0) return {};
    const auto other = static_cast<std::size_t>(random.below(static_cast<int>(records)));
    return {other, static_cast<float>(random.uniform(0, how.mix))};
}

/// output[y, x, c] = input[top + y * height / H, left + x * width / W, c], mirrored or not, between pixels bilinear and
/// outside the image its border.
///
/// @param  image  [H, W, C]
inline void augment(const shape& image, const augmentation& how, random_stream random, std::span<const float> input,
                    std::span<float> output) {
    const int height = image.height(), width = image.width(), channels = image.channels();
    // Each draw is a statement of its own: the order of evaluation inside one differs between compilers.
    const double part = how.crop < 1 ? random.uniform(how.crop, 1) : 1;
    const auto place = [&](int size) {
        const double begin = random.uniform(0, (1 - part) * size);
        return begin + random.below(2 * how.shift + 1) - how.shift;
    };
    const double left = place(width);
    const double top = place(height);
    const bool mirrored = how.flip && random.below(2) == 1;
    // Pixel centres of the part, spread evenly over those of the whole.
    const double offset = (part - 1) / 2;
    float* to = output.data();
    for (int y = 0; y < height; ++y) {
        const double row = std::clamp(top + y * part + offset, 0.0, static_cast<double>(height - 1));
        const int above = static_cast<int>(row), below = std::min(above + 1, height - 1);
        const auto down = static_cast<float>(row - above);
        for (int i = 0; i < width; ++i) {
            const int x = mirrored ? width - 1 - i : i;
            const double column = std::clamp(left + x * part + offset, 0.0, static_cast<double>(width - 1));
            const int before = static_cast<int>(column), after = std::min(before + 1, width - 1);
            const auto right = static_cast<float>(column - before);
            const auto pixel = [&](int r, int c) { return input.data() + (r * width + c) * channels; };
            for (int c = 0; c < channels; ++c) {
                const float high = pixel(above, before)[c] * (1 - right) + pixel(above, after)[c] * right;
                const float low = pixel(below, before)[c] * (1 - right) + pixel(below, after)[c] * right;
                *to++ = high * (1 - down) + low * down;
            }
        }
    }
}

}  // namespace tensor_compress
