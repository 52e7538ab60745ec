#include <cli/requests.hpp>

#include <cli/outcome.hpp>
#include <cli/secrets.hpp>
#include <cli/text.hpp>
#include <cli/version.hpp>

#include <tandem/http/client.hpp>
#include <tandem/http/client_dialer.hpp>
#include <tandem/net/address.hpp>

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <map>
#include <sstream>
#include <utility>

namespace tandem::cli {
namespace {

std::string joined_data(const std::vector<DataPiece>& data) {
    std::string text;
    for (const auto& piece : data) {
        if (!text.empty() && piece.kind != DataPiece::Kind::json) text += '&';
        text += piece.text;
    }
    return text;
}

/// The value of `Authorization` for `name:password`.
std::string basic_credentials(std::string_view user) {
    const auto colon = user.find(':');
    http::Options made;
    made.basic_auth(user.substr(0, colon), colon == std::string_view::npos ? "" : user.substr(colon + 1));
    return std::string(made.headers.get("Authorization").value_or(""));
}

std::string content_of(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream content;
    if (!file || !(content << file.rdbuf()))
        throw FetchError(ErrorCode::file_read, fmt::format("read the body from {}: {}",
                                                           escaped_for_terminal(path), std::strerror(errno)));
    return content.str();
}

/// `--connect-to` with empty parts, which match or keep everything: a dialer for each origin that comes up.
class MappingDialer final : public http::Dialer {
public:
    MappingDialer(http::ClientOptions options, std::vector<ConnectTo> rules)
        : options_(std::move(options)), rules_(std::move(rules)) {}

    Task<http::Dialed> dial(http::DialTarget target) override {
        std::shared_ptr<http::Dialer> dialer = dialer_for(target);
        co_return co_await dialer->dial(std::move(target));
    }

private:
    std::shared_ptr<http::Dialer> dialer_for(const http::DialTarget& target) {
        auto& dialer = dialers_[{target.host(), target.port()}];
        if (dialer) return dialer;
        auto options = options_;
        for (const auto& rule : rules_) {
            if (!rule.from_host.empty() && !equal_ignoring_case(rule.from_host, target.host())) continue;
            if (rule.from_port && *rule.from_port != target.port()) continue;
            options.connect_to(target.host(), target.port(),
                               rule.to_host.empty() ? target.host() : rule.to_host,
                               rule.to_port.value_or(target.port()));
            break;
        }
        dialer = http::network_dialer(options);
        return dialer;
    }

    http::ClientOptions options_;
    std::vector<ConnectTo> rules_;
    std::map<std::pair<std::string, std::uint16_t>, std::shared_ptr<http::Dialer>> dialers_;
};

std::optional<Duration> limit(const std::optional<FetchOptions::Duration>& given) {
    if (!given) return std::nullopt;
    return to_duration(*given);
}

}  // namespace

Requests::Requests(const FetchOptions& options) : options_(options) {
    for (const auto& header : options.headers) {
        const bool secret =
            header.kind == HeaderOption::Kind::set && is_secret_header(header.name, options.secret_headers);
        (secret ? secret_ : plain_).push_back(header);
    }
    const auto add_secret = [&](std::string name, std::string value) {
        secret_.push_back({HeaderOption::Kind::set, std::move(name), std::move(value)});
    };
    if (options.user) add_secret("Authorization", basic_credentials(*options.user));
    if (options.oauth2_bearer) add_secret("Authorization", "Bearer " + *options.oauth2_bearer);
    std::string cookies;
    for (const auto& cookie : options.cookies) cookies += (cookies.empty() ? "" : "; ") + cookie;
    if (!cookies.empty()) add_secret("Cookie", cookies);

    if (!options.data.empty() && !options.data_in_query) {
        body_ = joined_data(options.data);
        const bool json = options.data.front().kind == DataPiece::Kind::json;
        body_type_ = json ? "application/json" : "application/x-www-form-urlencoded";
        if (json) plain_.insert(plain_.begin(), {HeaderOption::Kind::set, "Accept", "application/json"});
        body_digest_ = sha256(*body_);
    }
    has_own_headers_ = !plain_.empty() || !secret_.empty() || !options.headers_for_hosts.empty() ||
                       options.referer || options.range;
}

http::Url Requests::url_for(const http::Url& url) const {
    auto asked = url;
    if (options_.data_in_query && !options_.data.empty()) {
        auto query = std::string(asked.query());
        if (!query.empty()) query += '&';
        asked.set_query(query + joined_data(options_.data));
    }
    return asked;
}

std::string Requests::method_for(const Entry& entry) const {
    return entry.method.empty() ? method_of(options_) : entry.method;
}

EntryId Requests::id_for(const Entry& entry, const http::Url& url, std::string_view method) const {
    const auto output = entry.output.value_or(std::string());
    if (entry.body) {
        const auto digest = sha256(*entry.body);
        return entry_id(method, url.canonical(), &digest, output);
    }
    return entry_id(method, url.canonical(), body_digest_ ? &*body_digest_ : nullptr, output);
}

void Requests::bind_secrets(const http::Url& first) {
    if (!home_) home_ = lane_of(first);
}

void Requests::add_header(http::Headers& headers, const HeaderOption& option) const {
    headers.remove(option.name);
    if (option.kind != HeaderOption::Kind::remove) headers.add(option.name, option.value);
}

void Requests::add_secrets(http::Headers& headers, const http::Url& url) {
    if (secret_.empty()) return;
    const auto origin = lane_of(url);
    if (origin == home_) {
        for (const auto& secret : secret_) add_header(headers, secret);
        return;
    }
    std::string names;
    for (const auto& secret : secret_) {
        if (headers.contains(secret.name)) continue;  // it has its own
        names += (names.empty() ? "" : ", ") + secret.name;
    }
    if (names.empty() || warned_.size() >= 1000 || !warned_.insert(origin).second) return;
    warnings_.push_back(
        fmt::format("{} goes without {}, which belongs to {}; give it its own with --header-for {} "
                    "'Name: value'",
                    origin, names, home_.value_or(""), shell_word(url.hostname())));
}

http::Options Requests::options_for(const Entry& entry, const http::Url& url,
                                    const http::Timeouts* timeouts) {
    http::Options made;
    if (has_own_headers_) {
        for (const auto& header : plain_) add_header(made.headers, header);
        if (options_.referer) made.headers.set("Referer", *options_.referer);
        if (options_.range) made.headers.set("Range", "bytes=" + *options_.range);
        for (const auto& [pattern, header] : options_.headers_for_hosts) {
            if (matches_wildcard(pattern, url.hostname())) add_header(made.headers, header);
        }
        add_secrets(made.headers, url);
    }
    for (const auto& [name, value] : entry.headers) made.headers.set(name, value);

    std::string type;
    if (entry.body) {
        made.with_body(http::Body(*entry.body));
    } else if (entry.body_file) {
        made.with_body(http::Body(content_of(*entry.body_file)));
    } else if (body_ && entry.method.empty()) {
        made.with_body(http::Body(*body_));
        if (!made.headers.contains("Content-Type")) made.headers.add("Content-Type", body_type_);
    }
    if (timeouts) made.with_timeouts(*timeouts);
    return made;
}

void Requests::note_body(const Entry& entry, RecordRequest& request) const {
    if (!body_ || entry.body || entry.body_file || !entry.method.empty()) return;
    request.body = body_;
    request.headers.emplace_back("Content-Type", body_type_);
}

std::vector<std::string> Requests::take_warnings() { return std::exchange(warnings_, {}); }

http::ClientOptions Requests::client_options() const {
    http::ClientOptions made;
    const bool without_agent = std::any_of(plain_.begin(), plain_.end(), [](const HeaderOption& header) {
        return header.kind == HeaderOption::Kind::remove && equal_ignoring_case(header.name, "User-Agent");
    });
    made.user_agent(without_agent ? std::string() : options_.user_agent.value_or(default_user_agent()));

    http::Timeouts timeouts;
    timeouts.total = std::nullopt;
    timeouts.connect = limit(options_.connect_timeout);
    timeouts.resolve = timeouts.connect;
    timeouts.response = limit(options_.response_timeout);
    timeouts.read_idle = timeouts.write_idle = limit(options_.stall_timeout);
    made.timeouts(timeouts);

    auto limits = http::HttpLimits::client();
    limits.max_body_bytes = options_.max_file_size_bytes;
    made.limits(limits);
    http::DecodeLimits decoding;
    decoding.max_decoded_bytes = options_.max_decoded_bytes;
    decoding.max_ratio = options_.max_ratio;
    made.decode_limits(decoding);

    http::PoolLimits pool;
    pool.max_connections = std::size_t{options_.concurrency} * 2;  // the other half may lie idle
    made.pool(pool);

    http::TlsOptions tls;
    if (options_.ca_file) tls.ca_file(*options_.ca_file);
    if (options_.ca_directory) tls.ca_path(*options_.ca_directory);
    if (options_.insecure) tls.insecure(true);
    made.tls(tls);

    made.max_redirects(options_.max_redirects).allow_downgrade(options_.allow_downgrade);
    made.decompress(options_.compressed);
    if (options_.location_trusted) {
        std::vector<std::string> names;
        for (const auto& header : plain_) names.push_back(header.name);
        for (const auto& header : secret_) names.push_back(header.name);
        for (const auto& [pattern, header] : options_.headers_for_hosts) names.push_back(header.name);
        made.headers_for_any_origin(names);
    }
    made.family(options_.family == AddressFamily::ipv4   ? net::AddressFamily::v4
                : options_.family == AddressFamily::ipv6 ? net::AddressFamily::v6
                                                         : net::AddressFamily::any);
    for (const auto& fixed : options_.resolve) {
        std::vector<net::SocketAddress> addresses;
        for (const auto& address : fixed.addresses) {
            if (const auto parsed = net::SocketAddress::try_ip(address, fixed.port))
                addresses.push_back(*parsed);
        }
        made.resolve(fixed.host, fixed.port, addresses);
    }
    if (!options_.connect_to.empty()) made.dialer(std::make_shared<MappingDialer>(made, options_.connect_to));
    return made;
}

bool complete_password(FetchOptions& options) {
    if (!options.user || options.user->find(':') != std::string::npos) return true;
    const int terminal = ::open("/dev/tty", O_RDWR | O_CLOEXEC);
    if (terminal < 0) return false;

    const auto question = fmt::format("password of {}: ", escaped_for_terminal(*options.user));
    [[maybe_unused]] auto written = ::write(terminal, question.data(), question.size());
    termios before{};
    const bool hidden = ::tcgetattr(terminal, &before) == 0;
    if (hidden) {
        auto silent = before;
        silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
        ::tcsetattr(terminal, TCSAFLUSH, &silent);
    }
    std::string password;
    char letter = 0;
    while (::read(terminal, &letter, 1) == 1 && letter != '\n') password += letter;
    if (hidden) ::tcsetattr(terminal, TCSAFLUSH, &before);
    written = ::write(terminal, "\n", 1);
    ::close(terminal);
    *options.user += ":" + password;
    return true;
}

}  // namespace tandem::cli
