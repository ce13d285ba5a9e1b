// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include <compress/tensor/data_set.hpp>
#include <compress/tensor/random_stream.hpp>

namespace tensor_compress {

/// Height and width in pixels of a drawn digit, the format of MNIST.
inline constexpr int digit_size = 28;

namespace detail {

/// The styles of one digit, each a pen path written as points "xxyy": x to the right and y down, in percent of the
/// character's box. A smooth curve runs through the points. After a point, "^" is a corner and "|" lifts the pen.
/// Every digit has two or three styles; the place of a missing third is empty.
using digit_styles = std::array<std::string_view, 3>;

inline constexpr std::array<digit_styles, 10> styles_of_digits{{
    {"5607 3214 1945 2680 4894 7182 8150 7116 5006 3811",                       // round
     "5206 3622 2758 4092 6086 7348 6614 4907"},                                // narrow
    {"5106 5050 4994",                                                          // bare
     "3327 4419 5306^5250 5194",                                                // flagged
     "3325 4418 5206^5150 5193|2994 5094 7393"},                                // on foot
    {"2226 3210 5405 7218 6940 4570 2093^5092 8291",                            // plain
     "2325 3608 6008 7127 5857 3485 2087 2275 3776 5689 7294 8586"},            // looped
    {"2217 4205 6510 7029 5843 4047^6251 7670 6490 4095 1984",                  // round
     "2208 5007 7407^5825 4241^6648 7668 6490 4095 2085"},                      // flat
    {"3206 2632 1957^5057 8454|6612 6450 6195",                                 // open
     "6106 4033 1663^5063 8660|6106 6050 6095",                                 // closed
     "2808 2436 3453 5652 7238|7407 7050 6695"},                                // curved
    {"7408 5208 3309^3026 2745^4839 7149 7570 6091 3694 1884",                  // one stroke
     "3410 3128 2847^5041 7353 7377 5294 2088|3410 5709 8006",                  // two strokes
     "7612 5008 3120 3540 6050 7468 6290 3895 2084"},                           // curved
    {"6608 4420 2848 2674 4294 6589 7471 6255 4357 2873",                       // curved
     "6005 4135 2766 3288 5295 7084 6864 5056 3169"},                           // straight
    {"1810 5009 8008^6246 4694",                                                // plain
     "1810 5009 8008^6048 4694|3551 5450 7448",                                 // crossed
     "2025 2110^5012 8007^5845 5094"},                                          // hooked
    {"7020 5206 3313 3331 5046 6962 7083 5095 2984 3162 5046 6633 7117",        // one stroke
     "5006 3412 3331 5045 6732 6612 4906|5045 3058 2882 5095 7282 7058 4945"},  // two rings
    {"7017 5206 3115 2836 4649 6539 7213^7050 6595",                            // straight
     "7119 5206 3116 2837 4650 6540 7217^7446 6880 4995 2787"},                 // curved
}};

/// A place of the pen on the image, in pixels.
struct ink_vertex {
    double x, y, radius;
};

/// Grey levels 0 (paper) to 1 (ink), row-major.
using ink_image = std::array<double, digit_size * digit_size>;

/// The hand of one record: pixel = centre + matrix * (point + tremor - 50 %).
/// Random draws are separate statements: the order of evaluation inside one differs between compilers.
class handwriting {
public:
    explicit handwriting(random_stream& random) : random_(random) {
        // tan(angle / 2) gives sine and cosine by division: the library's differ between platforms.
        const double half = random.bell(0.09);
        const double cosine = (1 - half * half) / (1 + half * half);
        const double sine = 2 * half / (1 + half * half);
        const double shear = 0.1 + random.bell(0.18);
        const double width = random.uniform(0.130, 0.220);
        const double height = random.uniform(0.155, 0.215);
        matrix_ = {cosine * width, -(cosine * shear + sine) * height, sine * width, (cosine - sine * shear) * height};
        centre_x_ = (digit_size - 1) / 2.0 + random.bell(1.0);
        centre_y_ = (digit_size - 1) / 2.0 + random.bell(1.0);
        radius_ = random.uniform(0.7, 1.8);
    }

    /// @param  x_percent, y_percent  place in the character's box
    ink_vertex place(int x_percent, int y_percent) {
        const double x = x_percent - 50 + random_.bell(tremor);
        const double y = y_percent - 50 + random_.bell(tremor);
        const double radius = radius_ * (1 + random_.bell(0.08));
        return {centre_x_ + matrix_[0] * x + matrix_[1] * y, centre_y_ + matrix_[2] * x + matrix_[3] * y, radius};
    }

private:
    static constexpr double tremor = 3.4;

    random_stream& random_;
    std::array<double, 4> matrix_{};
    double centre_x_, centre_y_, radius_;
};

/// ink = max(ink, clamp(radius + 1/2 - distance, 0, 1)): a segment with round ends and an edge one pixel soft.
inline void draw_segment(ink_image& ink, ink_vertex from, ink_vertex to) {
    const double along_x = to.x - from.x, along_y = to.y - from.y;
    const double length_squared = std::max(along_x * along_x + along_y * along_y, 1e-12);
    const double reach = std::max(from.radius, to.radius) + 0.5;
    const auto first = [&](double a, double b) { return std::max(0, static_cast<int>(std::min(a, b) - reach)); };
    const auto last = [&](double a, double b) {
        return std::min(digit_size - 1, static_cast<int>(std::max(a, b) + reach));
    };
    for (int row = first(from.y, to.y); row <= last(from.y, to.y); ++row)
        for (int column = first(from.x, to.x); column <= last(from.x, to.x); ++column) {
            const double x = column - from.x, y = row - from.y;
            const double part = std::clamp((x * along_x + y * along_y) / length_squared, 0.0, 1.0);
            const double off_x = x - part * along_x, off_y = y - part * along_y;
            const double radius = from.radius + part * (to.radius - from.radius);
            const double cover = std::clamp(radius + 0.5 - std::sqrt(off_x * off_x + off_y * off_y), 0.0, 1.0);
            double& pixel = ink[static_cast<std::size_t>(row * digit_size + column)];
            pixel = std::max(pixel, cover);
        }
}

/// The uniform Catmull-Rom curve through the vertices, ends doubled (Catmull, Rom: A class of local interpolating
/// splines, 1974).
inline void draw_curve(ink_image& ink, const std::vector<ink_vertex>& curve) {
    constexpr int pieces = 6;
    for (std::size_t i = 0; i + 1 < curve.size(); ++i) {
        const ink_vertex a = curve[i == 0 ? 0 : i - 1], b = curve[i];
        const ink_vertex c = curve[i + 1], d = curve[std::min(i + 2, curve.size() - 1)];
        const auto spline = [](double p, double q, double r, double s, double t) {
            return q + 0.5 * t * (r - p + t * (2 * p - 5 * q + 4 * r - s + t * (3 * (q - r) + s - p)));
        };
        ink_vertex from = b;
        for (int piece = 1; piece <= pieces; ++piece) {
            const double t = static_cast<double>(piece) / pieces;
            const ink_vertex to{spline(a.x, b.x, c.x, d.x, t), spline(a.y, b.y, c.y, d.y, t),
                                b.radius + t * (c.radius - b.radius)};
            draw_segment(ink, from, to);
            from = to;
        }
    }
}

inline void draw_path(ink_image& ink, std::string_view path, handwriting hand) {
    const auto percent = [&](std::size_t at) { return 10 * (path[at] - '0') + (path[at + 1] - '0'); };
    std::vector<ink_vertex> curve;
    for (std::size_t at = 0; at < path.size(); at += 5) {
        curve.push_back(hand.place(percent(at), percent(at + 2)));
        const char after = at + 4 < path.size() ? path[at + 4] : '|';
        if (after == ' ') continue;
        draw_curve(ink, curve);
        curve.erase(curve.begin(), after == '^' ? curve.end() - 1 : curve.end());
    }
}

/// output[i] = side * (input[i - 1] + input[i + 1]) + (1 - 2 * side) * input[i], along rows, then columns; paper
/// outside.
inline void blur(ink_image& ink, double side) {
    for (const int stride : {1, digit_size}) {
        const int line_stride = digit_size / stride;
        for (int line = 0; line < digit_size; ++line) {
            double before = 0;
            for (int i = 0; i < digit_size; ++i) {
                double* pixel = &ink[static_cast<std::size_t>(line * line_stride + i * stride)];
                const double here = *pixel, after = i + 1 < digit_size ? pixel[stride] : 0;
                *pixel = side * (before + after) + (1 - 2 * side) * here;
                before = here;
            }
        }
    }
}

/// (factor * index + first) mod 10: every ten records hold each digit once, in an order drawn from the seed.
constexpr int digit_label(std::uint64_t seed, std::uint64_t index) {
    random_stream random(~seed, index / 10);
    constexpr int coprime_to_ten[] = {1, 3, 7, 9};
    const int factor = coprime_to_ten[random.below(4)];
    const int first = random.below(10);
    return (factor * static_cast<int>(index % 10) + first) % 10;
}

inline void draw_digit(std::span<float, digit_size * digit_size> pixels, int digit, random_stream random) {
    const digit_styles& styles = styles_of_digits[static_cast<std::size_t>(digit)];
    const std::string_view path = styles[static_cast<std::size_t>(random.below(styles.back().empty() ? 2 : 3))];
    ink_image ink{};
    draw_path(ink, path, handwriting(random));
    blur(ink, random.uniform(0.02, 0.16));
    const double brightness = random.uniform(190, 290);
    for (std::size_t i = 0; i < pixels.size(); ++i) {
        const double grain = 1 + random.bell(0.05);
        pixels[i] = static_cast<float>(std::floor(std::clamp(brightness * ink[i] * grain, 0.0, 255.0) + 0.5));
    }
}

}  // namespace detail

/// Draws handwritten-like digits: strokes through jittered points, slanted, stretched, turned and shifted, with a pen
/// of random thickness.
///
/// Record i depends on (seed, i) alone, so a longer set begins with the shorter one, and sets of different seeds serve
/// as training and test records. Pixels are whole grey levels computed with + - * / and sqrt in double precision: the
/// same on every platform, but for the rare pixel that contraction into fused multiply-adds moves by one level.
///
/// The digits prove that a program runs, without a download; a claim about accuracy needs real data.
///
/// @param  count  number of records N; every ten of them hold each digit once
/// @return inputs [N, 28, 28, 1] in 0 (paper) .. 255 (ink), labels 0..9, classes 10
[[nodiscard]] inline data_set make_digits(std::size_t count, std::uint64_t seed) {
    constexpr std::size_t side = digit_size;
    data_set digits{make_array<float>({count, side, side, 1}), std::vector<int>(count), 10};
    for (std::size_t i = 0; i < count; ++i) {
        digits.labels[i] = detail::digit_label(seed, i);
        std::span<float, side * side> pixels(digits.inputs.data() + i * side * side, side * side);
        detail::draw_digit(pixels, digits.labels[i], random_stream(seed, i));
    }
    return digits;
}

}  // namespace tensor_compress
