#include <tandem/process/process.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/process/state_internal.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/operation_wait.hpp>
#include <tandem/task/scope_guard.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/task/timeout.hpp>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <exception>
#include <system_error>
#include <utility>
#include <vector>

#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace tandem::inline v1::process {
namespace {

using State = Process::State;

std::string how_it_ended(int returncode) {
    if (returncode >= 0) return "ended with status " + std::to_string(returncode);
    return "was killed by signal " + std::to_string(-returncode) + " (" + ::strsignal(-returncode) + ")";
}

std::string end_of(const std::string& text) {
    constexpr std::size_t most = 1000;
    std::string tail = text.size() > most ? "..." + text.substr(text.size() - most) : text;
    while (!tail.empty() && (tail.back() == '\n' || tail.back() == '\r')) tail.pop_back();
    return tail.empty() ? tail : ": " + tail;
}

class EndWait final : public OperationWait {
public:
    explicit EndWait(int fd) : OperationWait(OpCode::poll_readable, fd) {}
    const char* waiting_for() const noexcept override { return "the end of a child process"; }
};

/// A child that nobody wants any more, and whoever ends it: at the latest this one's end does.
class Leftover {
public:
    explicit Leftover(std::shared_ptr<State> state) noexcept : state_(std::move(state)) {}
    Leftover(Leftover&&) noexcept = default;
    Leftover& operator=(Leftover&&) = delete;
    ~Leftover() {
        if (state_ && !state_->look()) state_->end_now();
    }
    const std::shared_ptr<State>& state() const noexcept { return state_; }

private:
    std::shared_ptr<State> state_;
};

Task<void> end_leftover(Leftover leftover) {
    co_await stop_in_order(leftover.state(), leftover.state()->grace);
}

// Its first step runs at once: the shield stands before anybody can cancel it.
void end_on(EventLoop& loop, Leftover leftover) {
    TaskOptions options;
    options.name = "end of a child process";
    options.eager_start = true;
    options.housekeeping = true;
    loop.create_task(end_leftover(std::move(leftover)), options);
}

void report_alive(EventLoop& loop, const State& state) noexcept {
    try {
        loop.call_exception_handler(
            {"the child process " + std::to_string(state.pid) + " (" + state.name +
                 ") was dropped alive and is being ended: co_await its wait() or stop()",
             nullptr,
             {},
             {},
             Severity::warning});
    } catch (...) {  // a report less
    }
}

void abandon(std::shared_ptr<State> state) noexcept {
    if (state->inherited()) return;
    for (auto* const stream : {&state->in, &state->out, &state->err}) stream->abort();
    if (state->look()) return;
    try {
        state->send(SIGTERM, true);
        auto leftover = std::make_shared<Leftover>(state);
        EventLoop* const here = this_loop_or_null();
        if (here == state->loop) {
            if (here->debug()) report_alive(*here, *state);
            end_on(*here, std::move(*leftover));
            return;
        }
        const std::lock_guard lock(state->life->mutex);
        EventLoop* const loop = state->life->loop;
        if (loop) loop->call_soon_threadsafe([loop, leftover] { end_on(*loop, std::move(*leftover)); });
    } catch (...) {  // no memory, or no loop any more: Leftover's destructor has ended it
    }
}

Task<void> feed(std::shared_ptr<State> state) {
    std::exception_ptr error;
    try {
        while (state->sent < state->input.size()) {
            const Bytes rest = Bytes(state->input).skip(state->sent);
            const std::size_t count = co_await state->in.write_some(rest);
            state->sent += count;
        }
    } catch (const std::system_error& failure) {
        // It reads no more, which is its right.
        if (failure.code() != std::errc::broken_pipe) error = std::current_exception();
    }
    if (error) std::rethrow_exception(error);
    co_await state->in.close();
}

Task<void> read_to_the_end(io::PipeStream& stream, std::string& text) {
    constexpr std::size_t most_at_once = 64 * 1024;
    const auto buffer = std::make_unique_for_overwrite<char[]>(most_at_once);
    while (stream.is_open()) {
        const std::size_t count = co_await stream.read_some(MutableBytes(buffer.get(), most_at_once));
        if (count == 0) break;
        text.append(buffer.get(), count);
    }
    co_await stream.close();
}

struct Busy {
    explicit Busy(bool& set) : flag(set) { flag = true; }
    ~Busy() { flag = false; }
    bool& flag;
};

Task<Output> communicate_with(std::shared_ptr<State> state, std::string input) {
    state->require_loop("communicate with a child process");
    if (state->communicating)
        throw InvalidStateError("communicate: another task does already with the child process " +
                                std::to_string(state->pid));
    const Busy busy(state->communicating);
    state->input += input;
    std::vector<Task<void>> ways;
    if (state->in.is_open()) ways.push_back(feed(state));
    if (state->out.is_open()) ways.push_back(read_to_the_end(state->out, state->read.out));
    if (state->err.is_open()) ways.push_back(read_to_the_end(state->err, state->read.err));
    co_await gather(std::move(ways));
    const int code = co_await wait_for(state);
    Output all = std::exchange(state->read, Output());
    all.returncode = code;
    co_return all;
}

}  // namespace

std::optional<int> Process::State::reap(int options) noexcept {
    const auto type = end.is_pidfd ? P_PIDFD : P_PID;
    const auto id = static_cast<id_t>(end.is_pidfd ? end.fd.get() : pid);
    siginfo_t about{};
    while (::waitid(type, id, &about, WEXITED | options) < 0) {
        if (errno == EINTR) continue;
        unknown = true;
        return unknown_status;
    }
    if (about.si_pid == 0) return std::nullopt;
    return about.si_code == CLD_EXITED ? about.si_status : -about.si_status;
}

std::optional<int> Process::State::look_locked() noexcept {
    if (!code && !inherited()) code = reap(WNOHANG);
    return code;
}

std::optional<int> Process::State::look() noexcept {
    const std::lock_guard lock(mutex);
    return look_locked();
}

bool Process::State::send(int signal, bool to_group) {
    const std::lock_guard lock(mutex);
    if (inherited() || look_locked()) return false;
    int result = 0;
    if (to_group && own_group)
        result = ::kill(-pid, signal);
    else if (end.is_pidfd)
        result = static_cast<int>(::syscall(SYS_pidfd_send_signal, end.fd.get(), signal, nullptr, 0));
    else
        result = ::kill(pid, signal);
    if (result == 0) return true;
    if (errno == ESRCH) return false;
    throw std::system_error(
        errno, std::generic_category(),
        "send signal " + std::to_string(signal) + " to the child process " + std::to_string(pid));
}

void Process::State::end_now() noexcept {
    const std::lock_guard lock(mutex);
    if (look_locked() || inherited()) return;
    ::kill(own_group ? -pid : pid, SIGKILL);
    code = reap(0);
}

void Process::State::require_loop(const char* what) const {
    if (this_loop_or_null() != loop)
        throw WrongLoop(
            std::string(what) +
            ": it belongs to another event loop; use it where it was started, or move the work there");
}

void Process::State::tell_unknown() noexcept {
    if (!std::exchange(unknown, false)) return;
    try {
        loop->call_exception_handler(
            {"how the child process " + std::to_string(pid) + " (" + name +
                 ") ended is not known: somebody else reaped it, or SIGCHLD is ignored",
             nullptr,
             {},
             {},
             Severity::warning});
    } catch (...) {  // a report less
    }
}

Task<int> wait_for(std::shared_ptr<Process::State> state) {
    state->require_loop("wait for a child process");
    for (;;) {
        if (const auto code = state->look()) {
            state->tell_unknown();
            if (is_cancelled()) co_await checkpoint();  // throws
            co_return *code;
        }
        const std::int32_t result = co_await EndWait(state->end.fd.get());
        if (result < 0)
            throw std::system_error(-result, std::generic_category(),
                                    "wait for the child process " + std::to_string(state->pid));
    }
}

Task<int> stop_in_order(std::shared_ptr<Process::State> state, Duration grace) {
    const ScopeGuard shield(Deadline(), ScopeGuard::Shield::shielded);
    state->send(SIGTERM, true);
    const std::optional<int> in_time = co_await move_on_after(grace, wait_for(state));
    if (in_time) co_return *in_time;
    if (state->send(SIGKILL, true) && grace > Duration::zero()) {
        const auto seconds = std::chrono::duration<double>(grace).count();
        state->loop->call_exception_handler({"the child process " + std::to_string(state->pid) + " (" +
                                                 state->name + ") was killed: it had not ended " +
                                                 std::to_string(seconds) + " seconds after SIGTERM",
                                             nullptr,
                                             {},
                                             {},
                                             Severity::warning});
    }
    co_return co_await wait_for(state);
}

ProcessFailed::ProcessFailed(const std::string& command, Output output)
    : std::runtime_error(command + " " + how_it_ended(output.returncode) + end_of(output.err)),
      output_(std::make_shared<const Output>(std::move(output))) {}

Process& Process::operator=(Process&& other) noexcept {
    if (this != &other) {
        if (state_) abandon(std::move(state_));
        state_ = std::move(other.state_);
    }
    return *this;
}

Process::~Process() {
    if (state_) abandon(std::move(state_));
}

Process::State& Process::state(const char* what) const {
    if (!state_)
        throw InvalidStateError(std::string(what) + ": this Process was never started, or moved from");
    return *state_;
}

int Process::pid() const { return state("pid").pid; }

io::PipeStream& Process::stdin_stream() const {
    State& own = state("stdin_stream");
    if (!own.has_in) throw InvalidStateError("stdin_stream: the command has no stdin_from(process::PIPE)");
    return own.in;
}
io::PipeStream& Process::stdout_stream() const {
    State& own = state("stdout_stream");
    if (!own.has_out) throw InvalidStateError("stdout_stream: the command has no stdout_to(process::PIPE)");
    return own.out;
}
io::PipeStream& Process::stderr_stream() const {
    State& own = state("stderr_stream");
    if (!own.has_err) throw InvalidStateError("stderr_stream: the command has no stderr_to(process::PIPE)");
    return own.err;
}

std::optional<int> Process::returncode() const { return state("returncode").look(); }
Task<int> Process::wait() const {
    state("wait");
    return wait_for(state_);
}
Task<Output> Process::communicate(std::string input) const {
    state("communicate");
    return communicate_with(state_, std::move(input));
}
const Output& Process::partial_output() const { return state("partial_output").read; }

bool Process::send_signal(int signal) const { return state("send_signal").send(signal, false); }
bool Process::terminate() const { return send_signal(SIGTERM); }
bool Process::kill() const { return send_signal(SIGKILL); }

Task<int> Process::stop() const { return stop(state("stop").grace); }
Task<int> Process::stop(Duration grace) const {
    state("stop").require_loop("stop a child process");
    return stop_in_order(state_, grace);
}

Task<Process> exec(Command command) {
    if (is_cancelled()) co_await checkpoint();  // throws: it need not wait
    co_return Launch::start(command);
}

Task<Process> shell(std::string text) { return exec(Command::shell(std::move(text))); }

Task<Output> run(Command command, std::string input) {
    Launch::collect(command, !input.empty());
    Process child = co_await exec(std::move(command));
    std::optional<Output> result;
    std::exception_ptr error;
    try {
        result = co_await child.communicate(std::move(input));
    } catch (...) {
        error = std::current_exception();
    }
    if (error) {
        co_await child.stop();
        std::rethrow_exception(error);
    }
    co_return std::move(*result);
}

Task<std::string> output(Command command, std::string input) {
    const std::string name = command.to_string();
    Output result = co_await run(std::move(command), std::move(input));
    if (result.returncode != 0) throw ProcessFailed(name, std::move(result));
    co_return std::move(result.out);
}

}  // namespace tandem::inline v1::process
