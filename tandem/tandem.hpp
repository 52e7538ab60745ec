#pragma once

// Everything, for programs. The library's own files include what they use instead.
// IWYU pragma: begin_exports
#include <tandem/base/bytes.hpp>
#include <tandem/base/errors.hpp>
#include <tandem/base/outcome.hpp>
#include <tandem/base/time.hpp>
#include <tandem/bridge/dual.hpp>
#include <tandem/bridge/get.hpp>
#include <tandem/bridge/pending.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/bridge/run_on.hpp>
#include <tandem/bridge/to_thread.hpp>
#include <tandem/http/client.hpp>
#include <tandem/http/server.hpp>
#include <tandem/io/byte_stream.hpp>
#include <tandem/io/line_reader.hpp>
#include <tandem/loop/event_loop.hpp>
#include <tandem/loop/signals.hpp>
#include <tandem/net/connect.hpp>
#include <tandem/net/resolver.hpp>
#include <tandem/net/serve.hpp>
#include <tandem/net/tcp_listener.hpp>
#include <tandem/process/pool.hpp>
#include <tandem/sync/task_pool.hpp>
#include <tandem/task/as_completed.hpp>
#include <tandem/task/as_result.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/generator.hpp>
#include <tandem/task/race.hpp>
#include <tandem/task/retry.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task.hpp>
#include <tandem/task/task_group.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/task/wait_handles.hpp>
#include <tandem/tls/stream.hpp>
// IWYU pragma: end_exports
