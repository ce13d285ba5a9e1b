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

/// Reads what is there at that moment, or comes within the time; false at the end of the pipe.
inline bool read_piece(int from, int milliseconds, std::string& to) {
    std::array<char, 4096> piece;
    pollfd waited{from, POLLIN, 0};
    if (poll(&waited, 1, milliseconds) <= 0) return true;
    const auto count = read(from, piece.data(), piece.size());
    if (count > 0) to.append(piece.data(), static_cast<std::size_t>(count));
    return count != 0;
}

/// Collects what a process writes until it ends; false if the user interrupts that. The end of the pipe is not waited
/// for: what the process has started and left may hold it.
inline bool follow(pid_t process, int from, std::string& to, int& status) {
    while (!is_interrupted()) {
        if (waitpid(process, &status, WNOHANG) == process) return true;
        if (!read_piece(from, 20, to)) from = -1;  // which poll passes over
    }
    return false;
}

/// What was written before the end and not read yet: no more than a pipe holds.
inline void drain(int from, std::string& to) {
    constexpr std::size_t most = std::size_t{1} << 20;
    for (std::size_t before = to.size(), last = before - 1; to.size() != last && to.size() - before < most;) {
        last = to.size();
        read_piece(from, 0, to);
    }
}

/// A process in the group of another one, which ends the group when this program ends in whatever way: it holds the
/// other end of a pipe that is never written to. (PR_SET_PDEATHSIG would end a compiler's driver alone.)
inline pid_t guard_of(pid_t group, const pipe_ends& life) {
    const pid_t guard = fork();
    if (guard > 0) setpgid(guard, group);  // while the process that the group is named after is not waited for
    if (guard != 0) return guard;
    close(life.write);
    char nothing;
    while (read(life.read, &nothing, 1) < 0 && errno == EINTR) {
    }
    kill(-group, SIGKILL);
    _exit(0);
}

/// Ends all that is left of a group, and waits until none of it can write a file any more.
inline void end_rest(pid_t group, pid_t guard) {
    kill(-group, SIGKILL);
    if (guard > 0) {
        kill(guard, SIGKILL);
        waitpid(guard, nullptr, 0);
    }
    for (int i = 0; i < 200 && kill(-group, 0) == 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
}

/// Asks a process and all that it started to end, and waits for the process.
inline void ask_to_end(pid_t process, std::chrono::milliseconds patience) {
    int status = 0;
    kill(-process, SIGTERM);
    constexpr std::chrono::milliseconds pause{5};
    for (auto waited = pause; waited <= patience; waited += pause) {
        if (waitpid(process, &status, WNOHANG) != 0) return;
        std::this_thread::sleep_for(pause);
    }
    kill(process, SIGKILL);
    waitpid(process, &status, 0);
}

}  // namespace detail

/// Runs a program and waits for it. What it leaves running is ended.
///
/// @throws interrupted when a signal asks this program to end; the other one is ended first
inline outcome run(const command& c) {
    stop_if_interrupted();
    std::vector<char*> words;
    for (const auto& word : c.words) words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);

    detail::pipe_ends output, start, life;
    const pid_t process = fork();
    if (process < 0) throw failure("fork: " + std::string(std::strerror(errno)) + "; close other programs");
    if (process == 0) detail::become(c, words, output, start);
    setpgid(process, process);  // here too: the group must exist before it is ended
    output.close_write();
    start.close_write();
    const pid_t guard = detail::guard_of(process, life);

    outcome result;
    int status = 0;
    const bool has_ended = detail::follow(process, output.read, result.output, status);
    if (!has_ended) detail::ask_to_end(process, c.patience);
    detail::end_rest(process, guard);
    if (!has_ended) stop_if_interrupted();
    detail::drain(output.read, result.output);
    if (read(start.read, &result.not_started, sizeof result.not_started) <= 0) result.not_started = 0;
    if (WIFSIGNALED(status))
        result.signal = WTERMSIG(status);
    else
        result.code = WEXITSTATUS(status);
    return result;
}

}  // namespace compress_model
