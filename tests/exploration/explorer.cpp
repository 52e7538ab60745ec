#include "explorer.hpp"

#include <tandem/base/errors.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/loop/event_loop.hpp>
#include <tandem/task/task_handle.hpp>

#include <chrono>
#include <exception>
#include <functional>

namespace exploration {

using namespace tandem;

namespace {

using Hold = std::function<void(bool holds, const std::string& promise)>;

std::string outcome_of(TaskHandle<int> main) {
    try {
        return "value " + std::to_string(main.result());
    } catch (const Boom& boom) {
        return "boom " + std::to_string(boom.number);
    } catch (const TaskCancelled&) {
        return "cancelled";
    } catch (const ExceptionGroup& group) {
        return "group of " + std::to_string(group.exceptions().size());
    } catch (const std::exception& error) {
        return std::string("error ") + error.what();
    }
}

Task<std::string> conduct(const Node& program, const Way& way, World& world, const Hold& hold) {
    EventLoop& loop = this_loop();
    loop.set_exception_handler([&hold](EventLoop&, const ErrorContext& context) {
        // Errors that nobody looks at are part of the programs.
        const bool left_behind = context.message.find("pending") != std::string::npos;
        hold(!left_behind && context.exception, "logged: " + context.message);
    });
    const auto began = loop.time();
    auto main = create_task(play(program, world));
    if (way.cancel_at) {
        world.on_event = [main, at = *way.cancel_at](int event) {
            if (event == at) main.cancel("explored");
        };
    }
    co_await main.join_only();
    world.on_event = nullptr;
    const auto took = loop.time() - began;
    hold(took <= std::chrono::milliseconds(total_ticks(program)), "it ends within the sum of its sleeps");
    co_return outcome_of(main);
}

}  // namespace

Played run_program(const Node& program, const Way& way) {
    VirtualTime time;
    RunOptions options;
    options.backend = way.backend;
    if (way.backend != BackendChoice::sim) options.time = &time;
    options.handle_sigint = false;
    options.shuffle_seed = way.order;
    Played run;
    const Hold hold = [&run](bool holds, const std::string& promise) {
        if (!holds) run.broken += promise + "\n";
    };
    World world;
    run.outcome = tandem::run(conduct(program, way, world, hold), options);

    hold(world.bodies_live == 0, std::to_string(world.bodies_live) + " bodies are alive behind the end");
    hold(world.cleanups_begun == world.cleanups_ended, "a cleanup was left in its middle");
    hold(world.cleanups_begun >= world.finally_bodies_begun, "a body was left without its cleanup");
    run.trace = std::move(world.trace);
    run.events = world.events;
    return run;
}

}  // namespace exploration
