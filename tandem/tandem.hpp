#pragma once

// Everything, for programs. The library's own files include what they use instead.

#if !defined(__cpp_impl_coroutine) || __cplusplus < 202002L
#error "tandem needs C++20: compile with -std=c++20"
#endif
#if !defined(__cpp_exceptions)
#error \
    "tandem needs exceptions, which bring errors and cancellation to who waits: compile without -fno-exceptions"
#endif

// IWYU pragma: begin_exports
#include <tandem/base/bytes.hpp>
#include <tandem/base/errors.hpp>
#include <tandem/base/outcome.hpp>
#include <tandem/base/time.hpp>
#include <tandem/bridge/background_loop.hpp>
#include <tandem/bridge/blocking.hpp>
#include <tandem/bridge/bridge_report.hpp>
#include <tandem/bridge/dual.hpp>
#include <tandem/bridge/fiber.hpp>
#include <tandem/bridge/get.hpp>
#include <tandem/bridge/interrupt_scope.hpp>
#include <tandem/bridge/pending.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/bridge/run_blocking.hpp>
#include <tandem/bridge/run_on.hpp>
#include <tandem/bridge/std_future.hpp>
#include <tandem/bridge/sync_iter.hpp>
#include <tandem/bridge/to_thread.hpp>
#include <tandem/http/client.hpp>
#include <tandem/http/generated_body.hpp>
#include <tandem/http/server.hpp>
#include <tandem/inspect/stall_watch.hpp>
#include <tandem/io/byte_stream.hpp>
#include <tandem/io/file.hpp>
#include <tandem/io/line_reader.hpp>
#include <tandem/io/memory_stream.hpp>
#include <tandem/io/pipe_stream.hpp>
#include <tandem/io/readiness.hpp>
#include <tandem/loop/context.hpp>
#include <tandem/loop/event_loop.hpp>
#include <tandem/loop/signals.hpp>
#include <tandem/net/connect.hpp>
#include <tandem/net/name_info.hpp>
#include <tandem/net/protocol.hpp>
#include <tandem/net/resolver.hpp>
#include <tandem/net/send_file.hpp>
#include <tandem/net/serve.hpp>
#include <tandem/net/stream_writer.hpp>
#include <tandem/net/tcp_listener.hpp>
#include <tandem/process/command.hpp>
#include <tandem/process/pool.hpp>
#include <tandem/process/process.hpp>
#include <tandem/process/protocol.hpp>
#include <tandem/sync/actor.hpp>
#include <tandem/sync/barrier.hpp>
#include <tandem/sync/capacity_limiter.hpp>
#include <tandem/sync/channel.hpp>
#include <tandem/sync/condition.hpp>
#include <tandem/sync/errors.hpp>
#include <tandem/sync/event.hpp>
#include <tandem/sync/latch.hpp>
#include <tandem/sync/mutex.hpp>
#include <tandem/sync/queue.hpp>
#include <tandem/sync/rate_limiter.hpp>
#include <tandem/sync/semaphore.hpp>
#include <tandem/sync/task_pool.hpp>
#include <tandem/sync/universal_queue.hpp>
#include <tandem/task/as_completed.hpp>
#include <tandem/task/as_result.hpp>
#include <tandem/task/async_generator.hpp>
#include <tandem/task/async_scope.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/completion.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/future.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/generator.hpp>
#include <tandem/task/join_all_tasks.hpp>
#include <tandem/task/race.hpp>
#include <tandem/task/retry.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task.hpp>
#include <tandem/task/task_group.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/task/wait_handles.hpp>
#include <tandem/tls/stream.hpp>
// IWYU pragma: end_exports
