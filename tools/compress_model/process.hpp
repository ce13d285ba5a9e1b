// SPDX-License-Identifier: MIT
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "interruption.hpp"

namespace compress_model {

enum class captured { output, output_and_errors };

/// A program to run, and how.
struct command {
    std::vector<std::string> words;   ///< looked up in PATH
    std::filesystem::path folder;     ///< where it runs, and where its own temporary files go
    std::string input = "/dev/null";  ///< relative to the folder
    captured what = captured::output_and_errors;
    std::chrono::milliseconds patience{1000};  ///< with a program that is asked to end
};

struct outcome {
    int code = 0;         ///< exit code, where `signal` is 0
    int signal = 0;       ///< that ended it
    int not_started = 0;  ///< error number where there was no such program
    std::string output;

    [[nodiscard]] bool is_good() const { return code == 0 && signal == 0 && not_started == 0; }
    [[nodiscard]] std::string how_it_ended() const {
        if (not_started != 0) return "cannot be run (" + std::string(std::strerror(not_started)) + ")";
        return signal != 0 ? "was ended by signal " + std::to_string(signal)
                           : "ended with code " + std::to_string(code);
    }
};

namespace detail {

struct pipe_ends {
    int read = -1, write = -1;
    pipe_ends() {
        std::array<int, 2> ends{};
        if (pipe(ends.data()) != 0)
            throw failure("pipe: " + std::string(std::strerror(errno)) + "; close other programs");
        read = ends[0], write = ends[1];
        fcntl(read, F_SETFD, FD_CLOEXEC);
        fcntl(write, F_SETFD, FD_CLOEXEC);
    }
    ~pipe_ends() {
        close_write();
        close(read);
    }
    pipe_ends(const pipe_ends&) = delete;
    pipe_ends& operator=(const pipe_ends&) = delete;
    void close_write() {
        if (write >= 0) close(write);
        write = -1;
    }
};

/// In the new process: becomes the program, or tells through the pipe why not.
[[noreturn]] inline void become(const command& c, const std::vector<char*>& words, const pipe_ends& output,
                                const pipe_ends& start) {
    setpgid(0, 0);  // a group of its own, because compilers start programs that must end with them
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) std::signal(number, SIG_DFL);
    const bool is_ready = chdir(c.folder.c_str()) == 0 && setenv("TMPDIR", c.folder.c_str(), 1) == 0;
    const int input = is_ready ? open(c.input.c_str(), O_RDONLY) : -1;
    if (input >= 0 && dup2(input, 0) >= 0 && dup2(output.write, 1) >= 0 &&
        (c.what == captured::output || dup2(output.write, 2) >= 0))
        execvp(words[0], words.data());
    const int number = errno;
    [[maybe_unused]] const auto told = write(start.write, &number, sizeof number);
    _exit(127);
}

/// Collects what a process writes until it closes the pipe; false if the user interrupts that.
inline bool collect(int from, std::string& to) {
    std::array<char, 4096> piece;
    while (!is_interrupted()) {
        pollfd waited{from, POLLIN, 0};
        const int ready = poll(&waited, 1, 100);
        if (ready <= 0) continue;
        const auto count = read(from, piece.data(), piece.size());
        if (count == 0) return true;
        if (count > 0) to.append(piece.data(), static_cast<std::size_t>(count));
    }
    return false;
}

/// Waits for the end of a process; false if the user interrupts that.
inline bool wait_for(pid_t process, int& status) {
    while (!is_interrupted()) {
        if (waitpid(process, &status, WNOHANG) == process) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return false;
}

/// Ends a process and all that it started, and waits until none of them can write a file any more.
inline void end_group(pid_t process, std::chrono::milliseconds patience) {
    int status = 0;
    kill(-process, SIGTERM);
    constexpr std::chrono::milliseconds pause{5};
    for (auto waited = pause; waited <= patience && waitpid(process, &status, WNOHANG) == 0; waited += pause)
        std::this_thread::sleep_for(pause);
    kill(-process, SIGKILL);
    waitpid(process, &status, 0);
    for (int i = 0; i < 200 && kill(-process, 0) == 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
}

}  // namespace detail

/// Runs a program and waits for it.
///
/// @throws interrupted when a signal asks this program to end; the other one is ended first
inline outcome run(const command& c) {
    stop_if_interrupted();
    std::vector<char*> words;
    for (const auto& word : c.words) words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);

    detail::pipe_ends output, start;
    const pid_t process = fork();
    if (process < 0) throw failure("fork: " + std::string(std::strerror(errno)) + "; close other programs");
    if (process == 0) detail::become(c, words, output, start);
    setpgid(process, process);  // here too: the group must exist before it is ended
    output.close_write();
    start.close_write();

    outcome result;
    int status = 0;
    if (!detail::collect(output.read, result.output) || !detail::wait_for(process, status)) {
        detail::end_group(process, c.patience);
        stop_if_interrupted();
    }
    if (read(start.read, &result.not_started, sizeof result.not_started) <= 0) result.not_started = 0;
    if (WIFSIGNALED(status))
        result.signal = WTERMSIG(status);
    else
        result.code = WEXITSTATUS(status);
    return result;
}

}  // namespace compress_model
