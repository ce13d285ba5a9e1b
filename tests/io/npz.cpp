// SPDX-License-Identifier: MIT
#include <compress/io/npz.hpp>

#include "../catch.hpp"
#include "../data.hpp"
#include "../scratch.hpp"

namespace tc = tensor_compress;
namespace fs = std::filesystem;
using Catch::Matchers::ContainsSubstring;
using tests::scratch_folder;
using byte_vector = std::vector<std::uint8_t>;

namespace {

tc::named_tensors some_arrays() {
    tc::named_tensors arrays;
    arrays["stem.weight"] = tc::make_array<float>({2, 3});
    arrays["scope/bias"] = tc::make_array<float>({500});
    arrays["scalar"] = tc::make_array<float>({});
    for (auto& entry : arrays)
        for (std::size_t i = 0; i < entry.second.size(); ++i) entry.second.data()[i] = static_cast<float>(i % 7) - 0.5f;
    return arrays;
}

/// An archive with any members, written by libzip.
void write_zip(const fs::path& file, const std::vector<std::pair<std::string, byte_vector>>& members) {
    zip_t* const archive = zip_open(file.c_str(), ZIP_CREATE | ZIP_TRUNCATE, nullptr);
    REQUIRE(archive);
    for (const auto& [name, bytes] : members)
        REQUIRE(zip_file_add(archive, name.c_str(), zip_source_buffer(archive, bytes.data(), bytes.size(), 0), 0) >= 0);
    REQUIRE(zip_close(archive) == 0);
}

}  // namespace

TEST_CASE("arrays are read as they were written", "[npz]") {
    const scratch_folder folder;
    const auto arrays = some_arrays();
    for (const auto compression : {tc::npz_compression::stored, tc::npz_compression::deflated}) {
        tc::save_npz(folder / "a.npz", arrays, compression);
        CHECK((tc::load_npz<float>(folder / "a.npz") == arrays));
        CHECK((tc::load_npz_member<float>(folder / "a.npz", "scope/bias") == arrays.at("scope/bias")));
        CHECK(tc::load_npz_member<double>(folder / "a.npz", "stem.weight")(0, 1) == 0.5);
    }
}

TEST_CASE("deflated is smaller than stored, and the same arrays give the same bytes", "[npz]") {
    const scratch_folder folder;
    tc::save_npz(folder / "a.npz", some_arrays());
    const auto stored = tc::read_file(folder / "a.npz");
    tc::save_npz(folder / "a.npz", some_arrays());
    CHECK(tc::read_file(folder / "a.npz") == stored);
    tc::save_npz(folder / "a.npz", some_arrays(), tc::npz_compression::deflated);
    CHECK(tc::read_file(folder / "a.npz").size() < stored.size() / 2);
}

TEST_CASE("integers and booleans are saved too", "[npz]") {
    const scratch_folder folder;
    tc::named_arrays<std::int64_t> labels;
    labels["label"] = tc::make_array<std::int64_t>({3});
    labels["label"](2) = -9;
    tc::save_npz(folder / "a.npz", labels);
    CHECK((tc::load_npz<std::int64_t>(folder / "a.npz") == labels));
    CHECK(tc::load_npz_member<int>(folder / "a.npz", "label")(2) == -9);
    CHECK_THROWS_WITH(tc::load_npz<std::uint8_t>(folder / "a.npz"),
                      ContainsSubstring("a.npz[label]: holds -9 of dtype '<i8', which '|u1' cannot hold"));
}

TEST_CASE("a missing array is answered with those there are", "[npz]") {
    const scratch_folder folder;
    tc::save_npz(folder / "a.npz", some_arrays());
    CHECK_THROWS_WITH(tc::load_npz_member<float>(folder / "a.npz", "weight"),
                      ContainsSubstring("a.npz: has no array 'weight'; take one of: scalar, scope/bias, stem.weight"));
}

TEST_CASE("an archive cut anywhere is refused", "[npz]") {
    const scratch_folder folder;
    tc::named_tensors arrays;
    arrays["a"] = tc::make_array<float>({2});
    for (const auto compression : {tc::npz_compression::stored, tc::npz_compression::deflated}) {
        tc::save_npz(folder / "a.npz", arrays, compression);
        const auto whole = tc::read_file(folder / "a.npz");
        for (std::size_t length = 1; length < whole.size(); ++length) {
            tc::write_file(folder / "b.npz", std::span(whole).first(length));
            CHECK_THROWS_AS(tc::load_npz<float>(folder / "b.npz"), tc::error);
        }
    }
}

TEST_CASE("every changed byte of an archive is read or refused, never more", "[npz]") {
    const scratch_folder folder;
    tc::named_tensors arrays;
    arrays["a"] = tc::make_array<float>({2});
    tc::save_npz(folder / "a.npz", arrays, tc::npz_compression::deflated);
    const auto whole = tc::read_file(folder / "a.npz");
    std::size_t refused = 0;
    for (std::size_t at = 0; at < whole.size(); ++at) {
        auto bytes = whole;
        bytes[at] ^= 0xff;
        tc::write_file(folder / "b.npz", bytes);
        try {
            (void)tc::load_npz<float>(folder / "b.npz");
        } catch (const tc::error&) {
            ++refused;
        }
    }
    CHECK(refused > whole.size() / 2);
}

TEST_CASE("a damaged array is found by its checksum", "[npz]") {
    const scratch_folder folder;
    tc::save_npz(folder / "a.npz", some_arrays());
    auto bytes = tc::read_file(folder / "a.npz");
    bytes[1000] ^= 1;
    tc::write_file(folder / "a.npz", bytes);
    CHECK_THROWS_WITH(tc::load_npz<float>(folder / "a.npz"),
                      ContainsSubstring("a.npz[") && ContainsSubstring("cannot be unpacked (CRC error)"));
}

TEST_CASE("what is no .npz archive is refused", "[npz]") {
    const scratch_folder folder;
    CHECK_THROWS_WITH(tc::load_npz<float>(folder / "none.npz"), ContainsSubstring("none.npz: does not exist"));
    CHECK_THROWS_WITH(tc::load_npz<float>(folder.path), ContainsSubstring("is a directory"));
    tc::write_file(folder / "a.npz", byte_vector(100, 'x'));
    CHECK_THROWS_WITH(tc::load_npz<float>(folder / "a.npz"),
                      ContainsSubstring("is not a readable .npz archive (Not a zip archive)"));

    write_zip(folder / "a.npz", {{"readme.txt", {'h', 'i'}}});
    CHECK_THROWS_WITH(tc::load_npz<float>(folder / "a.npz"),
                      ContainsSubstring("has a member 'readme.txt' that is not an .npy file"));
    write_zip(folder / "a.npz", {{"x.npy", {'h', 'i'}}});
    CHECK_THROWS_WITH(tc::load_npz<float>(folder / "a.npz"), ContainsSubstring("a.npz[x]: is not an .npy file"));

    write_zip(folder / "a.npz", {{"x.npy", {'h', 'i'}}, {"y.npy", {'h', 'i'}}});
    auto twice = tc::read_file(folder / "a.npz");
    std::replace(twice.begin(), twice.end(), std::uint8_t{'y'}, std::uint8_t{'x'});  // "y.npy" becomes "x.npx"
    for (std::size_t i = 0; i + 4 < twice.size(); ++i)
        if (std::equal(twice.begin() + static_cast<std::ptrdiff_t>(i),
                       twice.begin() + static_cast<std::ptrdiff_t>(i) + 4, ".npx"))
            twice[i + 3] = 'y';
    tc::write_file(folder / "a.npz", twice);
    CHECK_THROWS_WITH(tc::load_npz<float>(folder / "a.npz"), ContainsSubstring("has two members 'x'"));
}

TEST_CASE("members above the limit are refused", "[npz]") {
    const scratch_folder folder;
    tc::named_arrays<std::uint8_t> arrays;
    arrays["a"] = tc::make_array<std::uint8_t>({1'000'000});
    arrays["b"] = tc::make_array<std::uint8_t>({1'000'000});
    tc::save_npz(folder / "a.npz", arrays, tc::npz_compression::deflated);
    CHECK(tc::read_file(folder / "a.npz").size() < 10'000);
    CHECK_THROWS_WITH(tc::load_npz<std::uint8_t>(folder / "a.npz", 1'500'000),
                      ContainsSubstring("more than the limit of 1500000 bytes for all members together"));
    CHECK(tc::load_npz_member<std::uint8_t>(folder / "a.npz", "b", 1'500'000).size() == 1'000'000);
}

TEST_CASE("a small archive of much is refused by what its arrays say", "[npz]") {
    const scratch_folder folder;
    tc::named_arrays<std::uint8_t> zeros;
    zeros["a"] = tc::make_array<std::uint8_t>({100, 1024, 1024});
    tc::save_npz(folder / "a.npz", zeros, tc::npz_compression::deflated);
    CHECK_THROWS_WITH(
        tc::load_npz<float>(folder / "a.npz"),
        ContainsSubstring("a.npz[a]: is 104857728 bytes unpacked by its header, more than the limit of 7"));
    CHECK(tc::load_npz<std::uint8_t>(folder / "a.npz", 1 << 28).at("a").size() == 100u << 20);

    auto longer = tc::detail::npy_from_array(tc::make_array<float>({2}));
    longer.resize(1'000'000);
    write_zip(folder / "a.npz", {{"x.npy", longer}});
    CHECK_THROWS_WITH(tc::load_npz<float>(folder / "a.npz"),
                      ContainsSubstring("a.npz[x]: unpacks to more than the 136 bytes that its header describes"));
}

TEST_CASE("an archive of many arrays takes time in proportion", "[npz]") {
    const scratch_folder folder;
    tc::named_tensors arrays;
    for (int i = 0; i < 60'000; ++i) arrays["layer" + std::to_string(i)] = tc::make_array<float>({0});
    tc::save_npz(folder / "a.npz", arrays);
    CHECK(tc::load_npz<float>(folder / "a.npz").size() == 60'000);
    CHECK_THROWS_AS(tc::load_npz_member<float>(folder / "a.npz", "none"), tc::error);
}

TEST_CASE("an archive that cannot be written says why", "[npz]") {
    const scratch_folder folder;
    CHECK_THROWS_WITH(tc::save_npz(folder / "a.npz", tc::named_tensors{}),
                      ContainsSubstring("would be an archive without arrays"));
    CHECK_THROWS_WITH(tc::save_npz(folder / "none/a.npz", some_arrays()),
                      ContainsSubstring("is in a folder that does not exist"));
    auto arrays = some_arrays();
    arrays["\xff\xfe"] = tc::make_array<float>({1});
    CHECK_THROWS_WITH(tc::save_npz(folder / "a.npz", arrays), ContainsSubstring("cannot take the array"));
    CHECK_FALSE(fs::exists(folder / "a.npz"));
}

TEST_CASE("archives written by NumPy are read", "[npz][data]") {
    const auto data = tests::data_directory();
    if (!data) return tests::skip_notice("NumPy's own .npz archives: no data directory");
    const auto pairs = tc::load_npz<float>(*data / "models/resnet8_pairs.npz");
    std::map<std::string, std::string> shapes;
    for (const auto& [name, a] : pairs) shapes[name] = tc::shape_text(a);
    CHECK(shapes == std::map<std::string, std::string>{{"x_nchw", "[64, 3, 32, 32]"},
                                                       {"y", "[64, 10]"},
                                                       {"x_int8_nhwc", "[64, 32, 32, 3]"},
                                                       {"y_int8", "[64, 10]"},
                                                       {"logits", "[64, 10]"},
                                                       {"logits_int8", "[64, 10]"}});
    // The int8 input is the float input minus 128, in another order.
    const auto& nchw = pairs.at("x_nchw");
    const auto nhwc = tc::load_npz_member<std::int8_t>(*data / "models/resnet8_pairs.npz", "x_int8_nhwc");
    CHECK(nchw(3, 1, 4, 5) == static_cast<float>(nhwc(3, 4, 5, 1)) + 128.0f);
    for (std::size_t i = 0; i < 64; ++i) {
        float sum = 0;
        for (std::size_t c = 0; c < 10; ++c) sum += pairs.at("y")(i, c);
        CHECK(sum == Approx(1.0f).margin(1e-5));
    }
    // What NumPy wrote is what is written here, to the byte.
    tc::detail::npz_archive archive(*data / "models/resnet8_fp32.npz", {});
    const auto weights = tc::load_npz<float>(*data / "models/resnet8_fp32.npz");
    for (std::size_t i = 0; i < archive.names().size(); ++i)
        CHECK((archive.read(i) == tc::detail::npy_from_array(weights.at(archive.names()[i]))));
    CHECK(tc::load_npz_member<int>(*data / "models/kws_sm_pairs.npz", "label").size() == 64);
    CHECK_THROWS_WITH(tc::load_npz<std::int8_t>(*data / "models/resnet8_pairs.npz"),
                      ContainsSubstring("resnet8_pairs.npz[x_nchw]: has dtype '<f4', expected integers ('|i1')"));
}
