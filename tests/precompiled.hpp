// What most tests include, compiled once for all of them (TANDEM_PCH), with clang: g++ 12 gains little, and
// warns of what it then sees in the system's headers. Every test names what it needs all the same: g++
// compiles it without.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <tandem/bridge/get.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/loop/event_loop.hpp>
#include <tandem/task/as_result.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_group.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/task/timeout.hpp>
#include <tandem/testing/async_test.hpp>
