// SPDX-License-Identifier: MIT
#pragma once

#include <cstdio>
#include <string>

#include <compress/io/idx.hpp>
#include <compress/tensor/digits.hpp>

/// Records to learn from and records to judge by, 28 x 28 pixels / 255.
struct digit_records {
    tensor_compress::data_set training, test;
};

/// Generated digits, or with `--mnist FOLDER` those of MNIST: train and test5k, or t10k, as IDX files with or without
/// .gz.
inline digit_records digit_records_for(int count, char** words, std::size_t generated = 4000) {
    namespace tc = tensor_compress;
    digit_records records;
    if (count > 2 && std::string(words[1]) == "--mnist") {
        const std::filesystem::path folder = words[2];
        const auto load = [&](const std::string& part) {
            for (const char* end : {".gz", ""}) {
                const auto images = folder / (part + "-images-idx3-ubyte" + end);
                if (std::filesystem::exists(images))
                    return tc::load_idx(images, folder / (part + "-labels-idx1-ubyte" + end));
            }
            throw tc::error(folder.string(), "no files " + part + "-images-idx3-ubyte", "name the folder of MNIST");
        };
        records.training = load("train");
        records.test = load(std::filesystem::exists(folder / "test5k-images-idx3-ubyte.gz") ? "test5k" : "t10k");
    } else {
        records.training = tc::make_digits(generated, 1);
        records.test = tc::make_digits(2000, 2);
    }
    records.training.inputs /= 255.0f;
    records.test.inputs /= 255.0f;
    return records;
}
