// SPDX-License-Identifier: MIT
#include <compress/train/progress.hpp>

#include <sstream>
#include <thread>

#include "../catch.hpp"

namespace tc = tensor_compress;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;

TEST_CASE("an epoch that is over is a line", "[progress]") {
    std::ostringstream text;
    tc::progress_line line(&text, false, 10);
    line.begin_epoch();
    line.show(3, 0.5, 50, 10, 100);  // within an epoch only a terminal sees something
    CHECK(text.str().empty());
    line.finish({3, 0.25, 91.5, 88.25, 0.1, 1}, false, 100);
    CHECK_THAT(text.str(), StartsWith("epoch  3/10  loss 0.2500  accuracy  91.50  ") &&
                               ContainsSubstring(" images/s  ") && Catch::Matchers::EndsWith(" left\n"));
    text.str("");
    line.finish({10, 0.125, 100, 88.25, 0.1, 1}, true, 100);
    CHECK_THAT(text.str(), StartsWith("epoch 10/10  loss 0.1250  accuracy 100.00  held out  88.25  ") &&
                               ContainsSubstring("  0:00 left\n"));
}

TEST_CASE("the line of the current epoch is written over, at most twice a second", "[progress]") {
    std::ostringstream text;
    tc::progress_line line(&text, true, 2);
    line.begin_epoch();
    line.show(1, 0.5, 50, 10, 100);
    CHECK(text.str().empty());
    std::this_thread::sleep_for(std::chrono::milliseconds(520));
    line.show(1, 0.5, 50, 10, 100);
    line.show(1, 0.25, 60, 20, 100);
    CHECK_THAT(text.str(), StartsWith("epoch 1/2  loss 0.5000  accuracy  50.00  ") && ContainsSubstring(" left\r"));
    CHECK(text.str().find("0.2500") == std::string::npos);
    CHECK(text.str().find('\n') == std::string::npos);
}

TEST_CASE("without a stream nothing is written", "[progress]") {
    tc::progress_line line(nullptr, true, 2);
    line.begin_epoch();
    CHECK_NOTHROW(line.show(1, 0.5, 50, 10, 100));
    CHECK_NOTHROW(line.finish({}, true, 100));
    CHECK(line.seconds() >= 0);
}
