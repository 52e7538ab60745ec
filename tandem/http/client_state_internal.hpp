#pragma once

#include <tandem/http/client_head_internal.hpp>
#include <tandem/http/client_options.hpp>
#include <tandem/http/pool_internal.hpp>
#include <tandem/http/response.hpp>
#include <tandem/task/task.hpp>

#include <memory>
#include <optional>
#include <string>
#include <variant>

namespace tandem::inline v1::http {

/// What a client's calls share.
class ClientState {
public:
    explicit ClientState(ClientOptions options)
        : settings(std::move(options)), heads(settings), pool(std::make_shared<Pool>(settings)) {}
    ~ClientState() { pool->shut_down(); }

    const ClientOptions settings;
    const HeadWriter heads;
    const std::shared_ptr<Pool> pool;
};

/// Where a call goes: a URL, or text still to be parsed.
using CallTarget = std::variant<Url, std::string>;

/// The whole of a call, up to the head of the last response. Without a state: the running loop's own client.
[[nodiscard]] Task<Response> run_call(std::shared_ptr<ClientState> state, std::string method,
                                      CallTarget target, Options options);

/// The running loop's own client (H22).
[[nodiscard]] std::shared_ptr<ClientState> default_client();

}  // namespace tandem::inline v1::http
