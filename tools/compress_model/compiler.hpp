// SPDX-License-Identifier: MIT
#pragma once

#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include <compress/tensor/error.hpp>

#include "compiler_words.hpp"
#include "compress_model_build.hpp"
#include "process.hpp"
#include "refusal.hpp"
#include "work_folder.hpp"

namespace compress_model {

/// Which headers a program may include: those of a target, or all; and whether it calls on linear algebra and threads.
enum class headers { inference, host, host_and_algebra };

/// The machine's own compiler, and where it finds this library.
class compiler {
public:
    /// @param  chosen  program, and maybe arguments; empty for $CXX, then c++
    /// @param  flags   of optimisation and instruction set, separated by spaces
    compiler(const std::string& chosen, const std::string& flags)
        : words_(compiler_words(chosen)),
          flags_(split(flags, ' ')) {
        expect_standard(flags_);
        const char* const given = std::getenv("COMPRESS_INCLUDE");
        if (given != nullptr && *given != 0) {
            inference_ = host_ = {split(given, ':')};
        } else {
            const auto with = [own = own_folder()](const char* others) {
                auto folders = split(others, ';');
                folders.insert(folders.begin(), own);
                return folders;
            };
            inference_ = with(build::inference_folders);
            host_ = with(build::host_folders);
        }
        expect_library();
    }

    /// Compiles NAME.cpp of the folder to the program NAME beside it. In two steps, because a compiler cache keeps
    /// objects.
    ///
    /// @param  advice  for somebody whose program does not compile
    /// @throws bad_input where the library refuses the recipe; failure with the first lines of what the compiler says
    void compile(const work_folder& work, const std::string& name, headers which, const std::string& advice) const {
        auto words = flags_;
        words.insert(words.begin(), "-std=c++20");
        words.push_back("-w");
        for (const auto& folder : which == headers::inference ? inference_ : host_)
            words.insert(words.end(), {"-isystem", std::filesystem::absolute(folder).string()});
        words.insert(words.end(), {"-c", name + ".cpp", "-o", name + ".o"});
        run_on(work, name, words, advice);
        words = flags_;
        words.insert(words.end(), {name + ".o", "-o", name});
        for (const auto& word : libraries_of(which)) words.push_back(word);
        run_on(work, name, words, advice);
    }

private:
    static std::vector<std::string> libraries_of(headers which) {
        if (which == headers::inference) return {};
        auto words = split(build::host_libraries, ';');
        if (which == headers::host) return words;
        for (const auto& word : split(build::algebra_libraries, ';')) words.push_back(word);
        words.push_back("-pthread");
        return words;
    }

    /// The installed headers beside this program, or those it was built with.
    static std::string own_folder() {
        std::error_code problem;
        const auto program = std::filesystem::read_symlink("/proc/self/exe", problem);
        const auto beside = program.parent_path().parent_path() / "include";
        if (!problem && std::filesystem::exists(beside / "compress/compress.hpp", problem)) return beside.string();
        return build::own_folder;
    }

    void run_on(const work_folder& work, const std::string& name, const std::vector<std::string>& words,
                const std::string& advice) const {
        command c{words_, work.path()};
        c.words.insert(c.words.end(), words.begin(), words.end());
        const outcome result = run(c);
        if (result.not_started != 0)
            throw failure(words_[0] + ": " + result.how_it_ended() + "; give --cxx a C++20 compiler, or set CXX");
        if (const std::string refusal = result.is_good() ? "" : refusal_of(result.output); !refusal.empty())
            throw bad_input(refusal + "; change --precision or --recipe");
        if (!result.is_good())
            throw failure(words_[0] + ": " + result.how_it_ended() + " on the generated " + name +
                              ".cpp (what it says follows); " + advice,
                          first_lines(result.output, work));
    }

    void expect_library() const {
        std::string searched;
        for (const auto& folder : host_) {
            std::error_code problem;
            if (std::filesystem::exists(std::filesystem::path(folder) / "compress/compress.hpp", problem)) return;
            searched += (searched.empty() ? "" : ":") + folder;
        }
        throw tensor_compress::error(searched, "holds no compress/compress.hpp",
                                     "set COMPRESS_INCLUDE to the folders of the headers, separated by ':'");
    }

    /// Where the compiler was and how it got there is of no use to somebody who did not write the program.
    static bool is_path_to_error(const std::string& line) {
        return line.starts_with("In file included from") || line.starts_with("                 from");
    }

    static std::string first_lines(std::string text, const work_folder& work) {
        const std::string folder = work.path().string() + '/';
        if (!work.is_kept())
            for (auto at = text.find(folder); at != std::string::npos; at = text.find(folder, at))
                text.erase(at, folder.size());
        std::istringstream stream(text);
        std::string lines, line;
        for (int count = 0; count < 20 && std::getline(stream, line);) {
            if (is_path_to_error(line)) continue;
            lines += line.substr(0, 400) + '\n';
            ++count;
        }
        return lines;
    }

    std::vector<std::string> words_, flags_, inference_, host_;
};

}  // namespace compress_model
