// SPDX-License-Identifier: MIT
#include <compress/train/augment.hpp>

#include <set>
#include <vector>

#include "../catch.hpp"
#include "../numbers.hpp"

namespace tc = tensor_compress;

namespace {

using floats = std::vector<float>;

floats random_image(const tc::shape& image) {
    tests::numbers random(1);
    floats made(static_cast<std::size_t>(image.elements()));
    for (float& v : made) v = random.real();
    return made;
}

floats augmented(const tc::shape& image, const tc::augmentation& how, std::uint64_t stream, const floats& input) {
    floats output(input.size(), 99.0f);
    tc::augment(image, how, tc::random_stream(3, stream), input, output);
    return output;
}

/// output[y, x, c] = input[y + down, x + right, c], of the border where that is outside; or its mirror image.
floats moved(const tc::shape& image, const floats& input, int down, int right, bool mirrored) {
    floats output;
    for (int y = 0; y < image.height(); ++y)
        for (int x = 0; x < image.width(); ++x)
            for (int c = 0; c < image.channels(); ++c) {
                const int from_y = std::clamp(y + down, 0, image.height() - 1);
                const int from_x = std::clamp((mirrored ? image.width() - 1 - x : x) + right, 0, image.width() - 1);
                output.push_back(
                    input[static_cast<std::size_t>((from_y * image.width() + from_x) * image.channels() + c)]);
            }
    return output;
}

}  // namespace

TEST_CASE("without a change an image stays as it is", "[augment]") {
    const tc::shape image{5, 4, 3};
    const floats input = random_image(image);
    CHECK_FALSE(tc::augmentation{}.changes());
    CHECK(tc::augmentation{.shift = 1}.changes());
    CHECK(tc::augmentation{.flip = true}.changes());
    CHECK(tc::augmentation{.crop = 0.9}.changes());
    for (std::uint64_t stream = 0; stream < 5; ++stream) CHECK(augmented(image, {}, stream, input) == input);
}

TEST_CASE("a shift copies pixels and repeats the border", "[augment]") {
    for (const tc::shape& image : {tc::shape{6, 7, 1}, tc::shape{5, 4, 3}}) {
        const floats input = random_image(image);
        std::set<std::pair<int, int>> seen;
        for (std::uint64_t stream = 0; stream < 300; ++stream) {
            const floats output = augmented(image, {.shift = 2}, stream, input);
            int found = 0;
            for (int down = -2; down <= 2; ++down)
                for (int right = -2; right <= 2; ++right)
                    if (output == moved(image, input, down, right, false)) ++found, seen.insert({down, right});
            CHECK(found == 1);
        }
        CHECK(seen.size() == 25);
    }
}

TEST_CASE("a flip mirrors about every second image", "[augment]") {
    const tc::shape image{3, 5, 2};
    const floats input = random_image(image), mirrored = moved(image, input, 0, 0, true);
    int flipped = 0;
    for (std::uint64_t stream = 0; stream < 200; ++stream) {
        const floats output = augmented(image, {.flip = true}, stream, input);
        CHECK((output == input || output == mirrored));
        flipped += output == mirrored ? 1 : 0;
    }
    CHECK(flipped == Approx(100).margin(30));
}

TEST_CASE("a crop lies between its pixels", "[augment]") {
    // On a plane a bilinear crop is a plane again, as steep as the part is large, but for what lies beyond the border.
    const tc::shape image{8, 10, 2};
    floats plane;
    for (int y = 0; y < 8; ++y)
        for (int x = 0; x < 10; ++x) plane.push_back(static_cast<float>(y)), plane.push_back(static_cast<float>(x));
    for (std::uint64_t stream = 0; stream < 50; ++stream) {
        const floats output = augmented(image, {.crop = 0.5}, stream, plane);
        const auto at = [&](int y, int x, int c) { return output[static_cast<std::size_t>((y * 10 + x) * 2 + c)]; };
        const float part = at(4, 5, 0) - at(3, 5, 0);
        CHECK((0.5f <= part && part <= 1.0f));
        for (int i = 2; i < 6; ++i) CHECK(at(i, 3, 0) - at(i - 1, 3, 0) == Approx(part).margin(1e-5));
        for (int i = 2; i < 8; ++i) CHECK(at(3, i, 1) - at(3, i - 1, 1) == Approx(part).margin(1e-5));
        for (int x = 0; x < 10; ++x) CHECK(at(3, x, 0) == at(3, 0, 0));
        CHECK(at(0, 0, 0) <= 8 * (1 - part) + 1e-4f);
        CHECK(at(0, 0, 1) <= 10 * (1 - part) + 1e-4f);
    }
}

TEST_CASE("values stay within the range of the image, and the same stream gives the same image", "[augment]") {
    const tc::shape image{9, 7, 3};
    const floats input = random_image(image);
    const auto [low, high] = std::minmax_element(input.begin(), input.end());
    const tc::augmentation all{.shift = 3, .flip = true, .crop = 0.6};
    std::set<floats> seen;
    for (std::uint64_t stream = 0; stream < 50; ++stream) {
        const floats output = augmented(image, all, stream, input);
        CHECK(*std::min_element(output.begin(), output.end()) >= *low - 1e-6f);
        CHECK(*std::max_element(output.begin(), output.end()) <= *high + 1e-6f);
        CHECK(augmented(image, all, stream, input) == output);
        seen.insert(output);
    }
    CHECK(seen.size() == 50);
}

TEST_CASE("blends are of any other record, with shares up to the given one", "[augment]") {
    double sum = 0, largest = 0;
    std::set<std::size_t> others;
    for (std::uint64_t stream = 0; stream < 500; ++stream) {
        const tc::blend found = tc::choose_blend({.mix = 0.4}, tc::random_stream(7, stream), 20);
        others.insert(found.other);
        sum += static_cast<double>(found.share);
        largest = std::max(largest, static_cast<double>(found.share));
        CHECK(found.share >= 0);
        CHECK(tc::choose_blend({.shift = 2}, tc::random_stream(7, stream), 20).share == 0);
    }
    CHECK(tc::augmentation{.mix = 0.1}.changes());  // so what a teacher says is not kept
    CHECK_FALSE(tc::augmentation{.mix = 0.1}.moves());
    CHECK(others.size() == 20);
    CHECK(*others.rbegin() == 19);
    CHECK(sum / 500 == Approx(0.2).margin(0.02));
    CHECK(largest <= 0.4);
    CHECK(largest > 0.35);
}
