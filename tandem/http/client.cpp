#include <tandem/http/client.hpp>

#include <tandem/http/client_journey_internal.hpp>
#include <tandem/http/client_state_internal.hpp>
#include <tandem/net/connect.hpp>
#include <tandem/net/resolver.hpp>
#include <tandem/tls/errors.hpp>

#include <algorithm>
#include <vector>

namespace tandem::inline v1::http {
namespace {

std::shared_ptr<ClientState> make_state(ClientOptions options) {
    options.validate();
    return std::make_shared<ClientState>(std::move(options));
}

CallTarget text(std::string_view url) { return CallTarget(std::in_place_type<std::string>, url); }
CallTarget parsed(Url url) { return CallTarget(std::in_place_type<Url>, std::move(url)); }

}  // namespace

Client::Client() : Client(ClientOptions()) {}
Client::Client(ClientOptions options) : state_(make_state(std::move(options))) {}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&& other) noexcept {
    if (this != &other) {
        if (state_) state_->pool->shut_down();
        state_ = std::move(other.state_);
    }
    return *this;
}
Client::~Client() {
    if (state_) state_->pool->shut_down();
}

Task<Response> Client::get(std::string_view url, Options o) {
    return run_call(state_, "GET", text(url), std::move(o));
}
Task<Response> Client::get(Url url, Options o) {
    return run_call(state_, "GET", parsed(std::move(url)), std::move(o));
}
Task<Response> Client::head(std::string_view url, Options o) {
    return run_call(state_, "HEAD", text(url), std::move(o));
}
Task<Response> Client::options(std::string_view url, Options o) {
    return run_call(state_, "OPTIONS", text(url), std::move(o));
}
Task<Response> Client::remove(std::string_view url, Options o) {
    return run_call(state_, "DELETE", text(url), std::move(o));
}
Task<Response> Client::post(std::string_view url, Options o) {
    return run_call(state_, "POST", text(url), std::move(o));
}
Task<Response> Client::put(std::string_view url, Options o) {
    return run_call(state_, "PUT", text(url), std::move(o));
}
Task<Response> Client::patch(std::string_view url, Options o) {
    return run_call(state_, "PATCH", text(url), std::move(o));
}
Task<Response> Client::request(std::string_view method, std::string_view url, Options o) {
    return run_call(state_, method_to_send(method), text(url), std::move(o));
}
Task<Response> Client::request(std::string_view method, Url url, Options o) {
    return run_call(state_, method_to_send(method), parsed(std::move(url)), std::move(o));
}

Task<Response> Client::send(Request request) {
    Options options;
    options.headers = std::move(request.headers());
    options.body = std::move(request.body());
    return run_call(state_, method_to_send(request.method()), parsed(request.url()), std::move(options));
}

Task<void> Client::close() { return state_->pool->close(); }

PoolStatus Client::pool_status() const {
    const Pool& pool = *state_->pool;
    return {pool.idle(), pool.in_use(), pool.connecting(), pool.waiting()};
}

const ClientOptions& Client::settings() const noexcept { return state_->settings; }

std::shared_ptr<ClientState> default_client() {
    struct Entry {
        EventLoop* loop;
        std::shared_ptr<ClientState> state;
    };
    thread_local std::vector<Entry> clients;
    EventLoop& here = this_loop();
    // A loop that has ended has unbound its client.
    std::erase_if(clients, [](const Entry& entry) { return !entry.state->pool->bound(); });
    const auto found =
        std::find_if(clients.begin(), clients.end(), [&](const Entry& entry) { return entry.loop == &here; });
    if (found != clients.end()) return found->state;
    auto state = make_state(ClientOptions());
    state->pool->bind();
    clients.push_back({&here, state});
    return state;
}

Task<Response> get(std::string_view url, Options o) {
    return run_call(nullptr, "GET", text(url), std::move(o));
}
Task<Response> head(std::string_view url, Options o) {
    return run_call(nullptr, "HEAD", text(url), std::move(o));
}
Task<Response> post(std::string_view url, Options o) {
    return run_call(nullptr, "POST", text(url), std::move(o));
}
Task<Response> put(std::string_view url, Options o) {
    return run_call(nullptr, "PUT", text(url), std::move(o));
}
Task<Response> patch(std::string_view url, Options o) {
    return run_call(nullptr, "PATCH", text(url), std::move(o));
}
Task<Response> remove(std::string_view url, Options o) {
    return run_call(nullptr, "DELETE", text(url), std::move(o));
}
Task<Response> request(std::string_view method, std::string_view url, Options o) {
    return run_call(nullptr, method_to_send(method), text(url), std::move(o));
}

Reached reached(const std::exception& error) noexcept {
    if (const auto* known = dynamic_cast<const Error*>(&error)) return known->reached();
    if (dynamic_cast<const net::DnsError*>(&error) || dynamic_cast<const net::ConnectError*>(&error) ||
        dynamic_cast<const tls::TlsError*>(&error))
        return Reached::not_sent;
    return Reached::maybe_processed;
}

}  // namespace tandem::inline v1::http
