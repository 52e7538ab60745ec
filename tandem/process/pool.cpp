#include <tandem/process/pool.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/process/child_internal.hpp>
#include <tandem/sync/slot_line.hpp>
#include <tandem/task/cancel_scope.hpp>

#include <algorithm>
#include <cstring>
#include <vector>

namespace tandem::inline v1::process {
namespace {

std::string how_it_ended(int returncode) {
    if (returncode >= 0) return "ended with status " + std::to_string(returncode);
    return "was killed by signal " + std::to_string(-returncode) + " (" + ::strsignal(-returncode) + ")";
}

}  // namespace

ProcessDied::ProcessDied(int pid, int returncode)
    : std::runtime_error("the child process " + std::to_string(pid) + " " + how_it_ended(returncode) +
                         " before its job was done"),
      pid_(pid),
      returncode_(returncode) {}

RemoteError::RemoteError(int pid, const std::string& what)
    : std::runtime_error("the job in child process " + std::to_string(pid) + " failed: " + what), pid_(pid) {}

void throw_short_frame() { throw std::runtime_error("a frame between processes ended too early"); }

struct Pool::State {
    explicit State(std::size_t processes)
        : slots(std::make_shared<SlotLine>(std::max<std::size_t>(processes, 1))) {}

    /// One without work, or a new one.
    std::shared_ptr<Child> take_child() {
        if (!idle.empty()) {
            auto child = std::move(idle.back());
            idle.pop_back();
            return child;
        }
        auto child = std::make_shared<Child>(*loop);
        pids.push_back(child->pid());
        return child;
    }
    void forget(const Child& child) { std::erase(pids, child.pid()); }

    EventLoop* loop = nullptr;
    std::shared_ptr<SlotLine> slots;
    std::vector<std::shared_ptr<Child>> idle;
    std::vector<int> pids;
    bool ended = false;
};

Pool::Pool(std::size_t processes) : state_(std::make_shared<State>(processes)) {}

Pool::~Pool() {
    if (!state_) return;
    state_->ended = true;
    for (const auto& child : state_->idle) child->kill();  // all at once, then one is reaped after the other
    state_->idle.clear();
}

std::vector<int> Pool::pids() const { return state_->pids; }

Task<std::string> Pool::run(std::shared_ptr<State> state, RemoteCall call) {
    EventLoop& loop = this_loop();
    if (state->loop && state->loop != &loop)
        throw WrongLoop(
            "this process::Pool belongs to another event loop: use run_on() or a pool of its own");
    state->loop = &loop;
    const std::string frame = encode_call(call);
    SlotLine::Acquire place(state->slots);
    SlotLine::Hold hold = co_await place;
    std::shared_ptr<Child> child = state->take_child();

    std::optional<std::string> answer;
    bool cancelled = false;
    {
        using Shield = ScopeGuard::Shield;
        ScopeGuard guard(Deadline(), call.kill_on_cancel ? Shield::open : Shield::shielded);
        try {
            answer = co_await child->exchange(frame);
        } catch (const Cancelled&) {
            cancelled = true;
        }
    }
    if (!answer) {
        state->forget(*child);
        if (cancelled) child->kill();
        int returncode = 0;
        {
            ScopeGuard guard(Deadline(), ScopeGuard::Shield::shielded);
            returncode = co_await child->wait();
        }
        if (cancelled) current_task_node()->throw_cancelled();
        throw ProcessDied(child->pid(), returncode);
    }
    const int pid = child->pid();
    if (state->ended)
        state->forget(*child);
    else
        state->idle.push_back(std::move(child));
    if (answer->empty() || answer->front() != gave_value) throw RemoteError(pid, answer->substr(1));
    co_return answer->substr(1);
}

}  // namespace tandem::inline v1::process
