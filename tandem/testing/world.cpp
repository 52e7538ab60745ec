#include <tandem/testing/world.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/task/task_node.hpp>
#include <tandem/testing/async_test.hpp>
#include <tandem/testing/world_internal.hpp>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>

namespace tandem::inline v1::testing {
namespace {

std::optional<std::uint64_t> seed_from_environment() {
    const char* const text = std::getenv("TANDEM_SEED");
    if (text == nullptr || *text == '\0') return std::nullopt;
    return std::strtoull(text, nullptr, 0);
}

/// The plan that belongs to `TANDEM_SEED`.
const char* plan_from_environment(std::uint64_t seed) {
    return seed_from_environment() == seed ? std::getenv("TANDEM_PLAN") : nullptr;
}

std::string in_seconds(Duration time) {
    char text[40];
    std::snprintf(text, sizeof text, "%.6f s", std::chrono::duration<double>(time).count());
    return text;
}

}  // namespace

std::string rerun_line(std::uint64_t seed, const FaultPlan* plan) {
    char text[40];
    std::snprintf(text, sizeof text, "rerun: TANDEM_SEED=0x%" PRIx64, seed);
    const auto planned = plan != nullptr ? " TANDEM_PLAN='" + to_text(*plan) + "'" : "";
    return text + planned + "\n";
}

void tell_seed(std::uint64_t seed) noexcept {
    std::fprintf(stderr, "rerun: TANDEM_SEED=0x%" PRIx64 "\n", seed);
}

std::vector<std::uint64_t> seeds(std::size_t count) {
    if (const auto only = seed_from_environment()) return std::vector<std::uint64_t>(1, *only);
    std::vector<std::uint64_t> all(count);
    for (std::size_t i = 0; i < count; ++i) all[i] = i + 1;
    return all;
}

World::State::State(const WorldOptions& how)
    : options(how),
      seed(how.seed ? *how.seed : seed_from_environment().value_or(1)),
      sim(SimWorld::make(seed)),
      begin(sim->time().now()) {
    sim->set_default_link(how.link);
    if (how.plan != nullptr) {
        sim->misfortune().follow(seed, *how.plan);
        is_planned = true;
    } else if (const char* const text = plan_from_environment(seed)) {
        sim->misfortune().follow(seed, parse_sim_plan(text));
        is_planned = true;
    } else {
        sim->misfortune().draw(seed, how.buggify, how.mishaps);
    }
    current() = this;
}

World::State::~State() {
    sim->misfortune().stop();
    for (auto& machine : machines) {
        if (!machine.loop) continue;
        TaskDomain::of(*machine.loop).root().request_cancel(nullptr);
        dying.push_back(std::move(machine.loop));
    }
    // Peers say goodbye to each other; what does not end is reported by its loop.
    for (int i = 0; i < 10'000 && !dying.empty(); ++i) {
        bury_the_dead();
        if (!run_everybody() && next_instant() != TimePoint::max()) sim->time().jump_to(next_instant());
    }
    dying.clear();
    if (current() == this) current() = nullptr;
}

World::State*& World::State::current() {
    static thread_local State* driven = nullptr;
    return driven;
}

World::Machine* World::State::find(std::string_view name) {
    const auto found = std::find_if(machines.begin(), machines.end(),
                                    [&](Machine& each) { return each.sim->name() == name; });
    return found == machines.end() ? nullptr : &*found;
}

World::Machine* World::State::of(const EventLoop& loop) {
    const auto found = std::find_if(machines.begin(), machines.end(),
                                    [&](Machine& each) { return each.loop.get() == &loop; });
    return found == machines.end() ? nullptr : &*found;
}

void World::State::failed(const Machine& machine, const std::string& what) {
    problems.push_back(machine.sim->name() + ": " + what);
    sim->note(machine.sim->name() + " failed: " + what);
}

void World::Machine::make_loop() {
    EventLoopOptions how;
    how.sim_host = sim;
    how.time = &world->sim->time();
    how.shuffle_seed = world->sim->random().next();
    loop = std::make_unique<EventLoop>(how);
    life = sim->life();
    net::set_resolver(*loop, make_resolver());
    for (auto& program : programs) start(program);
}

namespace {

Task<void> supervise(std::function<Task<void>()>* make, bool* done, std::function<void(std::string)> failed) {
    try {
        co_await (*make)();
        *done = true;
    } catch (const Cancelled&) {
        throw;
    } catch (...) {
        *done = true;
        failed(describe(std::current_exception()));
    }
}

}  // namespace

void World::Machine::start(Program& program) {
    program.done = false;
    std::function<void(std::string)> tell = [this, born = life](std::string what) {
        if (born == sim->life()) world->failed(*this, what);  // the dying may say what they like
    };
    loop->create_task(supervise(&program.make, &program.done, std::move(tell)));
}

void World::State::crash(Machine& machine) {
    sim->crash(*machine.sim);
    if (!machine.loop) return;
    TaskDomain::of(*machine.loop).root().request_cancel(nullptr);
    dying.push_back(std::move(machine.loop));
}

void World::State::bury_the_dead() {
    std::erase_if(dying, [](const std::unique_ptr<EventLoop>& loop) {
        return TaskDomain::of(*loop).live() == 0 && loop->next_deadline() == TimePoint::max();
    });
}

bool World::State::run_calls() {
    bool ran = false;
    while (!calls.empty() && calls.begin()->first <= sim->time().now()) {
        const auto call = calls.extract(calls.begin());
        call.mapped()();
        ran = true;
    }
    return ran;
}

/// One turn of every machine that has something to do, in an order of the seed's choice.
bool World::State::run_everybody() {
    sim->run_due();
    bool ran = run_calls();
    const auto now = sim->time().now();
    std::vector<std::size_t> order(machines.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[sim->random().below(i)]);
    for (const auto place : order) {
        auto& machine = machines[place];
        if (!machine.loop) continue;
        if (!machine.sim->has_completions() && machine.loop->next_deadline() > now) continue;
        machine.loop->poll_once();
        ran = true;
    }
    for (std::size_t i = 0; i < dying.size(); ++i) {
        if (dying[i]->backend().in_flight() == 0 && dying[i]->next_deadline() > now) continue;
        dying[i]->poll_once();
        ran = true;
    }
    if (ran) return true;
    for (auto& machine : machines) ran = machine.sim->await_jobs() || ran;
    return ran;
}

TimePoint World::State::next_instant() {
    auto next = sim->next_event();
    if (!calls.empty()) next = std::min(next, calls.begin()->first);
    for (auto& machine : machines) {
        if (machine.loop) next = std::min(next, machine.loop->next_deadline());
    }
    for (auto& loop : dying) next = std::min(next, loop->next_deadline());
    return next;
}

std::string World::State::describe(const std::vector<std::string>& what) {
    std::string text = "a simulated world failed:\n";
    for (const auto& problem : what) text += "  " + problem + "\n";
    text += "after " + in_seconds(sim->time().now() - begin) + " of virtual time; the last events:\n";
    for (const auto& event : sim->history())
        text += "  " + in_seconds(event.at - begin) + "  " + event.what + "\n";
    for (auto& machine : machines) {
        if (machine.loop) text += "tasks of " + machine.sim->name() + ":\n" + dump_tree(*machine.loop);
    }
    return text + rerun_line(seed, is_planned ? &sim->misfortune().struck() : nullptr);
}

World::World(const WorldOptions& options)
    : state_(std::make_unique<State>(options)), net(*state_), dns(*state_) {}
World::~World() = default;

World::Host World::host(std::string name, std::string address) {
    if (state_->find(name)) throw std::invalid_argument("host " + name + ": there is one already");
    auto& sim = state_->sim->add_host(name, {address});
    auto& machine = state_->machines.emplace_back();
    machine.world = state_.get();
    machine.sim = &sim;
    state_->names[name].push_back(std::move(address));
    machine.make_loop();
    return Host(machine);
}

SimFiles& World::fs(const Host& host) { return host.machine_->sim->files(); }

void World::at(Duration when, std::function<void()> fn) {
    state_->calls.emplace(saturating_add(state_->begin, when), std::move(fn));
}

WorldReport World::run_until_idle(Duration limit) {
    State::current() = state_.get();
    auto& state = *state_;
    const auto end = saturating_add(state.sim->time().now(), limit);
    WorldReport report;
    for (;;) {
        while (state.run_everybody()) state.bury_the_dead();
        const auto next = state.next_instant();
        if (next == TimePoint::max()) break;
        if (next > end) {
            state.sim->time().jump_to(end);
            report.problems_.push_back("still busy after " + in_seconds(limit));
            break;
        }
        state.sim->time().jump_to(next);
    }
    auto& problems = report.problems_;
    problems.insert(problems.begin(), state.problems.begin(), state.problems.end());
    state.problems.clear();
    for (auto& machine : state.machines) {
        for (const auto& program : machine.programs) {
            if (machine.loop && program.must_end && !program.done)
                problems.push_back(machine.sim->name() + ": a program still waits");
        }
    }
    if (problems.empty()) return report;
    state.last_failure = report.text_ = state.describe(problems);
    if (state.options.report_failures) std::fputs(report.text_.c_str(), stderr);
    return report;
}

std::uint64_t World::seed() const { return state_->seed; }
const FaultPlan& World::fault_plan() const { return state_->sim->misfortune().struck(); }
Duration World::elapsed() const { return state_->sim->time().now() - state_->begin; }
std::uint64_t World::trace_hash() const { return state_->sim->trace_hash(); }
void World::note(std::string what) { state_->sim->note(std::move(what)); }
SimRandom& World::random() { return state_->sim->random(); }

std::vector<std::string> World::history() const {
    std::vector<std::string> lines;
    for (auto& event : state_->sim->history())
        lines.push_back(in_seconds(event.at - state_->begin) + "  " + event.what);
    return lines;
}

void World::Host::start(std::function<Task<void>()> program, bool must_end) const {
    auto& added = machine_->programs.emplace_back();
    added.make = std::move(program);
    added.must_end = must_end;
    if (machine_->loop) machine_->start(added);
}

void World::Host::crash() const {
    auto& state = *machine_->world;
    if (!machine_->loop) return;
    if (this_loop_or_null()) {  // from inside a turn: right after it
        state.calls.emplace(state.sim->time().now(),
                            [machine = machine_] { machine->world->crash(*machine); });
        return;
    }
    state.crash(*machine_);
}

void World::Host::restart() const {
    if (machine_->loop) return;
    machine_->world->sim->restart(*machine_->sim);
    machine_->make_loop();
}

const std::string& World::Host::name() const { return machine_->sim->name(); }

EventLoop& World::Host::loop() const {
    if (!machine_->loop) throw std::logic_error("host " + name() + " has crashed");
    return *machine_->loop;
}

void World::Net::link(std::string_view one, std::string_view other, const SimLink& link) {
    auto* const first = state_.find(one);
    auto* const second = state_.find(other);
    if (!first || !second) throw std::invalid_argument("link: no such host");
    state_.sim->set_link(*first->sim, *second->sim, link);
}

void World::Net::partition(const Host& one, const Host& other) {
    state_.sim->partition(*one.machine_->sim, *other.machine_->sim);
}

void World::Net::heal() { state_.sim->heal(); }

void World::Net::fault(const Host& client, const Host& server, SimFault kind, std::uint64_t k,
                       bool to_client) {
    state_.sim->plan_fault(*client.machine_->sim, *server.machine_->sim, kind, k, to_client);
}

void World::Dns::add(std::string name, std::vector<std::string> addresses) {
    for (auto& address : addresses) state_.names[name].push_back(std::move(address));
}

void World::Dns::fail(std::string name, net::DnsError::Kind kind, int times) {
    state_.name_failures[std::move(name)] = {kind, times};
}

void World::Dns::latency(Duration value) { state_.name_latency = value; }

}  // namespace tandem::inline v1::testing
